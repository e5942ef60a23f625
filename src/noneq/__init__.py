"""Non-equilibrium generative modelling of dynamical systems.

Every public name is imported on first use, so that ``import noneq`` stays light.
"""

import importlib
import warnings
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from noneq import (
        callbacks as callbacks,
        control as control,
        data as data,
        inference as inference,
        methods as methods,
        metrics as metrics,
        models as models,
        nets as nets,
        pde as pde,
        plot as plot,
        processes as processes,
        runs as runs,
        samplers as samplers,
        sklearn as sklearn,
        studies as studies,
        systems as systems,
        thermo as thermo,
    )
    from noneq.cache import enable_cache as enable_cache
    from noneq.data.ensembles import Snapshots as Snapshots, Trajectories as Trajectories
    from noneq.domains import (
        Box as Box,
        Discrete as Discrete,
        Free as Free,
        Region as Region,
        Torus as Torus,
    )
    from noneq.errors import NoneqError as NoneqError
    from noneq.estimate import Estimate as Estimate
    from noneq.learning.method import Fit as Fit
    from noneq.learning.training import Training as Training
    from noneq.simulation import simulate as simulate
    from noneq.store import load as load, save as save

__version__ = "0.2.0.dev0"

_ROOMS = (
    "callbacks",
    "control",
    "data",
    "inference",
    "methods",
    "metrics",
    "models",
    "nets",
    "pde",
    "plot",
    "processes",
    "runs",
    "samplers",
    "sklearn",
    "studies",
    "systems",
    "thermo",
)
_NAMES = {
    "enable_cache": "noneq.cache",
    "Snapshots": "noneq.data.ensembles",
    "Trajectories": "noneq.data.ensembles",
    "Box": "noneq.domains",
    "Free": "noneq.domains",
    "Region": "noneq.domains",
    "Discrete": "noneq.domains",
    "Torus": "noneq.domains",
    "NoneqError": "noneq.errors",
    "Estimate": "noneq.estimate",
    "Fit": "noneq.learning.method",
    "simulate": "noneq.simulation",
    "load": "noneq.store",
    "save": "noneq.store",
    "Training": "noneq.learning.training",
}
_RENAMED: dict[str, str] = {}
"""Old names and their new ones, kept for one release."""

__all__ = ["__version__", *sorted((*_ROOMS, *_NAMES))]


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        new = _RENAMED[name]
        text = f"noneq.{name} is now noneq.{new}; the old name goes with the next release."
        warnings.warn(text, DeprecationWarning, stacklevel=2)
        name = new
    if name in _ROOMS:
        return importlib.import_module(f"noneq.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'noneq' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
