"""A learnt drift as a reference, and the bridge that deviates least from it."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant, learnable
from noneq.errors import InvalidInput
from noneq.learning.objectives import AbstractLoss
from noneq.methods.bridges.base import AbstractBridge, HasClock, HasDraws, Passage
from noneq.methods.bridges.matching import phases
from noneq.nets.base import AbstractNetwork
from noneq.traced import jit


_CHUNK = 4096
"""Pairs that are bridged at once."""


class Kept(eqx.Module):
    """A network that training leaves alone.

    Attributes:
        weights: its learnable arrays.
        rest: all else of it.
    """

    weights: list[Constant]
    rest: AbstractNetwork
    structure: Any = eqx.field(static=True)

    @classmethod
    def of(cls, net: AbstractNetwork) -> "Kept":
        """From the network."""
        free, rest = eqx.partition(net, learnable(net))
        leaves, structure = jax.tree.flatten(free)
        return cls([Constant(leaf) for leaf in leaves], rest, structure)

    def __call__(self) -> AbstractNetwork:
        """The network."""
        free = jax.tree.unflatten(self.structure, [weight.value for weight in self.weights])
        return eqx.combine(free, self.rest)


class FixedLearnt(AbstractBridge, HasDraws, HasClock):
    """`LearntReference` with its learnt drift, kept in a fitted model.

    **Equation**: f = scale/pace F(x/scale, t).

    Attributes:
        net: F.
        scale: (dim,).
        pace: mean interval of the snapshots.
        sigma: noise.
        begin: time at which the interval begins.
        steps: of the path on either side of a phase.
    """

    stochastic: ClassVar[bool] = True

    net: Kept
    scale: Constant
    pace: Constant
    sigma: Constant
    begin: Constant
    steps: int = eqx.field(static=True)

    def since(self, time: ScalarLike) -> "FixedLearnt":
        return eqx.tree_at(lambda b: b.begin, self, Constant(jnp.asarray(time, float)))

    def drift(self, x: Float[Array, " dim"], time: ScalarLike) -> Float[Array, " dim"]:
        return _drift(self.net(), self.scale, self.pace, x, time)

    def diffusion(self) -> Scalar:
        return self.sigma.value

    @property
    def unit(self) -> Scalar:
        """Length in which paths are computed, so that no square over- or underflows."""
        return jnp.max(self.scale.value)

    def _pull(self, z: Array, time: ScalarLike) -> Array:
        """Drift of z = x/unit."""
        return self.drift(z * self.unit, time) / self.unit

    def along(
        self, x: Float[Array, " dim"], start: ScalarLike, duration: ScalarLike
    ) -> tuple[Array, Array, Array]:
        """(x, Psi, P) at the end of a part of the reference's path, all in units of `unit`."""
        noise = (self.sigma.value / self.unit) ** 2
        eye, h = jnp.eye(x.size), duration / self.steps

        def step(state: tuple[Array, Array, Array], i: Array) -> tuple[Any, None]:
            x, psi, P = state
            now = start + i * h
            drift = lambda x: self._pull(x, now + h / 2)
            middle = x + h / 2 * self._pull(x, now)
            J = jax.jacfwd(drift)(middle)
            half = eye + h / 2 * J + (h / 2 * J) @ (h / 2 * J) / 2
            whole = eye + h * J + (h * J) @ (h * J) / 2
            P = whole @ P @ whole.T + noise * h * half @ half.T
            return (x + h * drift(middle), whole @ psi, P), None

        return jax.lax.scan(step, (x, eye, jnp.zeros_like(eye)), jnp.arange(self.steps))[0]

    def at(
        self,
        x0: Float[Array, " dim"],
        x1: Float[Array, " dim"],
        phase: ScalarLike,
        duration: ScalarLike,
        *,
        key: Key,
    ) -> Passage:
        begin, t, unit = self.begin.value, phase * duration, self.unit
        x0, x1 = x0 / unit, x1 / unit
        centre, _, before = self.along(x0, begin, t)
        end, psi, after = self.along(centre, begin + t, duration - t)
        pull = jnp.linalg.solve(after, psi).T
        covariance = jnp.linalg.inv(jnp.linalg.inv(before) + pull @ psi)
        covariance = (covariance + covariance.T) / 2
        root = jnp.linalg.cholesky(covariance)
        xi = jax.random.normal(key, x0.shape, x0.dtype)
        away = covariance @ pull @ (x1 - end) + root @ xi
        score = -jax.scipy.linalg.solve_triangular(root.T, xi, lower=False)
        noise = (self.sigma.value / unit) ** 2
        free, turn = jax.jvp(lambda x: self._pull(x, begin + t), (centre,), (away,))
        velocity = free + turn + noise * pull @ (x1 - end - psi @ away) - noise / 2 * score
        spread = jnp.sqrt(jnp.mean(jnp.sum(root**2, axis=1)))
        return Passage((centre + away) * unit, velocity * unit, score / unit, spread * unit)

    def cost(self, x0: np.ndarray, x1: np.ndarray, duration: float) -> np.ndarray:
        """½ (x1 − x_Δ)ᵀ P⁻¹ (x1 − x_Δ), x_Δ and P of the reference's path from x0."""
        unit = float(self.unit)
        starts, x1 = jnp.asarray(x0 / unit, float), x1 / unit
        end, P = (np.asarray(p, np.float64) for p in _ends(self, starts, duration))
        press = np.linalg.cholesky(np.linalg.inv(P))
        # |L^T (x1 − end)|² for each of the starts, without a table (n, m, dim).
        return np.stack([
            0.5 * np.sum(((x1 - e) @ L) ** 2, axis=1) for e, L in zip(end, press, strict=True)
        ])  # fmt: skip

    def drawn(self, rows: dict[str, Any], *, key: Key) -> dict[str, Any]:
        count = len(rows["time"])
        phase_key, order_key, path_key = jax.random.split(key, 3)
        phase = jax.random.permutation(order_key, phases(count, True, key=phase_key))
        keys = jax.random.split(path_key, count)
        parts = []
        for i in range(0, count, _CHUNK):
            # The last chunk is filled up, so that one program serves all.
            index = np.minimum(np.arange(i, i + min(_CHUNK, count)), count - 1)
            names = ("start", "end", "time", "duration")
            x0, x1, time, gap = (jnp.asarray(rows[name][index]) for name in names)
            parts.append(_passages(self, x0, x1, time, gap, phase[index], keys[index]))
        whole = lambda *part: np.concatenate([np.asarray(p) for p in part])[:count]
        passage = jax.tree.map(whole, *parts)
        if not np.isfinite(passage.x).all():
            raise InvalidInput(
                "LearntReference: paths of the learnt reference leave all bounds over an interval; "
                "check the velocities, their unit of time, and give snapshots that lie nearer."
            )
        return rows | {"passage": passage, "phase": np.asarray(phase)}


