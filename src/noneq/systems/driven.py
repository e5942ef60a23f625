"""Langevin systems with a parameter that an experimenter moves."""

import dataclasses
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import AbstractDomain
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import AbstractLangevin
from noneq.systems.one_state import of_state
from noneq.systems.protocols import AbstractProtocol, Protocol, extremes
from noneq.systems.wells import DoubleWell


class HasProtocol(eqx.Module):
    """Trait: the potential depends on time through a protocol, whose jumps do work."""

    protocol: eqx.AbstractVar[AbstractProtocol]

    @abstractmethod
    def potential_at(
        self, parameter: ScalarLike, t: ScalarLike, x: Float[Array, "*event"]
    ) -> Scalar:
        """V at this value of the parameter, for one state."""


class AbstractDriven(AbstractLangevin, HasProtocol):
    """Overdamped motion in V(x, λ(t)); `noneq.thermo.work` counts every jump of λ."""

    @of_state
    def potential(self, t: ScalarLike, x: Float[Array, "*event"]) -> Scalar:
        """V(x, λ(t)), after a jump at t."""
        return self.potential_at(self.protocol(t), t, x)


class Driven(AbstractDriven):
    """Any Langevin system, one of whose numbers follows a protocol.

    **Equation**: dX = [−∇V(t, X; λ(t)) + f_nc(t, X; λ(t))] dt + √(2/beta) dW.

    Args:
        system: what is driven.
        protocol: λ(t), the values of the number.
        parameter: the system's field that it stands for, such as ``barrier``.
        equilibration: time for which the system's own initial states relax at λ before the start.
            Free energies from work need an equilibrium start: take some relaxation times, or
            simulate with ``start=``. 0 starts as the system does.

    Raises:
        InvalidInput: no such number, a protocol that leaves the values that the system takes, a
            number that enters neither potential nor force, or a system that cannot be traced by it.
    """

    system: AbstractLangevin = DoubleWell()
    protocol: AbstractProtocol = Protocol((0.0, 1.0), (1.0, 2.0))
    parameter: str = "barrier"
    equilibration: float = 0.0

    def __check_init__(self) -> None:
        name, cls = self.parameter, type(self.system).__name__
        numbers = [
            f.name
            for f in dataclasses.fields(self.system)
            if type(getattr(self.system, f.name)) is float and f.name != "beta"
        ]
        if name not in numbers:
            raise InvalidInput(
                f"Driven: parameter = {name!r}; the numbers of {cls} that can be driven are "
                f"{', '.join(numbers) or 'none'} (for a potential of your own: DrivenLangevin)."
            )
        refuse_negative(self.equilibration, "Driven")
        if any(isinstance(v, Tracer) for v in jax.tree.leaves(self.protocol)):
            return
        for value in extremes(self.protocol):
            self.at(value)
        try:
            known = enters(
                lambda v, x: (self.potential_at(v, 0.0, x), self._force(v, 0.0, x)),
                self.event_shape,
            )
        except jax.errors.JAXTypeError as error:
            raise InvalidInput(
                f"Driven: {cls} computes with NumPy on {name}, which cannot follow a protocol; write "
                "its potential as a DrivenLangevin."
            ) from error
        if not known:
            raise InvalidInput(
                f"Driven: {name} of {cls} enters neither its potential nor its force; drive another "
                "number."
            )

    @property
    def beta(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The system's."""
        return self.system.beta

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The system's."""
        return self.system.event_shape

    @property
    def domain(self) -> AbstractDomain:
        """The system's."""
        return self.system.domain

    @property
    def time_step(self) -> float:
        """The shortest that the system asks for on the way."""
        return min(self.at(value).time_step for value in extremes(self.protocol))

    def at(self, value: float) -> AbstractLangevin:
        """The system with the number held at a value."""
        return dataclasses.replace(self.system, **{self.parameter: value})

    def potential_at(
        self, parameter: ScalarLike, t: ScalarLike, x: Float[Array, "*event"]
    ) -> Scalar:
        return self._traced(parameter).potential(t, x)

    @of_state
    def nonconservative_force(
        self, t: ScalarLike, x: Float[Array, "*event"]
    ) -> Float[Array, "*event"]:
        return self._force(self.protocol(t), t, x)

    @checked
    def initial(self, key: Key) -> Float[Array, "*event"]:
        """The system's at λ before the start, after ``equilibration``."""
        still = self.at(initial_value(self.protocol))
        return relaxed(still, self.equilibration, key)

    def _traced(self, value: ScalarLike) -> AbstractLangevin:
        """The system with a value that may be traced, which its checks could not read."""
        return eqx.tree_at(lambda s: getattr(s, self.parameter), self.system, value)

    def _force(self, value: ScalarLike, t: ScalarLike, x: Array) -> Array:
        return self._traced(value).nonconservative_force(t, x)


def relaxed(still: AbstractLangevin, duration: float, key: Key) -> Array:
    """A state of the system after some time in its own potential."""
    start_key, noise_key = jax.random.split(key)
    start = still.initial(start_key if duration else key)
    if not duration:
        return start
    with jax.ensure_compile_time_eval():  # a step that is measured on paths
        steps = max(1, int(np.ceil(duration / still.time_step)))
    h = duration / steps

    def step(i: Array, x: Array) -> Array:
        xi = jax.random.normal(jax.random.fold_in(noise_key, i), x.shape, x.dtype)
        moved = x + h * still.drift(0.0, x) + np.sqrt(h) * still.diffusion(0.0, x) * xi
        return still.domain.project(moved)

    return jax.lax.fori_loop(0, steps, step, start)


def initial_value(protocol: AbstractProtocol) -> Any:
    """λ before the start, as a number that NumPy reads also inside a compiled function."""
    with jax.ensure_compile_time_eval():
        value = protocol.initial
    return value if isinstance(value, Tracer) else float(value)


def enters(function: Callable[..., Any], shape: tuple[int, ...]) -> bool:
    """Whether the result depends on the first argument beside x of this shape, read off the program."""
    x = jax.ShapeDtypeStruct(shape, jnp.zeros(()).dtype)
    program = jax.make_jaxpr(function)(jnp.ones(()), x).jaxpr
    parameter = program.invars[0]
    return any(parameter in equation.invars for equation in program.eqns)


def refuse_negative(duration: float, name: str) -> None:
    """Refuse an equilibration that is no time. Raises `InvalidInput`."""
    if not 0 <= duration < float("inf"):
        raise InvalidInput(f"{name}: equilibration = {duration}; it must be 0 or positive.")
