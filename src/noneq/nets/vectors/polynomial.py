"""Polynomials of the state: fields that can be written down."""

import functools
import itertools
import math
import operator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.constant import Constant
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.nets.base import AbstractNet, AbstractNetwork
from noneq.nets.features import noise_features
from noneq.nets.inputs import Clock, Label


_MOST = 5_000


class Polynomial(AbstractNet):
    """Recipe of a `PolynomialNetwork`.

    Args:
        degree: of the largest monomial.

    Raises:
        InvalidInput: a degree outside 1 to 12; at `init` more than 5 000 monomials.
    """

    degree: int = 2

    def __check_init__(self) -> None:
        if not 1 <= self.degree <= 12:
            raise InvalidInput(f"Polynomial: degree = {self.degree}; expected 1 to 12.")

    @checked
    def init(
        self,
        event_shape: tuple[int, ...],
        outputs: int,
        *,
        noise: bool,
        clock: Clock | None,
        label: Label | None,
        key: Key,
    ) -> "PolynomialNetwork":
        powers = monomials(math.prod(event_shape), self.degree, "Polynomial")
        return PolynomialNetwork(powers, outputs, noise, clock, label, key=key)


class PolynomialNetwork(AbstractNetwork):
    """F(x) = Σ_m c_m x^m over all monomials up to a degree.

    With a noise level, time or condition every c_m is linear in their features, which stand
    beside a 1.

    Attributes:
        matrix: c, one row per monomial (and feature), one column per output.
        powers: the monomials, as `monomials` lists them.
    """

    matrix: Float[Array, "terms outputs"]
    powers: Constant
    clock: Clock | None
    label: Label | None
    noise: bool = eqx.field(static=True)

    def __init__(
        self,
        powers: np.ndarray,
        outputs: int,
        noise: bool = False,
        clock: Clock | None = None,
        label: Label | None = None,
        *,
        key: Key,
    ):
        told = 1 + (9 if noise else 0)
        told += clock.size if clock is not None else 0
        told += label.size if label is not None else 0
        terms = told * len(powers)
        self.matrix = jax.random.normal(key, (terms, outputs)) / math.sqrt(terms)
        self.powers = Constant(jnp.asarray(powers))
        self.clock = clock
        self.label = label
        self.noise = noise

    def __call__(
        self,
        x: Float[Array, " inputs"],
        level: Any = None,
        time: Any = None,
        condition: Any = None,
    ) -> Float[Array, " outputs"]:
        told = [jnp.ones(1, x.dtype)]
        told += [noise_features(level)] if self.noise else []
        told += [self.clock(time)] if self.clock is not None else []
        told += [self.label(condition)] if self.label is not None else []
        values = monomial_values(x, self.powers.value)
        return jnp.outer(jnp.concatenate(told), values).ravel() @ self.matrix


def monomials(dim: int, degree: int, name: str, most: int = _MOST) -> np.ndarray:
    """All monomials of ``dim`` variables up to ``degree``, the constant first.

    Returns:
        ``(terms, degree)`` integers: the factors of each, 0 for 1 and i for x_i (counted from 1).

    Raises:
        InvalidInput: more than ``most``; ``name`` is the caller's.
    """
    count = math.comb(dim + degree, degree)
    if count > most:
        raise InvalidInput(
            f"{name}: {dim} variables have {count:,} monomials up to degree {degree}; at most "
            f"{most:,} are taken: lower the degree, or keep fewer components of the state."
        )
    factors = itertools.combinations_with_replacement(range(dim + 1), degree)
    return np.asarray(list(factors), np.int32)


def monomial_values(x: Float[Array, " dim"], powers: Any) -> Float[Array, " terms"]:
    """Values of `monomials` at one state."""
    factors = jnp.concatenate([jnp.ones(1, x.dtype), x])[powers]
    return functools.reduce(operator.mul, [factors[:, i] for i in range(factors.shape[1])])
