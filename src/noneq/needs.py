"""What metrics and observables need, declared beside the function and never read off its parameters.

The declaration is what `noneq list`, `noneq evaluate` and `noneq.runs` go by, for functions of this
library and of a user's own file alike.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

from noneq.kinds import checked


Kind: TypeAlias = Literal["samples", "model", "trajectories", "snapshots", "values"]
Function = TypeVar("Function", bound=Callable[..., Any])
_NAME = "__noneq_needs__"


@dataclass(frozen=True)
class Needs:
    """What a function asks for.

    Args:
        of: its first argument: ``samples`` of a model, a fitted ``model``, ``trajectories``,
            ``snapshots``, or other ``values``.
        metric: the second argument is the reference data.
        traits: the model must have one of them.
        takes: keyword arguments that the caller fills: ``truth``, ``key``, ``dequantise``,
            ``velocities`` and ``lineage`` of the states of the reference, and ``lag``, which asks for
            pairs of times of the same paths.
        more: what only the user can give, such as ``system``.
        number: the result is a number or an `Estimate`, so that it can be a row.
    """

    of: Kind
    metric: bool = False
    traits: tuple[type, ...] = ()
    takes: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    number: bool = True

    @property
    def paths(self) -> bool:
        """Whether samples must be whole paths."""
        return self.of == "trajectories" or "lag" in self.takes


def metric(
    of: Kind = "samples", *, traits: tuple[type, ...] = (), takes: tuple[str, ...] = ()
) -> Callable[[Function], Function]:
    """Declare a function of (samples or model, reference) as a metric; arguments as in `Needs`."""
    return _declare(Needs(of, True, traits, takes))


def observable(
    of: Kind,
    *,
    traits: tuple[type, ...] = (),
    takes: tuple[str, ...] = (),
    more: tuple[str, ...] = (),
    number: bool = True,
) -> Callable[[Function], Function]:
    """Declare a function of a model or of data as an observable; arguments as in `Needs`."""
    return _declare(Needs(of, False, traits, takes, more, number))


def needs_of(function: Any) -> Needs | None:
    """The declaration of a function; None if it has none."""
    return vars(function).get(_NAME) if callable(function) else None


def _declare(needs: Needs) -> Callable[[Function], Function]:
    def declared(function: Function) -> Function:
        entry = checked(function)
        vars(entry)[_NAME] = needs
        return entry  # pyright: ignore[reportReturnType]

    return declared
