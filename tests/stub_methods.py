"""A tiny method for tests of saving and of the command line: a Gaussian per time, no training."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq.constant import Constant
from noneq.data import Snapshots, Summary
from noneq.data.summary import summarise
from noneq.domains import AbstractDomain
from noneq.errors import Interrupted
from noneq.frames.checks import check_count
from noneq.learning.method import AbstractMethod, Fit
from noneq.traits import AbstractModel, HasLogProb


class Width(eqx.Module):
    """A nested field."""

    width: int = 3
    rate: float | tuple[float, ...] = 0.5


class StubModel(AbstractModel, HasLogProb):
    event_shape: tuple[int, ...] = eqx.field(static=True)
    domain: AbstractDomain
    times: Constant
    mean: Float[Array, "times dim"]
    scale: Float[Array, "times dim"]
    extra: Float[Array, "width"]

    def _at(self, time):
        time = self.times.value[0] if time is None else time
        return jnp.argmin(jnp.abs(self.times.value - time))

    def sample(self, n, *, time=None, condition=None, key):
        check_count(n)
        i = self._at(time)
        return self.mean[i] + self.scale[i] * jax.random.normal(key, (n, *self.event_shape))

    def snapshots(self, n, *, times, condition=None, key):
        keys = jax.random.split(key, len(times))
        frames = [self.sample(n, time=t, key=k) for t, k in zip(times, keys, strict=True)]
        return Snapshots.from_frames(frames, times, domain=self.domain)

    def log_prob(self, x, *, time=None, condition=None):
        i = self._at(time)
        return jnp.sum(jax.scipy.stats.norm.logpdf(x, self.mean[i], self.scale[i]))


class Stub(AbstractMethod):
    """Mean and standard deviation of every time."""

    source: ClassVar[str] = "beyond2025"
    nested: Width = Width()
    label: str = "plain"
    widen: float = 1.0
    bounds: tuple[float, ...] | None = None
    interrupt: bool = False

    def init(self, summary: Summary, *, key) -> StubModel:
        shape = (len(summary.times), *summary.event_shape)
        return StubModel(
            event_shape=summary.event_shape,
            domain=summary.domain,
            times=Constant(jnp.asarray(summary.times)),
            mean=jnp.zeros(shape),
            scale=jnp.ones(shape),
            extra=jax.random.normal(key, (self.nested.width,)),
        )

    def fit(
        self, data, *, key, init=None, progress=None, checkpoint=None, shift: Any = None
    ) -> Fit:
        if self.interrupt:
            (checkpoint / "state").touch()
            raise Interrupted("stopped at step 3; continue with --resume.", signal=15)
        summary = summarise(data)
        model = self.init(summary, key=key) if init is None else init
        snapshots = data.snapshots()
        frames = [snapshots.at(t) for t in summary.times]
        mean = np.stack([f.mean(0) for f in frames])
        scale = self.widen * np.stack([f.std(0) for f in frames])
        model = eqx.tree_at(
            lambda m: (m.mean, m.scale), model, (jnp.asarray(mean), jnp.asarray(scale))
        )
        if progress is not None:
            progress(1, 1, {"loss": 0.25})
        return Fit(model, {"step": [1.0], "loss": [0.25]}, self, summary)
