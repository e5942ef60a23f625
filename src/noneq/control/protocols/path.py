"""What every path of potentials is: it carries the first law into the last at constant speed."""

from abc import abstractmethod

import equinox as eqx
from jaxtyping import Array, Float

from noneq._typing import Scalar, ScalarLike


class AbstractPath(eqx.Module):
    """Potentials V_s, s ∈ [0, 1], under which the law follows (1 − s) x + s T(x).

    **Equation**: V_s = −ln p_s/beta − φ_s, ∇φ_s the velocity (T(x) − x)/τ of the state at (1 − s) x + s T(x);
    ∂_t φ + |∇φ|²/2 = 0 (Benamou and Brenier).
    """

    @abstractmethod
    def potential(self, s: ScalarLike, x: Float[Array, " dim"]) -> Scalar:
        """V_s(x) of one state."""

    @property
    @abstractmethod
    def curvatures(self) -> tuple[float, float]:
        """Of V_s where states are found: a typical and the largest one, over the whole path."""
