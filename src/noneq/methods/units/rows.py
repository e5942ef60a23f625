"""From data to a fit for models whose states are units: bits, letters or real numbers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.data.discrete import of_one_time
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.lattice import lattice_step
from noneq.domains import Discrete
from noneq.errors import InvalidInput
from noneq.learning.method import Data, Fit, Progress, as_data
from noneq.learning.objectives import AbstractObjective
from noneq.learning.rows import check_handling, fit_rows, rows


def fit_units(
    method: Any,
    data: Data,
    objective: Callable[[Array | None], AbstractObjective],
    *,
    part: Callable[[Any], Any],
    key: Key,
    init: Any,
    progress: Progress | None,
    checkpoint: Path | None,
) -> Fit:
    """From data to a fitted model of p(x, t) of units.

    Args:
        method: with `init`, and fields ``visible``, ``training`` and ``dequantise``.
        objective: what to follow, given the width of the dequantisation noise ``(dim,)`` in
            normalised units (None for none); its batches hold ``x``, ``time``, ``condition``.
        part: the learnt part of the model, which has a ``frame``.

    Raises:
        InvalidInput: values that the units do not know, or discrete data for real units and no
            word on dequantisation.
    """
    scale = lambda model: model.frame.normaliser.scale.value
    width = lambda model: method.dequantise / scale(model) if method.dequantise else None
    return fit_rows(
        method,
        prepared(method, data),
        lambda model: objective(width(model)),
        read=lambda model, data: _read(method, model, data),
        part=part,
        key=key,
        init=init,
        progress=progress,
        checkpoint=checkpoint,
    )


def fit_stationary(
    method: Any,
    data: Data,
    objective: Callable[[Any], AbstractObjective],
    *,
    part: Callable[[Any], Any],
    prepare: Callable[..., Any],
    key: Key,
    init: Any,
    progress: Progress | None,
    checkpoint: Path | None,
) -> Fit:
    """From states of a single time to a fitted stationary law of units.

    Args:
        method: with `init`, and fields ``visible`` and ``training``.
        objective: what to follow, given the model; its batches hold the states ``x (n, dim)`` as
            units, their features ``phi (n, count)`` and log base measure ``base (n,)``.
        part: the learnt part of the model, which has a ``frame``.
        prepare: as in `fit_law`.

    Raises:
        InvalidInput: several times or conditions, or values that the units do not know.
    """
    name, visible = type(method).__name__, method.visible

    def read(model: Any, data: Any) -> dict[str, Array]:
        x = visible.read(jnp.asarray(model.frame.normaliser.host(data.values)), model.domain)
        phi, base = jax.vmap(visible.features)(x), jax.vmap(visible.log_base)(x)
        return {"x": x, "phi": phi, "base": base}

    return fit_rows(
        method,
        visible.prepared(of_one_time(data, name), name),
        objective,
        read=read,
        part=part,
        key=key,
        init=init,
        progress=progress,
        checkpoint=checkpoint,
        prepare=prepare,
    )


def prepared(method: Any, data: Data) -> Snapshots | Trajectories:
    """Data that the method's units can show.

    Raises:
        InvalidInput: as in `fit_units`.
    """
    name = type(method).__name__
    if method.visible.alphabet:
        return method.visible.prepared(data, name)
    data = as_data(data)
    if isinstance(data.domain, Discrete):
        raise InvalidInput(
            f"{name}: the data live on {data.domain.values.size} levels, where real units have no "
            f"probability; take visible={_fitting(data.domain.values.size)}."
        )
    step = lattice_step(data) if method.dequantise is None else None
    if step is not None:
        count = np.unique(data.values).size
        raise InvalidInput(
            f"{name}: the values are discrete (multiples of {step:g}), so that they have no density; "
            f"take visible={_fitting(count)}, or set dequantise={step:g} to fill the gaps with "
            "uniform noise, or 0 to take them as they are."
        )
    return data


def _fitting(count: int) -> str:
    """Units for so many levels, and the words for the command line."""
    if count == 2:
        return "BernoulliUnits() (command line: --set visible=BernoulliUnits)"
    return (
        f"CategoricalUnits({count}) (command line: --set visible=CategoricalUnits "
        f"--set visible.levels={count})"
    )


def check_units(method: Any) -> None:
    """Refuse what no data would allow: see `check_handling`; dequantised discrete units.

    Raises:
        InvalidInput: naming the method.
    """
    check_handling(method)
    if method.dequantise and method.visible.alphabet:
        raise InvalidInput(
            f"{type(method).__name__}: dequantise = {method.dequantise} is for real units; "
            f"{type(method.visible).__name__} take the levels as they are. Leave it out."
        )


def _read(method: Any, model: Any, data: Any) -> dict[str, Any]:
    found = rows(data, model.frame.normaliser)
    x = method.visible.read(jnp.asarray(found.pop("y")), model.domain)
    return {"x": x, **found}
