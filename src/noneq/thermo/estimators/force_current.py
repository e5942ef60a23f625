"""Entropy production from the currents of paths: velocity and diffusion inferred on a library."""

from typing import Literal

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.statistics.gram import solve
from noneq.statistics.increment_sums import Sums, increment_sums
from noneq.statistics.jackknife import jackknife
from noneq.statistics.libraries import AbstractLibrary
from noneq.statistics.regression import check_noise, noise_free
from noneq.thermo.estimators.checks import (
    block_number,
    check_noise_of_all,
    check_rough,
    check_steady_paths,
)
from noneq.thermo.estimators.library_choice import chosen_library


_LAGS, _RICHARDSON = (1, 2, 4), np.array([8.0, -6.0, 1.0]) / 3


@observable("trajectories")
def force_current_rate(
    trajectories: Trajectories,
    *,
    library: AbstractLibrary | None = None,
    diffusion: Literal["constant", "linear"] = "constant",
    localisation: bool = False,
    exposure: float = 0.0,
    extrapolate: bool = True,
) -> Estimate:
    """Entropy production rate of a steady state from the mean local velocity of its paths."""
    raise NotImplementedError
