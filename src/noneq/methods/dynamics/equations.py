"""What a fit of a drift that is linear in its parameters has to solve."""

from abc import abstractmethod
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int


BLOCKS = 64


class Gain(NamedTuple):
    """What coefficients add to the log-likelihood: I(S) = c_Sᵀ G_SS^{-1} c_S of a set S of them.

    Attributes:
        places: of the coefficients among all, raveled as ``(p, dim)``.
        gram, right: G and c.
    """

    places: Int[np.ndarray, " k"]
    gram: Float[np.ndarray, "k k"]
    right: Float[np.ndarray, " k"]


class AbstractEquations:
    """Equations of the coefficients θ of all coordinates, with what errors are made of."""

    diffusivity: Float[np.ndarray, "dim dim"]
    localisation: Float[np.ndarray, "dim dim"]
    time: float
    count: float

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(functions, coordinates)."""

    @property
    @abstractmethod
    def condition(self) -> float:
        """Condition number of the equations."""

    @property
    @abstractmethod
    def gains(self) -> tuple[Gain, ...]:
        """Of sets of coefficients whose choices do not depend on each other."""

    @abstractmethod
    def solution(self, support: Bool[np.ndarray, "p dim"]) -> Float[np.ndarray, "p dim"]:
        """Coefficients, zero outside the support."""

    @abstractmethod
    def stderr(
        self, theta: Float[np.ndarray, "p dim"], support: Bool[np.ndarray, "p dim"]
    ) -> Float[np.ndarray, "p dim"]:
        """Standard errors of the coefficients, given the support."""

    @abstractmethod
    def covariances(
        self, support: Bool[np.ndarray, "p dim"], errors: Float[np.ndarray, "p dim"]
    ) -> Float[np.ndarray, "dim p p"]:
        """Covariances of each coordinate's coefficients, with these standard errors."""


def scaled_covariance(
    inverse: Float[np.ndarray, "k k"], errors: Float[np.ndarray, " k"]
) -> Float[np.ndarray, "k k"]:
    """The correlations of an inverse Gram matrix with other standard errors."""
    ratio = errors / np.sqrt(np.maximum(np.diag(inverse), 1e-300))
    return inverse * ratio * ratio[:, None]
