"""Chains with few states in continuous time: of any rate matrix, and a flashing ratchet."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from noneq._typing import Key, Numbers, ScalarLike
from noneq.domains import Discrete
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import HasEntropyProduction
from noneq.systems.jumps import AbstractSteadyJump, index_draw
from noneq.systems.one_state import of_state


_MOST = 2**15
"""Transitions of a chain: each step of a simulation looks at all of them."""


class AbstractMarkovJump(AbstractSteadyJump, HasEntropyProduction):
    """A chain on the states 0 … H − 1; its reactions are its transitions, row after row."""

    start: eqx.AbstractVar[int | None]

    @abstractmethod
    def rate_matrix(self) -> Float[np.ndarray, "H H"]:
        """W[i, j], the rate from i to j; rows sum to zero."""

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(1,)."""
        return (1,)

    @property
    def domain(self) -> Discrete:
        """0 … H − 1."""
        return Discrete(len(self.rate_matrix()))

    @property
    def transitions(self) -> tuple[tuple[int, int], ...]:
        """(i, j) of every reaction."""
        return tuple(zip(*(place.tolist() for place in self._transitions()), strict=True))

    @property
    def reverse(self) -> tuple[int, ...]:
        """For each transition i → j the number of j → i; −1 if it never happens."""
        number = {pair: r for r, pair in enumerate(self.transitions)}
        return tuple(number.get((j, i), -1) for i, j in self.transitions)

    @checked
    def initial(self, key: Key) -> Float[Array, "1"]:
        """``start``, or a draw of the stationary law."""
        if self.start is not None:
            return jnp.full((1,), float(self.start))
        return index_draw(key, self.stationary())[None].astype(jnp.zeros(()).dtype)

    @of_state
    def rates(self, t: ScalarLike, x: Float[Array, "1"]) -> Float[Array, "R"]:
        """W[x, j] for the transitions that leave x, 0 for the others."""
        source, target = self._transitions()
        leaving = jnp.asarray(self.rate_matrix()[source, target], x.dtype)
        return jnp.where(x[0] == jnp.asarray(source, x.dtype), leaving, 0.0)

    @of_state
    def after(self, x: Float[Array, "1"], reaction: Int[Array, ""] | int) -> Float[Array, "1"]:
        """The state in which the transition ends."""
        return jnp.asarray(self._transitions()[1], x.dtype)[reaction][None]

    def stationary(self) -> Float[np.ndarray, " H"]:
        """The law pi with pi W = 0.

        Raises:
            InvalidInput: there are several.
        """
        W = self.rate_matrix()
        _, sizes, rows = np.linalg.svd(W.T)
        if sizes[-2] <= 1e-12 * sizes[0]:
            raise InvalidInput(
                f"{type(self).__name__}: the chain has several stationary laws; give start=, the "
                "number of the state where paths begin."
            )
        law = np.abs(rows[-1])
        return law / law.sum()

    def jump_matrix(self) -> Float[np.ndarray, "H H"]:
        """Transition matrix of the sequence of states, whatever the times between the jumps.

        **Equation**: T_ij = W_ij/Σ_{k≠i} W_ik.

        Raises:
            InvalidInput: a state that is never left.
        """
        moves = self.rate_matrix() - np.diag(np.diag(self.rate_matrix()))
        leaving = moves.sum(1)
        if not leaving.all():
            raise InvalidInput(
                f"{type(self).__name__}: state {int(np.argmin(leaving))} is never left, so that no "
                "jump follows it."
            )
        return moves / leaving[:, None]

    def entropy_production_rate(self) -> float:
        """Σ_{i<j} (p_i W_ij − p_j W_ji) ln[p_i W_ij/(p_j W_ji)]; inf if a reverse is missing.

        Raises:
            InvalidInput: there are several stationary laws.

        Source: Schnakenberg 1976, equation 7.6.
        """
        moves = self.rate_matrix() - np.diag(np.diag(self.rate_matrix()))
        if ((moves > 0) != (moves.T > 0)).any():
            return float("inf")
        flux = self.stationary()[:, None] * moves
        i, j = np.nonzero(np.triu(moves))
        return float(np.sum((flux[i, j] - flux[j, i]) * np.log(flux[i, j] / flux[j, i])))

    def _transitions(self) -> tuple[np.ndarray, np.ndarray]:
        moves = self.rate_matrix()
        source, target = np.nonzero(moves - np.diag(np.diag(moves)))
        return source, target


