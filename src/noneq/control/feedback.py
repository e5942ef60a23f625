"""Controls of the state: what they are, and polynomials with coefficients that follow time."""

import itertools
import math
from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import ScalarLike
from noneq.constant import Constant
from noneq.control.problem import ControlProblem
from noneq.data.summary import Summary
from noneq.frames.normaliser import Normaliser


class AbstractControl(eqx.Module):
    """u(t, x), a function of one state."""

    @abstractmethod
    def __call__(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*noise"]:
        """u, one number for each number of the noise."""


class PolynomialControl(AbstractControl):
    """u = Σ_j hat_j(t) Σ_k θ_jk φ_k(y)/√T: hat functions of time, monomials of the normalised state.

    Attributes:
        coefficients: θ, ``(knots, features, noises)``.
        degree: of the monomials.
    """

    normaliser: Normaliser
    coefficients: Float[Array, "knots features noises"]
    first: Constant
    span: Constant
    shape: tuple[int, ...] = eqx.field(static=True)
    degree: int = eqx.field(static=True)

    def __init__(self, summary: Summary, problem: ControlProblem, knots: int, degree: int):
        self.normaliser = Normaliser(summary)
        self.shape, self.degree = problem.control_shape, degree
        size = feature_count(summary.dim, degree)
        self.coefficients = jnp.zeros((knots, size, math.prod(self.shape)))
        self.first = Constant(jnp.asarray(problem.start, float))
        self.span = Constant(jnp.asarray(problem.horizon, float))

    def __call__(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, "*noise"]:
        each = jnp.einsum("j,k,jkm->m", self.hats(t), self.features(x), self.coefficients)
        return (each / jnp.sqrt(self.span.value)).reshape(self.shape)

    def hats(self, t: ScalarLike) -> Float[Array, " knots"]:
        """Hat functions on even knots of the horizon; they sum to 1."""
        knots = len(self.coefficients)
        phase = jnp.clip((t - self.first.value) / self.span.value, 0.0, 1.0) * (knots - 1)
        return jnp.clip(1 - jnp.abs(phase - jnp.arange(knots)), 0.0)

    def features(self, x: Float[Array, "*event"]) -> Float[Array, " features"]:
        """Monomials of the normalised state up to the degree, 1 first."""
        y = self.normaliser.forward(x).reshape(-1)
        places = _monomials(y.size, self.degree)
        return jnp.stack([jnp.prod(y[np.asarray(p, int)]) for p in places])


def feature_count(dim: int, degree: int) -> int:
    """Monomials of a state of dim numbers up to a degree."""
    return math.comb(dim + degree, degree)


def _monomials(dim: int, degree: int) -> list[tuple[int, ...]]:
    return [
        places
        for order in range(degree + 1)
        for places in itertools.combinations_with_replacement(range(dim), order)
    ]
