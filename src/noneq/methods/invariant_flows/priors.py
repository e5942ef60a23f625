"""Priors of a flow that keeps a law: terms added to its loss."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.calculus import MOST_EXACT
from noneq.errors import InvalidInput
from noneq.frames.frame import Frame
from noneq.frames.normaliser import Normaliser
from noneq.kinds import AbstractChecked
from noneq.symbolic.expression import Expression, coordinate_names


Field: TypeAlias = Callable[..., Array]
"""v = field(y, time, condition) of one normalised state."""

_TINY = 1e-12


class AbstractFlowLoss(AbstractChecked):
    """A term as it is added: it knows the units of the data."""

    @abstractmethod
    def __call__(self, field: Field, batch: dict[str, Any], *, key: Key) -> Scalar:
        """What is added to the loss.

        Args:
            field: v = field(y, time, condition) of one normalised state.
            batch: rows; ``y`` ``(n, dim)``, ``time`` ``(n,)``, ``condition`` ``(n, k)`` or None.
        """


class AbstractFlowTerm(AbstractChecked):
    """Recipe of an `AbstractFlowLoss`."""

    @abstractmethod
    def on(self, frame: Frame) -> AbstractFlowLoss:
        """The term for data of these units and names.

        Raises:
            InvalidInput: data that it does not fit.
        """


class Sparsity(AbstractFlowTerm, AbstractFlowLoss):
    """Every component of v depends on few coordinates.

    **Equation**: (weight/dim) Σ_ij √⟨(∂v_i/∂y_j)²⟩: a group penalty, which takes a whole entry of the
    Jacobian to zero at all states, hence an edge off the graph of who drives whom. To drop single
    monomials take `PolynomialFlow`, which thresholds coefficients.

    Args:
        weight: factor.

    Raises:
        InvalidInput: a weight that is not positive; more than 64 dimensions.

    Source: Yuan and Lin 2006 (the group penalty), on the Jacobian.
    """

    weight: float = 0.1

    def __check_init__(self) -> None:
        check_weight(self)

    def on(self, frame: Frame) -> "Sparsity":
        if frame.dim > MOST_EXACT:
            raise InvalidInput(
                f"Sparsity: the whole Jacobian in {frame.dim} dimensions is too slow (at most "
                f"{MOST_EXACT}); use LocalNet for fields and SetNet for particles."
            )
        return self

    def __call__(self, field: Field, batch: dict[str, Any], *, key: Key) -> Scalar:
        jacobians = over_rows(jax.jacfwd(field), batch)
        sizes = jnp.sqrt(jnp.mean(jacobians**2, axis=0) + _TINY)
        return self.weight * jnp.sum(sizes) / sizes.shape[0]


class Conserved(AbstractFlowTerm):
    """A quantity that v does not change.

    **Equation**: weight ⟨(v·∇Q)²⟩/⟨|v|² |∇Q|²⟩, gradients in units of the data's standard deviations:
    0 if Q is constant along v, 1 if v points along ∇Q.

    Args:
        quantity: Q, an expression of the coordinates' names in the data's units
            (`models.Expression`): ``"x**2 + y**2"``.
        weight: factor.

    Raises:
        InvalidInput: a weight that is not positive, or an expression that names no coordinate.
    """

    quantity: str
    weight: float = 10.0

    def __check_init__(self) -> None:
        check_weight(self)

    def on(self, frame: Frame) -> "ConservedLoss":
        return ConservedLoss(
            Expression(self.quantity, coordinate_names(frame)), frame.normaliser, self.weight
        )


class ConservedLoss(AbstractFlowLoss):
    """`Conserved` for given data.

    Args:
        quantity: Q.
        normaliser: from the data's units.
        weight: factor.
    """

    quantity: Expression = eqx.field(static=True)
    normaliser: Normaliser
    weight: float

    def __call__(self, field: Field, batch: dict[str, Any], *, key: Key) -> Scalar:
        slope = jax.grad(lambda y: self.quantity(jnp.ravel(self.normaliser.inverse(y))))
        v, g = over_rows(field, batch), jax.vmap(slope)(batch["y"])
        along = jnp.mean(jnp.sum(v * g, axis=1) ** 2)
        return self.weight * along / (jnp.mean(jnp.sum(v**2, 1) * jnp.sum(g**2, 1)) + _TINY)


def check_weight(term: Any) -> None:
    """Refuse a term whose ``weight`` is no positive number.

    Raises:
        InvalidInput: naming the term.
    """
    if not 0 < term.weight < float("inf"):
        raise InvalidInput(
            f"{type(term).__name__}: weight = {term.weight}; expected a positive number."
        )


def over_rows(function: Callable[..., Array], batch: dict[str, Any]) -> Float[Array, "n *value"]:
    """A function of one state, its time and condition at every row."""
    condition = batch["condition"]
    over = (0, 0, None if condition is None else 0)
    return jax.vmap(function, over)(batch["y"], batch["time"], condition)
