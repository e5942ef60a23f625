"""What a sampler is: a time grid and an integrator on the noise clock."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.errors import InvalidInput, MissingTrait
from noneq.kinds import AbstractChecked
from noneq.processes.base import AbstractDiffusing, AbstractPrior, AbstractProcess
from noneq.processes.field_lines import AbstractSourced
from noneq.traits import HasBirths, HasDenoiser, HasNoisyScore


@runtime_checkable
class Flowing(Protocol):
    """What samplers need of a model: a process with its prior, and the velocity of its flow."""

    process: AbstractProcess

    @property
    def prior(self) -> AbstractPrior:
        """Law at tau = 1."""
        ...

    def noisy_velocity(
        self, x: Array, tau: ScalarLike, *, time: Any = None, condition: Any = None
    ) -> Array:
        """dx/dtau of one state."""
        ...


class AbstractSampler(AbstractChecked):
    """From the prior at tau = 1 to data at tau = 0, for a whole ensemble at once."""

    @property
    @abstractmethod
    def evaluations(self) -> int | None:
        """Evaluations of the network for one draw; None if the sampler adapts."""

    @abstractmethod
    def __call__(
        self, model: Flowing, shape: tuple[int, ...], *, time: Any, condition: Any, key: Key
    ) -> Float[Array, "n *event"]:
        """An ensemble of the given shape ``(n, *event_shape)``."""

    @abstractmethod
    def log_prob(self, model: Flowing, x: Array, *, time: Any, condition: Any) -> Scalar:
        """Log density of one state by the probability-flow ODE, exact divergence."""


def ensemble(
    function: Callable[..., Array], *, time: Any, condition: Any
) -> Callable[[Array, ScalarLike], Array]:
    """function(x, tau, time=, condition=) of one state as (x, tau) of a whole ensemble.

    A condition ``(n, k)`` gives each member its own; a vector ``(k,)`` is shared.
    """
    own = None if condition is None or condition.ndim == 1 else 0
    one = lambda x, tau, c: function(x, tau, time=time, condition=c)
    return lambda x, tau: jax.vmap(one, (0, None, own))(x, tau, condition)


def projected(model: Flowing) -> Callable[[Array], Array]:
    """The process's `project` for a whole ensemble; applied after every update."""
    return jax.vmap(model.process.project)


def denoiser(
    model: Flowing, sampler: AbstractSampler, *, time: Any, condition: Any
) -> Callable[[Array, ScalarLike], Array]:
    """E[y | x] of a whole ensemble.

    Raises:
        MissingTrait: the model has no denoiser.
    """
    if not isinstance(model, HasDenoiser):
        raise MissingTrait(
            f"{type(sampler).__name__} needs a model with the trait HasDenoiser, which "
            f"{type(model).__name__} lacks; use Heun or AdaptiveODE."
        )
    return ensemble(model.denoise, time=time, condition=condition)


def scored(
    model: Flowing, sampler: AbstractSampler, *, time: Any, condition: Any
) -> tuple[Callable[[Array, ScalarLike], Array], AbstractDiffusing]:
    """∇ log p_tau of a whole ensemble, and the process with a noising SDE that belongs to it.

    Raises:
        MissingTrait: the model has a flow only.
    """
    if not isinstance(model, HasNoisyScore) or not isinstance(model.process, AbstractDiffusing):
        raise MissingTrait(
            f"{type(sampler).__name__} needs a model with the trait HasNoisyScore and a process "
            f"with a noising SDE; {type(model).__name__} of {type(model.process).__name__} has a "
            "flow only; use Heun or AdaptiveODE."
        )
    return ensemble(model.noisy_score, time=time, condition=condition), model.process


def births(model: Flowing) -> Callable[..., Scalar]:
    """`birth` of one state.

    Raises:
        MissingTrait: the model has no births.
    """
    if not isinstance(model, HasBirths) or not isinstance(model.process, AbstractSourced):
        raise MissingTrait(
            "births need a model with the trait HasBirths and a process that has them, as Screened; "
            f"{type(model).__name__} of {type(model.process).__name__} has none; use Heun or "
            "AdaptiveODE."
        )
    return model.birth


def check_conserved(model: Flowing, sampler: AbstractSampler) -> None:
    """Refuse a process whose particles are born and die, for a sampler that moves them only.

    Raises:
        InvalidInput: naming the sampler that does both.
    """
    if isinstance(model.process, AbstractSourced):
        raise InvalidInput(
            f"{type(sampler).__name__} moves particles and makes none, but those of "
            f"{type(model.process).__name__} are born and die; use Sourced()."
        )


def check_steps(name: str, steps: int) -> None:
    """Refuse fewer than one step.

    Raises:
        InvalidInput: naming the sampler.
    """
    if steps < 1:
        raise InvalidInput(
            f"{name}: steps = {steps}; expected at least 1, as a draw needs at least one "
            "evaluation of the network."
        )
