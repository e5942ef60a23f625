"""Recipes of skew operators: which entries are free, and where their values come from."""

import itertools
from abc import abstractmethod
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.summary import Summary
from noneq.domains import Free
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked, checked
from noneq.methods.invariant_flows.skew.operators import AbstractSkewOperator, SkewMatrix, SkewWaves


@dataclass(frozen=True, eq=False)
class Pattern:
    """Tensors that are linear in a few free numbers c, with ‖tensor‖ = |c|.

    **Equation**: tensor = weight c[index].

    Attributes:
        index: which number stands at an entry.
        weight: its factor, 0 where the entry vanishes.
        count: how many numbers there are; 0 if everything vanishes.
    """

    index: np.ndarray
    weight: np.ndarray
    count: int

    def place(self, free: Float[Array, " count"]) -> Array:
        """The tensor of these numbers."""
        if self.count == 0:
            return jnp.zeros(self.weight.shape)
        return jnp.asarray(self.weight, free.dtype) * free[self.index]


def matrix_pattern(dim: int) -> Pattern:
    """Skew matrices: one number for each pair of coordinates."""
    rows, columns = np.triu_indices(dim, 1)
    index, weight = np.zeros((dim, dim), int), np.zeros((dim, dim))
    index[rows, columns] = index[columns, rows] = np.arange(len(rows))
    weight[rows, columns], weight[columns, rows] = np.sqrt(0.5), -np.sqrt(0.5)
    return Pattern(index, weight, len(rows))


def kernel_pattern(channels: int, sizes: tuple[int, ...], isotropic: bool) -> Pattern:
    """One number for each orbit of entries under exchange with sign −1 (and the grid's group)."""
    shape = (channels, channels, *sizes)
    places = np.arange(np.prod(shape)).reshape(shape)
    moved = [places]
    if isotropic:
        axes = range(2, len(shape))
        moved = [
            np.flip(places.transpose(0, 1, *order), flips)
            for order in itertools.permutations(axes)
            for count in range(len(sizes) + 1)
            for flips in itertools.combinations(axes, count)
        ]
    exchange = lambda p: np.flip(p.swapaxes(0, 1), tuple(range(2, p.ndim)))
    images = np.stack([p.ravel() for p in moved] + [exchange(p).ravel() for p in moved])
    signs = np.repeat([1.0, -1.0], len(moved))
    index, weight, count = np.zeros(places.size, int), np.zeros(places.size), 0
    done = np.zeros(places.size, bool)
    for place in range(places.size):
        if done[place]:
            continue
        orbit = np.zeros(places.size)
        np.add.at(orbit, images[:, place], signs)
        done[images[:, place]] = True
        norm = np.linalg.norm(orbit)
        if norm > 0:
            at = np.flatnonzero(orbit)
            index[at], weight[at] = count, orbit[at] / norm
            count += 1
    return Pattern(index.reshape(shape), weight.reshape(shape), count)


_LARGEST = 1024
"""Dimensions of the largest dense matrix."""


class AbstractSkew(AbstractChecked):
    """Recipe of an `AbstractSkewOperator`."""

    @abstractmethod
    def pattern(self, event_shape: tuple[int, ...]) -> Pattern:
        """The entries that are free.

        Raises:
            InvalidInput: states that this kind of operator does not take, or an operator that
                would always vanish.
        """

    @abstractmethod
    def operator(
        self, free: Float[Array, " count"], summary: Summary, *, key: Key
    ) -> AbstractSkewOperator:
        """The operator with these free numbers; ``key`` draws what else is random in it."""

    @abstractmethod
    def given(self, summary: Summary) -> np.ndarray | None:
        """The free numbers if they were given, in units of the data's standard deviation."""

    @abstractmethod
    def check(self, data: Snapshots | Trajectories) -> None:
        """Refuse data on which the operator would not be skew.

        Raises:
            InvalidInput: a grid whose edges do not meet, a domain where A would jump.
        """

    @checked
    def init(self, summary: Summary, *, key: Key) -> AbstractSkewOperator:
        """The operator that was given, or a random one of Frobenius norm 1."""
        count = self.pattern(summary.event_shape).count
        draw_key, rest_key = jax.random.split(key)
        given = self.given(summary)
        if given is not None:
            free = jnp.asarray(given, dtype=float)
        else:
            free = jax.random.normal(draw_key, (count,))
            free = free / jnp.maximum(jnp.linalg.norm(free), 1e-12)
        return self.operator(free, summary, key=rest_key)


