"""The coefficients of greatest likelihood, and how far each block of the record pulls at them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq.errors import SolveFailed
from noneq.methods.dynamics.onsager.fields import OnsagerFields
from noneq.methods.dynamics.onsager.triangular import lower_root, solved
from noneq.statistics.increments import Increments
from noneq.traced import jit


BLOCKS = 100
"""Of the record, whose scatter is the error of whatever is computed from it."""
_PART = 32_768
_FIRST = 4 * _PART
"""Pairs of frames that bring the coefficients near the maximum before all are used."""
_DONE = 0.01
"""Squared length of a step, in standard errors, below which the maximum is reached."""


@dataclass(frozen=True)
class Maximum:
    """Where the likelihood is greatest.

    Attributes:
        theta: coefficients, (p,), in the order of `learnt`.
        influence: −I⁻¹ times the slope of the loss of each block, (BLOCKS, p): how much each
            block has moved the coefficients.
        loss: mean −log N of one step, without constants.
        reached: whether the search ended by itself.
    """

    theta: Float[np.ndarray, " p"]
    influence: Float[np.ndarray, "blocks p"]
    loss: float
    reached: bool


def learnt(fields: Any) -> Any:
    """What is learnt."""
    return fields.potential, fields.factor, fields.curl


def flat(fields: OnsagerFields) -> Float[np.ndarray, " p"]:
    """The coefficients in one row, float64."""
    return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in learnt(fields)])


def placed(fields: OnsagerFields, theta: Any) -> OnsagerFields:
    """The fields with these coefficients."""
    found, at = [], 0
    for leaf in learnt(fields):
        found.append(jnp.asarray(theta[at : at + leaf.size], leaf.dtype).reshape(leaf.shape))
        at += leaf.size
    return eqx.tree_at(learnt, fields, tuple(found))


def greatest(
    fields: OnsagerFields, pairs: Increments, steps: int, report: Callable[[float], None]
) -> Maximum:
    """Fisher scoring: Newton's steps with I = Σ g gᵀ, g the slope of one pair's −log N.

    **Equation**: −log N(Δx; f h, 2 ε M h), f and M at the start of the pair; a step
    −(I + λ diag I)⁻¹ Σ g, λ smaller after a success and larger after a failure.

    Raises:
        SolveFailed: the likelihood is not finite.
    """
    theta = flat(fields)
    if len(pairs.dt) > 2 * _FIRST:
        some = np.random.default_rng(0).permutation(len(pairs.dt))[:_FIRST]
        theta = _climbed(theta, _Record(fields, pairs, np.sort(some)), steps, report)[0]
    record = _Record(fields, pairs, np.arange(len(pairs.dt)))
    theta, (loss, _, information, blocks), reached = _climbed(theta, record, steps, report)
    return Maximum(theta, -blocks @ _inverse(information), loss / record.count, reached)


class _Record:
    """Pairs of frames in parts of one size, so that few programs are compiled."""

    def __init__(self, fields: OnsagerFields, pairs: Increments, chosen: np.ndarray):
        self.fields, self.count = fields, len(chosen)
        size = min(_PART, 1 << (self.count - 1).bit_length())
        place = np.arange(-(-self.count // size) * size)
        rows = chosen[np.minimum(place, self.count - 1)]
        block = np.minimum(place * BLOCKS // self.count, BLOCKS - 1)
        columns = (pairs.start[rows], pairs.move[rows], pairs.dt[rows], place < self.count)
        whole = [*(jnp.asarray(v, float) for v in columns), jnp.asarray(block)]
        self.parts = [[v[i : i + size] for v in whole] for i in range(0, len(place), size)]

    def at(self, theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
        """−log N, its slope, Σ g gᵀ, and the slope of each block."""
        fields = placed(self.fields, theta)
        found = [_slopes(fields, *part) for part in self.parts]
        # A sum in single precision errs by more than the last steps gain.
        loss = sum(float(np.asarray(one[0], np.float64).sum()) for one in found)
        information, blocks = (
            np.sum([np.asarray(one[i], np.float64) for one in found], axis=0) for i in (1, 2)
        )
        return loss, blocks.sum(0), information, blocks


def _climbed(
    theta: np.ndarray, record: _Record, steps: int, report: Callable[[float], None]
) -> tuple[np.ndarray, tuple[float, np.ndarray, np.ndarray, np.ndarray], bool]:
    here, damping = record.at(theta), 1e-3
    if not np.isfinite(here[0]):
        raise SolveFailed(
            "OnsagerDynamics: the likelihood is not finite; shorten the steps of time, or leave "
            "coordinates out that do not move."
        )
    for _ in range(steps):
        loss, slope, information, _ = here
        report(loss / record.count)
        step = -_inverse(information, damping) @ slope
        if -slope @ step < _DONE:
            return theta, here, True
        there = record.at(theta + step)
        # Rounding of the sum is no failure.
        if np.isfinite(there[0]) and there[0] <= loss + 1e-8 * record.count:
            theta, here, damping = theta + step, there, max(damping / 10, 1e-8)
        elif damping > 1e8:
            break
        else:
            damping *= 10
    return theta, here, False


def _inverse(information: np.ndarray, damping: float = 0.0) -> np.ndarray:
    """(I + damping diag I)⁻¹; what the data do not determine is left where it is."""
    size = np.sqrt(np.diag(information).clip(1e-300))
    scaled = information / np.outer(size, size) + damping * np.eye(len(size))
    values, vectors = np.linalg.eigh((scaled + scaled.T) / 2)
    values = np.where(values > 1e-9 * values[-1], values, np.inf)
    return (vectors / values) @ vectors.T / np.outer(size, size)


def _surprise(leaves: Any, fields: OnsagerFields, x: Array, move: Array, dt: Array) -> Array:
    """−log N(move; f dt, 2 ε M dt), without constants."""
    here = eqx.tree_at(learnt, fields, leaves)
    noise = 2 * here.temperature.value * here.mobility(x) * dt
    root = lower_root(noise)
    gap = solved(root, move - here.drift(x) * dt)
    return 0.5 * gap @ gap + jnp.log(jnp.diag(root)).sum() - 0.5 * x.size * jnp.log(dt)


@jit
def _slopes(
    fields: OnsagerFields, x: Array, move: Array, dt: Array, there: Array, block: Array
) -> tuple[Array, Array, Array]:
    """The loss of each pair, Σ g gᵀ, and Σ g of each block."""

    def one(*row: Array) -> tuple[Array, Array]:
        value, slope = jax.value_and_grad(_surprise)(learnt(fields), fields, *row)
        return value, jnp.concatenate([v.ravel() for v in slope])

    values, rows = jax.vmap(one)(x, move, dt)
    rows = rows * there[:, None]
    return values * there, rows.T @ rows, jax.ops.segment_sum(rows, block, BLOCKS)
