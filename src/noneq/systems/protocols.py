"""Protocols λ(t): how an experimenter moves a parameter, jumps included.

A protocol is continuous from the right: λ(t) is the value after a jump at t, and λ(t−) the one
before. A process that starts at t in equilibrium starts in that of λ(t−), so that a jump at the first
or the last instant belongs to it, as those of optimal protocols do.
"""

from abc import abstractmethod
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from noneq._typing import Scalar, ScalarLike
from noneq.errors import InvalidInput
from noneq.symbolic.expression import Expression
from noneq.traced import AbstractUntraced


def _refuse_nonfinite(values: Any, what: str) -> None:
    if isinstance(values, Tracer) or any(isinstance(v, Tracer) for v in values):
        return
    if not np.isfinite(np.asarray(values, float)).all():
        raise InvalidInput(f"{what} are not all finite numbers.")


class AbstractProtocol(AbstractUntraced):
    """A parameter as a function of time, constant before its start and after its end."""

    @property
    @abstractmethod
    def span(self) -> tuple[float, float]:
        """First and last time at which the parameter moves."""

    @property
    @abstractmethod
    def jumps(self) -> tuple[float, ...]:
        """Times at which it jumps, in order."""

    @property
    @abstractmethod
    def knots(self) -> tuple[float, ...]:
        """Times between which it is smooth, rising from the first to the last."""

    @abstractmethod
    def __call__(self, t: ScalarLike) -> Float[Array, "*parameters"]:
        """λ(t), after a jump at t; one number, or several that move together."""

    @abstractmethod
    def before(self, t: ScalarLike) -> Float[Array, "*parameters"]:
        """λ(t−), before a jump at t."""

    @property
    def initial(self) -> Float[Array, "*parameters"]:
        """λ before the start."""
        return self.before(self.span[0])

    @property
    def final(self) -> Float[Array, "*parameters"]:
        """λ after the end."""
        return self(self.span[1])

    def backward(self) -> "AbstractProtocol":
        """The same values in opposite order, as the backward process of Crooks has them."""
        return self.protocol if isinstance(self, Backward) else Backward(self)


class Protocol(AbstractProtocol):
    """Values at given times; a time that stands twice is a jump there.

    **Equation**: λ is linear between (t_i, λ_i) and (t_{i+1}, λ_{i+1}), or λ_i on [t_i, t_{i+1}) if
    constant. Protocol((0, 0, 1, 1), (0, 1, 2, 3)) jumps to 1, rises to 2 and jumps to 3.

    Args:
        times: (m,) never falling, at most two equal ones in a row.
        values: (m,) the parameter; may be traced, which makes the work differentiable by them.
        between: ``linear`` or ``constant``.

    Raises:
        InvalidInput: fewer than two times, unequal numbers, times that fall or stand three times, or
            numbers that are not finite.
    """

    times: tuple[float, ...] = (0.0, 1.0)
    values: tuple[float, ...] | Float[Array, " m"] = (1.0, 4.0)
    between: Literal["linear", "constant"] = "linear"

    def __check_init__(self) -> None:
        times, count = np.asarray(self.times, float), len(self.values)
        if times.size < 2 or count != times.size:
            raise InvalidInput(
                f"Protocol: {times.size} times and {count} values; expected one value for each of at "
                "least two times."
            )
        if not np.isfinite(times).all() or (np.diff(times) < 0).any():
            raise InvalidInput(f"Protocol: times = {self.times}; they must be finite and not fall.")
        if (times[2:] == times[:-2]).any():
            raise InvalidInput("Protocol: a time stands three times; twice is a jump.")
        _refuse_nonfinite(self.values, "Protocol: values")

    @property
    def span(self) -> tuple[float, float]:
        """First and last time."""
        return self.times[0], self.times[-1]

    @property
    def knots(self) -> tuple[float, ...]:
        """The times, each once."""
        return tuple(sorted(set(self.times)))

    @property
    def jumps(self) -> tuple[float, ...]:
        """Times that stand twice; of a constant protocol all but the first."""
        times = np.asarray(self.times, float)
        twice = times[1:][np.diff(times) == 0]
        jumps = twice if self.between == "linear" else np.unique(times[1:])
        return tuple(jumps.tolist())

    def __call__(self, t: ScalarLike) -> Scalar:
        """λ(t)."""
        return self._at(t, "right")

    def before(self, t: ScalarLike) -> Scalar:
        """λ(t−)."""
        return self._at(t, "left")

    def _at(self, t: ScalarLike, side: Literal["left", "right"]) -> Scalar:
        values = jnp.asarray(self.values, float)
        times = jnp.asarray(self.times, values.dtype)
        t = jnp.asarray(t, values.dtype)
        # Knots up to t, those at t itself counted from the right only.
        above = jnp.searchsorted(times, t, side=side)
        low, high = jnp.clip(above - 1, 0), jnp.clip(above, 0, times.size - 1)
        if self.between == "constant":
            return values[low]
        width = times[high] - times[low]
        share = jnp.where(width > 0, (t - times[low]) / jnp.where(width > 0, width, 1.0), 0.0)
        inside = values[low] + share * (values[high] - values[low])
        return jnp.where(above == 0, values[0], inside)


