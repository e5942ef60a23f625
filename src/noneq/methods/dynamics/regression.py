"""Drift and diffusion by regression of increments on all functions of a library."""

from typing import ClassVar

import numpy as np
from jaxtyping import Bool

from noneq.methods.dynamics.equations import AbstractEquations
from noneq.methods.dynamics.libraries import AbstractFunctions, Polynomials
from noneq.methods.dynamics.linear_drift import AbstractLinearDrift, check_settings
from noneq.methods.dynamics.normal_equations import Convention


class DriftRegression(AbstractLinearDrift):
    """Stochastic force inference: dX = Σ_j θ_j b_j(X) dt + √(2D) dW, all θ by least squares.

    Forward process:
        the motion itself; no noise is added.
    Learnt object:
        θ with standard errors, the diffusivity D, and the variance of the measurement noise.
    Objective and weight:
        Itô sums: the likelihood of Euler–Maruyama steps. With ``localisation`` or ``order=2`` the
        largest likelihood of the positions, by a filter of Gaussian states between which the law is
        integrated.
    Sampling:
        Euler–Maruyama paths of the learnt law.
    Source and deviations:
        Frishman and Ronceray 2020, Brückner et al. 2020; Särkkä 2013, chapter 6, for the filter.
        Errors of θ are of order dt² (convention ``"auto"``), else of dt; measurement noise leaves those
        of the filter's Gaussian closure.

    Args:
        library: functions b of the state, (x, v) for ``order=2``.
        order: 1 for overdamped motion, 2 for underdamped motion of which positions are recorded.
        convention: ``"ito"``, ``"stratonovich"`` (sums with the correction D ⟨∇b⟩, which measurement
            noise does not bias at short steps; for ``order=2`` accelerations on centred velocities, with
            the correction D ⟨∂b/∂v⟩), or ``"auto"``: with localisation or inertia the likelihood, else
            Itô sums freed of the error of order dt.
        localisation: whether positions carry measurement noise, independent from frame to frame.
        exposure: part of the recording interval over which the camera averages, 0…1.
        known: a known part of each coordinate's drift as text, "" for none; none for no coordinate.

    Raises:
        InvalidInput: at `fit`, too few increments for the library, or noise that cannot be told.
    """

    source: ClassVar[str] = "frishman2020learning"
    takes_torus: ClassVar[bool] = True

    library: AbstractFunctions = Polynomials()
    order: int = 1
    convention: Convention = "auto"
    localisation: bool = False
    exposure: float = 0.0
    known: tuple[str, ...] = ()

    def __check_init__(self) -> None:
        check_settings(self)

    def support(self, equations: AbstractEquations) -> Bool[np.ndarray, "p dim"]:
        """All functions."""
        return np.ones(equations.shape, bool)
