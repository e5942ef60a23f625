"""What a fitted model can do. Observables and metrics ask for traits, never for method names.

Physical functions take one state: ``(x, *, time=None, condition=None)``. ``time`` is physical;
``tau`` in [0, 1] is the noise clock (0 data, 1 prior).
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers, Scalar, ScalarLike
from noneq.constant import learnable
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.display import Card, counted
from noneq.domains import AbstractDomain, Free
from noneq.errors import MissingTrait
from noneq.estimate import Estimate


State: TypeAlias = Float[Array, "*event"]
"""One state."""

Time: TypeAlias = ScalarLike | None
"""Physical time; None for models of a single time."""


class AbstractModel(eqx.Module):
    """A fitted, immutable model of p(x, t).

    ``time`` may be left out only by models of a single time.
    """

    event_shape: eqx.AbstractVar[tuple[int, ...]]
    domain: eqx.AbstractVar[AbstractDomain]

    @abstractmethod
    def sample(
        self, n: int, *, time: Time = None, condition: Any = None, key: Key
    ) -> Float[Array, "n *event"]:
        """n independent draws from p(x | time, condition).

        Raises:
            InvalidInput: n < 1, or a time or condition that the model needs is missing.
        """

    @abstractmethod
    def snapshots(
        self, n: int, *, times: Sequence[float] | np.ndarray, condition: Any = None, key: Key
    ) -> Snapshots:
        """n draws at each of the times."""

    def __repr__(self) -> str:
        """Shape of a state, number of parameters, and what the model can do."""
        try:
            return model_card(self).text()
        except AttributeError:  # a tree whose parts were replaced
            return eqx.tree_pformat(self)

    def _repr_html_(self) -> str:
        """The same, for notebooks."""
        return model_card(self).html()


class HasScore(eqx.Module):
    """Trait: the score of the physical law."""

    @abstractmethod
    def score(self, x: State, *, time: Time = None, condition: Any = None) -> State:
        """∇_x log p(x | time, condition), for one state."""


class HasNoisyScore(eqx.Module):
    """Trait: the score of the law after noise of clock tau."""

    @abstractmethod
    def noisy_score(
        self, x: State, tau: ScalarLike, *, time: Time = None, condition: Any = None
    ) -> State:
        """∇_x log p_tau(x | time, condition), for one state."""


class HasNoising(HasNoisyScore):
    """Trait: the linear noising SDE dx = f dtau + g dW whose laws `noisy_score` is the score of."""

    @abstractmethod
    def noising(self, x: State, tau: ScalarLike) -> tuple[State, State]:
        """(f, g) at one state; g is diagonal and the same for all states."""

    @abstractmethod
    def noised(self, x: State, tau: ScalarLike, *, key: Key) -> State:
        """A clean state after noise of clock tau."""

    @abstractmethod
    def noise_clock(self, ratio: ScalarLike) -> Scalar:
        """The tau at which noise has ``ratio`` times the standard deviation of the data."""


class HasDenoiser(eqx.Module):
    """Trait: the mean of the clean state given a noised one."""

    @abstractmethod
    def denoise(
        self, x: State, tau: ScalarLike, *, time: Time = None, condition: Any = None
    ) -> State:
        """E[y | x_tau = x], for one state."""


class HasVelocity(eqx.Module):
    """Trait: velocity of the continuity equation in physical time."""

    @abstractmethod
    def velocity(self, x: State, *, time: Time = None, condition: Any = None) -> State:
        """u with ∂_t p + div(p u) = 0, for one state."""


class HasInvariantFlow(HasVelocity, HasScore):
    """Trait: a velocity v that keeps a law p: ∂_t p + div(p v) = 0.

    Class attributes:
        residual_says_nothing: both terms of the residual vanish by the form of v.
    """

    residual_says_nothing: ClassVar[bool] = False

    @abstractmethod
    def invariance_residual(
        self, *, time: Time = None, condition: Any = None, n: int, key: Key
    ) -> Estimate:
        """⟨(∂_t log p + div v + v·∇ log p)²⟩ over the size of its terms, from n states."""

    @abstractmethod
    def speed(self, *, time: Time = None, condition: Any = None, n: int, key: Key) -> Estimate:
        """√⟨|v|²⟩ from n states."""


class HasNoisyVelocity(eqx.Module):
    """Trait: velocity dx/dtau of the probability flow on the noise clock."""

    @abstractmethod
    def noisy_velocity(
        self, x: State, tau: ScalarLike, *, time: Time = None, condition: Any = None
    ) -> State:
        """dx/dtau that carries p_tau, for one state."""


class HasBirths(eqx.Module):
    """Trait: births and deaths beside the flow on the noise clock."""

    @abstractmethod
    def birth(
        self, x: State, tau: ScalarLike, *, time: Time = None, condition: Any = None
    ) -> Scalar:
        """b with ∂_tau p + div(p v) = b p, v the `noisy_velocity`, for one state."""


class HasDrift(eqx.Module):
    """Trait: drift and diffusion of a learned SDE; usable as a system."""

    @abstractmethod
    def drift(self, t: ScalarLike, x: State) -> State:
        """f(t, x) of dX = f dt + B dW (Itô)."""

    @abstractmethod
    def diffusion(self, t: ScalarLike, x: State) -> Array:
        """B(t, x): scalar, diagonal (state's shape) or matrix."""


class HasEnergy(eqx.Module):
    """Trait: an energy whose Boltzmann law at each time is the model."""

    @abstractmethod
    def energy(self, x: State, *, time: Time = None, condition: Any = None) -> Scalar:
        """E(x, time) up to a constant per time, in the unit of kT that the model states."""


class HasSplit(HasVelocity, HasEnergy):
    """Trait: a steady diffusion of law e^{−energy} taken apart into dissipation and circulation.

    dX = [−(M + W)∇V + ε div(M + W)] dt + √(2 ε M) dW, energy = V/ε, velocity v = −W∇V + ε div W.
    """

    @abstractmethod
    def mobility(self, x: State) -> Array:
        """M at one state, (dim, dim), positive definite."""

    @abstractmethod
    def circulation(self, x: State) -> Array:
        """W at one state, (dim, dim), skew."""

    @abstractmethod
    def entropy_production_rate(self) -> Estimate:
        """⟨vᵀ (ε M)⁻¹ v⟩ with the error of the fit, nats per unit time."""


class HasDriftError(eqx.Module):
    """Trait: how well the drift of a learned SDE is known."""

    @abstractmethod
    def drift_stderr(self, x: State) -> State:
        """Standard error of f at one state."""


class HasLaw(eqx.Module):
    """Trait: a law of motion that can be written down."""

    @property
    @abstractmethod
    def law(self) -> Any:
        """The equations with intervals, a `noneq.symbolic.law.Law`."""


class HasLogProb(eqx.Module):
    """Trait: normalised log density, exact or by an exact-divergence ODE."""

    @abstractmethod
    def log_prob(self, x: State, *, time: Time = None, condition: Any = None) -> Scalar:
        """log p(x | time, condition) in nats, for one state, in the data's own coordinates."""


class HasLogProbEstimate(eqx.Module):
    """Trait: stochastic or bounded log density."""

    @abstractmethod
    def log_prob_estimate(
        self,
        x: Float[Array, "*states"] | np.ndarray,
        *,
        time: Time = None,
        condition: Any = None,
        key: Key,
    ) -> Estimate:
        """log p(x | time, condition) in nats with its error; ``bound`` says what it bounds.

        Args:
            x: one state, or a batch ``(n, *event_shape)``: one entry of the estimate each.
            condition: shared, or one row each.
        """


class HasLogMassEstimate(eqx.Module):
    """Trait: a bounded log probability of discrete states."""

    @abstractmethod
    def log_mass_estimate(
        self,
        x: Float[Array, "*states"] | np.ndarray,
        *,
        time: Time = None,
        condition: Any = None,
        key: Key,
    ) -> Estimate:
        """A bound on log P(x | time, condition) on the lattice; as `log_prob_estimate` else."""


class HasSampleLogProb(eqx.Module):
    """Trait: samples that come with their log density."""

    @abstractmethod
    def sample_with_log_prob(
        self, n: int, *, time: Time = None, condition: Any = None, key: Key
    ) -> tuple[Float[Array, "n *event"], Float[Array, " n"]]:
        """n draws and log p of each in nats, from one pass."""


class HasPriorMismatch(eqx.Module):
    """Trait: how far the end of the noising is from the prior that sampling starts from."""

    @abstractmethod
    def prior_mismatch(
        self, x: State, *, time: Time = None, condition: Any = None, key: Key
    ) -> Scalar:
        """log k_1(z | x) − log prior(z) of one noised state z: its mean is a KL in nats."""


class HasPaths(eqx.Module):
    """Trait: whole trajectories (the joint law over time)."""

    @abstractmethod
    def sample_paths(
        self,
        n: int,
        *,
        times: Sequence[float] | np.ndarray,
        start: Numbers | None = None,
        condition: Any = None,
        key: Key,
    ) -> Trajectories:
        """n paths from ``start`` ``(n, *event_shape)`` (None: the model's own), each of a condition."""


class HasKernel(eqx.Module):
    """Trait: friction that remembers, −∫ K(t − s) v(s) ds."""

    @abstractmethod
    def kernel(self, times: Numbers) -> Estimate:
        """K at times (T,) ≥ 0, per time², with its standard error."""

    @abstractmethod
    def memory_time(self) -> float:
        """Longest time in which K decays; 0 for friction that forgets at once."""


class HasMass(eqx.Module):
    """Trait: masses grow on the way; the law p(x, t) stays normalised."""

    @abstractmethod
    def growth(self, x: State, *, time: Time = None, condition: Any = None) -> Scalar:
        """g with ∂_t p + div(p u) = g p for a mass p, per unit time, for one state."""

    @abstractmethod
    def mass(self, times: Sequence[float] | np.ndarray, *, condition: Any = None) -> Estimate:
        """The whole mass at each of the times, relative to the first snapshot's."""


class HasPlan(eqx.Module):
    """Trait: the plan of a transport in closed form, at the end of its first interval."""

    @abstractmethod
    def plan_moments(self, x: Numbers) -> tuple[np.ndarray, np.ndarray]:
        """Mean ``(n, dim)`` and covariance ``(n, dim, dim)`` of X at the second snapshot, given the first."""


class HasChain(eqx.Module):
    """Trait: a Markov chain on finitely many hidden states at the heart of the model."""

    @abstractmethod
    def transition_matrix(self) -> Float[Array, "states states"]:
        """T[i, j] = P(j | i), one step of the chain; rows sum to one."""

    @abstractmethod
    def stationary(self) -> Float[Array, " states"]:
        """pi with pi T = pi."""


class HasStateMeans(eqx.Module):
    """Trait: what each hidden state looks like."""

    @abstractmethod
    def state_means(self) -> Float[Array, "states *event"]:
        """Mean visible state of each hidden state, in the data's units."""


def model_card(model: AbstractModel) -> Card:
    """What a model says of itself."""
    leaves = jax.tree.leaves(eqx.filter(model, learnable(model)))
    parameters = counted(sum(leaf.size for leaf in leaves), "parameter")
    shape = " × ".join(map(str, model.event_shape))
    facts = [("can", ", ".join(abilities(type(model))))]
    if not isinstance(model.domain, Free):
        facts.append(("domain", " ".join(repr(model.domain).split())))
    return Card(f"{type(model).__name__}: states of {shape} numbers, {parameters}", facts)


def abilities(model: type) -> list[str]:
    """Names of the calls that a class of models answers by its traits, `sample` first."""
    traits = [c for c in model.__mro__ if c.__module__ == __name__ and c.__name__[:3] == "Has"]
    found = [name for trait in traits for name in vars(trait) if name in trait.__abstractmethods__]
    return list(dict.fromkeys(["sample", "snapshots", *found]))


def require(model: Any, trait: type, purpose: str) -> None:
    """Check a capability.

    Raises:
        MissingTrait: naming the trait and what it is needed for.
    """
    if not isinstance(model, trait):
        raise MissingTrait(
            f"{purpose} needs a model with the trait {trait.__name__}; {type(model).__name__} "
            "has none. `noneq list methods` shows which methods give it."
        )
