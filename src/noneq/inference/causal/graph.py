"""The causal graph of a stochastic differential equation: which coordinate acts on which."""

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from noneq._typing import Numbers
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.errors import InvalidInput
from noneq.inference.causal.node_libraries import libraries_of, smooth
from noneq.inference.causal.selection import SELECTIONS, Problem
from noneq.inference.velocities import check_field, velocity_at
from noneq.needs import observable
from noneq.statistics.increment_sums import Sums, increment_sums
from noneq.statistics.increments import even
from noneq.statistics.libraries import AbstractLibrary
from noneq.statistics.regression import diffusivity_of


Selection: TypeAlias = Literal["ridge", "group_lasso", "greedy"]
_STATES = 2000
"""Over which the slopes of a law are averaged."""


@dataclass(frozen=True, eq=False)
class CausalGraph:
    """Who acts on whom; row i is acted on by column j.

    Attributes:
        names: of the coordinates.
        strength: √E(∂f_i/∂x_j)² std_j/std_i, per time, ``(dim, dim)``.
        edges: whether j is a parent of i, ``(dim, dim)``; the diagonal is False.
        probability: share of the bootstrap samples of the record with that edge.
        method: how parents were chosen.
    """

    names: tuple[str, ...]
    strength: Float[np.ndarray, "dim dim"]
    edges: Bool[np.ndarray, "dim dim"]
    probability: Float[np.ndarray, "dim dim"]
    method: str

    def auroc(self, truth: Any) -> float:
        """Probability that a true edge ranks above an absent one, by probability, then strength.

        Args:
            truth: ``(dim, dim)`` booleans, row i acted on by column j; the diagonal is left out.

        Raises:
            InvalidInput: another shape, or a graph with all edges or none.
        """
        truth = np.asarray(truth, bool)
        off = ~np.eye(len(self.names), dtype=bool)
        if truth.shape != off.shape or len(set(truth[off].tolist())) < 2:
            raise InvalidInput(
                f"auroc: truth of shape {truth.shape} with {truth.sum()} edges; expected {off.shape}, "
                "some edges and not all."
            )
        order = np.lexsort((self.strength[off], self.probability[off]))
        pairs = np.stack([self.probability[off], self.strength[off]], 1)[order]
        _, level = np.unique(pairs, axis=0, return_inverse=True)
        rank = np.empty(len(order))
        ends = np.cumsum(np.bincount(level.reshape(-1)))
        rank[order] = (
            ends[level.reshape(-1)] - (np.bincount(level.reshape(-1)) - 1)[level.reshape(-1)] / 2
        )
        count = truth[off].sum()
        return float(
            (rank[truth[off]].sum() - count * (count + 1) / 2) / (count * (~truth[off]).sum())
        )

    def __str__(self) -> str:
        lines = [
            f"{self.names[j]} -> {self.names[i]}  ({self.probability[i, j]:.2f})"
            for i, j in zip(*np.nonzero(self.edges), strict=True)
        ]
        return "\n".join(
            [f"CausalGraph by {self.method}, {len(lines)} edges (probability):", *lines]
        )


