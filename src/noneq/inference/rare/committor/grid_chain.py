"""A diffusion on a rectangular grid as a chain that jumps between neighbours."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.sparse import csc_array, csr_array, eye_array
from scipy.sparse.linalg import splu

from noneq._typing import ScalarLike
from noneq.errors import InvalidInput, SolveFailed
from noneq.inference.rare.committor.fitted import fitted, shortened
from noneq.systems.base import AbstractDiffusion


_MOST_NODES = 2_000_000
_SEARCHES = 26


class Links(NamedTuple):
    """Jumps between neighbours i and j = i + step, all of the same direction.

    Attributes:
        i, j: numbers of the nodes.
        step: displacement from i to j, ``(dim,)``.
        forward, backward: rates of i → j and of j → i.
    """

    i: np.ndarray
    j: np.ndarray
    step: np.ndarray
    forward: np.ndarray
    backward: np.ndarray


Inside = Callable[[np.ndarray], np.ndarray]
"""States ``(n, dim)`` to n truth values."""


@dataclass(frozen=True, eq=False)
class GridChain:
    """The generator of dX = f dt + B dW, D = B Bᵀ/2, on the centres of equal cells.

    **Equation**: L q = ∇·(D∇q) + g·∇q with g = f − ∇·D; across a face the flux is exponentially
    fitted, rate(i → i ± 1) = D/h² b(∓g h/D), b(z) = z/(e^z − 1), with g and D at the face. Rates
    are never negative, so that solutions obey the maximum principle; the error is O(h²), O(h) where
    noise is absent. Products of noises are jumps along the diagonals.

    Source: Scharfetter and Gummel 1969; Kushner and Dupuis 2001, section 5.3.

    Attributes:
        axes: centres of the cells along each coordinate.
        links: of every direction.
    """

    axes: tuple[np.ndarray, ...]
    links: tuple[Links, ...]

    @cached_property
    def nodes(self) -> Float[np.ndarray, "nodes dim"]:
        """Centres of all cells, the last coordinate fastest."""
        return np.stack(np.meshgrid(*self.axes, indexing="ij"), -1).reshape(-1, len(self.axes))

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells along each coordinate."""
        return tuple(len(axis) for axis in self.axes)

    @property
    def volume(self) -> float:
        """Of one cell."""
        return float(np.prod([axis[1] - axis[0] for axis in self.axes]))

    @cached_property
    def generator(self) -> Any:
        """L, ``(nodes, nodes)``; rows sum to 0."""
        return _matrix(self.links, len(self.nodes))

    @cached_property
    def stationary(self) -> Float[np.ndarray, " nodes"]:
        """π, the share of time in each cell; 1 in all.

        Raises:
            SolveFailed: no such law is found.
        """
        adjoint = csc_array(self.generator.T)
        n = len(self.nodes)
        shift = 1e-13 * float(np.abs(adjoint.diagonal()).max())
        solve = splu(adjoint - shift * eye_array(n, format="csc")).solve
        law = np.full(n, 1 / n)
        for _ in range(4):
            law = np.abs(solve(law))
            law /= law.sum()
        if not np.isfinite(law).all():
            raise SolveFailed(
                "grid: no stationary law was found; the motion must be able to go everywhere."
            )
        return law

    def reversed(self) -> "GridChain":
        """The chain run backwards in time in the steady state: rate(i → j) = π_j L_ji/π_i."""
        law = np.maximum(self.stationary, np.finfo(float).tiny)
        turned = [
            link._replace(
                forward=law[link.j] * link.backward / law[link.i],
                backward=law[link.i] * link.forward / law[link.j],
            )
            for link in self.links
        ]
        return GridChain(self.axes, tuple(turned))

    def absorbed(self, inside: Inside) -> tuple[Any, tuple[np.ndarray, ...]]:
        """The generator whose jumps into a set end at its border, and what part of a jump remains.

        **Equation**: with shares θ± of the two cell widths outside the set, the second derivative is
        2[(q₊ − q)/θ₊ − (q − q₋)/θ₋]/[(θ₊ + θ₋) h²].

        Source: Shortley and Weller 1938.
        """
        nodes, n = self.nodes, len(self.nodes)
        within, shares, cut = inside(nodes), [], []
        for link in self.links:
            share, width = np.ones(len(link.i)), np.full(n, 2.0)
            for here, there, sign in ((link.i, link.j, 1.0), (link.j, link.i, -1.0)):
                crossing = np.flatnonzero(~within[here] & within[there])
                found = _crossing(inside, nodes[here[crossing]], sign * link.step)
                share[crossing] = found
                width[here[crossing]] += found - 1
            forward, backward = shortened(link.forward, link.backward, share)
            cut.append(
                link._replace(
                    forward=2 * forward / width[link.i], backward=2 * backward / width[link.j]
                )
            )
            shares.append(share)
        return _matrix(tuple(cut), n), tuple(shares)

    def solve(
        self, inside: Inside, values: Float[np.ndarray, " nodes"], source: float = 0.0
    ) -> Float[np.ndarray, " nodes"]:
        """The solution of L q = source outside a set, with ``values`` in it.

        Raises:
            InvalidInput: no node in the set, or all of them.
            SolveFailed: parts of the grid from which the set is never reached.
        """
        within = inside(self.nodes)
        if not within.any() or within.all():
            where = "no" if not within.any() else "every"
            raise InvalidInput(
                f"grid: {where} cell lies in the sets; widen bounds= so that they hold both sets and "
                "what lies between, or take more cells."
            )
        free = ~within
        matrix = self.absorbed(inside)[0]
        right = source - matrix[free][:, within] @ values[within]
        with np.errstate(all="ignore"):
            try:
                found = splu(csc_array(matrix[free][:, free])).solve(right)
            except RuntimeError:
                found = np.full(free.sum(), np.nan)
        if not np.isfinite(found).all():
            raise SolveFailed(
                "grid: from some cells the sets are never reached; add noise there, or leave them "
                "out of bounds=."
            )
        whole = np.array(values, float)
        whole[free] = found
        return whole


