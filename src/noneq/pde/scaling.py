"""Dimensional analysis: whether a PDE holds a length, and which parameter is its inverse."""

import numpy as np

from noneq.pde.equation import PDE


def has_length(pde: PDE) -> bool:
    """Whether the PDE fixes a length; without one its kernels are the same at all scales.

    It fixes none if some z makes all terms alike: lam ~ k^z, n_i z + p_i the same for every term
    of orders n_i in time and p_i in space. Advection and growth of a PDE of first order move and
    weigh the kernel, and do not count.
    """
    terms = pde.terms
    if pde.order == 1 and not any(t.shape.time and t.space_order for t in terms):
        moves = lambda t: t.space_order == 0 or (t.shape.grads and t.space_order == 1)
        terms = tuple(t for t in terms if t.shape.time or not moves(t))
    matrix = np.array([[t.shape.time, -1.0] for t in terms])
    orders = np.array([-t.space_order for t in terms])
    solved, *_ = np.linalg.lstsq(matrix, orders)
    return not np.allclose(matrix @ solved, orders)


def inverse_length(pde: PDE) -> str | None:
    """The only parameter with a dimension, if the PDE fixes that dimension and it is 1/length.

    All terms have the same dimension: with [lam] = z, [k] = 1 and [parameter j] = d_j (powers of
    1/length), sum_j e_ij d_j + n_i z + p_i is the same for all terms i.
    """
    import sympy

    names = [n for n in pde.values if any(n in _free(t.coefficient) for t in pde.terms)]
    rows, orders = [], []
    for term in pde.terms:
        powers = term.coefficient.as_powers_dict()
        exponents = {str(base): power for base, power in powers.items() if base.is_Symbol}
        rest = [base for base in powers if not base.is_Symbol and not base.is_number]
        if rest or not all(sympy.sympify(e).is_number for e in exponents.values()):
            return None
        rows.append([float(exponents.get(name, 0)) for name in names] + [term.shape.time, -1.0])
        orders.append(-term.space_order)
    matrix = np.array(rows, float)
    if np.linalg.matrix_rank(matrix) < matrix.shape[1]:
        return None
    solved, *_ = np.linalg.lstsq(matrix, np.array(orders, float))
    if not np.allclose(matrix @ solved, orders):
        return None
    found = [(name, d) for name, d in zip(names, solved, strict=False) if abs(d) > 1e-9]
    return found[0][0] if len(found) == 1 and abs(found[0][1] - 1) < 1e-9 else None


def _free(formula: object) -> set[str]:
    return {str(symbol) for symbol in formula.free_symbols}  # pyright: ignore[reportAttributeAccessIssue]