def _nested(values: Numbers) -> Any:
    return tuple(map(tuple, np.atleast_2d(np.asarray(values, float)).tolist()))


class MarkovJump(AbstractMarkovJump):
    """A chain of any rate matrix.

    **Equation**: dp_j/dt = Σ_i p_i W_ij. The default is a ring of three states with rates 3 and 1
    around it: it dissipates 2 ln 3 = 2.197 nats per unit time.

    Args:
        matrix: W, ``(H, H)`` rates from row to column; the diagonal is ignored.
        start: number of the state where all paths begin; None draws the stationary law.

    Raises:
        InvalidInput: no square matrix of finite rates ≥ 0, more than 2¹⁵ transitions, or a start
            that is no state.
    """

    matrix: tuple[tuple[float, ...], ...] = eqx.field(
        default=((-4.0, 3.0, 1.0), (1.0, -4.0, 3.0), (3.0, 1.0, -4.0)), converter=_nested
    )
    start: int | None = None

    def __check_init__(self) -> None:
        given = np.asarray(self.matrix)
        if given.ndim != 2 or given.shape[0] != given.shape[1] or len(given) < 2:
            raise InvalidInput(
                f"MarkovJump: matrix has the shape {given.shape}; expected a square one of at "
                "least two states, rates from row to column."
            )
        rates = given - np.diag(np.diag(given))
        if not np.isfinite(rates).all() or (rates < 0).any():
            raise InvalidInput("MarkovJump: rates must be finite and ≥ 0 off the diagonal.")
        if np.count_nonzero(rates) > _MOST or not rates.any():
            raise InvalidInput(
                f"MarkovJump: {np.count_nonzero(rates)} transitions; expected 1 to {_MOST}."
            )
        if self.start is not None and not 0 <= self.start < len(given):
            raise InvalidInput(
                f"MarkovJump: start = {self.start}; the states are 0 to {len(given) - 1}."
            )

    def rate_matrix(self) -> Float[np.ndarray, "H H"]:
        """As given, with the diagonal that makes rows sum to zero."""
        given = np.asarray(self.matrix)
        moves = given - np.diag(np.diag(given))
        return moves - np.diag(moves.sum(1))


class FlashingRatchet(AbstractMarkovJump):
    """A particle on a ring of three sites whose potential is switched on and off.

    **Equation**: from site i to j at rate e^{(V_i − V_j)/2}, V = (0, height, 2 height) while on and
    flat while off; on ↔ off at rate ``switch``. State 3 s + i: site i, s = 0 on and 1 off.

    Each jump of the sequence of states (`jump_matrix`) produces .016376, .062364, .130566, .213069,
    .398201 nats for heights .5, 1, 1.5, 2, 3. An observer who sees the site alone, state modulo 3,
    sees a hidden Markov process.

    Args:
        height: V, in kT.
        switch: rate of the switch.
        start: as in `MarkovJump`.

    Raises:
        InvalidInput: a height that is not finite, a switch that is not positive, or a start that is
            no state.

    Source: the discrete flashing ratchet of Kim, Bae, Lee and Jeong, PRL 125, 140604 (2020).
    """

    height: float = 1.5
    switch: float = 1.0
    start: int | None = None

    def __check_init__(self) -> None:
        if not (abs(self.height) < 100 and 0 < self.switch < float("inf")):
            raise InvalidInput(
                f"FlashingRatchet: height = {self.height}, switch = {self.switch}; expected "
                "|height| < 100 kT and a positive rate."
            )
        if self.start is not None and not 0 <= self.start < 6:
            raise InvalidInput(f"FlashingRatchet: start = {self.start}; the states are 0 to 5.")

    def rate_matrix(self) -> Float[np.ndarray, "6 6"]:
        """Three sites on, three off."""
        potential = self.height * np.array([0.0, 1.0, 2.0])
        W = np.zeros((6, 6))
        W[:3, :3] = np.exp((potential[:, None] - potential) / 2)
        W[3:, 3:] = 1.0
        W += self.switch * np.roll(np.eye(6), 3, 1)
        W -= np.diag(np.diag(W))
        return W - np.diag(W.sum(1))
