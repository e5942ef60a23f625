"""Optimal protocols by the gradient of the work along simulated paths."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key, Scalar
from noneq.control.protocols.curve import Curve
from noneq.control.protocols.driven_paths import drawn, driven_paths, require_protocol
from noneq.estimate import Estimate, sample_mean
from noneq.kinds import checked
from noneq.learning.loop import train
from noneq.learning.method import History, Progress
from noneq.learning.objectives import AbstractLoss
from noneq.learning.training import Training
from noneq.systems.protocols import Protocol
from noneq.traced import jit


@dataclass(frozen=True)
class FoundProtocol:
    """A protocol that an optimiser found.

    Attributes:
        protocol: λ(t) in plain numbers, jumps included.
        work: its mean work on fresh paths, with both end jumps.
        linear: mean work of the straight line between the same ends, on the same noise.
        works: ``(n,)`` of single paths.
        curve: what was optimised.
        history: columns ``step`` and ``loss``.
    """

    protocol: Protocol
    work: Estimate
    linear: Estimate
    works: np.ndarray
    curve: Curve
    history: History


class _CurveLoss(AbstractLoss):
    """The cost of a curve on fresh noise."""

    cost: Any

    def loss(self, model: Curve, batch: Any, *, key: Key) -> Scalar:
        return self.cost(model, key)


@checked
def descend(
    cost: Callable[..., Any],
    curve: Curve,
    *,
    training: Training = Training(steps=500, batch=1, rate=0.02, ema=0.98, warmup=20),
    key: Key,
    progress: Progress | None = None,
) -> tuple[Curve, History]:
    """Follow the gradient of a cost that is differentiable along its paths.

    Args:
        cost: ``cost(curve, key)``, a number: a mean over paths drawn with the key, in ``jax.numpy``.
        curve: to begin with.
        training: settings of the gradient loop; its batch means nothing here.
        progress: as in `AbstractMethod.fit`.

    Returns:
        the curve, and the history.
    """
    rows = {"none": np.zeros(1, np.float32)}
    return train(curve, _CurveLoss(cost), rows, training, key=key, progress=progress)


@checked
def gradient_protocol(
    system: Any,
    *,
    knots: int = 17,
    kick: float = 0.0,
    low: float | None = None,
    high: float | None = None,
    steps: int | None = None,
    paths: int = 1000,
    n: int = 20_000,
    training: Training = Training(steps=500, batch=1, rate=0.02, ema=0.98, warmup=20),
    key: Key,
    progress: Progress | None = None,
) -> FoundProtocol:
    """The protocol of least mean work between the ends of a driven system's own protocol.

    **Equation**: the gradient of ⟨W⟩ = ⟨Σ_k V(λ_k, x_k) − V(λ_{k−1}, x_k)⟩ by the values λ_k, through the
    work itself and through the paths, whose noise is held fixed (pathwise derivative).

    Args:
        system: overdamped or underdamped, with the trait `HasProtocol`: `DraggedTrap`, `BreathingTrap`,
            `Driven`, `DrivenLangevin`, or your own. Its potential must be smooth.
        knots: free values, with linear pieces between; both end jumps are free too.
        kick: width of a pulse at either end, which systems with inertia need; 0 for none.
        low, high: bounds of the values between.
        steps: of a path; None is the duration over ``system.time_step``, at least twice the knots.
        paths: in each step of the gradient.
        n: fresh paths that measure the result.
        training, progress: as in `descend`.

    Raises:
        MissingTrait: a system without protocol.
        InvalidInput: ends outside the bounds.
        FitDiverged: work or gradient that is not finite.

    Source: Engel, Smith and Brenner 2023, Phys. Rev. X 13, 041032; Schmiedl and Seifert 2007 for jumps.
    """
    require_protocol(system, "gradient_protocol")
    given = system.protocol
    first, last = given.span
    curve = Curve(
        float(given.initial), float(given.final), last - first, knots=knots, kick=kick, low=low,
        high=high,
    )  # fmt: skip
    if steps is None:
        steps = max(2 * knots, int(np.ceil((last - first) / system.time_step)))
    pool_key, train_key, test_key = jax.random.split(key, 3)
    pool = drawn(system, 4 * paths, pool_key)

    def cost(curve: Curve, key: Key) -> Scalar:
        start_key, path_key = jax.random.split(key)
        some = pool[jax.random.randint(start_key, (paths,), 0, len(pool))]
        return jnp.mean(driven_paths(system, curve, some, steps=steps, key=path_key).work)

    found, history = descend(cost, curve, training=training, key=train_key, progress=progress)
    works = works_of(system, found, n=n, steps=steps, key=test_key)
    return FoundProtocol(
        protocol=found.protocol(),
        work=sample_mean(works),
        linear=sample_mean(works_of(system, curve, n=n, steps=steps, key=test_key)),
        works=works,
        curve=found,
        history=history,
    )


@checked
def works_of(system: Any, curve: Curve, *, n: int, steps: int, key: Key) -> np.ndarray:
    """Work of n fresh paths under a curve, ``(n,)``; see `driven_paths`."""
    start_key, path_key = jax.random.split(key)
    starts = drawn(system, n, start_key)
    return np.asarray(_works(system, curve, starts, steps, path_key), np.float64)


@jit
def _works(system: Any, curve: Curve, starts: jax.Array, steps: int, key: Key) -> jax.Array:
    return driven_paths(system, curve, starts, steps=steps, key=key).work
