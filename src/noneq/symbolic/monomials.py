"""Products of coordinates as text."""

import numpy as np


_EXPONENTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def monomial_text(row: np.ndarray, names: tuple[str, ...]) -> str:
    """``"x² y"``; empty for 1.

    Args:
        row: factors, as `nets.vectors.polynomial.monomials` lists them.
    """
    return " ".join(
        names[i] + (str(power).translate(_EXPONENTS) if power > 1 else "")
        for i, power in factors_of(row)
    )


def monomial_code(row: np.ndarray, names: tuple[str, ...]) -> str:
    """``"x**2*y"``, which `symbolic.expression.Expression` and SymPy read; ``"1"`` for 1."""
    parts = [f"{names[i]}**{k}" if k > 1 else names[i] for i, k in factors_of(row)]
    return "*".join(parts) or "1"


def factors_of(row: np.ndarray) -> list[tuple[int, int]]:
    """(coordinate, power) of a monomial, by coordinate."""
    factors = [i for i in row.tolist() if i]
    return [(i - 1, factors.count(i)) for i in sorted(set(factors))]
