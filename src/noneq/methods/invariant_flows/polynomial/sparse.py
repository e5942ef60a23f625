"""The few terms of a polynomial field that keep a law."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from noneq.methods.invariant_flows.transitions import ObservedTransitions, Pairs, advanced
from noneq.nets.vectors.polynomial import monomial_values
from noneq.symbolic.weak_form import WeakForm, least_quotient, monomial_rows


_NEWTON = 4
_TRACE = 1e-9


Solve = Callable[[WeakForm, np.ndarray], np.ndarray]
"""From the forms and a basis of coefficients to the minimiser c, flat ``(terms·dim,)``."""


def steady(dim: int) -> Solve:
    """The field that changes the law least for its size, with ⟨|v|²⟩ = dim."""
    return lambda form, basis: math.sqrt(dim) * least_quotient(form, basis)[1]


def observed(recipe: ObservedTransitions, pairs: Pairs, powers: np.ndarray) -> Solve:
    """The field that changes the law little and explains a few transitions, by Gauss–Newton.

    **Equation**: c·A c + weight ⟨|y(t + lag) − Φ_lag(y(t))|²/lag²⟩.
    """
    before, after = (np.asarray(a, np.float64) for a in (pairs.before, pairs.after))
    rate = (after - before) / np.asarray(pairs.lag, np.float64)[:, None]
    n, dim = before.shape
    factor = recipe.weight / n
    middle = (before + after) / 2
    simpson = [monomial_rows(y, powers) * w for y, w in ((before, 1), (middle, 4), (after, 1))]
    start = np.einsum("nm,ij->nimj", sum(simpson) / 6, np.eye(dim)).reshape(rate.size, -1)

    def rates(flat: jax.Array) -> jax.Array:
        field = lambda y, t, c: monomial_values(y, powers) @ flat.reshape(-1, dim)
        go = lambda y, t, lag: (advanced(field, y, t, lag, None, recipe.steps) - y) / lag
        return jax.vmap(go)(pairs.before, pairs.time, pairs.lag).ravel()

    @jax.jit
    def linearised(flat: jax.Array) -> tuple[jax.Array, jax.Array]:
        return rates(flat), jax.jacfwd(rates)(flat)

    def solve(form: WeakForm, basis: np.ndarray) -> np.ndarray:
        # A trace of ⟨|v|²⟩ decides where neither the law nor the transitions say anything.
        defect = basis.T @ (form.defect + _TRACE * form.power) @ basis

        def fitted(slope: np.ndarray, wanted: np.ndarray) -> np.ndarray:
            slope = slope @ basis
            left = defect + factor * slope.T @ slope
            return basis @ np.linalg.solve(left, factor * slope.T @ wanted)

        flat = fitted(start, rate.ravel())
        for _ in range(_NEWTON):
            now, slope = (np.asarray(a, np.float64) for a in linearised(jnp.asarray(flat)))
            if not (np.isfinite(now).all() and np.isfinite(slope).all()):
                break
            flat = fitted(slope, rate.ravel() - now + slope @ flat)
        return flat

    return solve


class Sparse(NamedTuple):
    """A field of few terms.

    Attributes:
        coefficients: of the monomials of normalised states ``(terms, dim)``.
        errors: standard errors of the coefficients of the data's monomials, in standard deviations.
        history: after every removal the number of terms and the relative defect.
    """

    coefficients: Float[np.ndarray, "terms dim"]
    errors: Float[np.ndarray, "terms dim"]
    history: dict[str, list[float]]


def sparse_law(
    solve: Solve,
    form: WeakForm,
    left_out: list[WeakForm],
    units: Float[np.ndarray, "terms terms"],
    *,
    least: float,
    confidence: float,
) -> Sparse:
    """Solve, drop terms of the data's units that are small or uncertain, and solve again.

    Args:
        left_out: the forms without each block of the data.
        units: T of `noneq.methods.invariant_flows.polynomial.equations.expansion`.
        least: fraction of the root mean square of its component of v that a term must reach.
        confidence: standard errors that it must reach; 0 with ``least`` = 0 keeps all.

    Source: Brunton et al. 2016 (sequential thresholding); deviations: of a quotient of forms, and
    by standard errors (of blocks left out one by one) as well.
    """
    terms, dim = len(units), len(form.power) // len(units)
    sparse = least > 0 or confidence > 0
    basis, owner = np.eye(terms * dim), np.tile(np.arange(dim), terms)
    if sparse:
        basis = np.kron(np.linalg.inv(units), np.eye(dim))
        basis = basis / np.sqrt(np.einsum("ck,cd,dk->k", basis, form.power, basis))
    history: dict[str, list[float]] = {"step": [], "terms": [], "defect": []}
    while True:
        flat = solve(form, basis)
        defect = flat @ form.defect @ flat / (flat @ form.power @ flat)
        row = (len(history["step"]), basis.shape[1], defect)
        for column, value in zip(history.values(), row, strict=True):
            column.append(float(value))
        gone = _small(flat, basis, owner, form, dim, least) if sparse else np.zeros(0, int)
        if not len(gone):
            others = _others(solve, left_out, basis, flat)
            gone = _doubtful(flat, others, basis, confidence) if sparse else gone
            if not len(gone) or len(gone) == basis.shape[1]:
                errors = _spread(others @ np.kron(units, np.eye(dim)).T)
                return Sparse(flat.reshape(terms, dim), errors.reshape(terms, dim), history)
        basis, owner = np.delete(basis, gone, axis=1), np.delete(owner, gone)


def _small(
    flat: np.ndarray, basis: np.ndarray, owner: np.ndarray, form: WeakForm, dim: int, least: float
) -> np.ndarray:
    """Terms below a fraction of their component, the smaller half of them."""
    sizes = np.abs(_weights(flat, basis))
    parts = flat.reshape(-1, dim)
    square = np.einsum("mj,mn,nj->j", parts, form.power[::dim, ::dim], parts)
    relative = sizes / np.sqrt(np.maximum(square[owner], 1e-300))
    small = np.flatnonzero(relative < least)
    # What is small may grow when others are gone.
    return small[np.argsort(relative[small])][: (len(small) + 1) // 2]


def _doubtful(
    flat: np.ndarray, others: np.ndarray, basis: np.ndarray, confidence: float
) -> np.ndarray:
    """Terms below ``confidence`` standard errors, the least certain quarter of them."""
    errors = _spread(np.stack([_weights(other, basis) for other in others]))
    certain = np.abs(_weights(flat, basis)) / np.maximum(errors, 1e-300)
    doubtful = np.flatnonzero(certain < confidence)
    return doubtful[np.argsort(certain[doubtful])][: (len(doubtful) + 3) // 4]


def _others(
    solve: Solve, left_out: list[WeakForm], basis: np.ndarray, flat: np.ndarray
) -> np.ndarray:
    found = [solve(form, basis) for form in left_out]
    return np.stack([other * (np.sign(other @ flat) or 1.0) for other in found])


def _spread(others: np.ndarray) -> np.ndarray:
    """Jackknife errors."""
    return np.std(others, axis=0) * math.sqrt(len(others) - 1)


def _weights(flat: np.ndarray, basis: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(basis, flat)[0]
