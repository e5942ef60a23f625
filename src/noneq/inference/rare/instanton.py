"""The likeliest way to a rare state at small noise: Freidlin and Wentzell's instanton."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from noneq._typing import Numbers, Scalar
from noneq.errors import InvalidInput, SolveFailed
from noneq.inference.rare.committor.grid_chain import root_of
from noneq.needs import observable
from noneq.systems.base import AbstractDiffusion


_ROUNDS = 10
_STEPS = 400
_RATE = 0.03
"""Of Adam in the first round, in units of the states."""


@dataclass(frozen=True, eq=False)
class Instanton:
    """A path of least action.

    Attributes:
        path: states ``(points, *event_shape)``, evenly spaced in the metric of the noise.
        action: S of the whole path, so that P ~ e^{−S}.
        cumulative: S from the start to each point; it grows uphill and rests on the way down.
        times: physical time of each point from the middle one, at which the path passes it at the
            speed |f|; it grows without bound at resting points.
    """

    path: np.ndarray
    action: float
    cumulative: np.ndarray
    times: np.ndarray

    def __str__(self) -> str:
        return f"Instanton(action {self.action:.5g}, {len(self.path)} points)"


@observable("model", more=("start", "end"), number=False)
def minimum_action(
    system: AbstractDiffusion,
    start: Numbers,
    end: Numbers,
    *,
    points: int = 100,
    through: Numbers | None = None,
    time: float = 0.0,
) -> Instanton:
    """The path of least geometric action between two states, in any dimension, for any drift.

    **Equation**: S = min over paths φ(s) of ½ ∫ (|φ'|_D |f|_D − φ'·D^{-1} f) ds, |v|²_D = v·D^{-1}v,
    dX = f dt + √(2D) dW, D = B Bᵀ/2 at the state; S does not depend on how fast φ is passed. If f is
    −D∇U it is U at the highest point less U at the start, along the reversed relaxation; in general
    S is Freidlin and Wentzell's quasi-potential if the start is stable.

    Args:
        system: a diffusion with noise in all coordinates.
        start, end: states; a path that leaves a basin best ends in the next one, or at the saddle.
        points: of the path, at least 5.
        through: states that the first guess passes, ``(m, *event_shape)``; the straight line without
            them. Several local minima are possible: try several guesses.
        time: at which a system that follows time is held.

    Raises:
        InvalidInput: states of another shape, start and end the same, or no noise in a direction.
        SolveFailed: no finite minimum is found.

    Source: Heymann and Vanden-Eijnden 2008.
    """
    shape = tuple(system.event_shape)
    ends = [np.asarray(one, np.float64) for one in (start, end)]
    for one, name in zip(ends, ("start", "end"), strict=True):
        if one.shape != shape or not np.isfinite(one).all():
            raise InvalidInput(
                f"minimum_action: {name} has the shape {one.shape}; expected one finite state of "
                f"shape {shape}."
            )
    if np.array_equal(ends[0], ends[1]) or points < 5:
        raise InvalidInput(
            f"minimum_action: start and end must differ, and points = {points} be at least 5."
        )
    _refuse_noiseless(system, ends, time)
    between = np.zeros((0, *shape)) if through is None else np.asarray(through, np.float64)
    between = between[None] if between.shape == shape else between
    if between.shape[1:] != shape:
        raise InvalidInput(
            f"minimum_action: through has the shape {between.shape}; expected states of shape {shape}."
        )
    knots = np.concatenate([ends[0][None], between, ends[1][None]]).reshape(len(between) + 2, -1)
    clock, unit = jnp.asarray(time, float), np.abs(knots).max() or 1.0
    path = jnp.asarray(_even(knots, points), float)
    path = _descended(system, path, jnp.asarray(unit * _waves(points), float), clock)
    path = np.asarray(path, np.float64)
    pieces = _pieces(system, jnp.asarray(path, float), clock)
    if not np.isfinite(np.asarray(pieces[0])).all():
        raise SolveFailed("minimum_action: the action is not finite; guess a path by through=.")
    actions, lengths, speeds = (np.asarray(part, np.float64) for part in pieces)
    times = np.concatenate([[0.0], np.cumsum(lengths / np.maximum(speeds, 1e-12))])
    return Instanton(
        path.reshape(points, *shape),
        float(actions.sum()),
        np.concatenate([[0.0], np.cumsum(actions)]),
        times - times[points // 2],
    )


def _even(knots: np.ndarray, points: int) -> np.ndarray:
    """So many points evenly along the polygon of the knots."""
    gaps = np.linalg.norm(np.diff(knots, axis=0), axis=1)
    place = np.concatenate([[0.0], np.cumsum(gaps)])
    keep = np.concatenate([[True], gaps > 1e-12 * place[-1]])
    wanted = np.linspace(0, place[-1], points)
    return np.stack([np.interp(wanted, place[keep], k) for k in knots[keep].T], axis=-1)


def _waves(points: int) -> np.ndarray:
    """Half waves along a path, 0 at its ends, shorter ones smaller, ``(points, points − 2)``.

    Their weights are better unknowns than the points: the action is then about as steep in all.
    """
    k = np.arange(1, points - 1)
    return np.sin(np.pi * np.outer(np.arange(points), k) / (points - 1)) / k


@eqx.filter_jit
def _pieces(system: AbstractDiffusion, path: Array, time: Scalar) -> tuple[Array, Array, Array]:
    """Action, length and speed of every piece, both in the metric of the noise, at its middle."""
    shape = system.event_shape

    def piece(x: Array, y: Array) -> tuple[Array, Array, Array]:
        middle, step = (x + y) / 2, y - x
        state = middle.reshape(shape)
        b = root_of(system.diffusion(time, state), middle.size)
        inverse = jnp.linalg.inv(b @ b.T / 2)
        f = system.drift(time, state).reshape(-1)
        # Smooth where the drift vanishes.
        speed = jnp.sqrt(f @ inverse @ f + 1e-12)
        length = jnp.sqrt(step @ inverse @ step + 1e-20)
        return (length * speed - step @ inverse @ f) / 2, length, speed

    return jax.vmap(piece)(path[:-1], path[1:])


@eqx.filter_jit
def _descended(system: AbstractDiffusion, path: Array, waves: Array, time: Scalar) -> Array:
    """The path after rounds of descent, its points spread evenly between them."""

    def total(amounts: Array, path: Array) -> Array:
        actions, lengths, _ = _pieces(system, path + waves @ amounts, time)
        # What keeps the points apart; the action itself does not see how they are spread.
        uneven = jnp.mean((lengths / jnp.mean(lengths) - 1) ** 2)
        return jnp.sum(actions) * (1 + 1e-2 * uneven)

    def step(carry: tuple, i: Array, path: Array, rate: Array) -> tuple:
        amounts, moments = carry
        slope = jax.grad(total)(amounts, path)
        move, moments = optax.scale_by_adam().update(slope, moments)
        fall = 0.5 * (1 + jnp.cos(jnp.pi * i / _STEPS))
        return (amounts - rate * fall * jnp.asarray(move), moments), None

    def one(path: Array, rate: Array) -> tuple[Array, None]:
        start = jnp.zeros((waves.shape[1], path.shape[1]))
        carry = (start, optax.scale_by_adam().init(start))
        run = lambda carry, i: step(carry, i, path, rate)
        amounts = jax.lax.scan(run, carry, jnp.arange(_STEPS))[0][0]
        return _spread(path + waves @ amounts), None

    rates = _RATE * 0.6 ** jnp.arange(_ROUNDS)
    return jax.lax.scan(one, path, rates)[0]


def _spread(path: Array) -> Array:
    """As many points evenly along the polygon of a path."""
    gaps = jnp.sqrt(jnp.sum(jnp.diff(path, axis=0) ** 2, axis=1) + 1e-20)
    place = jnp.concatenate([jnp.zeros(1), jnp.cumsum(gaps)])
    wanted = jnp.linspace(0.0, place[-1], len(path))
    even = jax.vmap(lambda part: jnp.interp(wanted, place, part), 1, 1)(path)
    return even.at[0].set(path[0]).at[-1].set(path[-1])


def _refuse_noiseless(system: AbstractDiffusion, states: list[Any], time: float) -> None:
    for state in states:
        b = np.asarray(system.diffusion(time, jnp.asarray(state, float)), np.float64)
        whole = np.asarray(root_of(jnp.asarray(b), state.size))
        spread = whole @ whole.T / 2
        if np.linalg.matrix_rank(spread) < len(spread):
            raise InvalidInput(
                f"minimum_action: {type(system).__name__} has no noise in some direction, where no "
                "path has a finite action per length; add noise there."
            )
