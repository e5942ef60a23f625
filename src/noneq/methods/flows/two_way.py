"""A learnt forward SDE and a learnt backward SDE, and the model of p(x, t) they make."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.estimate import Estimate, sample_mean
from noneq.frames.checks import check_time
from noneq.frames.frame import Frame
from noneq.kinds import checked
from noneq.methods.flows.continuous import AbstractContinuousFlow, log_normal, row_means
from noneq.nets.base import AbstractNetwork
from noneq.samplers.base import ensemble
from noneq.samplers.likelihood import Field
from noneq.traced import jit
from noneq.traits import (
    HasLogProbEstimate,
    HasNoisyScore,
    HasNoisyVelocity,
)


class TwoWaySDE(HasNoisyScore, HasNoisyVelocity):
    """Drift f, score s and noise g of a pair of SDEs between data (tau = 0) and N(0, I) (tau = 1).

    **Equation**: forward dx = f dtau + g dW; backward dx = (f − g² s) dtau + g dW̄, with
    f = −g² x/2 + F(x, tau), s = −x + S(x, tau)/g, and ln(g − floor) linear between equidistant
    knots of tau. With F = 0 this is a VP diffusion.

    Attributes:
        drift_net, score_net: F and S; their level is tau itself.
        log_noise: ln(g − floor) at the knots.
        floor: lower bound of g, since the path's log ratio divides by it.
        power: nodes tau_i = (i/K)^power.
    """

    drift_net: AbstractNetwork
    score_net: AbstractNetwork
    log_noise: Float[Array, " knots"]
    floor: float
    power: float

    def nodes(self, steps: int) -> Float[Array, " nodes"]:
        """tau_0 = 0 to tau_K = 1."""
        return jnp.linspace(0.0, 1.0, steps + 1) ** self.power

    def noise(self, tau: Any) -> Array:
        """g(tau), elementwise."""
        knots = jnp.linspace(0.0, 1.0, self.log_noise.size)
        return self.floor + jnp.exp(jnp.interp(tau, knots, self.log_noise))

    def drift(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        """f(x, tau)."""
        return self.drift_net(x, tau, time, condition) - 0.5 * self.noise(tau) ** 2 * x

    @checked
    def noisy_score(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        return self.score_net(x, tau, time, condition) / self.noise(tau) - x

    @checked
    def noisy_velocity(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        """f − g² s/2, the flow that carries the law of the forward SDE if s is its score."""
        score = self.noisy_score(x, tau, time=time, condition=condition)
        return self.drift(x, tau, time=time, condition=condition) - (
            0.5 * self.noise(tau) ** 2 * score
        )

    def log_ratio(
        self, x: Float[Array, " dim"], steps: int, time: Any, condition: Any, *, key: Key
    ) -> Scalar:
        """log of backward over forward path density along one forward path from x.

        **Equation**: w = log N(x_K) − Σ_i [(|ε_B|² − |ε_F|²)/2 + N ln(g_{i+1}/g_i)], with
        x_{i+1} = x_i + f_i Δ + g_i √Δ ε_F and
        ε_B = (x_i − x_{i+1} + [f − g² s]_{i+1} Δ)/(g_{i+1} √Δ).
        Then E[w] ≤ log p(x) and E[exp w] = p(x), p the law of the backward chain.

        Source: Zhang & Chen 2021, eq. 12 (with the log ratio of the noises).
        """
        tau = self.nodes(steps)
        g = self.noise(tau)
        noises = jax.random.normal(key, (steps, x.size), x.dtype)

        # Recomputed on the way back, so that gradients keep only the states between steps.
        @jax.checkpoint
        def step(state: tuple[Array, Array], row: tuple[Array, ...]):
            x, f = state
            tau, width, g, g_next, noise = row
            x_next = x + f * width + g * jnp.sqrt(width) * noise
            f_next = self.drift(x_next, tau, time=time, condition=condition)
            score = self.noisy_score(x_next, tau, time=time, condition=condition)
            back = x - x_next + (f_next - g_next**2 * score) * width
            back = back / (g_next * jnp.sqrt(width))
            return (x_next, f_next), jnp.sum(back**2 - noise**2) / 2

        first = self.drift(x, tau[0], time=time, condition=condition)
        rows = (tau[1:], jnp.diff(tau), g[:-1], g[1:], noises)
        (end, _), terms = jax.lax.scan(step, (x, first), rows)
        return log_normal(end) - jnp.sum(terms) - x.size * jnp.log(g[-1] / g[0])

    def backward(
        self, shape: tuple[int, int], steps: int, time: Any, condition: Any, *, key: Key
    ) -> Float[Array, "n dim"]:
        """Ends at tau = 0 of backward chains from the prior, whose density `log_ratio` bounds."""
        start_key, noise_key = jax.random.split(key)
        tau = self.nodes(steps)
        drift = ensemble(self.drift, time=time, condition=condition)
        score = ensemble(self.noisy_score, time=time, condition=condition)

        def step(x: Array, i: Array) -> tuple[Array, None]:
            now, width = tau[i + 1], tau[i + 1] - tau[i]
            g = self.noise(now)
            noise = jax.random.normal(jax.random.fold_in(noise_key, i), shape)
            move = drift(x, now) - g**2 * score(x, now)
            return x - move * width + g * jnp.sqrt(width) * noise, None

        x = jax.random.normal(start_key, shape)
        return jax.lax.scan(step, x, jnp.arange(steps), reverse=True)[0]


class DiffFlowModel(AbstractContinuousFlow, HasLogProbEstimate, HasNoisyScore, HasNoisyVelocity):
    """p(x, t) as the law of the learnt backward chain (`sample`, `log_prob_estimate`) or of its
    probability flow (`log_prob`, `sample_with_log_prob`); the two agree as the steps get short and
    the score exact. A draw of the chain has no density in closed form, only a bound.

    Attributes:
        sde: the learnt part, on normalised states.
        frame: the user's side.
        steps: steps of the chains.
        likelihood_steps: Runge–Kutta steps of the flow's densities.
    """

    sde: TwoWaySDE
    frame: Frame
    steps: int = eqx.field(static=True)
    likelihood_steps: int = eqx.field(static=True)

    def __init__(
        self,
        sde: TwoWaySDE,
        summary: Summary,
        *,
        steps: int,
        likelihood_steps: int,
        optional: bool = False,
    ):
        """``optional``: the pair also knows the law without condition."""
        self.sde = sde
        self.frame = Frame(summary, optional=optional)
        self.steps, self.likelihood_steps = steps, likelihood_steps

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        return self.sde.backward((n, self.frame.dim), self.steps, time, condition, key=key)

    def field(self, time: Any, condition: Any) -> Field:
        return lambda x, tau: self.sde.noisy_velocity(x, tau, time=time, condition=condition)

    @checked
    def noisy_score(
        self,
        x: Float[Array, "*event"],
        tau: ScalarLike,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
    ) -> Float[Array, "*event"]:
        y, time, condition = self.frame.enter(x, time, condition)
        score = self.sde.noisy_score(y, tau, time=time, condition=condition)
        return self.frame.normaliser.gradient(score)

    @checked
    def noisy_velocity(
        self,
        x: Float[Array, "*event"],
        tau: ScalarLike,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
    ) -> Float[Array, "*event"]:
        y, time, condition = self.frame.enter(x, time, condition)
        velocity = self.sde.noisy_velocity(y, tau, time=time, condition=condition)
        return self.frame.normaliser.tangent(velocity)

    def log_ratio(
        self,
        x: Float[Array, "*event"],
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
        key: Key,
    ) -> Scalar:
        """One draw w of the log ratio of backward to forward paths, for one state.

        Its mean is a lower bound of log p(x), the mean of exp(w) is p(x) (`TwoWaySDE.log_ratio`).
        """
        y, time, condition = self.frame.enter(x, time, condition)
        value = self.sde.log_ratio(y, self.steps, time, condition, key=key)
        return value - self.frame.normaliser.log_scale

    @checked
    def log_prob_estimate(
        self,
        x: Float[Array, "*states"] | np.ndarray,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
        key: Key,
        samples: int = 64,
    ) -> Estimate:
        """Lower bound of log p(x | time, condition) of the backward chain.

        Args:
            x: one state, or a batch ``(n, *event_shape)``.
            samples: forward paths per state that it is averaged over, at least 2.

        Raises:
            InvalidInput: fewer than two paths.

        Source: Zhang & Chen 2021, eq. 12.
        """
        values, single = self._paths(x, time, condition, samples, key)
        estimate = row_means(values, bound="lower")
        return estimate[0] if single else estimate

    def dissipation(
        self,
        x: Float[Array, "n *event"] | np.ndarray,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
        key: Key,
        samples: int = 64,
    ) -> Estimate:
        """Dissipation of the forward process against the backward one, nats, mean over states.

        **Equation**: ⟨W⟩ − ΔF with work W = −w (`log_ratio`), ΔF = −log p(x) = −log⟨e^{−W}⟩,
        the means over forward paths from x. It is KL(forward paths from x ‖ backward paths that
        end in x) ≥ 0, the gap of the bound, and vanishes for a reversible pair. Added to
        KL(data ‖ model) it gives the relative entropy of the two path measures.

        Args:
            x: states, e.g. held-out data.
            samples: forward paths per state. ``bound="lower"``: ⟨e^{−W}⟩ over so many paths
                falls short, and the more so the larger the dissipation.

        Raises:
            InvalidInput: fewer than two states or paths.

        Source: the path term is the log ratio of Crooks 1999; ours as an observable here.
        """
        work = -self._paths(x, time, condition, samples, key)[0]
        free = jnp.log(samples) - jax.scipy.special.logsumexp(-work, axis=1)
        return sample_mean(work.mean(1) - free, bound="lower", unit="nat")

    def _paths(
        self, x: Any, time: Any, condition: Any, samples: int, key: Key
    ) -> tuple[Float[Array, "n samples"], bool]:
        """`log_ratio` of ``samples`` paths from each state, and whether there was one state."""
        if samples < 2:
            raise InvalidInput(f"samples = {samples}; expected at least 2 paths.")
        states, single = self.frame.batch(x)
        time = check_time(time, self.frame.times)
        condition = self.frame.asked.check(condition, len(states))
        if condition is not None:
            condition = jnp.broadcast_to(condition, (len(states), condition.shape[-1]))
        keys = jax.random.split(key, (len(states), samples))
        return _log_ratios(self, states, time, condition, keys), single


@jit
def _log_ratios(model: DiffFlowModel, x: Array, time: Any, condition: Any, keys: Array) -> Array:
    def one(row: tuple[Array, Any, Array]) -> Array:
        x, condition, keys = row
        ratio = lambda key: model.log_ratio(x, time=time, condition=condition, key=key)
        return jax.vmap(ratio)(keys)

    # Some states after others: all paths of all states at once may not fit into memory.
    return jax.lax.map(one, (x, condition, keys), batch_size=256)
