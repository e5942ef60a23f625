"""A linear PDE with constant coefficients, as text or SymPy, with values for its parameters."""

import cmath
import math
import numbers
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from noneq.errors import InvalidInput, WrongType
from noneq.pde.symbolic import read_sympy
from noneq.pde.terms import Term, merged, symbol_of
from noneq.pde.text import RESERVED, Linear, read_text
from noneq.spec import unknown


_ROUNDING = 1e-14
"""Of a sum of coefficients, relative to its summands."""


if TYPE_CHECKING:
    import sympy

_MOST_TIME, _MOST_SPACE = 2, 4


@dataclass(frozen=True, init=False, eq=False)
class PDE:
    """P(d_t, grad) u = 0, linear with constant coefficients, isotropic up to advection.

    On a plane wave u = exp(lam t + i k.x) it reads P(lam, k, q) = 0, k = \\|k\\| and q the
    component of k along the advection axis.

    Args:
        equation: text such as ``"u_tt + lap(u) - m**2*u"`` (``u``, ``u_t``, ``u_tt``, ``lap``,
            ``flap(u, a)`` = (-lap)^{a/2} u, ``grad`` = derivative along the advection axis, in
            1-D also ``u_x``, ``u_xx``; ``I`` is the imaginary unit; every other name is a
            parameter), or SymPy in a function ``u(t, x, ...)``.
        dim: number of space dimensions.
        values: a number for each parameter.

    Raises:
        InvalidInput: not such a PDE, or a parameter without a value.
        WrongType: neither text nor SymPy, or a value that is not a number.

    Source: `genphys`.
    """

    text: str
    dim: int
    values: dict[str, complex]
    terms: tuple[Term, ...]

    def __init__(
        self,
        equation: "str | sympy.Expr | sympy.Eq",
        *,
        dim: int = 2,
        **values: complex | float | int,
    ):
        if isinstance(dim, bool) or not isinstance(dim, numbers.Integral):
            raise WrongType(f"dim is {dim!r}; give a whole number of space dimensions.")
        if dim < 1:
            raise InvalidInput(f"dim is {dim}; a PDE needs at least one space dimension.")
        parameters = _Parameters({name: _number(name, value) for name, value in values.items()})
        if isinstance(equation, str):
            text = " ".join(equation.split())
            linear = read_text(text, dim=int(dim), parameter=parameters.symbol)
        else:
            text, linear = read_sympy(equation, dim=int(dim), parameter=parameters.symbol)
        parameters.refuse_unused()
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "dim", int(dim))
        object.__setattr__(self, "values", parameters.values)
        object.__setattr__(self, "terms", _terms(linear, int(dim), parameters))

    @property
    def order(self) -> int:
        """Order in time, 1 or 2."""
        return max(term.shape.time for term in self.terms)

    @cached_property
    def symbol(self) -> "sympy.Expr":
        """P(lam, k, q), with the parameters as symbols."""
        return symbol_of(self.terms)

    def coefficients(self, k: Any, q: Any = None) -> tuple[NDArray[np.complex128], ...]:
        """Coefficients of lam^0 .. lam^order in P at wavenumbers k, parameters inserted.

        Args:
            k: wavenumbers \\|k\\|, any shape.
            q: component of k along the advection axis, broadcast against k; None is k itself in
                one dimension, where a wave has no other direction, and 0 in more.
        """
        return self._sums(self.terms, k, q)

    def changes(self, k: Any, q: Any = None) -> tuple[NDArray[np.complex128], ...]:
        """`coefficients` at k minus those at 0, without the rounding of the difference."""
        return self._sums(tuple(term for term in self.terms if term.space_order), k, q)

    def _sums(self, terms: tuple[Term, ...], k: Any, q: Any) -> tuple[NDArray[np.complex128], ...]:
        if q is None:
            q = k if self.dim == 1 else 0.0
        k, q = np.broadcast_arrays(np.asarray(k, float), np.asarray(q, float))
        sums = [np.zeros(k.shape, complex) for _ in range(self.order + 1)]
        for term in terms:
            _, laps, _, grads = term.shape
            sign = (-1) ** laps * 1j**grads
            sums[term.shape.time] += term.value * sign * k ** (2 * laps + term.power) * q**grads
        return tuple(sums)

    def __repr__(self) -> str:
        values = "".join(f", {name}={_plain(value)}" for name, value in self.values.items())
        return f"PDE({self.text!r}, dim={self.dim}{values})"


