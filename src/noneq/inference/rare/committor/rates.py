"""Rates and reactive paths of transition-path theory, on a grid."""

from dataclasses import dataclass

import numpy as np

from noneq.inference.rare.committor.grid_chain import GridChain
from noneq.inference.rare.committor.grid_functions import GridCommittor
from noneq.inference.rare.membership import members
from noneq.needs import observable


@dataclass(frozen=True, eq=False)
class GridTransitions:
    """How often, how fast and where paths go from A to B in the steady state.

    Attributes:
        flux: transitions A → B per unit of time.
        rate: k_AB = flux/P(last in A): per unit of the time that is spent between leaving B and
            reaching it again.
        back_rate: k_BA = flux/P(last in B).
        last_in_start: P(A was visited after B).
        duration: mean time from the last exit of A to the entry into B.
        axes: centres of the cells along each coordinate.
        law: steady density, one axis a coordinate.
        reactive: density of states on their way, π q⁻ q⁺, not normalised.
        current: of the reactive paths, ``(*cells, dim)``.
    """

    flux: float
    rate: float
    back_rate: float
    last_in_start: float
    duration: float
    axes: tuple[np.ndarray, ...]
    law: np.ndarray
    reactive: np.ndarray
    current: np.ndarray

    def __str__(self) -> str:
        return (
            f"GridTransitions(k_AB {self.rate:.5g}, k_BA {self.back_rate:.5g}, flux {self.flux:.5g}, "
            f"duration {self.duration:.4g})"
        )


@observable("values", number=False)
def grid_transitions(committor: GridCommittor) -> GridTransitions:
    """Flux, rates and reactive paths from a committor on a grid, in or out of equilibrium.

    **Equation**: flux = ∫_S (π D∇q + q J)·dS over any surface S between A and B, J the steady
    current, = ∫ π ∇qᵀD∇q, as no current flows into B in all; the reactive current is
    q⁻ q⁺ J + π D(q⁻∇q⁺ − q⁺∇q⁻), with q⁻ the committor of the motion reversed in time; mean
    duration ∫ π q⁻ q⁺/flux.

    Source: E and Vanden-Eijnden 2006; Metzner, Schütte and Vanden-Eijnden 2006.
    """
    chain, a, b = committor.chain, committor.start, committor.target
    nodes, law = chain.nodes, chain.stationary
    sets = lambda x: members(a, x) | members(b, x)
    q = committor.values.astype(np.float64).ravel()
    backward = np.clip(chain.reversed().solve(sets, members(a, nodes).astype(float)), 0.0, 1.0)
    flux = _dirichlet(chain, committor, q)
    last = float(law @ backward)
    reactive = law * backward * q
    return GridTransitions(
        flux,
        flux / last,
        flux / (1 - last),
        last,
        float(reactive.sum()) / flux,
        chain.axes,
        law.reshape(chain.shape) / chain.volume,
        reactive.reshape(chain.shape) / chain.volume,
        _current(chain, law, backward, q),
    )


def _dirichlet(chain: GridChain, committor: GridCommittor, q: np.ndarray) -> float:
    """∫ π ∇qᵀD∇q, link by link; those that end at the border of a set are shorter."""
    law, sets = (
        chain.stationary,
        lambda x: members(committor.start, x) | members(committor.target, x),
    )
    shares = chain.absorbed(sets)[1]
    total = 0.0
    for link, share in zip(chain.links, shares, strict=True):
        weight = (law[link.i] * link.forward + law[link.j] * link.backward) / 2
        total += float(np.sum(weight / share * (q[link.j] - q[link.i]) ** 2))
    return total


def _current(chain: GridChain, law: np.ndarray, backward: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Current of the reactive paths at the nodes, half of it from the links of each side."""
    dim = len(chain.axes)
    current = np.zeros((len(law), dim))
    for link in chain.links:
        net = law[link.i] * backward[link.i] * link.forward * q[link.j]
        net -= law[link.j] * backward[link.j] * link.backward * q[link.i]
        for end in (link.i, link.j):
            np.add.at(current, end, 0.5 * net[:, None] * link.step)
    return current.reshape(*chain.shape, dim) / chain.volume
