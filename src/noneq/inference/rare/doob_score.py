"""The Doob transform as a score, learnt from paths that reach the target."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.errors import InvalidInput, SolveFailed
from noneq.inference.rare.committor.grid import sets_of
from noneq.inference.rare.committor.grid_chain import root_of
from noneq.inference.rare.conditioned import conditioned_paths
from noneq.inference.rare.doob import DoobTransform
from noneq.inference.rare.sets import SetOf, StateSet
from noneq.learning.loop import train
from noneq.learning.objectives import AbstractLoss
from noneq.learning.training import Training
from noneq.needs import observable
from noneq.nets import MLP, AbstractNet, AbstractNetwork
from noneq.simulation.solvers import noise_shape
from noneq.systems.base import AbstractDiffusion


_TRAINING = Training(steps=1500, batch=4096, rate=3e-3, ema=0.99)
_MOST = 2**21
"""Steps of paths that are learnt from; of more, so many are drawn."""
_FEW = 10
"""Paths below which there is nothing to learn from."""


class _Smooth(eqx.Module):
    """N(z, r): z the state in units of the paths, r the root of the share of the horizon that is left."""

    net: AbstractNetwork
    shift: Constant
    scale: Constant
    first: Constant
    span: Constant | None

    def __call__(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, " noises"]:
        z = (x.reshape(-1) - self.shift.value) / self.scale.value
        if self.span is not None:
            over = (jnp.asarray(t, x.dtype) - self.first.value) / self.span.value
            left = jnp.sqrt(jnp.clip(1.0 - over, 0.0, 1.0))
            z = jnp.concatenate([z, (2.0 * left - 1.0)[None]])
        return self.net(z)


class ScorePush(eqx.Module):
    """u(t, x) = Bᵀ∇ln h, learnt.

    **Equation**: u = N(t, x) + Bᵀ∇d/√(d² + (2/π)|Bᵀ∇d|² h), d how far outside the avoided set a state lies:
    its probability falls to 0 in proportion to d, of which a step of length h sees no more than the
    mean push √(π/2h) of paths that survive next to the set.

    Attributes:
        smooth: N, a network.
        system: whose B it is.
        avoid: the set that ends a path in failure, if there is one.
        step: h.
    """

    smooth: _Smooth
    system: AbstractDiffusion
    avoid: StateSet | None
    step: Constant

    def __call__(self, t: ScalarLike, x: Float[Array, "*event"]) -> Float[Array, " noises"]:
        """u, one number for each number of the noise."""
        return self.smooth(t, x) + _away(self.system, self.avoid, t, x, self.step.value)


def _away(
    system: AbstractDiffusion, avoid: StateSet | None, t: ScalarLike, x: Array, h: ScalarLike
) -> Float[Array, " noises"]:
    """Bᵀ∇d/√(d² + (2/π)|Bᵀ∇d|² h)."""
    root = root_of(system.diffusion(t, x), x.size)
    if avoid is None:
        return jnp.zeros(root.shape[1], x.dtype)
    level, slope = jax.value_and_grad(avoid.level)(x)
    rise = root.T @ jnp.nan_to_num(-slope.reshape(-1))
    size = jnp.minimum(level, 0.0) ** 2 + 2 / jnp.pi * h * jnp.sum(rise**2)
    return rise / jnp.sqrt(jnp.maximum(size, jnp.finfo(x.dtype).tiny))


class _Steps(AbstractLoss):
    """h w |u(t, x) − B⁻¹(Δx/h − f)|²/2, over steps of paths of weight w."""

    step: Constant

    def loss(self, model: Any, batch: Any, *, key: Key) -> Scalar:
        t, x, target, weight = batch
        gaps = jnp.sum((jax.vmap(model)(t, x) - target) ** 2, axis=1)
        return self.step.value / 2 * jnp.mean(weight * gaps)


@observable("values", more=("paths", "start", "target"), takes=("key",), number=False)
def score_transform(
    system: AbstractDiffusion,
    paths: Sequence[Any],
    start: Numbers,
    target: SetOf,
    *,
    avoid: SetOf | None = None,
    horizon: float | None = None,
    time: float = 0.0,
    n: int = 2000,
    rounds: int = 2,
    step: float | None = None,
    net: AbstractNet = MLP(width=48, depth=3),
    training: Training = _TRAINING,
    progress: Any = None,
    key: Key,
) -> DoobTransform:
    """The motion conditioned on reaching a target, its push learnt by score matching.

    **Equation**: Bᵀ∇ln h(t, x) = E[B⁻¹(x' − x − h f)/h | x, event]: the score of a step's Gaussian with
    respect to its mean, averaged over the paths that reach the target. The mean is a regression on
    the steps of such paths. First they are those given; then n paths of the transform itself are
    drawn, weighted by Girsanov, and learnt from, ``rounds`` times. What is still wrong is undone by
    the weights of `conditioned_paths`, and seen in their variance.

    Args:
        system: any diffusion with noise, in or out of equilibrium.
        paths: that reach the target, with all their steps: ``splitting(…, paths=500).paths``, or pairs
            (times ``(T,)``, states ``(T, *event_shape)``).
        start: a state, or several, from which the conditioned paths begin.
        target: the set to reach, ``"x > 0.9"`` or a function of one state, positive inside.
        avoid: a set that ends a path in failure.
        horizon: the time until which the target must be reached; None for a committor, which needs
            ``avoid``.
        time: of the start.
        n, rounds: of the paths that it draws of itself, and how often.
        step: of these; None takes the system's own.
        net, training, progress: of the regression; progress as in `fit`.
        key: typed random key.

    Raises:
        InvalidInput: hardly any paths, of another shape or without all their steps, or neither a horizon
            nor a set to avoid.
        SolveFailed: paths of the transform that are not finite, or never end.
        FitDiverged: a loss that is not finite.

    Source: Heng, De Bortoli, Doucet and Thornton 2021, arXiv:2111.07243 (score matching of h); Zhang,
    Wang, Hartmann, Weare and Schütte 2014, SIAM J. Sci. Comput. 36, A2654 (cross-entropy rounds).
    """
    if horizon is None and avoid is None:
        raise InvalidInput(
            "score_transform: give horizon=, the time to reach the target, or avoid=, a set."
        )
    shape, event = np.shape(start), tuple(system.event_shape)
    if shape != event and shape[1:] != event:
        raise InvalidInput(
            f"score_transform: start has the shape {shape}; expected one state {event}, or several."
        )
    if rounds < 0:
        raise InvalidInput(f"score_transform: rounds = {rounds}; expected 0 or more.")
    if not (horizon is None or 0 < horizon < float("inf")):
        raise InvalidInput(f"score_transform: horizon = {horizon}; expected a positive time.")
    given = _checked_paths(system, paths)
    init_key, key = jax.random.split(key)
    shun = None if avoid is None else sets_of(system, avoid)[0]
    smooth = _untrained(system, net, given, time, horizon, init_key)
    rows = _rows(system, shun, given, np.ones(len(given)), key)
    for i in range(rounds + 1):  # the last round is only learnt from
        train_key, path_key, key = jax.random.split(jax.random.fold_in(key, i), 3)
        smooth = train(smooth, *rows, training, key=train_key, progress=progress)[0]
        made = DoobTransform(system, control=ScorePush(smooth, system, shun, rows[0].step))
        if i == rounds:
            return made
        found = conditioned_paths(
            made, start, target, avoid=avoid, horizon=horizon, time=time, n=n, step=step, keep=n,
            key=path_key,
        )  # fmt: skip
        if len(found.paths) < _FEW:
            return made
        weights = np.exp(found.log_weights - found.log_weights.max())
        again = [(time + t, x) for t, x in zip(found.times, found.paths, strict=True)]
        rows = _rows(system, shun, again, weights / weights.mean(), path_key)
    raise AssertionError


def _checked_paths(
    system: AbstractDiffusion, paths: Sequence[Any]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Times and states of every path of at least one step."""
    shape, made = tuple(system.event_shape), []
    for one in paths:
        times, states = (np.asarray(part, np.float64) for part in one)
        if times.ndim != 1 or states.shape != (len(times), *shape):
            raise InvalidInput(
                f"score_transform: a path has times of shape {times.shape} and states of shape "
                f"{states.shape}; expected (T,) and {('T', *shape)}, as splitting(…, paths=500).paths."
            )
        if not (np.isfinite(times).all() and np.isfinite(states).all()):
            raise InvalidInput("score_transform: a path is not finite.")
        if len(times) > 1:
            made.append((times, states))
    if len(made) < _FEW:
        raise InvalidInput(
            f"score_transform: {len(made)} paths with steps; expected at least {_FEW}, better hundreds: "
            "splitting(…, paths=500).paths."
        )
    steps = np.concatenate([np.diff(times) for times, _ in made])
    if steps.min() <= 0 or steps.max() > 1.5 * np.median(steps):
        raise InvalidInput(
            "score_transform: the steps of the paths are not all alike; expected paths with all their "
            "steps, as splitting(…, paths=500) gives of a diffusion."
        )
    return made


def _untrained(
    system: AbstractDiffusion,
    net: AbstractNet,
    paths: list[tuple[np.ndarray, np.ndarray]],
    time: float,
    horizon: float | None,
    key: Key,
) -> _Smooth:
    """A network of random weights for such paths."""
    states = np.concatenate([x for _, x in paths])
    flat = states.reshape(len(states), -1)
    scale = flat.std(0)
    number = lambda value: Constant(jnp.asarray(value, float))
    x = np.asarray(states[0], np.float32)
    noises = int(np.prod(noise_shape(system, time, x)))
    inputs = (flat.shape[1] + (horizon is not None),)
    made = net.init(inputs, noises, noise=False, clock=None, label=None, key=key)
    return _Smooth(
        made, number(flat.mean(0)), number(np.where(scale > 0, scale, 1.0)), number(time),
        None if horizon is None else number(horizon),
    )  # fmt: skip


def _rows(
    system: AbstractDiffusion,
    avoid: StateSet | None,
    paths: list[tuple[np.ndarray, np.ndarray]],
    weights: np.ndarray,
    key: Key,
) -> tuple[_Steps, tuple[np.ndarray, ...]]:
    """The loss of steps, and the steps: times, states, what the network is to give, and weights."""
    number = np.float32
    t = np.concatenate([times[:-1] for times, _ in paths]).astype(number)
    h = np.concatenate([np.diff(times) for times, _ in paths]).astype(number)
    x, after = (
        np.concatenate([states[part] for _, states in paths]).astype(number)
        for part in (slice(None, -1), slice(1, None))
    )
    w = np.repeat(weights, [len(times) - 1 for times, _ in paths]).astype(number)
    if len(t) > _MOST:
        some = np.asarray(jax.random.choice(key, len(t), (_MOST,), replace=False))
        t, h, x, after, w = (part[some] for part in (t, h, x, after, w))
    scores = np.asarray(_scores(system, avoid, *map(jnp.asarray, (t, x, after, h))))
    if not np.isfinite(scores).all():
        raise SolveFailed("score_transform: the noise of a step of a path is not finite.")
    return _Steps(Constant(jnp.asarray(h.mean()))), (t, x, scores, w)


@eqx.filter_jit
def _scores(
    system: AbstractDiffusion, avoid: StateSet | None, t: Array, x: Array, after: Array, h: Array
) -> Array:
    """B⁻¹(x' − x − h f)/h less the push off the avoided set; directions without noise are left out."""

    def one(t: Array, x: Array, after: Array, h: Array) -> Array:
        moved = system.domain.difference(after, x) - h * system.drift(t, x)
        inverse = jnp.linalg.pinv(root_of(system.diffusion(t, x), x.size))
        return inverse @ moved.reshape(-1) / h - _away(system, avoid, t, x, h)

    return jax.vmap(one)(t, x, after, h)
