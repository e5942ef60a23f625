"""A library of currents and gradients: functions of pairs of states that change sign in reverse."""

from dataclasses import dataclass, replace
from itertools import product
from math import comb, sqrt

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.domains import periods_of
from noneq.errors import InvalidInput
from noneq.statistics.increment_blocks import increment_blocks


_EDGE = 5.0
"""Standard deviations at which coordinates level off, so that no state outweighs all others."""
_NARROW = 1e-9


@dataclass(frozen=True)
class Coordinates:
    """Scaled principal components of the coordinates on free space, and angles.

    Args:
        mean: (free,) of the coordinates without period.
        axes: (free, components) columns that scale to unit variance.
        free, periodic: positions of these coordinates in a state.
        turn: (periodic,) 2π/period.
    """

    mean: np.ndarray
    axes: np.ndarray
    free: np.ndarray
    periodic: np.ndarray
    turn: np.ndarray

    @property
    def components(self) -> int:
        """How many there are on free space."""
        return self.axes.shape[1]

    def leading(self, count: int) -> "Coordinates":
        """With the ``count`` widest components alone."""
        return replace(self, axes=self.axes[:, :count])

    def of(self, x: np.ndarray) -> np.ndarray:
        """(N, components + periodic): components that level off at 5, angles as they are."""
        z = (x[:, self.free] - self.mean) @ self.axes
        z = z / (1 + (z / _EDGE) ** 4) ** 0.25
        return np.concatenate([z, x[:, self.periodic] * self.turn], axis=1)


def coordinates_of(trajectories: Trajectories, most: int, what: str) -> Coordinates:
    """Coordinates measured on the states, in a pass of its own.

    Args:
        trajectories: of vectors.
        most: components on free space that are kept, the widest ones.
        what: name of the caller.

    Raises:
        InvalidInput: a coordinate that never moves.
    """
    period = periods_of(trajectories.domain, trajectories.event_shape).reshape(-1)
    free, periodic = np.flatnonzero(period == 0), np.flatnonzero(period > 0)
    total, square, count, moved = 0.0, 0.0, 0, 0.0
    # Near the data, so that squares far from zero keep their digits.
    origin = trajectories.values[0, int(trajectories.observed[0].argmax())].astype(np.float64)
    for _, block in increment_blocks(trajectories):
        both = np.concatenate([block.start, block.end])[:, free] - origin[free]
        total, square, count = total + both.sum(0), square + both.T @ both, count + len(both)
        moved = moved + np.abs(block.move).sum(0)
    still = np.flatnonzero(np.asarray(moved) == 0)
    if still.size:
        name = trajectories.names[still[0]] if trajectories.names else f"x{still[0]}"
        raise InvalidInput(
            f"{what}: coordinate {name!r} never moves; leave it out (command line: --columns; one "
            "with no motion says "
            "nothing of time's direction)."
        )
    mean = np.asarray(total) / count
    covariance = np.asarray(square) / count - np.outer(mean, mean)
    scale = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    order = np.argsort(-values)[:most]
    order = order[values[order] > _NARROW]
    axes = vectors[:, order] / np.sqrt(values[order]) / scale[:, None]
    return Coordinates(mean + origin[free], axes, free, periodic, 2 * np.pi / period[periodic])


