"""A region in which paths have to end, as the final cost of a control problem."""

import re

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Scalar
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.symbolic.expression import Expression


_INEQUALITY = re.compile(r"([^<>=]+)(<=|>=|<|>)([^<>=]+)")


class EndRegion(AbstractChecked):
    """Paths must end where inequalities hold: final cost 0 inside, infinite outside.

    **Equation**: with the indicator 1_A as weight, E e^{−g} is P(X_T ∈ A), and the optimal control is
    the Doob transform that conditions paths on ending in A. A control is learnt for the smooth
    cost g = Σ_i ln(1 + e^{−d_i/width}), d_i > 0 the inequalities; weights use the region itself.

    Args:
        text: inequalities of two expressions of the coordinates, such as ``"x > 3"``, several joined
            by "and".
        width: over which the smooth cost rises, in the unit of the inequality's two sides: about a
            tenth of how far the paths go in once they are there.

    Raises:
        InvalidInput: text that is no inequality, or a width that is not positive.
    """

    text: str
    width: float = 0.05

    def __check_init__(self) -> None:
        if not 0 < self.width < float("inf"):
            raise InvalidInput(f"EndRegion: width = {self.width}; it must be > 0.")
        for part in self._parts:
            if _INEQUALITY.fullmatch(part) is None:
                raise InvalidInput(
                    f"EndRegion {self.text!r}: {part!r} is no inequality; write x > 0.5."
                )

    def check(self, names: tuple[str, ...]) -> None:
        """Refuse expressions that cannot be read in these coordinates. Raises `InvalidInput`."""
        jax.eval_shape(
            lambda x: self.margins(x, names), jax.ShapeDtypeStruct((len(names),), float)
        )

    def margins(self, x: Float[Array, " dim"], names: tuple[str, ...]) -> Float[Array, " parts"]:
        """How far inside each inequality a flattened state lies; negative outside."""
        return jnp.stack([self._margin(part, names)(x) for part in self._parts])

    def holds(self, x: Float[Array, " dim"], names: tuple[str, ...]) -> Array:
        """Whether a flattened state lies in the region."""
        return jnp.all(self.margins(x, names) > 0)

    def smooth(self, x: Float[Array, " dim"], names: tuple[str, ...]) -> Scalar:
        """The cost that a control is learnt for."""
        return jnp.sum(jax.nn.softplus(-self.margins(x, names) / self.width))

    @property
    def _parts(self) -> list[str]:
        return [part.strip() for part in re.split(r"\band\b", self.text)]

    def _margin(self, part: str, names: tuple[str, ...]) -> Expression:
        found = _INEQUALITY.fullmatch(part)
        left, sign, right = found.groups() if found else ("", "", "")
        large, small = (left, right) if sign[:1] == ">" else (right, left)
        return Expression(f"({large.strip()}) - ({small.strip()})", names)
