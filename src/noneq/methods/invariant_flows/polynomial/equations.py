"""Polynomial fields as equations in the units of the data."""

import itertools
import math
from typing import Any

import numpy as np
from jaxtyping import Float

from noneq.errors import MissingTrait
from noneq.kinds import checked
from noneq.methods.invariant_flows.equilibrium_flow_model import EquilibriumFlowModel
from noneq.nets.vectors.polynomial import PolynomialNetwork
from noneq.symbolic.expression import coordinate_names
from noneq.symbolic.monomials import monomial_text


def expansion(powers: np.ndarray, shift: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """What monomials of y = (x − shift)/scale are in those of x.

    Args:
        powers: as `nets.polynomial.monomials` lists them.
        shift, scale: one per variable.

    Returns:
        T ``(terms, terms)`` with Σ_m c_m y^m = Σ_k (T c)_k x^k, exact up to rounding.
    """
    place = {tuple(row): k for k, row in enumerate(powers.tolist())}
    table = np.zeros((len(powers), len(powers)))
    for m, row in enumerate(powers.tolist()):
        factors = [i for i in row if i]
        for chosen in itertools.product((False, True), repeat=len(factors)):
            value = 1.0
            for i, keep in zip(factors, chosen, strict=True):
                value *= (1.0 if keep else -shift[i - 1]) / scale[i - 1]
            kept = [i for i, keep in zip(factors, chosen, strict=True) if keep]
            table[place[(0,) * (len(row) - len(kept)) + tuple(kept)], m] += value
    return table


@checked
def coefficients(model: Any) -> tuple[np.ndarray, Float[np.ndarray, "terms dim"]]:
    """The monomials of a fitted polynomial velocity and their coefficients in the data's units.

    Args:
        model: an `EquilibriumFlowModel` with a `PolynomialNetwork`, without conditions and for
            one time; a known motion is not in it.

    Returns:
        Factors of every monomial (0 for 1, i for the i-th coordinate) and dx_j/dt's coefficients
        in column j.

    Raises:
        MissingTrait: another model.
    """
    field = model.field if isinstance(model, EquilibriumFlowModel) else None
    if not isinstance(field, PolynomialNetwork) or len(field.powers.value) != len(field.matrix):
        raise MissingTrait(
            f"equations: a {type(model).__name__} with no polynomial of the state alone; fit "
            "PolynomialFlow, or EquilibriumFlow with net=Polynomial(degree=2), to one law."
        )
    powers = np.asarray(field.powers.value)
    host = lambda constant: np.asarray(constant.value, np.float64)
    normaliser = model.frame.normaliser
    matrix = np.array(field.matrix, np.float64)
    matrix[0] -= host(model.mean)
    table = expansion(powers, normaliser.centre, host(normaliser.scale))
    return powers, table @ (matrix / host(model.std)) * host(normaliser.scale)


@checked
def equations(model: Any, *, least: float = 0.02, digits: int = 3) -> list[str]:
    """A fitted polynomial velocity as text, ``"dx/dt = 9.98 y − 9.97 x"`` and so on.

    **Equation**: the normalisation is expanded, so that coordinates and time have the data's units.

    Args:
        model: as for `coefficients`.
        least: terms that are smaller than this fraction of the largest of their equation, at
            states of the size √(shift² + scale²), are left out; 0 shows all.
        digits: of the coefficients.

    Raises:
        MissingTrait: a model that is no polynomial.
    """
    powers, values = coefficients(model)
    sizes = np.abs(values) * term_sizes(powers, model)[:, None]
    names = coordinate_names(model.frame)
    lines = []
    for j, name in enumerate(names):
        shown = np.flatnonzero((sizes[:, j] >= least * sizes[:, j].max()) & (sizes[:, j] > 0))
        order = shown[np.argsort(-sizes[shown, j], kind="stable")]
        terms = [(values[k, j], monomial_text(powers[k], names)) for k in order]
        lines.append(f"d{name}/dt = {_sum(terms, digits)}")
    return lines


def term_sizes(powers: np.ndarray, model: EquilibriumFlowModel) -> Float[np.ndarray, " terms"]:
    """Size of every monomial at states of the size √(shift² + scale²)."""
    normaliser = model.frame.normaliser
    shift, scale = normaliser.centre, np.asarray(normaliser.scale.value)
    wide = np.concatenate([[1.0], np.hypot(shift, scale).astype(np.float64)])
    return np.prod(wide[powers], axis=1)


def _sum(terms: list[tuple[float, str]], digits: int) -> str:
    text = ""
    for value, monomial in terms:
        sign = "−" if value < 0 else "+" if text else ""
        number = f"{abs(value):#.{digits}g}".rstrip(".") if math.isfinite(value) else str(value)
        text += f" {sign} " if text else sign
        text += f"{number} {monomial}".rstrip()
    return text or "0"
