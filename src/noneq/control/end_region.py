"""A region in which paths have to end, as the final cost of a control problem."""

import jax
from jaxtyping import Array, Float

from noneq._typing import Scalar
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.symbolic.condition import Condition


class EndRegion(AbstractChecked):
    """Paths must end where a condition holds: final cost 0 inside, infinite outside.

    **Equation**: with the indicator 1_A as weight, E e^{−g} is P(X_T ∈ A), and the optimal control is
    the Doob transform that conditions paths on ending in A. A control is learnt for the smooth
    cost g = ln(1 + e^{−d/width}), d > 0 the level of the condition; weights use the region itself.

    Args:
        text: inequalities of the coordinates, such as ``"x > 3"``, joined by "and", "or" and "not".
        width: over which the smooth cost rises, in the unit of the inequality's two sides: about a
            tenth of how far paths get inside.

    Raises:
        InvalidInput: a width that is not positive; for a system, text that is no condition of its
            coordinates.
    """

    text: str
    width: float = 0.05

    def __check_init__(self) -> None:
        if not 0 < self.width < float("inf"):
            raise InvalidInput(f"EndRegion: width = {self.width}; it must be > 0.")

    def holds(self, x: Float[Array, " dim"], names: tuple[str, ...]) -> Array:
        """Whether a flattened state lies in the region."""
        return Condition(self.text, names).contains(x)

    def smooth(self, x: Float[Array, " dim"], names: tuple[str, ...]) -> Scalar:
        """The cost that a control is learnt for."""
        return jax.nn.softplus(-Condition(self.text, names).level(x) / self.width)