class _Parameters:
    """Symbols of the parameters met so far, each with the sign of its value."""

    def __init__(self, values: dict[str, complex]):
        self.values = values
        self.symbols: dict[str, Any] = {}

    def symbol(self, name: str) -> Any:
        import sympy

        if name in RESERVED:
            raise InvalidInput(
                f"{name} cannot name a parameter here (k, q and lam are the wave's); rename it."
            )
        if name not in self.values:
            what = f"{name} has no value; give {name}=… (command line: --set {name}=1)"
            if name == "r":
                what += ", a constant: coefficients that depend on the radius are not judged"
            raise InvalidInput(f"{what}.")
        if name not in self.symbols:
            value = self.values[name]
            signs = {"real": True} if value.imag == 0 else {}
            if signs and value.real != 0:
                signs = {"positive": True} if value.real > 0 else {"negative": True}
            self.symbols[name] = sympy.Symbol(name, **signs)
        return self.symbols[name]

    def number(self, formula: Any) -> complex:
        inserted = {symbol: self.values[name] for name, symbol in self.symbols.items()}
        try:
            value = complex(formula.evalf(17, subs=inserted))
        except (TypeError, OverflowError, ZeroDivisionError):
            value = complex(math.nan)
        if not cmath.isfinite(value):
            raise InvalidInput(f"the coefficient {str(formula)[:60]} is not a finite number.")
        return value

    def refuse_unused(self) -> None:
        for name in self.values:
            if name not in self.symbols:
                raise unknown("parameter of this PDE", name, self.symbols)


def _terms(linear: Linear, dim: int, parameters: _Parameters) -> tuple[Term, ...]:
    found: Linear = {}
    for raw, raw_coefficient in linear.items():
        shape, coefficient = merged(raw, raw_coefficient, dim)
        found[shape] = found.get(shape, 0) + coefficient
    terms = []
    for shape, coefficient in found.items():
        value, power = parameters.number(coefficient), parameters.number(shape.power)
        if _cancels(coefficient, value, parameters):
            continue
        terms.append(Term(shape, coefficient, value, _checked(shape, power)))
    for term in terms:
        _refuse_order(term)
    if not any(term.shape.time for term in terms):
        raise InvalidInput("the PDE has no time derivative; add a term with u_t or u_tt.")
    return tuple(sorted(terms, key=lambda t: (-t.shape.time, -t.space_order)))


def _cancels(coefficient: Any, value: complex, parameters: _Parameters) -> bool:
    """Whether a coefficient is zero but for rounding."""
    import sympy

    summands = sympy.Add.make_args(sympy.sympify(coefficient))
    size = sum(abs(parameters.number(summand)) for summand in summands)
    return abs(value) <= max(1e-300, _ROUNDING * size)


def _checked(shape: Any, power: complex) -> float:
    if shape.power != 0 and (power.imag != 0 or power.real <= 0):
        raise InvalidInput(f"the exponent of flap is {_plain(power)}; give a real number above 0.")
    return power.real


def _refuse_order(term: Term) -> None:
    if term.shape.time > _MOST_TIME:
        raise InvalidInput(
            f"the PDE has order {term.shape.time} in time; at most {_MOST_TIME} is judged."
        )
    if term.space_order > _MOST_SPACE:
        raise InvalidInput(
            f"the PDE has order {term.space_order:g} in space; at most {_MOST_SPACE} is judged."
        )
    if term.shape.grads > 1:
        raise InvalidInput(
            "grad(grad(u)) differs between directions; only isotropic PDEs with advection along one "
            "axis are judged: write lap(u)."
        )


def _number(name: str, value: object) -> complex:
    if isinstance(value, bool) or not isinstance(value, complex | float | int | np.number):
        raise WrongType(f"the value of {name} is {value!r}; give a number.")
    value = complex(value)
    if not cmath.isfinite(value):
        raise InvalidInput(f"the value of {name} is {_plain(value)}; give a finite number.")
    return value


def _plain(value: complex) -> str:
    return f"{value.real:g}" if value.imag == 0 else f"{value:g}"