@dataclass(frozen=True)
class Library:
    """Currents c(X)∘dX, and gradients, of products of Hermite functions, cosines and sines.

    Args:
        coordinates: what they are functions of.
        basis: (functions, coordinates) order in each coordinate; of an angle 2k − 1 is cos kθ and
            2k is sin kθ. The first one is the constant.
        currents: (function, coordinate) pairs: h(q)∘dq_i; function −1 stands for (q_i(y) − q_i(x))³.
        gradients: positions in the basis of the functions whose differences are projected out.
        degree: largest of the functions of the currents.
    """

    coordinates: Coordinates
    basis: np.ndarray
    currents: tuple[tuple[int, int], ...]
    gradients: np.ndarray
    degree: int

    def values(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """½[h(x) + h(y)](q_i(y) − q_i(x)) and h(y) − h(x), a row each."""
        q, r = self.coordinates.of(start), self.coordinates.of(end)
        before, after = self.functions(q), self.functions(r)
        move = (r - q).T
        found = np.empty((len(self.currents) + len(self.gradients), len(q)))
        for k, (h, i) in enumerate(self.currents):
            found[k] = (before[h] + after[h]) * move[i] / 2 if h >= 0 else move[i] ** 3
        found[len(self.currents) :] = (after - before)[self.gradients]
        return found

    def at(self, states: np.ndarray) -> np.ndarray:
        """(functions, N) of the basis at states."""
        return self.functions(self.coordinates.of(states))

    def degrees(self) -> np.ndarray:
        """(functions,) degrees of the basis."""
        return _degrees(self.basis, self.coordinates.components)

    def functions(self, q: np.ndarray) -> np.ndarray:
        """(functions, N) of the basis at coordinates."""
        lines = [
            _on_line(
                q[:, i], int(self.basis[:, i].max(initial=0)), i >= self.coordinates.components
            )
            for i in range(q.shape[1])
        ]
        made = np.ones((len(self.basis), len(q)))
        for row, orders in zip(made, self.basis, strict=True):
            for line, k in zip(lines, orders, strict=True):
                if k:
                    row *= line[k]
        return made


def library(
    coordinates: Coordinates, degree: int, *, gradients: int = 130, linear: bool = False
) -> Library:
    """Currents of functions up to a degree.

    Args:
        coordinates: what they are functions of.
        degree: of the functions h in h(q)∘dq_i.
        gradients: most of the functions that are projected out; those one degree higher always are.
        linear: only the areas q_j∘dq_i, and how often each angle winds. On a line, where every current
            is a gradient, the skewness of the moves alone: slow rises and fast falls.
    """
    components = coordinates.components
    size = components + len(coordinates.periodic)
    top = degree + 1
    while top < 8 and _count(components, size - components, top + 1) <= gradients:
        top += 1
    basis = _basis(components, size - components, top)
    if size == components == 1:
        return Library(coordinates, basis, ((-1, 0),), np.arange(1, len(basis)), 1)
    degrees = _degrees(basis, components)
    if linear:
        alone = (degrees == 1) & (basis[:, components:].sum(1) == 0)
        pairs = [(int(h), i) for h in np.flatnonzero(alone) for i in range(components)]
        chosen = [(h, i) for h, i in pairs if basis[h, i] == 0]
        chosen += [(0, components + i) for i in range(size - components)]
    else:
        small = np.flatnonzero(degrees <= degree)
        chosen = [(int(h), i) for h in small for i in range(size) if h or i >= components]
    return Library(coordinates, basis, tuple(chosen), np.flatnonzero(degrees > 0), degree)


def independent(components: int, angles: int, degree: int) -> int:
    """Currents of a library that are no gradients."""
    size = components + angles
    return size * _count(components, angles, degree) - (
        _count(components, angles, degree + 1 if components else degree) - 1
    )


def _on_line(q: np.ndarray, most: int, angle: bool) -> np.ndarray:
    """(most + 1, N): 1 and the functions of one coordinate by their order."""
    lines = np.ones((most + 1, len(q)))
    for k in range(1, most + 1):
        if angle:
            turns = (k + 1) // 2 * q
            lines[k] = sqrt(2) * (np.cos(turns) if k % 2 else np.sin(turns))
        elif k == 1:
            lines[1] = q
        else:
            lines[k] = (q * lines[k - 1] - sqrt(k - 1) * lines[k - 2]) / sqrt(k)
    return lines


def _degrees(basis: np.ndarray, components: int) -> np.ndarray:
    return basis[:, :components].sum(1) + ((basis[:, components:] + 1) // 2).sum(1)


def _basis(components: int, angles: int, degree: int) -> np.ndarray:
    """Orders of all products up to a degree, by degree."""
    if angles == 0:
        rows = _monomials(components, degree)
    else:
        waves = [
            wave
            for wave in product(range(2 * degree + 1), repeat=angles)
            if sum((k + 1) // 2 for k in wave) <= degree
        ]
        rows = np.asarray(
            [
                [*powers, *wave]
                for wave in waves
                for powers in _monomials(
                    components, degree - sum((k + 1) // 2 for k in wave)
                ).tolist()
            ]
        )
    return rows[np.argsort(_degrees(rows, components), kind="stable")]


def _monomials(dim: int, degree: int) -> np.ndarray:
    from itertools import combinations_with_replacement

    rows = [
        np.bincount(np.asarray(factors, int), minlength=dim)[:dim]
        for d in range(degree + 1)
        for factors in combinations_with_replacement(range(dim), d)
    ]
    return np.asarray(rows, int).reshape(len(rows) if dim else 1, dim)


def _count(components: int, angles: int, degree: int) -> int:
    """Functions of at most a degree: the coefficient sum of (1 − t)^−c ((1 + t)/(1 − t))^a."""
    if angles == 0:
        return comb(components + degree, degree)
    waves = np.zeros(degree + 1, int)
    waves[0] = 1
    for _ in range(angles):
        one = np.full(degree + 1, 2)
        one[0] = 1
        waves = np.convolve(waves, one)[: degree + 1]
    return int(sum(waves[k] * comb(components + degree - k, degree - k) for k in range(degree + 1)))
