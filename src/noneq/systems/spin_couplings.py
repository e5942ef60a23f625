"""Who acts on which spin, and how strongly: periodic lattices, or any matrix."""

import math
from abc import abstractmethod
from functools import lru_cache
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.systems.linear import Matrix
from noneq.systems.spin_updates import Chance, Colours, Table, sweep_colours, sweep_halves


class AbstractCouplings(AbstractChecked):
    """Couplings J_ij: spin j adds J_ij s_j to the local field of spin i.

    They need not be reciprocal (J_ij ≠ J_ji); then no energy belongs to the dynamics.
    """

    @property
    @abstractmethod
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one state."""

    @abstractmethod
    def local(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Σ_j J_ij s_j for every spin i."""

    @abstractmethod
    def table(self) -> Table:
        """Numbers of the spins that act on each spin, and J_ij; spins are numbered row by row."""

    @abstractmethod
    def sweep(
        self, x: Float[Array, "*event"], chance: Chance, beta: float | np.ndarray, *, key: Key
    ) -> Float[Array, "*event"]:
        """Every spin once, class by class (see `colours`); uncoupled spins change together.

        Args:
            chance: probability of a flip as a function of (spins, local, beta).
            beta: 1/T, a number or one for every spin.
        """

    def matrix(self) -> Float[np.ndarray, "sites sites"]:
        """J_ij."""
        others, weights = self.table()
        matrix = np.zeros((len(others), len(others)))
        np.add.at(matrix, (np.arange(len(others))[:, None], others), weights)
        return matrix

    def colours(self) -> Colours:
        """Classes of spins without couplings inside a class, from a greedy colouring."""
        return _coloured(self)


