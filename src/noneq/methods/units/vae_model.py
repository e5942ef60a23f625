"""Variational autoencoders: laws with latent vectors, and their variational free energy."""

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.frames.checks import check_count, check_time
from noneq.frames.frame import AbstractLaw, Frame
from noneq.kinds import checked
from noneq.methods.units.units import AbstractUnits
from noneq.nets.base import AbstractNetwork
from noneq.traced import jit
from noneq.traits import HasLogProbEstimate


_LEAST_LOG_SPREAD = math.log(1e-3)
"""Of the decoder in units of the data's spread: constant coordinates keep a finite density."""
_FARTHEST = 10.0
_CHUNK = 64
_LOG_2PI = math.log(2 * math.pi)


class VariationalFreeEnergy(NamedTuple):
    """⟨E⟩, S and F = ⟨E⟩ − T S, each an `Estimate` in nats."""

    energy: Estimate
    entropy: Estimate
    free_energy: Estimate


class Autoencoder(eqx.Module):
    """p(x | z, t, c) of units and q(z | x, t, c) = N(m, s²), with the prior N(0, I) of z.

    Args:
        encoder: from the features of x to m and log s.
        decoder: from z to the natural parameters of discrete units; to the mean of real ones.
        spread: raw logarithm of the standard deviations of real units ``(dim,)``, None for
            discrete ones.
        visible: kind of the units.
        temperature: T.
    """

    encoder: AbstractNetwork
    decoder: AbstractNetwork
    spread: Float[Array, " dim"] | None
    visible: AbstractUnits
    latent: int = eqx.field(static=True)
    temperature: float

    def posterior(
        self, x: Float[Array, " dim"], time: Any, condition: Any
    ) -> tuple[Float[Array, " latent"], Float[Array, " latent"]]:
        """m and log s of q(z | x)."""
        seen = self.visible.features(x) if self.spread is None else x
        out = self.encoder(seen, time=time, condition=condition)
        mean, raw = jnp.split(out, 2)
        return mean, _FARTHEST * jnp.tanh(raw / _FARTHEST)

    @property
    def log_spread(self) -> Float[Array, " dim"] | None:
        """Logarithm of the standard deviations of real units."""
        return None if self.spread is None else log_spread(self.spread)

    def log_likelihood(
        self, x: Float[Array, " dim"], z: Float[Array, " latent"], time: Any, condition: Any
    ) -> Scalar:
        """log p(x | z)."""
        eta = self.decoder(z, time=time, condition=condition)
        if self.log_spread is None:
            return self.visible.log_prob(x, eta)
        z = (x - eta) * jnp.exp(-self.log_spread)
        return -jnp.sum(z**2 / 2 + self.log_spread + _LOG_2PI / 2)

    def draw(self, time: Any, condition: Any, *, key: Key) -> Float[Array, " dim"]:
        """One state from p(x | z), z from the prior."""
        latent_key, key = jax.random.split(key)
        z = jax.random.normal(latent_key, (self.latent,))
        eta = self.decoder(z, time=time, condition=condition)
        if self.log_spread is None:
            return self.visible.draw(eta, key=key)
        noise = jax.random.normal(key, eta.shape, eta.dtype)
        return eta + jnp.exp(self.log_spread) * noise

    def energy_and_entropy(
        self, x: Float[Array, " dim"], time: Any, condition: Any, *, key: Key
    ) -> tuple[Scalar, Scalar]:
        """One draw of ⟨E⟩, and S of q(z | x), exact.

        **Equation**: E(z) = −log p(x | z) − T log p(z), S = −∫ q log q dz. The mean of log p(z) is
        exact, that of log p(x | z) is one draw z = m + s ξ, through which gradients pass.
        """
        mean, log_std = self.posterior(x, time, condition)
        z = mean + jnp.exp(log_std) * jax.random.normal(key, mean.shape)
        prior = jnp.sum(mean**2 + jnp.exp(2 * log_std) + _LOG_2PI) / 2
        energy = self.temperature * prior - self.log_likelihood(x, z, time, condition)
        return energy, jnp.sum(log_std + (1 + _LOG_2PI) / 2)

    def log_weight(self, x: Float[Array, " dim"], time: Any, condition: Any, *, key: Key) -> Scalar:
        """log p(x, z)/q(z | x) at one draw of q, whose exponential has the mean p(x)."""
        mean, log_std = self.posterior(x, time, condition)
        noise = jax.random.normal(key, mean.shape)
        z = mean + jnp.exp(log_std) * noise
        # The constants of the two Gaussians cancel.
        prior_over_posterior = jnp.sum(noise**2 / 2 + log_std - z**2 / 2)
        return self.log_likelihood(x, z, time, condition) + prior_over_posterior


