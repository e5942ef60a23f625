"""Skew operators from how states are seen to move: linear least squares."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.learning.rows import rows
from noneq.methods.denoising.frozen_noise import FrozenNoise
from noneq.methods.invariant_flows.skew.model import SkewFlowModel
from noneq.methods.invariant_flows.transitions import Pairs
from noneq.traced import jit


_MOST = 1024
_SMALLEST = 1e-10
_NUMBERS = 2**22
"""Of the fields of all free numbers that are held at once."""


class Moves(NamedTuple):
    """States of the law with the velocities seen there, in units of the data's deviation.

    Attributes:
        y, velocity: ``(n, dim)``.
        time, condition: of every state.
        group: ``(n,)`` whole numbers from 0: states that are not independent share one.
    """

    y: Array
    velocity: Array
    time: Any
    condition: Any
    group: np.ndarray


class SkewFit(NamedTuple):
    """What least squares give.

    Attributes:
        free: the free numbers of the tensor.
        tensor: with its standard error.
        cosine: ⟨v·u⟩/√(⟨|v|²⟩⟨|u|²⟩) between the fitted v and the velocities u that were seen.
    """

    free: np.ndarray
    tensor: Estimate
    cosine: Estimate

    def described(self, model: SkewFlowModel) -> dict[str, Any]:
        """In numbers and lists, in the data's units."""
        scale = np.asarray(model.frame.normaliser.scale.value, np.float64)
        units = lambda values: model.operator.in_units(values, scale).tolist()
        return {
            "tensor": units(self.tensor.value),
            "stderr": units(self.tensor.stderr),
            "cosine": self.cosine.value.item(),
            "cosine_stderr": self.cosine.stderr.item(),
        }


def seen_velocities(
    model: SkewFlowModel, data: Snapshots | Trajectories, velocities: Any, *, key: Key
) -> Moves:
    """Velocities at states of the data.

    Args:
        velocities: ``(n, *event_shape)``, one for each state of ``data.snapshots()``, or a function
            of one state in the data's units; a function is asked at noised states if the law is
            one of noised states.

    Raises:
        InvalidInput: another number or shape of velocities, or NaN.
    """
    normaliser, flat = model.frame.normaliser, data.snapshots()
    plain = rows(flat, normaliser)
    y, scale = jnp.asarray(plain["y"]), normaliser.scale.value
    if isinstance(velocities, Callable):
        if isinstance(law := model.law, FrozenNoise):
            noised = lambda y, key: normaliser.forward(law.noised(normaliser.inverse(y), key=key))
            y = eqx.filter_jit(jax.vmap(noised))(y, jax.random.split(key, flat.n))
        one = lambda y: jnp.ravel(velocities(normaliser.inverse(y)))
        seen = np.asarray(jax.lax.map(one, y, batch_size=min(flat.n, 1024)))
    else:
        seen = np.asarray(velocities)
        if seen.shape != flat.values.shape:
            raise InvalidInput(
                f"SkewFlow: velocities have shape {seen.shape}; expected {flat.values.shape}, one "
                "for each state of the data, or a function of one state."
            )
        seen = seen.reshape(flat.n, -1)
    if not np.isfinite(seen).all():
        raise InvalidInput("SkewFlow: velocities hold NaN or infinity; leave those states out.")
    group = np.arange(flat.n)
    return Moves(y, jnp.asarray(seen, y.dtype) / scale, plain["time"], plain["condition"], group)


def seen_transitions(pairs: Pairs) -> Moves:
    """Both ends of every transition, with its mean velocity.

    Over both ends of paths of the law the motion that runs backwards as often as forwards, D s with
    the noise of diffusivity D, drops out, for every D (it is symmetric in time, A s odd).
    """
    twice = lambda a: jnp.concatenate([a, a])
    return Moves(
        jnp.concatenate([pairs.before, pairs.after]),
        twice(pairs.rate),
        jnp.concatenate([pairs.time, pairs.time + pairs.lag]),
        None if pairs.condition is None else twice(pairs.condition),
        np.tile(np.asarray(pairs.path), 2),
    )


