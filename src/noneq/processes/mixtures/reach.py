"""How far the Yukawa processes must go for the kernel about 0 to stand for all data."""

import math
import warnings

from jax.core import Tracer

from noneq._typing import ScalarLike
from noneq.kinds import checked
from noneq.processes.base import AbstractProcess
from noneq.processes.mixtures.scale_mixture import AbstractScaleMixture
from noneq.processes.mixtures.subordinators import InverseGaussian


_TIMES = 10.0


class PriorTooNarrow(UserWarning):
    """The process ends at a height z at which its law still shows the data."""


@checked
def sufficient_height(mass: float, std: float) -> float:
    """z_max from which on data of standard deviation ``std`` look like one charge at their mean.

    **Equation**: z/√(1 + mz) = 10 std, the noise level sigma. It is the prior's standard deviation
    √(z/m) where mz is large, and the width z of the Cauchy law where mz is small; √(z/m) ≥ sigma.

    Source: ours, from the weights of two charges (`noneq.studies.genphys.charges`).
    """
    level = _TIMES * std
    power = mass * level**2
    return (power + math.sqrt(power**2 + 4 * level**2)) / 2


def check_reach(process: AbstractProcess, std: ScalarLike) -> None:
    """Warn of a Yukawa process that ends too low for data of this standard deviation.

    Silent for other processes, and under a transformation, where nothing is known.

    Warns:
        PriorTooNarrow: naming the z_max and the sigma_max that suffice.
    """
    if not isinstance(process, AbstractScaleMixture) or isinstance(std, Tracer):
        return
    sigma = process.schedule(1.0)[1]
    if not isinstance(process.law, InverseGaussian) or isinstance(sigma, Tracer):
        return
    reached, wanted = float(sigma), _TIMES * float(std)
    # A level given in decimals may round to just below.
    if reached < wanted * (1 - 1e-4):
        z, enough = (
            float(process.law.height(sigma)),
            sufficient_height(process.law.mass, float(std)),
        )
        warnings.warn(
            f"{type(process).__name__} of mass {process.law.mass:g} ends at z_max = {z:.3g} "
            f"(sigma_max = {reached:.3g}), where the prior still differs from the law of data of "
            f"standard deviation {float(std):.3g}; z_max = {enough:.3g} suffices: take "
            f"sigma_max = {wanted:.3g}.",
            PriorTooNarrow,
            stacklevel=3,
        )