class ConstantSkew(AbstractSkew):
    """The same skew matrix A at every state.

    Random ones are Gaussian, antisymmetrised, of Frobenius norm 1 in units of the data's standard
    deviation. In one dimension A = 0: a law on the line is kept only by states at rest.

    Args:
        entries: A_01, A_02, …, A_12, … row by row above the diagonal, in the data's units
            (v = A ∇ log p); None draws them, or fits them where `SkewFlow.fit` is told how states
            move.

    Raises:
        InvalidInput: entries that are not finite or not dim (dim − 1)/2, or more than 1024
            dimensions.
    """

    entries: tuple[float, ...] | None = None

    def __check_init__(self) -> None:
        if self.entries is not None and not np.isfinite(self.entries).all():
            raise InvalidInput("ConstantSkew: entries hold NaN or infinity; give finite numbers.")

    def pattern(self, event_shape: tuple[int, ...]) -> Pattern:
        dim = _dense(event_shape, "ConstantSkew")
        return matrix_pattern(dim)

    def operator(
        self, free: Float[Array, " count"], summary: Summary, *, key: Key
    ) -> AbstractSkewOperator:
        return SkewMatrix(Constant(self.pattern(summary.event_shape).place(free)))

    def given(self, summary: Summary) -> np.ndarray | None:
        if self.entries is None:
            return None
        pattern = self.pattern(summary.event_shape)
        if len(self.entries) != pattern.count:
            raise InvalidInput(
                f"ConstantSkew: {len(self.entries)} entries; a skew matrix of {summary.dim} "
                f"dimensions has {pattern.count} above its diagonal."
            )
        rows, columns = np.triu_indices(summary.dim, 1)
        scale = np.repeat(summary.scale, summary.dim // len(summary.scale))
        return np.sqrt(2) * np.asarray(self.entries) / (scale[rows] * scale[columns])

    def check(self, data: Snapshots | Trajectories) -> None:
        self.pattern(data.event_shape)


class StateSkew(AbstractSkew):
    """A skew matrix that changes smoothly with the state, A(y) = Σ_k √2 cos(w_k·y + b_k) A_k.

    The mean over phases of ‖A(y)‖² is 1, w_k are Gaussian of standard deviation 1/length: for many
    waves A is a Gaussian random field of that correlation length.

    Args:
        waves: how many.
        length: over which A changes, in standard deviations of the data.

    Raises:
        InvalidInput: no wave, a length that is not positive, a domain with edges, or more than
            1024 dimensions.
    """

    waves: int = 32
    length: float = 1.0

    def __check_init__(self) -> None:
        if isinstance(self.waves, bool) or self.waves < 1:
            raise InvalidInput(f"StateSkew: waves = {self.waves}; expected at least 1.")
        if not 0 < self.length < float("inf"):
            raise InvalidInput(f"StateSkew: length = {self.length}; expected a positive number.")

    def pattern(self, event_shape: tuple[int, ...]) -> Pattern:
        one = matrix_pattern(_dense(event_shape, "StateSkew"))
        index = one.index + one.count * np.arange(self.waves)[:, None, None]
        weight = np.broadcast_to(one.weight, index.shape)
        return Pattern(index, weight, one.count * self.waves)

    def operator(
        self, free: Float[Array, " count"], summary: Summary, *, key: Key
    ) -> AbstractSkewOperator:
        wave_key, phase_key = jax.random.split(key)
        return SkewWaves(
            Constant(self.pattern(summary.event_shape).place(free)),
            Constant(jax.random.normal(wave_key, (self.waves, summary.dim)) / self.length),
            Constant(jax.random.uniform(phase_key, (self.waves,), maxval=2 * np.pi)),
        )

    def given(self, summary: Summary) -> None:
        return None

    def check(self, data: Snapshots | Trajectories) -> None:
        self.pattern(data.event_shape)
        if not isinstance(data.domain, Free):
            raise InvalidInput(
                f"StateSkew: states live in a {type(data.domain).__name__}, on which its waves do "
                "not close; take ConstantSkew."
            )


def _dense(event_shape: tuple[int, ...], name: str) -> int:
    dim = int(np.prod(event_shape))
    if dim > _LARGEST:
        raise InvalidInput(
            f"{name}: a matrix of {dim} dimensions is too large (at most {_LARGEST}); take "
            "ConvolutionalSkew for fields."
        )
    return dim
