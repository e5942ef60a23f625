"""Light Schrödinger bridges: closed-form potentials, fitted by likelihood or by matching."""

import time as clock
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key, Scalar
from noneq.constant import Constant
from noneq.data.summary import Summary, summarise
from noneq.errors import InvalidInput
from noneq.frames.frame import Frame
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod, Data, Fit, Progress, check_init
from noneq.learning.objectives import AbstractLoss, AbstractObjective
from noneq.learning.published import Published
from noneq.learning.rows import train_part
from noneq.learning.training import Training
from noneq.learning.watching import watched
from noneq.methods.bridges.closed.plug_in import moving_snapshots
from noneq.methods.bridges.light.model import LightBridge
from noneq.methods.bridges.light.potentials import Potential
from noneq.methods.bridges.pairs.couplings import AbstractCoupling, ExactOT, Independent
from noneq.methods.bridges.pairs.pools import centred, pair_pool, seeded
from noneq.methods.bridges.starts import Starts
from noneq.methods.bridges.straight import Brownian, check_noise, noise_of
from noneq.statistics.gaussian_mixture import fitted_mixture


_LAST_PHASE = 0.99
_MOST_ENDS = 8_000
"""From which a mixture is fitted to start with."""


class LightLoss(AbstractLoss):
    """E log C(x0) − E log v(x1), C(x) the normalisation of the plan from x.

    **Equation**: C(x0) = Σ alpha_k exp((x0ᵀS_k x0 + 2 r_kᵀx0)/2 epsilon); its minimum is that of
    KL(plan* | plan), up to a constant. A row is a start, an end and its interval.

    Source: Korotin et al. 2024, eq. 15.
    """

    def loss(self, model: Potential, batch: dict[str, Any], *, key: Key) -> Scalar:
        axes, which = model.axes(), batch["which"]
        if axes is None:
            log_c = model.log_masses(batch["start"], which)
            return jnp.mean(log_c - model.log_ends(batch["end"], which))

        def one(x0: Array, x1: Array, which: Array) -> Scalar:
            log_c = jax.nn.logsumexp(model.future(x0, which, axes=axes).log_weight)
            return log_c - model.log_end(x1, which, axes)

        return jnp.mean(jax.vmap(one)(batch["start"], batch["end"], which))


class LightMatchingLoss(AbstractLoss):
    """Mean of |g(x_t, t) − (x1 − x_t)/(1 − t)|², x_t on Brownian bridges of a plan, t up to 0.99.

    Source: Gushchin et al. 2024, eq. 12 and proposition 3.3.
    """

    def loss(self, model: Potential, batch: dict[str, Any], *, key: Key) -> Scalar:
        phase_key, noise_key = jax.random.split(key)
        start = batch["start"]
        count = start.shape[0]
        phase = (jnp.arange(count) + jax.random.uniform(phase_key, (count,))) / count * _LAST_PHASE
        noise = jax.random.normal(noise_key, start.shape, start.dtype)
        axes = model.axes()

        def one(x0: Array, x1: Array, which: Array, t: Array, xi: Array) -> Scalar:
            x = x0 + t * (x1 - x0) + jnp.sqrt(model.epsilon.value[which] * t * (1 - t)) * xi
            miss = model.pull(x, which, 1 - t, axes) - (x1 - x) / (1 - t)
            return jnp.mean(miss**2)

        rows = (start, batch["end"], batch["which"], phase, noise)
        return jnp.mean(jax.vmap(one)(*rows))


