"""Probabilities of reaching a set within a time, on a grid."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import splu

from noneq.errors import InvalidInput
from noneq.inference.rare.committor.grid import chain_of, refuse_empty, refuse_overlap, sets_of
from noneq.inference.rare.committor.grid_functions import HittingProbability, on_grid
from noneq.inference.rare.membership import members
from noneq.inference.rare.sets import SetOf
from noneq.needs import observable
from noneq.systems.base import AbstractDiffusion


@observable("model", more=("target", "horizon"), number=False)
def hitting_probability(
    system: AbstractDiffusion,
    target: SetOf,
    horizon: float,
    *,
    avoid: SetOf | None = None,
    bounds: Sequence[Any] | None = None,
    cells: int | Sequence[int] | None = None,
    steps: int = 200,
    time: float = 0.0,
) -> HittingProbability:
    """P(a path reaches the target before a time), as a function of time and state.

    **Equation**: ∂_t h + f·∇h + D:∇∇h = 0, h = 1 in the target, 0 in ``avoid`` and at the horizon
    elsewhere; backward in time by Crank–Nicolson after two damped half steps, in steps that grow
    away from the horizon.

    Args:
        horizon: the last time; paths start at time 0.
        avoid: a set that ends a path, or none.
        steps: of time.
        bounds, cells, time: as in `grid_committor`.

    Raises:
        InvalidInput: as `grid_committor`; a horizon that is not positive.
    """
    if not 0 < horizon < float("inf") or steps < 4:
        raise InvalidInput(
            f"hitting_probability: horizon = {horizon:g}, steps = {steps}; expected a positive time "
            "and at least 4 steps."
        )
    chain, periodic = chain_of(system, bounds, cells, time)
    b, *rest = sets_of(system, target, *(() if avoid is None else (avoid,)))
    refuse_empty(chain, "target", b)
    for other in rest:
        refuse_overlap(chain.nodes, other, b)
    within = lambda x: np.any([members(one, x) for one in (b, *rest)], axis=0)
    generator: Any = chain.absorbed(within)[0]
    free, h = ~within(chain.nodes), members(b, chain.nodes).astype(float)
    inner: Any = csc_array(generator[free][:, free])
    into = generator[free][:, ~free] @ h[~free]
    one = eye_array(inner.shape[0], format="csc")
    # Blocks of equal steps, each twice as long as the one before, share a factorisation.
    blocks = max(1, min(6, steps // 8))
    each = -(-steps // blocks)
    shortest = horizon / (each * (2**blocks - 1))
    now, kept, gone = h[free], [h], [0.0]
    for block in range(blocks):
        dt = shortest * 2**block
        half = splu(csc_array(one - dt / 2 * inner))
        for k in range(each):
            if block == k == 0:
                now = half.solve(half.solve(now + dt / 2 * into) + dt / 2 * into)
            else:
                now = half.solve(now + dt / 2 * (inner @ now) + dt * into)
            h = h.copy()
            h[free] = np.clip(now, 0.0, 1.0)
            kept.append(h)
            gone.append(gone[-1] + dt)
    values = np.stack(kept[::-1], axis=-1)
    times = jnp.asarray(horizon - np.asarray(gone[::-1]), float)
    return HittingProbability(
        on_grid(chain, values, periodic), times, b, rest[0] if rest else None, float(horizon)
    )
