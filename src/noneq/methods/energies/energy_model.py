"""Deep energies: a law known up to its normalisation, with annealed samples and log density."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.data.summary import Summary
from noneq.estimate import Estimate
from noneq.frames.checks import check_time
from noneq.frames.frame import AbstractLaw, Frame
from noneq.kinds import checked
from noneq.methods.energies.langevin_moves import Walker, moved, walker
from noneq.nets.base import AbstractNetwork
from noneq.samplers.annealed_levels import AnnealedLevels
from noneq.samplers.annealing import AbstractAnnealing, anneal, log_mean
from noneq.samplers.resampling import resampled
from noneq.traced import jit
from noneq.traits import HasEnergy, HasLogProbEstimate, HasScore


_COMPANIONS = 128
"""Particles for one draw where every draw has a condition of its own."""


class TiltedEnergy(eqx.Module):
    """E(y, t, c) = |y|²/2 + f(y, t, c) of a normalised vector, f a network of one output.

    The first term has unit scale, that of normalised data. It grows faster than any network of
    layers that are at most linear far out (`MLP`, `ResNet` and the others): exp(−E) can be
    normalised whatever the parameters, and it is N(0, I) tilted by e^{−f}.

    Args:
        net: f.
        dim, columns: numbers in a state and in a condition.
    """

    net: AbstractNetwork
    dim: int = eqx.field(static=True)
    columns: int = eqx.field(static=True)

    def __call__(self, y: Float[Array, " dim"], time: Any, condition: Any) -> Scalar:
        """E, in units of kT, up to a constant for each time and condition."""
        return jnp.sum(y**2) / 2 + self.tilt(y, time, condition)

    def tilt(self, y: Float[Array, " dim"], time: Any, condition: Any) -> Scalar:
        """f alone."""
        return self.net(y, time=time, condition=condition)[0]

    @checked
    def score(self, y: Float[Array, " dim"], time: Any, condition: Any) -> Float[Array, " dim"]:
        """−∇E, without curl by construction."""
        return -y - jax.grad(self.tilt)(y, time, condition)


class TiltLadder(AbstractAnnealing):
    """N(0, I) at beta = 0, exp(−E) of one time and condition at beta = 1."""

    energy: TiltedEnergy
    time: Any
    condition: Any
    step_size: ScalarLike
    steps: int = eqx.field(static=True)

    def start(self, *, key: Key) -> Walker:
        return walker(self._tilt, jax.random.normal(key, (self.energy.dim,)))

    def gain(self, state: Walker, low: Scalar, high: Scalar) -> Scalar:
        return -(high - low) * state.value

    def move(self, state: Walker, beta: Scalar, *, key: Key) -> Walker:
        return moved(self._tilt, state, beta, self.step_size, self.steps, key=key)

    def _tilt(self, y: Float[Array, " dim"]) -> Scalar:
        return self.energy.tilt(y, self.time, self.condition)


class EnergyModel(AbstractLaw, HasEnergy, HasScore, HasLogProbEstimate):
    """p(x | t, c) = exp(−E(x, t, c))/Z(t, c).

    Energy and score are exact at once; Z takes annealing from a Gaussian. Draws are `resampled`
    particles of the same ladder: they carry the weights of far modes, which chains do not. n
    draws are part of one population of at least ``annealing.particles``, independent up to
    common ancestors; where every draw has its own condition each has its own 128 particles.

    Attributes:
        potential: the learnt part.
        frame: the user's side.
        annealing: levels and steps; more of them where the error of `log_partition` is large.
    """

    potential: TiltedEnergy
    frame: Frame
    annealing: AnnealedLevels

    def __init__(
        self,
        potential: TiltedEnergy,
        summary: Summary,
        *,
        annealing: AnnealedLevels,
        optional: bool = False,
    ):
        """``optional``: the energy also knows the law without condition."""
        self.potential = potential
        self.frame = Frame(summary, optional=optional)
        self.annealing = annealing

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        betas = self.annealing.betas
        if condition is not None and condition.ndim == 2:
            count = min(_COMPANIONS, self.annealing.particles)

            def own(given: tuple) -> Array:
                ladder = self._ladder(time, given[0])
                # Resampled particles lie in the order of their ancestors: any will do.
                return resampled(ladder, betas, particles=count, key=given[1]).y[0]

            return jax.lax.map(own, (condition, jax.random.split(key, n)), batch_size=8)
        pick_key, key = jax.random.split(key)
        count = max(n, self.annealing.particles)
        found = resampled(self._ladder(time, condition), betas, particles=count, key=key)
        return found.y[jax.random.permutation(pick_key, count)[:n]]

    @checked
    def energy(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        """E(x, t, c), in units of kT."""
        return self.potential(*self.frame.enter(x, time, condition))

    @checked
    def score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        """−∇E(x, t, c)."""
        score = self.potential.score(*self.frame.enter(x, time, condition))
        return self.frame.normaliser.gradient(score)

    def log_partition(
        self, *, time: ScalarLike | None = None, condition: Any = None, key: Key
    ) -> Estimate:
        """log Z(t, c), Z = ∫ exp(−E(x, t, c)) dx, by annealed importance sampling.

        **Equation**: Z_0 = (2π)^{dim/2} Π scale_i, times the mean weight of `anneal`. A lower
        bound in expectation, by about half the squared error. ``n`` is the effective number of
        chains: below ten the error cannot be trusted, and more ``annealing.levels`` are needed.

        Args:
            condition: one for all.

        Source: Neal 2001.
        """
        time = check_time(time, self.frame.times)
        return self._log_partition(time, self.frame.asked.check(condition), key)

    @checked
    def log_prob_estimate(
        self,
        x: Float[Array, "*states"] | np.ndarray,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
        key: Key,
    ) -> Estimate:
        """log p(x | t, c) = −E − log Z, nats, with the error of log Z, common to its states.

        An upper bound in expectation (see `log_partition`). Each different condition in a batch
        takes an annealing of its own.

        Args:
            x: one state, or a batch ``(n, *event_shape)``.
            condition: shared, or one row each.
        """
        states, single = self.frame.batch(x)
        time = check_time(time, self.frame.times)
        given = self.frame.asked.check(condition, len(states))
        energies = np.asarray(_energies(self, states, time, given), np.float64)
        if given is None or given.ndim == 1:
            log_z = self._log_partition(time, given, key)
            fields = [
                np.broadcast_to(a, energies.shape) for a in (log_z.value, log_z.stderr, log_z.n)
            ]
        else:
            rows, place = np.unique(np.asarray(given), axis=0, return_inverse=True)
            keys = jax.random.split(key, len(rows))
            every = [
                self._log_partition(time, jnp.asarray(row), k)
                for row, k in zip(rows, keys, strict=True)
            ]
            pick = lambda name: np.asarray([vars(e)[name] for e in every])[np.ravel(place)]
            fields = [pick(name) for name in ("value", "stderr", "n")]
        estimate = Estimate(-energies - fields[0], fields[1], fields[2], bound="upper", unit="nat")
        return estimate[0] if single else estimate

    def _log_partition(self, time: Any, condition: Any, key: Key) -> Estimate:
        ladder = self._ladder(jnp.asarray(time, dtype=float), condition)
        chains = self.annealing.particles
        found = log_mean(anneal(ladder, self.annealing.betas, chains=chains, key=key)[0])
        start = self.frame.dim * np.log(2 * np.pi) / 2 + float(self.frame.normaliser.log_scale)
        value = np.asarray(found.value + start)
        return Estimate(value, found.stderr, found.n, bound="lower", unit="nat")

    def _ladder(self, time: Any, condition: Any) -> TiltLadder:
        return TiltLadder(
            self.potential, time, condition, self.annealing.step_size, self.annealing.steps
        )


@jit
def _energies(model: EnergyModel, x: Array, time: Any, condition: Any) -> Float[Array, " n"]:
    own = None if condition is None or condition.ndim == 1 else 0
    each = lambda x, c: model.energy(x, time=time, condition=c)
    return jax.vmap(each, (0, own))(x, condition)