class AbstractLight(AbstractMethod):
    """A Schrödinger bridge whose potential is a mixture, one for each interval.

    Args:
        components: K.
        full: give every component axes of its own; they start at those of a Gaussian mixture of
            the ends. Time and memory grow with the square of the dimension.
        sigma: noise of the reference, as in `Brownian`; epsilon = sigma² Δ.
        coupling: plan from which starts and ends are drawn.
        pool: pairs of each interval that are drawn before training.
        training: settings of the gradient loop.

    Raises:
        InvalidInput: a value outside its range; one time; conditions.
    """

    between_times: ClassVar[bool] = True

    coupling: eqx.AbstractVar[AbstractCoupling]
    components: int = 20
    full: bool = False
    sigma: float | None = None
    pool: int = 65_536
    training: Training = Training(steps=10_000, batch=128, rate=3e-3)

    def __check_init__(self) -> None:
        check_noise(type(self).__name__, self.sigma)
        for name in ("components", "pool"):
            if getattr(self, name) < 1:
                raise InvalidInput(
                    f"{type(self).__name__}: {name} = {getattr(self, name)}; expected at least 1."
                )

    @abstractmethod
    def objective(self) -> AbstractObjective:
        """What training follows."""

    @checked
    def init(self, summary: Summary, *, key: Key) -> LightBridge:
        if len(summary.times) < 2:
            raise InvalidInput(
                f"{type(self).__name__}: one time is no transport; give two snapshots."
            )
        sigma = noise_of(self.sigma, summary)
        unit = float(np.sqrt(np.mean(np.square(summary.scale))))
        epsilon = (sigma / unit) ** 2 * np.diff(summary.times)
        potential = Potential(epsilon, self.components, summary.dim, full=self.full)
        constants = (Constant(jnp.asarray(part, float)) for part in (unit, sigma))
        parts = (potential, Starts(summary), Frame(summary), *constants)
        return LightBridge(*parts)  # pyright: ignore

    @checked
    @watched
    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: LightBridge | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """Learn from snapshots at two times or more.

        Args: as in `AbstractMethod.fit`.

        Raises:
            InvalidInput: one time, a snapshot of one sample, or conditions.
            FitDiverged: a loss or gradient that is not finite.
        """
        began = clock.monotonic()
        snapshots = moving_snapshots(self, data)
        split_key, init_key, pool_key, train_key = jax.random.split(key, 4)
        rng, held = seeded(pool_key), None
        if self.training.patience:
            snapshots, held = snapshots.split(1 - self.training.held_out, key=split_key)
        summary = summarise(snapshots)
        check_init(self, init, summary)
        model = self.init(summary, key=init_key) if init is None else init
        normaliser = model.frame.normaliser
        y = centred(snapshots, normaliser, None, rng) / np.asarray(normaliser.scale.value)
        starts = model.starts.filled(y, None, snapshots.time_index, rng)
        model = eqx.tree_at(lambda m: m.starts, model, starts)
        times, unit = np.asarray(summary.times, np.float32), float(model.unit.value)
        bridge = Brownian(noise_of(self.sigma, summary))

        def rows(data: Any, count: int) -> dict[str, Any]:
            found = pair_pool(data, normaliser, self.coupling, bridge, count, None, rng)
            which = np.searchsorted(times, found["time"]).astype(np.int32)
            return {"start": found["start"] / unit, "end": found["end"] / unit, "which": which}

        learnt_from = rows(snapshots, self.pool)
        if init is None:
            model = eqx.tree_at(
                lambda m: m.potential, model, _at_ends(model.potential, learnt_from, rng)
            )
        model, history = train_part(
            model,
            lambda model: model.potential,
            self.objective(),
            learnt_from,
            self.training,
            key=train_key,
            held_out=None if held is None else rows(held, 8 * max(self.training.batch, 64)),
            progress=progress,
            checkpoint=checkpoint,
        )
        return Fit(model, history, self, summary, {"seconds": clock.monotonic() - began})