class VAEModel(AbstractLaw, HasLogProbEstimate):
    """p(x, t) = ∫ p(x | z, t) N(z; 0, I) dz, with an approximate posterior q(z | x, t).

    In a box or on a torus draws are brought back into the domain; the bounds leave that image
    out, which keeps them bounds.

    Attributes:
        autoencoder: the learnt part.
        frame: the user's side.

    Source: Kingma and Welling 2014.
    """

    autoencoder: Autoencoder
    frame: Frame

    def __init__(self, autoencoder: Autoencoder, summary: Summary, *, optional: bool = False):
        """``optional``: the networks also know the law without condition."""
        self.autoencoder = autoencoder
        self.frame = Frame(summary, optional=optional)

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        own = None if condition is None or condition.ndim == 1 else 0
        one = lambda key, c: self.autoencoder.draw(time, c, key=key)
        x = jax.vmap(one, (0, own))(jax.random.split(key, n), condition)
        return self.autoencoder.visible.written(x, self.domain)

    def encode(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> tuple[Float[Array, " latent"], Float[Array, " latent"]]:
        """Mean and standard deviation of q(z | x), for one state."""
        y, time, condition = self.frame.enter(x, time, condition)
        units = self.autoencoder.visible.read(y, self.domain)
        mean, log_std = self.autoencoder.posterior(units, time, condition)
        return mean, jnp.exp(log_std)

    def free_energy(
        self,
        x: Float[Array, "*states"] | np.ndarray,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
        draws: int = 64,
        key: Key,
    ) -> VariationalFreeEnergy:
        """The variational free energy of the latent vector, x held fixed.

        **Equation**: F[q] = ⟨E⟩_q − T S[q] ≥ −T log ∫ e^{−E/T} dz, with E(z) = −log p(x | z)
        − T log p(z) and S the entropy of q; F is −log p(x | z) averaged, plus T KL(q ‖ prior). At
        T = 1, −F is the evidence lower bound, F ≥ −log p(x), with equality where q is the
        posterior; T above 1 (the beta of a beta-VAE) only raises F. The Boltzmann law that
        minimises F is p(z) p(x | z)^{1/T}.

        Args:
            x: one state, or a batch ``(n, *event_shape)``: one entry of each estimate per state.
            condition: shared, or one row each.
            draws: of z for every state, at least 2; S takes none.

        Raises:
            InvalidInput: fewer than two draws.

        Source: Liu et al. 2025 ("Beyond Equilibrium"), eq. 7 and 8; Kingma and Welling 2014.
        """
        energies, entropy, single = self._asked(_energies, x, time, condition, draws, key)
        temperature = self.autoencoder.temperature
        stderr = energies.std(axis=1, ddof=1) / math.sqrt(draws)
        count = np.asarray(draws)
        energy, entropy = energies.mean(axis=1), entropy[:, 0]
        bound = "upper" if temperature >= 1 else "none"
        found = VariationalFreeEnergy(
            Estimate(energy, stderr, count, unit="nat"),
            Estimate(entropy, np.asarray(0.0), count, unit="nat"),
            Estimate(energy - temperature * entropy, stderr, count, bound=bound, unit="nat"),
        )
        return VariationalFreeEnergy(*(e[0] for e in found)) if single else found

    @checked
    def log_prob_estimate(
        self,
        x: Float[Array, "*states"] | np.ndarray,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
        key: Key,
        draws: int = 64,
    ) -> Estimate:
        """The importance-weighted lower bound on log p(x | time, condition), nats.

        **Equation**: log (1/K) Σ_k p(x, z_k)/q(z_k | x), z_k from q: it rises with K from the
        evidence lower bound to log p(x), and its exponential has the mean p(x).

        Args:
            x: one state, or a batch ``(n, *event_shape)``; −∞ off the domain.
            condition: shared, or one row each.
            draws: K, at least 2.

        Raises:
            InvalidInput: fewer than two draws.

        Source: Burda et al. 2016, eq. 8.
        """
        weights, inside, single = self._asked(_log_weights, x, time, condition, draws, key)
        top = weights.max(axis=1, keepdims=True)
        shares = np.exp(weights - top)
        mean = shares.mean(axis=1)
        value = np.where(inside[:, 0] > 0, top[:, 0] + np.log(mean), -np.inf)
        stderr = shares.std(axis=1, ddof=1) / mean / math.sqrt(draws)
        estimate = Estimate(value, stderr, np.asarray(draws), bound="lower", unit="nat")
        return estimate[0] if single else estimate

    def _asked(
        self, function: Any, x: Any, time: Any, condition: Any, draws: int, key: Key
    ) -> tuple[np.ndarray, np.ndarray, bool]:
        """Two arrays ``(n, draws)`` of a function of checked states, and whether x was a single one."""
        check_count(draws)
        if draws < 2:
            raise InvalidInput(f"draws = {draws}; an error needs at least 2.")
        states, single = self.frame.batch(x)
        time = jnp.asarray(check_time(time, self.frame.times), dtype=float)
        condition = self.frame.asked.check(condition, len(states))
        if condition is not None and condition.ndim == 1:
            condition = jnp.broadcast_to(condition, (len(states), condition.size))
        one, two = _every(self, function, states, time, condition, draws, key)
        return np.asarray(one, np.float64), np.asarray(two, np.float64), single


def log_spread(raw: Float[Array, "*any"]) -> Float[Array, "*any"]:
    """The logarithm of a standard deviation above its least value."""
    return _LEAST_LOG_SPREAD + jax.nn.softplus(raw)


def raw_spread(value: Float[Array, "*any"]) -> Float[Array, "*any"]:
    """The raw parameter of a standard deviation; inverse of `log_spread`."""
    return jnp.log(jnp.expm1(jnp.log(value) - _LEAST_LOG_SPREAD))


def _energies(model: VAEModel, x: Array, time: Any, condition: Any, key: Key) -> tuple[Any, Any]:
    """⟨E⟩ in the data's own units, and S."""
    units = model.autoencoder.visible.read(model.frame.normaliser.forward(x), model.domain)
    energy, entropy = model.autoencoder.energy_and_entropy(units, time, condition, key=key)
    energy = energy + model.frame.normaliser.log_scale
    return jnp.where(model.domain.contains(x), energy, jnp.inf), entropy


def _log_weights(model: VAEModel, x: Array, time: Any, condition: Any, key: Key) -> tuple[Any, Any]:
    """log p(x, z)/q(z | x) in the data's own units, and whether x lies in the domain."""
    units = model.autoencoder.visible.read(model.frame.normaliser.forward(x), model.domain)
    weight = model.autoencoder.log_weight(units, time, condition, key=key)
    return weight - model.frame.normaliser.log_scale, model.domain.contains(x)


@jit
def _every(
    model: VAEModel, function: Any, x: Array, time: Any, condition: Any, draws: int, key: Key
) -> tuple[Array, Array]:
    def one(given: tuple) -> tuple[Any, Any]:
        x, condition, key = given
        keys = jax.random.split(key, draws)
        return jax.vmap(lambda k: function(model, x, time, condition, k))(keys)

    states = (x, condition, jax.random.split(key, x.shape[0]))
    return jax.lax.map(one, states, batch_size=_CHUNK)
