"""The diffusion Schrödinger bridge: half bridges in turn, by regression on simulated paths."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.method import Data, Fit, Progress
from noneq.learning.objectives import AbstractLoss
from noneq.learning.published import Published
from noneq.learning.rows import left_open
from noneq.learning.watching import watched
from noneq.methods.bridges.base import AbstractBridge
from noneq.methods.bridges.integrators import AbstractIntegrator, TransportSDE
from noneq.methods.bridges.matching import AbstractLearntField
from noneq.methods.bridges.model import AbstractTransportModel
from noneq.methods.bridges.pairs.known import Known
from noneq.methods.bridges.pairs.pools import centred
from noneq.methods.bridges.rounds import AbstractRounds, Lesson, fit_rounds
from noneq.methods.bridges.straight import Brownian
from noneq.nets.base import AbstractNetwork
from noneq.traced import is_on, jit


class TwoDrifts(AbstractLearntField):
    """Drifts f forward and b backward in time, of two networks, hence velocity and score.

    **Equation**: f = reference drift + scale/pace F_1(x/scale, t), b = −reference drift + scale/pace F_2;
    velocity = (f − b)/2, score = (f + b)/sigma². At the bridge f and b reverse each other, and these
    are its velocity and score.

    Attributes:
        forward, backward: F_1 and F_2.
        bridge: the reference.
        scale: (dim,) standard deviations of the data, widened by the noise.
        pace: mean interval of the snapshots.
    """

    forward: AbstractNetwork
    backward: AbstractNetwork
    bridge: AbstractBridge
    scale: Constant
    pace: Constant

    def drifts(self, x: Float[Array, " dim"], time: ScalarLike, condition: Any) -> tuple[Any, Any]:
        """(f, b)."""
        f = _drift(self.forward, self, 1.0, x, time, condition)
        return f, _drift(self.backward, self, -1.0, x, time, condition)

    def __call__(
        self, x: Float[Array, " dim"], time: ScalarLike, condition: Any
    ) -> tuple[Array, Array]:
        f, b = self.drifts(x, time, condition)
        scale, sigma = self.scale.value, self.diffusion()
        # By ratios that do not underflow, whatever the unit.
        return (f - b) / 2, (f + b) / scale * (scale / sigma) / sigma


class HalfBridgeLoss(AbstractLoss):
    """Mean of |pace (d − target)/scale|² for one of the drifts at states of simulated paths.

    **Equation**: on Euler paths X_{k+1} = X_k + h f(X_k) + sigma √h xi the backward drift at X_{k+1} has the
    target (X_k − X_{k+1})/h + f(X_k) − f(X_{k+1}), and the other way round.

    Args:
        bridge, scale, pace: as in `TwoDrifts`.
        backward: which drift.
        drop: fraction of conditions that are hidden.

    Source: De Bortoli et al. 2021, proposition 3 (eq. 13 in units of the drift).
    """

    bridge: AbstractBridge
    scale: Constant
    pace: Constant
    backward: bool
    drop: float = 0.0

    def loss(self, model: AbstractNetwork, batch: dict[str, Any], *, key: Key) -> Scalar:
        condition = left_open(batch["condition"], self.drop, key=key)
        sign = -1.0 if self.backward else 1.0

        def one(x: Array, time: Array, target: Array, condition: Any) -> Scalar:
            miss = _drift(model, self, sign, x, time, condition) - target
            return jnp.mean((self.pace.value * miss / self.scale.value) ** 2)

        over = (0, 0, 0, None if condition is None else 0)
        losses = jax.vmap(one, over)(batch["x"], batch["time"], batch["target"], condition)
        return jnp.mean(losses)


class DSB(AbstractRounds):
    """The diffusion Schrödinger bridge: iterative proportional fitting of the two drifts.

    Forward process:
        dX = f(X, t) dt + sigma dW between successive snapshots; in round 0 the reference (``bridge``).
    Learnt object:
        the drifts f forward and b backward in time, of two networks (`TwoDrifts`).
    Objective and weight:
        in turn for b and f: |d − target|² on paths of the other from the snapshot at its start
        (`HalfBridgeLoss`).
    Sampling:
        the SDE dX = f dt + sigma dW from the snapshot before, or dX = b dt + sigma dW back in time.
    Source and deviations:
        De Bortoli et al. 2021, algorithm 1, uniform steps. Paths of a round are simulated once;
        velocity and score are those of a converged bridge; all intervals by the same networks.

    Args:
        bridge: the reference, with noise.
        sampler: how a fitted model moves states.
        rounds: half bridges, each of ``training.steps``; odd ones end with the backward drift.
        steps: of a simulated path over an interval, Euler–Maruyama.
        net, pool, time_band, drop_condition, dequantise, training: as in `SF2M`; ``pool`` counts
            states of simulated paths.

    Raises:
        InvalidInput: a reference without noise, fewer than two rounds, or than one step.
    """

    source: ClassVar[str] = "debortoli2021diffusion"
    published: ClassVar[Published | None] = Published("DSB", True, True)

    bridge: AbstractBridge = Brownian()
    sampler: AbstractIntegrator = TransportSDE()
    rounds: int = 10
    steps: int = 20

    def __check_init__(self) -> None:
        if not self.bridge.stochastic:
            raise InvalidInput(
                f"DSB: {type(self.bridge).__name__} has no noise; take bridge=Brownian()."
            )
        if self.steps < 1 or self.rounds < 2:
            raise InvalidInput(
                f"DSB: steps = {self.steps}, rounds = {self.rounds}; expected at least 1 and 2, one "
                "for either drift."
            )

    def field(
        self,
        net: Callable[[int, Key], AbstractNetwork],
        summary: Summary,
        bridge: AbstractBridge,
        scale: Constant,
        pace: Constant,
        *,
        key: Key,
    ) -> TwoDrifts:
        forward, backward = (net(summary.dim, one) for one in jax.random.split(key))
        parts = {"bridge": bridge, "scale": scale, "pace": pace}
        return TwoDrifts(forward=forward, backward=backward, **parts)

    def between(
        self, model: AbstractTransportModel, index: int, *, key: Key
    ) -> AbstractTransportModel:
        return model

    def lesson(
        self,
        model: AbstractTransportModel,
        known: Known,
        held: Known | None,
        index: int,
        rng: np.random.Generator,
        *,
        key: Key,
    ) -> Lesson:
        backward = index % 2 == 0
        part = (lambda m: m.field.backward) if backward else (lambda m: m.field.forward)
        field = model.field
        parts = (field.bridge, field.scale, field.pace)
        loss = HalfBridgeLoss(*parts, backward=backward, drop=self.drop_condition)
        keys = jax.random.split(key)
        rows = self.paths(model, known, self.pool, index, rng, key=keys[0])
        count = 8 * max(self.training.batch, 64)
        late = None if held is None else self.paths(model, held, count, index, rng, key=keys[1])
        return Lesson(model, part, loss, rows, late)

    def paths(
        self,
        model: AbstractTransportModel,
        known: Known,
        count: int,
        index: int,
        rng: np.random.Generator,
        *,
        key: Key,
    ) -> dict[str, Any]:
        """At least ``count`` states of paths over each interval, with the targets there."""
        data, forward = known.data, index % 2 == 0
        states = centred(data, model.frame.normaliser, self.dequantise, rng)
        paths, parts = -(-count // self.steps), []
        for i in range(data.times.size - 1):
            own = np.flatnonzero(data.time_index == (i if forward else i + 1))
            turns = [rng.permutation(own) for _ in range(-(-paths // len(own)))]
            rows = np.concatenate(turns)[:paths]
            given = None if data.condition is None else data.condition[rows].astype(np.float32)
            clock = jnp.asarray(data.times[[i, i + 1] if forward else [i + 1, i]], float)
            begin, one = jnp.asarray(states[rows], float), jax.random.fold_in(key, i)
            learnt = 0.0 if index == 0 else 1.0
            x, time, target = _walk(model, begin, clock, given, self.steps, learnt, one)
            flat = lambda part: np.asarray(part, np.float32).reshape(-1, states.shape[1])
            times = np.repeat(np.asarray(time, np.float32), paths)
            parts.append(
                {
                    "x": flat(x),
                    "time": times,
                    "target": flat(target),
                    "condition": None if given is None else np.tile(given, (self.steps, 1)),
                }
            )
        whole = lambda name: np.concatenate([part[name] for part in parts])
        return {name: None if parts[0][name] is None else whole(name) for name in parts[0]}

    @checked
    @watched
    def fit(
        self,
        data: Data | LazyEnsemble,
        *,
        key: Key,
        velocities: Snapshots | np.ndarray | Array | None = None,
        init: AbstractTransportModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """Learn from snapshots at two times or more; of trajectories the pairing is forgotten.

        Args: as in `AbstractMethod.fit`; ``velocities`` as those of `SF2M`.

        Raises:
            InvalidInput: one time, a snapshot of one sample, or discrete data without dequantise.
            FitDiverged: a loss or gradient that is not finite.
        """
        return fit_rounds(
            self, data, key=key, init=init, progress=progress, checkpoint=checkpoint,
            velocities=velocities,
        )  # fmt: skip


def _drift(
    net: AbstractNetwork,
    field: TwoDrifts | HalfBridgeLoss,
    sign: ScalarLike,
    x: Array,
    time: ScalarLike,
    condition: Any,
) -> Array:
    """Drift of one network in its direction of time."""
    learnt = net(x / field.scale.value, None, time, condition) * field.scale.value
    return jnp.asarray(sign * field.bridge.drift(x, time) + learnt / field.pace.value)


@jit
def _walk(
    model: AbstractTransportModel,
    x: Array,
    clock: Array,
    condition: Any,
    steps: int,
    learnt: Any,
    key: Key,
) -> tuple[Array, Array, Array]:
    """States (steps, n, dim) of Euler paths after each step, their times and the targets there."""
    field: Any = model.field
    h = (clock[1] - clock[0]) / steps
    sign, size = jnp.sign(h), jnp.abs(h)
    own = None if condition is None else 0

    def drift(x: Array, time: Array, condition: Any) -> Array:
        reference = sign * field.bridge.drift(x, time)
        if not is_on(learnt):
            return reference
        # That of the network alone which has learnt: the other is learning.
        f, b = field.drifts(x, time, condition)
        return jnp.where(sign > 0, f, b)

    drifts = jax.vmap(drift, (0, None, own))

    def step(x: Array, i: Array) -> tuple[Array, tuple[Array, Array, Array]]:
        now, later = clock[0] + i * h, clock[0] + (i + 1) * h
        xi = jax.random.normal(jax.random.fold_in(key, i), x.shape, x.dtype)
        before = drifts(x, now, condition)
        there = x + size * before + field.diffusion() * jnp.sqrt(size) * xi
        # The other drift, which leads back, at the state that was reached.
        target = (x - there) / size + before - drifts(there, later, condition)
        return there, (there, later, target)

    return jax.lax.scan(step, x, jnp.arange(steps))[1]
