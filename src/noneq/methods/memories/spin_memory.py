"""Classical associative memories: spins with pair couplings that pull towards stored patterns."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.ensembles import Trajectories
from noneq.data.summary import Summary
from noneq.domains import AbstractDomain, Discrete
from noneq.estimate import Estimate
from noneq.frames.checks import check_count, check_time
from noneq.frames.frame import AbstractLaw, Frame
from noneq.kinds import checked
from noneq.methods.units.paths import stepped_paths
from noneq.methods.units.small_layer import draw_numbers, letters_of
from noneq.methods.units.units import BernoulliUnits
from noneq.samplers.annealing import AbstractAnnealing, log_partition_ratio
from noneq.traced import jit
from noneq.traits import HasEnergy, HasLogProbEstimate, HasPaths


_MOST_ENUMERATED = 18
_CHUNK = 4096
_NO_FIELD = 1e-5
"""Fields that are zero but for rounding (a whole pattern's is 1)."""


class SpinMemory(AbstractLaw, HasEnergy, HasLogProbEstimate, HasPaths):
    """P(s) = exp(beta ½ s·J s)/Z of spins s = ±1, J symmetric without diagonal.

    The lower of the two levels of the data is s = −1. Up to 18 spins, Z is a sum over all states
    and draws are exact. Above, Z is estimated by annealed importance sampling, and draws are
    cooled from beta = 0 in the first half of the sweeps: near saturation that leaves them in
    metastable states, as it would any local dynamics.

    Args:
        couplings: J, (N, N).
        summary: of the training data.
        beta: inverse temperature.
        sweeps: of heat-bath dynamics before a draw.

    Source: Hopfield 1982; Amit, Gutfreund and Sompolinsky 1985.
    """

    couplings: Constant
    frame: Frame
    beta: float
    sweeps: int

    def __init__(
        self, couplings: Float[Array, "spins spins"], summary: Summary, *, beta: float, sweeps: int
    ):
        self.couplings = Constant(couplings)
        self.frame = Frame(summary)
        self.beta = beta
        self.sweeps = sweeps

    @checked
    def energy(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        """−beta ½ s·J s, in units of kT; ∞ off the two levels."""
        y, _, _ = self.frame.enter(x, time, condition)
        energy = -self.beta * _alignment(self.couplings.value, as_spins(y, self.domain))
        return jnp.where(self.domain.contains(x), energy, jnp.inf)

    def retrieve(
        self, x: Float[Array, "*states"] | np.ndarray, steps: int = 20
    ) -> Float[Array, "*states"]:
        """The states that zero-temperature dynamics reaches, spin after spin.

        **Equation**: s_i ← sign Σ_j J_ij s_j (kept at 0), in the order of the coordinates: the
        energy never rises.

        Args:
            x: one state, or a batch ``(n, *event_shape)``; values are taken to the nearer level.
            steps: sweeps over all spins.

        Raises:
            InvalidInput: fewer than one step, or another event shape.
        """
        check_count(steps)
        states, single = self.frame.batch(x)
        found = _retrieved(self, states, int(steps))
        return found[0] if single else found

    def log_partition(self, *, temperatures: int = 1000, chains: int = 100, key: Key) -> Estimate:
        """log Z: exact up to 18 spins, else a lower bound by annealed importance sampling."""
        spins = self.frame.dim
        if spins <= _MOST_ENUMERATED:
            value = np.asarray(jax.nn.logsumexp(_enumerated(self)), np.float64)
            return Estimate(value, np.asarray(0.0), np.asarray(1), unit="nat")
        laws = _Cooling(self.couplings.value, self.beta)
        ratio = log_partition_ratio(laws, temperatures=temperatures, chains=chains, key=key)
        value = np.asarray(ratio.value + spins * np.log(2))
        return Estimate(value, ratio.stderr, ratio.n, bound="lower", unit="nat")

    @checked
    def log_prob_estimate(
        self,
        x: Float[Array, "*states"] | np.ndarray,
        *,
        time: ScalarLike | None = None,
        condition: Any = None,
        key: Key,
    ) -> Estimate:
        """log P(x) in nats: exact up to 18 spins, else an upper bound in expectation.

        The error is that of log Z, common to all states. Near saturation annealing misses
        patterns, and its error is then too small.
        """
        states, single = self.frame.batch(x)
        check_time(time, self.frame.times)
        self.frame.asked.check(condition)
        log_z = self.log_partition(key=key)
        energies = np.asarray(_energies(self, states), np.float64)
        bound = "upper" if log_z.bound == "lower" else "none"
        estimate = Estimate(-energies - log_z.value, log_z.stderr, log_z.n, bound=bound, unit="nat")
        return estimate[0] if single else estimate

    def draw(self, n: int, *, time: Any, condition: Any, key: Key) -> Float[Array, "n dim"]:
        spins = self.frame.dim
        if spins <= _MOST_ENUMERATED:
            numbers = draw_numbers(_enumerated(self), n, key=key)
            return from_spins(2 * letters_of(numbers, 2, spins) - 1, self.domain)
        start_key, sweep_key = jax.random.split(key)
        start = jax.random.rademacher(start_key, (n, spins), self.couplings.value.dtype)
        rise = jnp.linspace(0.0, 2.0, self.sweeps + 1)[1:]
        betas = self.beta * jnp.minimum(rise, 1.0)
        step = lambda s, at: (heat_bath(self.couplings.value, s, at[0], key=at[1]), None)
        keys = jax.random.split(sweep_key, self.sweeps)
        return from_spins(jax.lax.scan(step, start, (betas, keys))[0], self.domain)

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
        """n paths of heat-bath dynamics, one sweep per unit of time.

        Args:
            n: number of paths.
            times: whole numbers of sweeps.
            start: states at the first time ``(n, *event_shape)``; None takes draws of `sample`.
            condition: None; the chain knows no conditions.
            key: typed random key.

        Raises:
            InvalidInput: times that are no whole numbers of sweeps apart.
        """
        return stepped_paths(
            self, BernoulliUnits(), n, times=times, start=start, condition=condition, key=key
        )

    def step(self, x: Float[Array, "n dim"], key: Key) -> Float[Array, "n dim"]:
        """One sweep of heat-bath dynamics on bits."""
        return (heat_bath(self.couplings.value, 2 * x - 1, self.beta, key=key) + 1) / 2


def as_spins(y: Float[Array, "*any"], domain: AbstractDomain) -> Float[Array, "*any"]:
    """−1 and 1 for the lower and the upper level of a normalised state."""
    assert isinstance(domain, Discrete)  # what storages prepare
    return 2 * domain.index(y).astype(y.dtype) - 1


def from_spins(spins: Float[Array, "*any"], domain: AbstractDomain) -> Float[Array, "*any"]:
    """Levels of spins."""
    assert isinstance(domain, Discrete)
    return domain.state((spins > 0).astype(int))


def heat_bath(
    couplings: Float[Array, "spins spins"],
    spins: Float[Array, "n spins"],
    beta: ScalarLike,
    *,
    key: Key,
) -> Float[Array, "n spins"]:
    """One sweep, spin after spin: P(s_i = 1 | others) = sigmoid(2 beta Σ_j J_ij s_j)."""
    logit = jax.random.logistic(key, (spins.shape[1], spins.shape[0]), spins.dtype)
    new = lambda field, old, noise: jnp.where(2 * beta * field > noise, 1.0, -1.0)
    return _one_by_one(couplings, spins, new, logit)


def _one_by_one(couplings: Array, spins: Array, new: Any, noise: Array) -> Array:
    """All spins once, in order; ``new(field, old, noise)`` gives their values."""

    def one(spins: Array, at: tuple) -> tuple[Array, None]:
        i, row, noise = at
        return spins.at[:, i].set(new(spins @ row, spins[:, i], noise)), None

    return jax.lax.scan(one, spins, (jnp.arange(spins.shape[1]), couplings, noise))[0]


def _alignment(couplings: Array, spins: Array) -> Scalar:
    return spins @ couplings @ spins / 2


class _Cooling(AbstractAnnealing):
    """From free spins to inverse temperature beta."""

    couplings: Array
    beta: float

    def start(self, *, key: Key) -> Float[Array, " spins"]:
        return jax.random.rademacher(key, self.couplings.shape[:1], self.couplings.dtype)

    def gain(self, state: Float[Array, " spins"], low: Scalar, high: Scalar) -> Scalar:
        return (high - low) * self.beta * _alignment(self.couplings, state)

    def move(
        self, state: Float[Array, " spins"], beta: Scalar, *, key: Key
    ) -> Float[Array, " spins"]:
        return heat_bath(self.couplings, state[None], beta * self.beta, key=key)[0]


@jit
def _enumerated(model: SpinMemory) -> Float[Array, " states"]:
    spins, couplings = model.frame.dim, model.couplings.value
    spelt = lambda number: 2 * letters_of(number[None], 2, spins)[0] - 1
    each = lambda number: model.beta * _alignment(couplings, spelt(number))
    return jax.lax.map(each, jnp.arange(2**spins), batch_size=min(2**spins, _CHUNK))


@jit
def _energies(model: SpinMemory, x: Array) -> Float[Array, " n"]:
    return jax.vmap(lambda x: model.energy(x, time=model.frame.times[0]))(x)


@jit
def _retrieved(model: SpinMemory, x: Array, steps: int) -> Array:
    couplings, normaliser = model.couplings.value, model.frame.normaliser
    start = as_spins(jax.vmap(normaliser.forward)(x), model.domain)
    new = lambda field, old, noise: jnp.where(jnp.abs(field) <= _NO_FIELD, old, jnp.sign(field))
    sweep = lambda spins, _: (_one_by_one(couplings, spins, new, couplings[0]), None)
    found = jax.lax.scan(sweep, start, None, length=steps)[0]
    return jax.vmap(normaliser.inverse)(from_spins(found, model.domain))
