"""The few terms of a law of motion that trajectories support."""

from typing import ClassVar

import numpy as np
from jaxtyping import Bool

from noneq.errors import InvalidInput
from noneq.methods.dynamics.equations import AbstractEquations
from noneq.methods.dynamics.libraries import AbstractFunctions, Polynomials
from noneq.methods.dynamics.linear_drift import AbstractLinearDrift, check_settings
from noneq.methods.dynamics.normal_equations import Convention
from noneq.methods.dynamics.selection import supported


class SparseDrift(AbstractLinearDrift):
    """A law of motion of few terms, printed with intervals: ``fit.model.law.text``.

    Forward process:
        the motion itself; no noise is added.
    Learnt object:
        the support of each coordinate's drift, θ on it with standard errors, and the diffusivity D.
    Objective and weight:
        log-likelihood less a price for each term: what the best of all functions without meaning
        gains with chance ``level``, and in long records what a term of usual size has to gain; the
        search adds, takes out and exchanges single terms.
    Sampling:
        Euler–Maruyama paths of the learnt law.
    Source and deviations:
        Gerardos and Ronceray 2025, whose price ln(p/level) is four times stricter than it says;
        the coordinates are selected one by one, and intervals are given the support.

    Args:
        library: functions b that terms are taken from.
        level: chance that any term without meaning is kept, about.
        order, convention, localisation, exposure, known: as in `DriftRegression`.

    Raises:
        InvalidInput: a level outside (0, 1); at `fit` as `DriftRegression`.
    """

    source: ClassVar[str] = "gerardos2025principled"
    takes_torus: ClassVar[bool] = True

    library: AbstractFunctions = Polynomials()
    level: float = 0.05
    order: int = 1
    convention: Convention = "auto"
    localisation: bool = False
    exposure: float = 0.0
    known: tuple[str, ...] = ()

    def __check_init__(self) -> None:
        check_settings(self)
        if not 0 < self.level < 1:
            raise InvalidInput(f"SparseDrift: level = {self.level}; expected a chance in (0, 1).")

    def support(self, equations: AbstractEquations) -> Bool[np.ndarray, "p dim"]:
        """The terms that the criterion keeps."""
        return supported(equations, self.level)