def fit_free(
    model: SkewFlowModel, place: Callable[[Array], Array], count: int, moves: Moves
) -> SkewFit:
    """Least squares of A s + div A to the velocities, over the free numbers of A's tensor.

    **Equation**: minimises Σ |F c − u|², F_k the field of the k-th free number; the covariance of c
    is G⁻¹ (Σ_g q_g q_gᵀ) G⁻¹, G = Σ Fᵀ F, q_g = Σ Fᵀ (u − F c) over the states of a group.

    Args:
        model: whose operator gives the form of A and whose law the score.
        place: the tensor of free numbers, linear.
        count: of free numbers.

    Raises:
        InvalidInput: no free number, too many for a dense solve, fewer than two groups, or
            numbers that the states do not determine.
    """
    groups = int(moves.group.max()) + 1
    if count == 0:
        raise InvalidInput(
            "SkewFlow: a skew operator in one dimension is 0; nothing can be fitted."
        )
    if count > _MOST:
        raise InvalidInput(
            f"SkewFlow: {count} free numbers are too many to fit (at most {_MOST}); take a smaller "
            "kernel, or fewer waves."
        )
    if groups < 2:
        raise InvalidInput(
            "SkewFlow: one state or path is too little for a standard error; give at least 2."
        )
    total = np.zeros((count, count))
    pushed = np.zeros(count)
    for fields, seen, _ in _chunks(model, place, count, moves):
        flat = fields.transpose(1, 0, 2).reshape(count, -1)
        total += flat @ flat.T
        pushed += flat @ seen.ravel()
    size = np.linalg.eigvalsh(total)
    still = int((size <= _SMALLEST * size[-1]).sum())
    if still:
        raise InvalidInput(
            f"SkewFlow: {still} of {count} free numbers leave the states at rest and cannot be "
            "fitted; give more states, or take a smaller operator."
        )
    free = np.linalg.solve(total, pushed)
    pull, parts = np.zeros((groups, count)), np.zeros((groups, 3))
    for fields, seen, group in _chunks(model, place, count, moves):
        made = np.einsum("nkd,k->nd", fields, free)
        np.add.at(pull, group, np.einsum("nkd,nd->nk", fields, seen - made))
        sums = [np.sum(a, axis=1) for a in (made * seen, made**2, seen**2)]
        np.add.at(parts, group, np.stack(sums, axis=1))
    inverse = np.linalg.inv(total)
    covariance = inverse @ (pull.T @ pull) @ inverse * groups / (groups - 1)
    placed = np.asarray(jax.vmap(place)(jnp.eye(count)), np.float64)
    tensor = np.tensordot(free, placed, 1)
    variance = np.einsum("k...,kl,l...->...", placed, covariance, placed)
    estimate = Estimate(tensor, np.sqrt(np.maximum(variance, 0.0)), np.asarray(groups))
    return SkewFit(free, estimate, _cosine(parts))


def _chunks(
    model: SkewFlowModel, place: Callable[[Array], Array], count: int, moves: Moves
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Fields of the free numbers ``(m, count, dim)``, velocities and groups of some states."""
    n, dim = moves.y.shape
    moving = len(model.frame.times) > 1
    together = max(1, min(n, _NUMBERS // (count * dim)))
    for start in range(0, n, together):
        part = slice(start, start + together)
        condition = None if moves.condition is None else moves.condition[part]
        time = moves.time[part] if moving else None
        fields = _fields(model, place, count, moves.y[part], time, condition)
        seen = np.asarray(moves.velocity[part], np.float64)
        yield np.asarray(fields, np.float64), seen, moves.group[part]


@jit
def _fields(
    model: SkewFlowModel,
    place: Callable[[Array], Array],
    count: int,
    y: Array,
    time: Any,
    condition: Any,
) -> Float[Array, "m count dim"]:
    tensor = lambda free: eqx.tree_at(lambda a: a.tensor.value, model.operator, place(free))

    def one(y: Array, time: Any, condition: Any) -> Array:
        x = model.frame.normaliser.inverse(y)
        s = model.normalised_score(x, time=time, condition=condition)
        return jax.vmap(lambda free: tensor(free)(y, s))(jnp.eye(count))

    over = (0, None if time is None else 0, None if condition is None else 0)
    return jax.vmap(one, over)(y, time, condition)


def _cosine(parts: Float[np.ndarray, "groups three"]) -> Estimate:
    """a/√(b c) of the three sums, with its error over groups (delta method)."""
    groups = len(parts)
    a, b, c = parts.mean(0)
    value = a / np.sqrt(max(b * c, 1e-300))
    slope = np.array([1 / max(abs(a), 1e-300) * np.sign(a), -0.5 / b, -0.5 / c]) * value
    error = np.std(parts @ slope, ddof=1) / np.sqrt(groups)
    return Estimate(np.asarray(value), np.asarray(error), np.asarray(groups))