class LightSB(AbstractLight):
    """The light Schrödinger bridge: a mixture potential fitted by maximum likelihood.

    Forward process:
        dX = sigma² ∇ log h(X, t) dt + sigma dW between successive snapshots.
    Learnt object:
        v(y) = Σ alpha_k N(y; r_k, epsilon S_k), S_k diagonal or ``full``: drift, plan in closed form.
    Objective and weight:
        E log C(x0) − E log v(x1) (`LightLoss`): no simulation, no pairs.
    Sampling:
        exact: the end from a mixture, then a Brownian bridge.
    Source and deviations:
        Korotin et al. 2024. One potential for each interval; components start at random ends.

    Args and errors: those of `AbstractLight`.
    """

    source: ClassVar[str] = "korotin2024light"

    coupling: AbstractCoupling = Independent()

    def objective(self) -> AbstractObjective:
        return LightLoss()


class LightSBM(AbstractLight):
    """The light Schrödinger bridge by one optimal projection: matching on bridges of any plan.

    Forward process:
        dX = sigma² ∇ log h(X, t) dt + sigma dW between successive snapshots.
    Learnt object:
        v(y) = Σ alpha_k N(y; r_k, epsilon S_k), S_k diagonal or ``full``: drift, plan in closed form.
    Objective and weight:
        |g(x_t, t) − (x1 − x_t)/(1 − t)|² on Brownian bridges of the plan (`LightMatchingLoss`).
    Sampling:
        exact: the end from a mixture, then a Brownian bridge.
    Source and deviations:
        Gushchin et al. 2024: any ``coupling`` has the same minimum; minibatch optimal transport is
        the default. One potential for each interval; components start at random ends.

    Args and errors: those of `AbstractLight`.
    """

    source: ClassVar[str] = "gushchin2024light"
    published: ClassVar[Published | None] = Published("LightSB-M", True, True)

    coupling: AbstractCoupling = ExactOT(batch=128)

    def objective(self) -> AbstractObjective:
        return LightMatchingLoss()


def _at_ends(potential: Potential, rows: dict[str, Any], rng: np.random.Generator) -> Potential:
    """The potential with its components at random ends of every interval."""
    intervals, count, _ = potential.r.shape
    places = [
        rng.choice(np.flatnonzero(rows["which"] == i), count, replace=True)
        for i in range(intervals)
    ]
    r = jnp.asarray(np.stack([rows["end"][place] for place in places]), float)
    potential = eqx.tree_at(lambda p: p.r, potential, r)
    return potential if potential.begin is None else _at_mixtures(potential, rows, rng)


def _at_mixtures(potential: Potential, rows: dict[str, Any], rng: np.random.Generator) -> Potential:
    """The potential with the components of Gaussian mixtures of the ends.

    A component of covariance V along its axes, reached from starts of variance v0 and mean m0, has
    v0 S² + epsilon S = V and r = mean − S m0.
    """
    found: list[tuple[np.ndarray, ...]] = []
    count = potential.r.shape[1]
    for i, epsilon in enumerate(np.asarray(potential.epsilon.value, np.float64)):
        own = rng.permutation(np.flatnonzero(rows["which"] == i))[:_MOST_ENDS]
        x0, x1 = (np.asarray(rows[name][own], np.float64) for name in ("start", "end"))
        weights, means, covariances = fitted_mixture(x1, count, rng)
        values, axes = np.linalg.eigh(covariances)
        v0, m0 = x0.var(0).mean(), x0.mean(0)
        S = (np.sqrt(epsilon**2 + 4 * v0 * values) - epsilon) / (2 * v0)
        along = np.einsum("kab,a->kb", axes, m0)
        r = means - np.einsum("kab,kb->ka", axes, S * along)
        pull = (S * along**2).sum(1) + 2 * r @ m0
        found.append((np.log(weights) - pull / (2 * epsilon), r, np.log(S), axes))
    log_alpha, r, log_S, axes = (jnp.asarray(np.stack(p), float) for p in zip(*found, strict=True))
    where = lambda p: (p.log_alpha, p.r, p.log_S, p.begin)
    return eqx.tree_at(where, potential, (log_alpha, r, log_S, Constant(axes)))
