"""A PDE written in SymPy, brought to the same terms as text."""

from collections.abc import Callable
from typing import Any

from noneq.errors import InvalidInput, WrongType
from noneq.pde.terms import Shape


def read_sympy(
    equation: Any, *, dim: int, parameter: Callable[[str], Any]
) -> tuple[str, dict[Shape, Any]]:
    """Text and terms of a PDE in one function u(t, x, ...), all moved to one side.

    Args:
        equation: a SymPy expression (= 0) or `sympy.Eq`.
        dim: number of space dimensions; u has as many arguments beside t.
        parameter: gives the symbol of a parameter's name, or refuses it.

    Raises:
        InvalidInput: nonlinear, inhomogeneous, variable coefficients, or not isotropic.
        WrongType: not SymPy.
    """
    import sympy

    if not isinstance(equation, sympy.Expr | sympy.Eq):
        raise WrongType(
            f"the PDE is of type {type(equation).__name__}; give text, as 'u_t - lap(u)', or SymPy."
        )
    text = str(equation)
    whole: Any = equation
    side = whole.lhs - whole.rhs if isinstance(equation, sympy.Eq) else whole
    u, time, axes = _unknown_function(side, dim)
    waves = sympy.symbols(f"_k0:{dim}", real=True)
    by_time: dict[int, Any] = {}
    for part in sympy.Add.make_args(sympy.expand(side.doit())):
        order, symbol = _read_part(part, u, time, axes, waves)
        by_time[order] = by_time.get(order, 0) + symbol
    coordinates = {time, *axes}
    linear: dict[Shape, Any] = {}
    for order, symbol in by_time.items():
        named = _with_parameters(symbol, {*coordinates, *waves}, parameter)
        linear |= _shapes(order, named, waves)
    return text, linear


def _unknown_function(side: Any, dim: int) -> tuple[Any, Any, tuple[Any, ...]]:
    from sympy.core.function import AppliedUndef

    functions = sorted(side.atoms(AppliedUndef), key=str)
    if len(functions) != 1:
        raise InvalidInput(
            f"the PDE has {len(functions)} unknown functions; write it in one u(t, x, ...)."
        )
    u = functions[0]
    time = [a for a in u.args if a.is_Symbol and a.name == "t"]
    axes = tuple(a for a in u.args if a.is_Symbol and a.name != "t")
    if len(time) != 1 or len(time) + len(axes) != len(u.args):
        raise InvalidInput(f"the unknown is {u}; write u(t, x, ...) with t and the coordinates.")
    if len(axes) != dim:
        raise InvalidInput(
            f"{u} has {len(axes)} space coordinates and dim is {dim}; make them agree."
        )
    return u, time[0], axes


def _read_part(
    part: Any, u: Any, time: Any, axes: tuple[Any, ...], waves: tuple[Any, ...]
) -> tuple[int, Any]:
    import sympy

    operands: list[Any] = [f for f in sympy.Mul.make_args(part) if f.has(u)]
    if not operands:
        if part == 0:
            return 0, sympy.S.Zero
        raise InvalidInput(
            f"the term {str(part)[:60]} does not hold {u}; only homogeneous PDEs are judged."
        )
    operand = operands[0]
    derivative = isinstance(operand, sympy.Derivative) and operand.expr == u
    if len(operands) > 1 or not (operand == u or derivative):
        raise InvalidInput(f"the term {str(part)[:60]} is nonlinear in {u}; linearise it.")
    coefficient = part / operand
    for coordinate in (time, *axes):
        if coefficient.has(coordinate):
            raise InvalidInput(
                f"a coefficient depends on {coordinate}; only constant coefficients are judged."
            )
    order, symbol = 0, coefficient
    counts: Any = operand.variable_count if derivative else ()
    for variable, count in counts:
        if variable == time:
            order += int(count)
        else:
            symbol *= (sympy.I * waves[axes.index(variable)]) ** int(count)
    return order, symbol


def _with_parameters(symbol: Any, known: set[Any], parameter: Callable[[str], Any]) -> Any:
    free = sorted(symbol.free_symbols - known, key=str)
    return symbol.xreplace({s: parameter(s.name) for s in free})


def _shapes(order: int, symbol: Any, waves: tuple[Any, ...]) -> dict[Shape, Any]:
    """Terms of a polynomial in the components of k that is isotropic up to one axis."""
    import sympy

    square, q = sympy.Symbol("_square"), sympy.Symbol("_q")
    for axis, wave in enumerate(waves):
        others = [w for i, w in enumerate(waves) if i != axis]
        put: dict[Any, Any] = {wave: q} | dict.fromkeys(others, sympy.S.Zero)
        if others:
            put[others[0]] = sympy.sqrt(square - q**2)
        reduced = sympy.expand(sympy.expand(symbol).subs(put, simultaneous=True))
        back = reduced.subs({square: sum(w**2 for w in waves), q: wave}, simultaneous=True)
        if sympy.expand(back - symbol) != 0:
            continue
        shapes: dict[Shape, Any] = {}
        for (laps, grads), value in sympy.Poly(reduced, square, q).terms():
            shape = Shape(order, int(laps), sympy.S.Zero, int(grads))
            shapes[shape] = value * (-1) ** int(laps) / sympy.I ** int(grads)
        return shapes
    raise InvalidInput(
        "the PDE differs between directions; only isotropic PDEs with advection along one axis are "
        "judged: use the full Laplacian."
    )
