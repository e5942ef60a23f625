"""The mixture baseline: expectation and maximisation in turn."""

import time as clock
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.constant import learnable
from noneq.data.discrete import of_one_time
from noneq.data.summary import Summary, summarise
from noneq.errors import InvalidInput, SolveFailed
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod, Data, Fit, Progress, check_coordinates, check_init
from noneq.learning.watching import told, watched
from noneq.methods.units.mixture_model import Components, MixtureModel
from noneq.methods.units.starts import far_apart
from noneq.methods.units.units import AbstractUnits, BernoulliUnits
from noneq.traced import jit


_LEAST_VARIANCE = 1e-4
"""Least variance of a Gaussian component, in units of the data's."""


class MixtureEM(AbstractMethod):
    """A mixture of independent units, fitted by expectation–maximisation.

    Forward process:
        none.
    Learnt object:
        weights w_k and the mean (for real units also the variance) of every component.
    Objective and weight:
        Σ log Σ_k w_k p_k(x), raised by every step: r_k(x) = w_k p_k(x)/P(x), then
        w_k = ⟨r_k⟩, mean_k = (Σ r_k phi + a mean)/(Σ r_k + a), a the ``smoothing``.
    Sampling:
        exact: a component, then its units.
    Source and deviations:
        Dempster, Laird and Rubin 1977; Bishop 2006, section 9.3. Components start at training states
        that are far from each other (Arthur and Vassilvitskii 2007, "k-means++"); the best of
        several starts by likelihood is kept. The pseudo-counts are ``smoothing`` states of the
        data's mean and variance in every component: without them constant pixels would make the
        likelihood 0. EM raises the likelihood plus theirs.

    Args:
        components: K.
        visible: kind of the units.
        steps: of EM.
        restarts: starts, of which the best is kept.
        smoothing: pseudo-count a of the data's mean in every component.

    Raises:
        InvalidInput: a number out of range.
    """

    source: ClassVar[str] = "dempster1977maximum"

    components: int = 10
    visible: AbstractUnits = BernoulliUnits()
    steps: int = 200
    restarts: int = 1
    smoothing: float = 0.1

    def __check_init__(self) -> None:
        for name in ("components", "steps", "restarts"):
            if getattr(self, name) < 1:
                raise InvalidInput(
                    f"MixtureEM: {name} = {getattr(self, name)}; expected 1 or more."
                )
        if not 0 < self.smoothing < float("inf"):
            raise InvalidInput(f"MixtureEM: smoothing = {self.smoothing}; expected > 0.")

    @checked
    def init(self, summary: Summary, *, key: Key) -> MixtureModel:
        """The untrained model."""
        count = self.visible.count(summary.dim)
        components = Components(
            log_weight=jnp.full(self.components, -jnp.log(self.components)),
            natural=jnp.zeros((self.components, count)),
            scale=None if self.visible.alphabet else jnp.ones((self.components, summary.dim)),
            visible=self.visible,
        )
        return MixtureModel(components, summary)

    @checked
    @watched
    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: MixtureModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """Fit to states of a single time; ``init`` is one more start.

        Raises:
            InvalidInput: several times or conditions, or values that the units do not know.
            SolveFailed: the likelihood is not finite.
        """
        began = clock.monotonic()
        name = type(self).__name__
        check_coordinates(self, data)
        data = self.visible.prepared(of_one_time(data, name), name)
        summary = summarise(data)
        check_init(self, init, summary)
        model = self.init(summary, key=key) if init is None else init
        y = jnp.asarray(model.frame.normaliser.host(data.values))
        x = self.visible.read(y, model.domain)
        phi = jax.vmap(self.visible.features)(x) if self.visible.alphabet else x
        if init is None:
            starts = jax.vmap(lambda k: _start(self, phi, x.shape[1], k))(
                jax.random.split(key, self.restarts)
            )
        else:
            starts = jax.tree.map(lambda a: a[None], eqx.filter(init.components, eqx.is_array))
        found, costs = _run(self, starts, x, phi)
        costs = np.asarray(costs, np.float64)
        if not np.isfinite(costs[:, -1]).any():
            raise SolveFailed("MixtureEM: the likelihood is not finite; check the data's scale.")
        best = int(np.nanargmin(costs[:, -1]))
        components = eqx.combine(jax.tree.map(lambda a: a[best], found), model.components)
        model = eqx.tree_at(lambda m: m.components, model, components)
        history = {
            "step": [float(i) for i in range(self.steps + 1)],
            "loss": costs[best].tolist(),
        }
        told(progress)(self.steps, self.steps, {"loss": costs[best, -1]})
        return Fit(model, history, self, summary, {"seconds": clock.monotonic() - began})


def _start(method: MixtureEM, phi: Float[Array, "n count"], dim: int, key: Key) -> Components:
    """Components half-way between the mean and training states that lie far apart."""
    count = method.components
    rows = far_apart(phi, count, key=key)
    mean = (phi[rows] + jnp.mean(phi, axis=0)) / 2
    weight = jnp.full(count, -jnp.log(count))
    if method.visible.alphabet:
        scale, natural = None, jax.vmap(method.visible.natural)(mean)
    else:
        scale, natural = jnp.ones((count, dim)), mean
    components = Components(weight, natural, scale, method.visible)
    return eqx.filter(components, eqx.is_array)


@jit
def _run(method: MixtureEM, starts: Any, x: Array, phi: Array) -> tuple[Any, Array]:
    """EM from every start: components, and the mean cost before every step and after the last."""
    mean = jnp.mean(phi, axis=0)
    variance = jnp.mean((phi - mean) ** 2, axis=0)
    real = method.visible.alphabet == 0

    def judged(found: Any) -> tuple[Array, Array]:
        components = Components(found.log_weight, found.natural, found.scale, method.visible)
        joint = jax.vmap(components.log_joint)(x)
        log_prob = jax.nn.logsumexp(joint, axis=1)
        return jnp.exp(joint - log_prob[:, None]), -jnp.mean(log_prob)

    def width(r: Array, centre: Array, total: Array) -> Array:
        """Of one component, from differences: squares would lose narrow ones to rounding."""
        square = r @ (phi - centre) ** 2 + method.smoothing * ((mean - centre) ** 2 + variance)
        return jnp.sqrt(jnp.maximum(square / total, _LEAST_VARIANCE))

    def step(found: Any, _: None) -> tuple[Any, Array]:
        r, cost = judged(found)
        count = jnp.sum(r, axis=0)
        total = count[:, None] + method.smoothing
        centre = (r.T @ phi + method.smoothing * mean) / total
        if real:
            scale = jax.lax.map(lambda given: width(*given), (r.T, centre, total))
            natural = centre / scale
        else:
            scale, natural = None, jax.vmap(method.visible.natural)(centre)
        weight = jnp.log((count + method.smoothing) / jnp.sum(count + method.smoothing))
        new = Components(weight, natural, scale, method.visible)
        return eqx.filter(new, learnable(new)), cost

    def run(start: Any) -> tuple[Any, Array]:
        found, costs = jax.lax.scan(step, start, None, length=method.steps)
        return found, jnp.append(costs, judged(found)[1])

    return jax.lax.map(run, starts)
