"""Normalising flows of couplings: exact log density, score and samples of p(x, t)."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.frames.checks import check_count, check_solved, check_time
from noneq.frames.frame import AbstractLaw, Frame
from noneq.kinds import checked
from noneq.methods.flows.coupling_nets import Couplings
from noneq.traced import jit
from noneq.traits import HasLogMassEstimate, HasLogProb, HasSampleLogProb, HasScore


class CellNoise(eqx.Module):
    """Noise u that spreads each value of discrete data over its cell, and its density q(u | y).

    Args:
        width: of the cells ``(dim,)``, in normalised units.
        flow: of u = width (sigmoid(flow(ξ; y)) − ½), ξ standard normal; None for uniform noise.

    Source: Ho et al. 2019, section 3.1.1 (variational dequantisation).
    """

    width: Constant
    flow: Couplings | None

    def draw(
        self, y: Float[Array, " dim"], time: Any, condition: Any, *, key: Key
    ) -> tuple[Float[Array, " dim"], Scalar]:
        """u in [−width/2, width/2] and log q(u | y, time, condition)."""
        log_volume = jnp.sum(jnp.log(self.width.value))
        if self.flow is None:
            return self.width.value * (jax.random.uniform(key, y.shape) - 0.5), -log_volume
        noise = jax.random.normal(key, y.shape)
        v, log_det = self.flow.forward(noise, time, condition, y)
        log_det += jnp.sum(jax.nn.log_sigmoid(v) + jax.nn.log_sigmoid(-v))
        u = self.width.value * (jax.nn.sigmoid(v) - 0.5)
        return u, _log_normal(noise) - log_det - log_volume


class FlowDensity(eqx.Module):
    """The learnt part of a `CouplingFlow`: density of normalised vectors, noise of their cells."""

    flow: Couplings
    noise: CellNoise | None

    @checked
    def log_prob(self, y: Float[Array, " dim"], time: Any, condition: Any) -> Scalar:
        """log p(y | time, condition) = log N(z; 0, 1) + log |det dz/dy|."""
        z, log_det = self.flow.forward(y, time, condition)
        return _log_normal(z) + log_det

    def bound(self, y: Float[Array, " dim"], time: Any, condition: Any, *, key: Key) -> Scalar:
        """One draw of log p(y + u) − log q(u | y); log p(y) itself without noise."""
        if self.noise is None:
            return self.log_prob(y, time, condition)
        u, log_q = self.noise.draw(y, time, condition, key=key)
        return self.log_prob(y + u, time, condition) - log_q


class CouplingFlow(AbstractLaw, HasLogProb, HasScore, HasSampleLogProb, HasLogMassEstimate):
    """p(x, t) as the image of a standard normal law under an invertible map.

    Density, score and samples are exact in any dimension, up to rounding. Of discrete data the
    flow models values spread over their cells: `log_prob` is the density of those,
    `log_mass_estimate` a bound on the log of the probability of a value itself.

    Attributes:
        density: the learnt part.
        frame: the user's side.
    """

    density: FlowDensity
    frame: Frame

    def __init__(self, density: FlowDensity, summary: Summary, *, optional: bool = False):
        """``optional``: the flow also knows the law without condition."""
        self.density = density
        self.frame = Frame(summary, optional=optional)

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        own = None if condition is None or condition.ndim == 1 else 0
        back = lambda z, c: self.density.flow.inverse(z, time, c)
        return jax.vmap(back, (0, own))(jax.random.normal(key, (n, self.frame.dim)), condition)

    @checked
    def log_prob(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        """log p(x | time, condition), nats, exact."""
        y, time, condition = self.frame.enter(x, time, condition)
        return self.density.log_prob(y, time, condition) - self.frame.normaliser.log_volume(x)

    @checked
    def score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        """The gradient of `log_prob`, by autodiff."""
        y, time, condition = self.frame.enter(x, time, condition)
        score = jax.grad(self.density.log_prob)(y, time, condition)
        return self.frame.normaliser.gradient(score, x)

    @checked
    def sample_with_log_prob(
        self, n: int, *, time: ScalarLike | None = None, condition: Any = None, key: Key
    ) -> tuple[Float[Array, "n *event"], Float[Array, " n"]]:
        """The draws of `sample` with the log density of each."""
        check_count(n)
        time = check_time(time, self.frame.times)
        condition = self.frame.asked.check(condition, int(n))
        x, log_prob = _sample_with_log_prob(self, int(n), time, condition, key)
        return check_solved(x), log_prob

    def log_mass_estimate(
        self,
        x: Float[Array, "*states"] | np.ndarray,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
        key: Key,
        draws: int = 64,
    ) -> Estimate:
        """Lower bound on the log of the probability of a discrete state, in nats.

        **Equation**: log P(x) ≥ E_q[log p(x + u) − log q(u | x)]; mean and standard error over
        the draws. Bits per number are −value/(dim ln 2).

        Args:
            x: one state on the lattice, or a batch ``(n, *event_shape)``.
            draws: of the noise u for every state, at least 2.

        Raises:
            InvalidInput: the model was not fitted to discrete data, or fewer than two draws.

        Source: Ho et al. 2019, eq. 11.
        """
        if self.density.noise is None:
            raise InvalidInput(
                "log_mass_estimate: this model was fitted to continuous data, whose values have no "
                "probability; use log_prob, or fit with dequantise = the spacing of the data."
            )
        if draws < 2:
            raise InvalidInput(f"log_mass_estimate: draws = {draws}; expected at least 2.")
        states, single = self.frame.batch(x)
        time = check_time(time, self.frame.times)
        condition = self.frame.asked.check(condition, len(states))
        values = np.asarray(_bounds(self, states, time, condition, draws, key), np.float64)
        stderr = values.std(axis=1, ddof=1) / math.sqrt(draws)
        estimate = Estimate(
            values.mean(axis=1), stderr, np.asarray(draws), unit="nat", bound="lower"
        )
        return estimate[0] if single else estimate


def _log_normal(z: Float[Array, " dim"]) -> Scalar:
    """Log density of the standard normal law."""
    return -0.5 * jnp.sum(z**2) - 0.5 * z.size * math.log(2 * math.pi)


@jit
def _sample_with_log_prob(
    model: CouplingFlow, n: int, time: Any, condition: Any, key: Key
) -> tuple[Array, Array]:
    y = model.draw(n, time=time, condition=condition, key=key)
    own = None if condition is None or condition.ndim == 1 else 0
    log_prob = jax.vmap(lambda y, c: model.density.log_prob(y, time, c), (0, own))(y, condition)
    x = jax.vmap(lambda y: model.domain.project(model.frame.normaliser.inverse(y)))(y)
    return x, log_prob - jax.vmap(model.frame.normaliser.log_volume)(x)


@jit
def _bounds(
    model: CouplingFlow, x: Array, time: Any, condition: Any, draws: int, key: Key
) -> Float[Array, "n draws"]:
    def one(pair: tuple) -> Array:
        x, condition, key = pair
        y = model.frame.normaliser.forward(x)
        keys = jax.random.split(key, draws)
        return jax.vmap(lambda k: model.density.bound(y, time, condition, key=k))(keys)

    if condition is not None and condition.ndim == 1:
        condition = jnp.broadcast_to(condition, (x.shape[0], condition.size))
    return jax.lax.map(one, (x, condition, jax.random.split(key, x.shape[0])), batch_size=64)