@observable("model", more=("states",), number=False)
def score_matrix(
    field: Any, states: Snapshots | Trajectories | Numbers, *, time: float | None = None
) -> Float[np.ndarray, "dim dim"]:
    """How strongly each coordinate acts on each in a known or learnt law.

    **Equation**: G_ij = √E(∂f_i/∂x_j)², f the drift, by automatic differentiation.

    Args:
        field: a system or a fitted model with a drift or a velocity, or a function of one state.
        states: over which the mean is taken, an array ``(n, dim)`` or data.
        time: at which the law is taken.

    Returns:
        ``(dim, dim)``, row i acted on by column j, in the units of the rates.

    Raises:
        MissingTrait: no drift or velocity.
        InvalidInput: states that are no vectors.
    """
    check_field(field, "score_matrix")
    values = states.snapshots().values if isinstance(states, Snapshots | Trajectories) else states
    x = jnp.asarray(np.asarray(values), float)
    if x.ndim != 2:
        raise InvalidInput(f"score_matrix: states of shape {x.shape}; expected (n, dim).")
    x = x[:: max(1, len(x) // _STATES)]
    slopes = jax.vmap(jax.jacfwd(lambda y: velocity_at(field, y, time)))(x)
    return np.sqrt(np.mean(np.asarray(slopes, np.float64) ** 2, axis=0))


@observable("values", number=False)
def causal_graph(
    trajectories: Snapshots | Trajectories,
    *,
    library: str | AbstractLibrary = "quadratic",
    selection: Selection = "greedy",
    window: int = 1,
    bootstrap: int = 50,
    blocks: int = 64,
    seed: int = 0,
) -> CausalGraph:
    """Which coordinate acts on which, from paths; uneven times and gaps are allowed.

    **Equation**: dX_i = f_i dt + noise, f_i = Σ θ_k b_k(x); the parents of i are the fewest
    coordinates whose functions shorten ½ n ln⟨(Δx − f dt)²/dt⟩ + ½ p ln n.

    ``ridge`` asks of each coordinate alone whether the whole library needs it, ``group_lasso``
    shrinks the functions of each coordinate together, ``greedy`` adds parents and takes them away.

    Args:
        trajectories: ``(n, T, dim)``. Snapshots are refused: their law does not tell the graph.
        library: ``"quadratic"``, ``"trigonometric"`` (sine and cosine of every coordinate),
            ``"differences"`` (functions of x_j − x_i, for phases), or a library of your own.
        selection: how parents are chosen.
        window: frames over which paths are smoothed against measurement noise, 1 for none; about
            a fifth of the shortest period of the motion.
        bootstrap: samples of the blocks of the record behind the probabilities; 0 for none.
        blocks: of the record.
        seed: of the bootstrap.

    Raises:
        InvalidInput: snapshots or single frames, states that are no vectors, an unknown library or
            selection, a negative number, fewer increments than functions.

    A coordinate that is not recorded can make an edge between two that it drives.

    Source: Brunton, Proctor and Kutz 2016 (libraries); Rissanen 1978 (description length).
    """
    paths = _paths_of(trajectories)
    if selection not in SELECTIONS:
        raise InvalidInput(f"selection = {selection!r}; expected {', '.join(SELECTIONS)}.")
    if bootstrap < 0 or blocks < 1 or seed < 0:
        raise InvalidInput(
            f"causal_graph: bootstrap = {bootstrap}, blocks = {blocks}, seed = {seed}; expected whole "
            "numbers from 0, 1 and 0 on."
        )
    paths = smooth(paths, window)
    dim, rng = paths.event_shape[0], np.random.default_rng(seed)
    states = paths.values[paths.observed].astype(np.float64)
    some = states[:: max(1, len(states) // _STATES)]
    spread = np.where(states.std(0) > 0, states.std(0), 1.0)
    libraries, found = libraries_of(library, paths), []
    draws: np.ndarray | None = None
    for which, basis in enumerate(libraries):
        sums = _sums(paths, basis, blocks)
        if sums.total.count <= 2 * sums.gram.shape[1]:
            raise InvalidInput(
                f"{sums.total.count:.0f} increments for {sums.gram.shape[1]} functions; give longer "
                "paths or a smaller library."
            )
        if draws is None:
            count = len(sums.time)
            draws = rng.multinomial(count, np.full(count, 1 / count), bootstrap)
        slopes = basis.gradients(some)
        nodes = range(dim) if len(libraries) == 1 else [which]
        found += [_node(i, sums, slopes, draws, selection, window) for i in nodes]
    edges, strength, share = (np.stack(part) for part in zip(*found, strict=True))
    strength = strength * spread[None, :] / spread[:, None]
    return CausalGraph(paths.names, strength, edges, share if bootstrap else 1.0 * edges, selection)


def _sums(paths: Trajectories, basis: AbstractLibrary, blocks: int) -> Sums:
    """Sums with b in the middle of each increment, whose error is of order dt² in the drift, less
    what the noise adds there, D ∇b; D from two lags, so that measurement noise is left out."""
    one = increment_sums(paths, basis, at="middle", blocks=blocks, slopes=True)
    two = None
    if paths.times.size > 3 and even(np.diff(paths.times)):
        two = increment_sums(paths, basis, at="middle", lag=2, blocks=blocks).total
    noise = np.diag(np.diag(diffusivity_of(one.total, two)[0]).clip(0))
    return replace(one, cross=one.cross - one.slope @ noise)


def _node(
    i: int, sums: Sums, slopes: np.ndarray, draws: np.ndarray, selection: str, window: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parents of one coordinate, their strengths, and their shares in the bootstrap."""
    uses = np.asarray((np.abs(slopes) > 0).any(0))

    def chosen(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # The noise of smoothed frames is shared by as many as the window holds.
        problem = Problem(
            np.tensordot(times, sums.gram, 1),
            times @ sums.cross[:, :, i],
            float(times @ sums.square[:, i, i]),
            float(times @ sums.count) / window,
            uses,
            i,
        )
        return SELECTIONS[selection](problem)

    parents, theta = chosen(np.ones(len(sums.time)))
    others = np.arange(slopes.shape[2]) != i
    strength = np.sqrt(np.mean(np.einsum("npd,p->nd", slopes, theta) ** 2, axis=0))
    share = np.mean([chosen(row.astype(float))[0] for row in draws] or [parents], axis=0)
    return parents & others, strength, share * others


def _paths_of(data: Snapshots | Trajectories) -> Trajectories:
    if not isinstance(data, Trajectories) or data.times.size < 2:
        raise InvalidInput(
            "causal_graph: snapshots show a law alone, and the same law has many graphs: d(d − 1)/2 "
            "numbers of a linear one stay open. Give paths, or snapshots after interventions fitted "
            "to one model."
        )
    if len(data.event_shape) != 1:
        raise InvalidInput(
            f"causal_graph: states of shape {data.event_shape}; expected vectors (dim,)."
        )
    return data