class DriftLoss(AbstractLoss):
    """Mean of |pace (f − velocity)/scale|², also at times between the snapshots.

    **Equation**: a sample of the snapshot t_k stands for times t_k + (1 − √U) Δ on either side, so that at
    the phase s of an interval samples of its ends count as 1 − s and s.

    Args:
        scale, pace: as in `FixedLearnt`.
    """

    scale: Constant
    pace: Constant

    def loss(self, model: AbstractNetwork, batch: dict[str, Any], *, key: Key) -> Scalar:
        side_key, near_key = jax.random.split(key)
        count = batch["time"].shape
        later = jax.random.bernoulli(side_key, shape=count)
        near = 1 - jnp.sqrt(jax.random.uniform(near_key, count))
        time = batch["time"] + near * jnp.where(later, batch["after"], -batch["before"])
        one = lambda x, t: _drift(model, self.scale, self.pace, x, t)
        miss = jax.vmap(one)(batch["x"], time) - batch["velocity"]
        return jnp.mean((self.pace.value * miss / self.scale.value) ** 2)


def _drift(
    net: AbstractNetwork, scale: Constant, pace: Constant, x: Array, time: ScalarLike
) -> Array:
    return net(x / scale.value, None, time, None) * scale.value / pace.value


@jit
def _ends(bridge: FixedLearnt, x: Array, duration: Any) -> tuple[Array, Array]:
    end, _, P = jax.vmap(lambda x: bridge.along(x, bridge.begin.value, duration))(x)
    return end, P


@jit
def _passages(
    bridge: FixedLearnt,
    x0: Array,
    x1: Array,
    time: Array,
    duration: Array,
    phase: Array,
    keys: Array,
) -> Passage:
    one = lambda x0, x1, t, d, s, key: bridge.since(t).at(x0, x1, s, d, key=key)
    return jax.vmap(one)(x0, x1, time, duration, phase, keys)