def grid_chain(
    system: AbstractDiffusion,
    bounds: tuple[tuple[float, float], ...],
    cells: tuple[int, ...],
    periodic: tuple[bool, ...],
    time: float = 0.0,
) -> GridChain:
    """The chain of a system; walls at the bounds reflect.

    Raises:
        InvalidInput: too many cells, or noises that are too correlated for the cells' shape.
    """
    if np.prod([float(c) for c in cells]) > _MOST_NODES:
        raise InvalidInput(
            f"grid: {' x '.join(map(str, cells))} cells; at most {_MOST_NODES:,} can be solved for. "
            "Take fewer, or a network (variational_committor, shooting_committor)."
        )
    widths = np.array([(high - low) / c for (low, high), c in zip(bounds, cells, strict=True)])
    axes = tuple(
        low + (np.arange(c) + 0.5) * w for (low, _), c, w in zip(bounds, cells, widths, strict=True)
    )
    bare = GridChain(axes, ())
    dim, links = len(axes), []
    for k in range(dim):
        step = np.zeros(dim)
        step[k] = widths[k]
        i, j = _neighbours(cells, periodic, (k,), (1,))
        drift, spread = _coefficients(system, bare.nodes[i] + step / 2, time)
        crossed = np.abs(spread[:, k]) * widths[k] / widths
        own = spread[:, k, k] - (crossed.sum(1) - crossed[:, k])
        if (own < -1e-6 * spread[:, k, k]).any():
            raise InvalidInput(
                "grid: the noises of two coordinates are too correlated for cells of this shape; "
                "choose cells= so that the widths are in proportion to the strengths of the noises."
            )
        rates = fitted(drift[:, k], np.maximum(own, 0.0), widths[k])
        links.append(Links(i, j, step, *rates))
    for k in range(dim):
        for m in range(k + 1, dim):
            for sign in (1, -1):
                step = np.zeros(dim)
                step[k], step[m] = widths[k], sign * widths[m]
                i, j = _neighbours(cells, periodic, (k, m), (1, sign))
                spread = _coefficients(system, bare.nodes[i] + step / 2, time)[1][:, k, m]
                rate = np.maximum(sign * spread, 0.0) / (widths[k] * widths[m])
                if rate.any():
                    links.append(Links(i, j, step, rate, rate))
    return GridChain(axes, tuple(links))


@eqx.filter_jit
def _at(system: AbstractDiffusion, x: Array, time: ScalarLike) -> tuple[Array, Array]:
    """f − ∇·D and D at many states."""

    def one(x):
        b = lambda x: root_of(system.diffusion(time, x), x.size)
        spread = lambda x: b(x) @ b(x).T / 2
        slope = jnp.einsum("ijj->i", jax.jacfwd(spread)(x))
        return system.drift(time, x) - slope, spread(x)

    return jax.vmap(one)(x)


def root_of(b: Array, dim: int) -> Array:
    """B as a matrix."""
    return b if b.ndim == 2 else jnp.diag(jnp.broadcast_to(b, (dim,)))


def _coefficients(
    system: AbstractDiffusion, x: np.ndarray, time: float
) -> tuple[np.ndarray, np.ndarray]:
    found = _at(system, jnp.asarray(x, jnp.zeros(()).dtype), jnp.asarray(time, float))
    drift, spread = (np.asarray(part, np.float64) for part in found)
    if not (np.isfinite(drift).all() and np.isfinite(spread).all()):
        raise SolveFailed(
            f"grid: the drift or the noise of {type(system).__name__} is not finite within the "
            "bounds; choose bounds= in which it is."
        )
    return drift, spread


def _neighbours(
    cells: tuple[int, ...], periodic: tuple[bool, ...], along: tuple[int, ...], by: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of cells that lie ``by`` cells apart along these coordinates."""
    number = np.arange(int(np.prod(cells))).reshape(cells)
    keep, other = np.ones(cells, bool), number
    for k, step in zip(along, by, strict=True):
        other = np.roll(other, -step, axis=k)
        if not periodic[k]:
            edge = [slice(None)] * len(cells)
            edge[k] = slice(-1, None) if step > 0 else slice(0, 1)
            keep[tuple(edge)] = False
    return number[keep], other[keep]


def _crossing(inside: Inside, x: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Share of the way from x (outside) to x + step (inside) at which a set begins."""
    out, into = np.zeros(len(x)), np.ones(len(x))
    if not len(x):
        return into
    for _ in range(_SEARCHES):
        middle = (out + into) / 2
        hit = inside(x + middle[:, None] * step)
        out, into = np.where(hit, out, middle), np.where(hit, middle, into)
    return np.maximum(into, 1e-4)


def _matrix(links: tuple[Links, ...], n: int) -> csr_array:
    """The generator of these jumps."""
    rows = np.concatenate([part for link in links for part in (link.i, link.j)])
    columns = np.concatenate([part for link in links for part in (link.j, link.i)])
    rates = np.concatenate([part for link in links for part in (link.forward, link.backward)])
    away = np.bincount(rows, rates, minlength=n)
    every = np.arange(n)
    index = (np.r_[rows, every], np.r_[columns, every])
    return csr_array((np.r_[rates, -away], index), shape=(n, n))
