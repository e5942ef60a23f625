"""Restricted Boltzmann machines: an equilibrium law with hidden units."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, Scalar, ScalarLike
from noneq.data.ensembles import Trajectories
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.frames.checks import check_count, check_time
from noneq.frames.frame import AbstractLaw, Frame
from noneq.kinds import checked
from noneq.methods.units.bipartite import Bipartite, Tempering, exchange, replicas
from noneq.methods.units.paths import stepped_paths
from noneq.methods.units.small_layer import SmallLayer, small_layer
from noneq.samplers.annealing import log_partition_ratio
from noneq.traced import jit
from noneq.traits import HasEnergy, HasLogProbEstimate, HasPaths


class RestrictedBoltzmann(AbstractLaw, HasEnergy, HasLogProbEstimate, HasPaths):
    """P(x) = e^{−F(x)}/Z, F(x) = −log h(x) − b·phi(x) − Σ_k softplus(c_k + W_k·phi(x)).

    Where one of the layers has at most 2^18 states, Z is a sum over them and draws are exact.
    Elsewhere Z is estimated by annealed importance sampling, and draws are the coldest replicas of
    parallel tempering after ``sweeps`` sweeps from independent units.

    Args:
        machine: the learnt part.
        summary: of the training data.
        sweeps: of each replica before a draw.
        temperatures: replicas of a draw; 1 is plain Gibbs sampling.

    Source: Smolensky 1986; Hinton 2010.
    """

    machine: Bipartite
    frame: Frame
    sweeps: int
    temperatures: int

    def __init__(self, machine: Bipartite, summary: Summary, *, sweeps: int, temperatures: int):
        self.machine = machine
        self.frame = Frame(summary)
        self.sweeps = sweeps
        self.temperatures = temperatures

    @checked
    def energy(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        """The free energy F(x), hidden units summed out, in units of kT."""
        y, _, _ = self.frame.enter(x, time, condition)
        units = self.machine.visible.read(y, self.domain)
        return jnp.where(
            self.domain.contains(x), -self.machine.log_density(units[None])[0], jnp.inf
        )

    def log_partition(self, *, temperatures: int = 1000, chains: int = 100, key: Key) -> Estimate:
        """log Z, Z = Σ_x e^{−F(x)}: exact where a layer can be enumerated, else a lower bound.

        Args:
            temperatures: levels of the annealing.
            chains: of the annealing; the error is that of the mean of their weights.

        Raises:
            InvalidInput: fewer than two temperatures or chains.

        Source: Salakhutdinov and Murray 2008.
        """
        if temperatures < 2 or chains < 2:
            raise InvalidInput(
                f"log_partition: temperatures = {temperatures}, chains = {chains}; expected at "
                "least 2 of each."
            )
        if self._layer is not None:
            value = np.asarray(_exact_log_partition(self.machine, self._layer), np.float64)
            return Estimate(value, np.asarray(0.0), np.asarray(1), unit="nat")
        return annealed_log_partition(
            self.machine, temperatures=temperatures, chains=chains, key=key
        )

    @checked
    def log_prob_estimate(
        self,
        x: Float[Array, "*states"] | np.ndarray,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
        key: Key,
        temperatures: int = 1000,
        chains: int = 100,
    ) -> Estimate:
        """log P(x) = −F(x) − log Z of each state, in nats.

        Exact (no error, no bound) where a layer can be enumerated. Else an upper bound in
        expectation, since annealing underestimates log Z, by about half the squared error once
        the weights are even; the error of log Z is common to all states.

        Args:
            x: one state, or a batch ``(n, *event_shape)``; −∞ off the levels of the domain.
            temperatures, chains: as in `log_partition`.
        """
        states, single = self.frame.batch(x)
        check_time(time, self.frame.times)
        self.frame.asked.check(condition)
        log_z = self.log_partition(temperatures=temperatures, chains=chains, key=key)
        value = np.asarray(_log_densities(self, states), np.float64) - log_z.value
        bound = "upper" if log_z.bound == "lower" else "none"
        estimate = Estimate(value, log_z.stderr, log_z.n, bound=bound, unit="nat")
        return estimate[0] if single else estimate

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        layer = self._layer
        if layer is None:
            x = tempered_draws(
                self.machine, n, sweeps=self.sweeps, temperatures=self.temperatures, key=key
            )
        else:
            x = layer.draws(self.machine, n, key=key)
        return self.machine.visible.written(x, self.domain)

    def sample_chain(self, n: int, steps: int, *, key: Key) -> Float[Array, "n steps *event"]:
        """n Gibbs chains of the visible states, from draws of `sample`, one sweep a step.

        Raises:
            InvalidInput: fewer than one chain or step.
        """
        check_count(steps)
        return jnp.asarray(self.sample_paths(n, times=np.arange(steps), key=key).values)

    @checked
    def sample_paths(
        self,
        n: int,
        *,
        times: Sequence[float] | np.ndarray,
        start: Numbers | None = None,
        condition: Any = None,
        key: Key,
    ) -> Trajectories:
        """n paths of Gibbs sampling x → z → x', one sweep per unit of time.

        Args:
            n: number of paths.
            times: whole numbers of sweeps.
            start: states at the first time ``(n, *event_shape)``; None takes draws of `sample`.
            condition: None; the chain knows no conditions.
            key: typed random key.

        Raises:
            InvalidInput: times that are no whole numbers of sweeps apart.
        """
        visible = self.machine.visible
        return stepped_paths(
            self, visible, n, times=times, start=start, condition=condition, key=key
        )

    def step(self, x: Float[Array, "n dim"], key: Key) -> Float[Array, "n dim"]:
        """One sweep of Gibbs sampling, in units."""
        return self.machine.sweep(x, key=key)

    @property
    def _layer(self) -> SmallLayer | None:
        return small_layer(self.machine, self.frame.dim)


def tempered_draws(
    machine: Bipartite, n: int, *, sweeps: int, temperatures: int, key: Key
) -> Float[Array, "n dim"]:
    """The coldest replicas of n independent parallel temperings, from independent units."""
    start_key, sweep_key = jax.random.split(key)
    start = replicas(machine, temperatures, n, key=start_key)
    step = lambda x, key: (exchange(machine, x, key=key), None)
    return jax.lax.scan(step, start, jax.random.split(sweep_key, sweeps))[0][-1]


def annealed_log_partition(
    machine: Bipartite, *, temperatures: int, chains: int, key: Key
) -> Estimate:
    """log Z by annealed importance sampling from independent units, a lower bound."""
    ladder = Tempering(machine)
    ratio = log_partition_ratio(ladder, temperatures=temperatures, chains=chains, key=key)
    value = np.asarray(ratio.value + float(ladder.log_start))
    return Estimate(value, ratio.stderr, ratio.n, bound="lower", unit="nat")


@jit
def _exact_log_partition(machine: Bipartite, layer: SmallLayer) -> Scalar:
    return jax.nn.logsumexp(layer.log_law(machine))


@jit
def _log_densities(model: RestrictedBoltzmann, x: Array) -> Float[Array, " n"]:
    energies = jax.vmap(lambda x: model.energy(x, time=model.frame.times[0]))(x)
    return -energies - model.frame.normaliser.log_scale