class Lattice(AbstractCouplings):
    """Nearest neighbours on a periodic lattice of any dimension.

    **Equation**: Σ_j J_ij s_j = J Σ over the 2d neighbours; along the first axis J(1 + k) s for the
    next and J(1 − k) s for the one before, k = ``nonreciprocal``.

    A side of 2 meets the same neighbour twice, so these bonds count double (and k cancels).

    Args:
        shape: sides, each at least 2; states are fields of one channel, (1, *shape).
        strength: J; positive is ferromagnetic.
        nonreciprocal: k; 0 is the equilibrium model.

    Raises:
        InvalidInput: no sides, a side below 2, or numbers that are not finite.
    """

    shape: tuple[int, ...] = (32, 32)
    strength: float = 1.0
    nonreciprocal: float = 0.0

    def __check_init__(self) -> None:
        if not self.shape or any(isinstance(n, bool) or n < 2 for n in self.shape):
            raise InvalidInput(
                f"Lattice: shape = {self.shape}; expected at least one side, each of 2 or more "
                "(leave out axes of length 1)."
            )
        for name in ("strength", "nonreciprocal"):
            if not math.isfinite(getattr(self, name)):
                raise InvalidInput(f"Lattice: {name} = {getattr(self, name)}; it must be finite.")

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(1, *shape)."""
        return (1, *self.shape)

    def local(self, x: Float[Array, "1 *shape"]) -> Float[Array, "1 *shape"]:
        """By shifted copies of the state."""
        forward, backward = self._first_axis()
        total = forward * jnp.roll(x, -1, 1) + backward * jnp.roll(x, 1, 1)
        for axis in range(2, x.ndim):
            total = total + self.strength * (jnp.roll(x, -1, axis) + jnp.roll(x, 1, axis))
        return total

    def table(self) -> Table:
        """Next and previous neighbour along every axis."""
        number = np.arange(math.prod(self.shape)).reshape(self.shape)
        axes = range(len(self.shape))
        others = [np.roll(number, shift, axis) for axis in axes for shift in (-1, 1)]
        each = np.array([*self._first_axis(), *[self.strength] * (2 * len(axes) - 2)])
        columns = np.stack([other.reshape(-1) for other in others], axis=1)
        return columns, np.broadcast_to(each, columns.shape).copy()

    def sweep(
        self, x: Float[Array, "1 *shape"], chance: Chance, beta: float | np.ndarray, *, key: Key
    ) -> Float[Array, "1 *shape"]:
        """The two sublattices of a chessboard in turn; of more colours where a side is odd."""
        if any(side % 2 for side in self.shape):
            return sweep_colours(x, self.table(), self.colours(), chance, beta, key=key)
        beta = beta[0] if isinstance(beta, np.ndarray) else beta
        return sweep_halves(x[0], self._halves_local, chance, beta, key=key)[None]

    def _first_axis(self) -> tuple[float, float]:
        """J of the next and of the previous neighbour along the first axis."""
        forward = self.strength * (1 + self.nonreciprocal)
        return forward, self.strength * (1 - self.nonreciprocal)

    def _halves_local(
        self, other: Float[Array, "*half"], shifted: Bool[np.ndarray, "*row"]
    ) -> Float[Array, "*half"]:
        """Local fields of one sublattice, from the spins of the other (see `sweep_halves`)."""
        # Along the last axis one neighbour has the same place in its half, the other one beside.
        last = other.ndim - 1
        forward, backward = self._first_axis()
        after = jnp.where(shifted, jnp.roll(other, -1, last), other)
        before = jnp.where(shifted, other, jnp.roll(other, 1, last))
        if last == 0:
            return forward * after + backward * before
        total = forward * jnp.roll(other, -1, 0) + backward * jnp.roll(other, 1, 0)
        for axis in range(1, last):
            total = total + self.strength * (jnp.roll(other, -1, axis) + jnp.roll(other, 1, axis))
        return total + self.strength * (after + before)


class CouplingMatrix(AbstractCouplings):
    """Any couplings, given as a matrix.

    **Equation**: local field of spin i = Σ_j J_ij s_j; without reciprocity J_ij ≠ J_ji.

    Args:
        rows: (n, n) J_ij, nested tuples or any array, zeros on the diagonal; states are (n,).

    Raises:
        InvalidInput: rows that are no finite square matrix, or a spin that acts on itself.
    """

    rows: Matrix = eqx.field(converter=lambda rows: _nested(rows))

    def __check_init__(self) -> None:
        matrix = np.asarray(self.rows, float)
        if matrix.ndim != 2 or matrix.size == 0 or matrix.shape[0] != matrix.shape[1]:
            raise InvalidInput(
                f"CouplingMatrix: rows has shape {matrix.shape}; expected a square matrix of at "
                "least one spin."
            )
        if not np.isfinite(matrix).all():
            raise InvalidInput("CouplingMatrix: rows hold NaN or infinity.")
        own = np.flatnonzero(np.diag(matrix))
        if own.size:
            raise InvalidInput(
                f"CouplingMatrix: spin {own[0]} is coupled to itself; set the diagonal to zero."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(n,)."""
        return (len(self.rows),)

    def local(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
        """J s."""
        return jnp.asarray(self.rows, x.dtype) @ x

    def table(self) -> Table:
        """The non-zero entries of every row, filled up with zeros."""
        matrix = np.asarray(self.rows)
        degree = max(1, int((matrix != 0).sum(axis=1).max()))
        others = np.argsort(matrix == 0, axis=1, kind="stable")[:, :degree]
        return others, np.take_along_axis(matrix, others, axis=1)

    def sweep(
        self, x: Float[Array, " n"], chance: Chance, beta: float | np.ndarray, *, key: Key
    ) -> Float[Array, " n"]:
        """Colour by colour; fully coupled spins one by one."""
        return sweep_colours(x, self.table(), self.colours(), chance, beta, key=key)


def _nested(rows: Any) -> Any:
    """Any array-like as nested tuples of floats; ragged rows are refused."""
    try:
        values = np.asarray(rows, float)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            "CouplingMatrix: rows are no matrix of numbers; give n rows of n numbers."
        ) from error
    if values.ndim != 2:
        raise InvalidInput(f"CouplingMatrix: rows has shape {values.shape}; expected (n, n).")
    return tuple(tuple(row) for row in values.tolist())


@lru_cache(maxsize=32)
def _coloured(couplings: AbstractCouplings) -> Colours:
    others, weights = couplings.table()
    linked: list[set[int]] = [set() for _ in others]
    for i, j in np.argwhere(weights != 0):
        linked[i].add(int(others[i, j]))
        linked[int(others[i, j])].add(int(i))
    colour: list[int] = []
    for i, near in enumerate(linked):
        taken = {colour[j] for j in near if j < i}
        colour.append(next(c for c in range(len(taken) + 1) if c not in taken))
    kinds = range(max(colour) + 1)
    return tuple(tuple(i for i, c in enumerate(colour) if c == kind) for kind in kinds)