class FunctionProtocol(AbstractProtocol):
    """A protocol of your own function of time.

    Args:
        function: λ(t): a text such as ``"1 + 3*t**2"`` (see `noneq.symbolic`), or a function in
            ``jax.numpy``.
        start, end: outside these times λ is constant.
        initial_value, final_value: λ before the start and after the end, with a jump there; None is
            the value of the function.
        breaks: times in between at which the function jumps.

    Raises:
        InvalidInput: times out of order, text that is no expression of t, or a function that JAX
            cannot trace or that gives no finite number.
    """

    function: Any = "1 + 3*t"
    start: float = 0.0
    end: float = 1.0
    initial_value: float | None = None
    final_value: float | None = None
    breaks: tuple[float, ...] = ()

    def __check_init__(self) -> None:
        order = (self.start, *self.breaks, self.end)
        if not np.isfinite(order).all() or not (np.diff(order) > 0).all():
            raise InvalidInput(
                f"FunctionProtocol: start, breaks and end are {order}; expected rising finite times."
            )
        if not (isinstance(self.function, str) or callable(self.function)):
            raise InvalidInput(
                f"FunctionProtocol: function = {self.function!r}; expected a text such as '1 + 3*t' "
                "or a function of t."
            )
        try:
            shape = jax.eval_shape(self._inside, 0.0).shape
        except InvalidInput:
            raise
        except (TypeError, ValueError, jax.errors.JAXTypeError) as error:
            raise InvalidInput(
                "FunctionProtocol: the function cannot be traced by JAX at one time, or gives no "
                "number; write it with jax.numpy."
            ) from error
        if shape != ():
            raise InvalidInput(
                f"FunctionProtocol: the function gives the shape {shape}; expected one number."
            )
        found = sides(self, np.linspace(self.start, self.end, 9))
        _refuse_nonfinite(np.concatenate(found), "FunctionProtocol: the function's values")

    @property
    def span(self) -> tuple[float, float]:
        """Start and end."""
        return self.start, self.end

    @property
    def knots(self) -> tuple[float, ...]:
        """Start, breaks and end."""
        return self.start, *self.breaks, self.end

    @property
    def jumps(self) -> tuple[float, ...]:
        """The breaks, and the ends that have a value of their own."""
        first = () if self.initial_value is None else (self.start,)
        last = () if self.final_value is None else (self.end,)
        return (*first, *self.breaks, *last)

    def __call__(self, t: ScalarLike) -> Scalar:
        """λ(t)."""
        t = jnp.asarray(t, float)
        before = self._inside(self.start) if self.initial_value is None else self.initial_value
        after = self._left(self.end) if self.final_value is None else self.final_value
        inside = self._inside(jnp.clip(t, self.start, self.end))
        return jnp.where(t < self.start, before, jnp.where(t >= self.end, after, inside))

    def before(self, t: ScalarLike) -> Scalar:
        """λ(t−)."""
        t = jnp.asarray(t, float)
        before = self._inside(self.start) if self.initial_value is None else self.initial_value
        after = self._left(self.end) if self.final_value is None else self.final_value
        inside = self._left(jnp.clip(t, self.start, self.end))
        return jnp.where(t <= self.start, before, jnp.where(t > self.end, after, inside))

    def _inside(self, t: ScalarLike) -> Array:
        if isinstance(self.function, str):
            return Expression(self.function, ("t",))(jnp.asarray(t, float)[None])
        return jnp.asarray(self.function(jnp.asarray(t, float)), float)

    def _left(self, t: ScalarLike) -> Array:
        """The function an instant earlier, which a jump needs and a smooth function does not feel."""
        return self._inside(jnp.nextafter(jnp.asarray(t, float), jnp.asarray(-jnp.inf)))


class Backward(AbstractProtocol):
    """A protocol run backwards in the same span of time: λ(a + b − t).

    Args:
        protocol: the forward one.
    """

    protocol: AbstractProtocol = Protocol()

    @property
    def span(self) -> tuple[float, float]:
        """As forwards."""
        return self.protocol.span

    @property
    def knots(self) -> tuple[float, ...]:
        """The mirrored ones."""
        return tuple(sum(self.span) - t for t in reversed(self.protocol.knots))

    @property
    def jumps(self) -> tuple[float, ...]:
        """The mirrored ones."""
        return tuple(sum(self.span) - t for t in reversed(self.protocol.jumps))

    def __call__(self, t: ScalarLike) -> Scalar:
        """λ(t)."""
        return self.protocol.before(self._mirrored(t))

    def before(self, t: ScalarLike) -> Scalar:
        """λ(t−)."""
        return self.protocol(self._mirrored(t))

    def _mirrored(self, t: ScalarLike) -> Scalar:
        """a + b − t; a jump stays exactly on its time, which rounding would miss."""
        mirrored = sum(self.span) - jnp.asarray(t, float)
        marks = jnp.asarray((*self.span, *self.protocol.jumps), float)
        nearest = marks[jnp.argmin(jnp.abs(marks - mirrored))]
        close = 1e-6 * max(abs(self.span[0]), abs(self.span[1]))
        return jnp.where(jnp.abs(nearest - mirrored) < close, nearest, mirrored)


def sides(protocol: AbstractProtocol, times: Any) -> tuple[np.ndarray, np.ndarray]:
    """λ(t) and λ(t−) at many times, ``(T,)`` each."""
    after, before = _sides(protocol, jnp.asarray(times, float))
    return np.asarray(after, np.float64), np.asarray(before, np.float64)


def extremes(protocol: AbstractProtocol, points: int = 64) -> tuple[float, float]:
    """Least and largest value, seen at some times and on both sides of every knot."""
    times = [*np.linspace(*protocol.span, points), *protocol.knots]
    seen = np.concatenate(sides(protocol, times))
    return float(seen.min()), float(seen.max())


@eqx.filter_jit
def _sides(protocol: AbstractProtocol, times: Array) -> tuple[Array, Array]:
    return jax.vmap(protocol)(times), jax.vmap(protocol.before)(times)
