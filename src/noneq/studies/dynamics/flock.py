"""The force between the members of a flock, from their paths."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from noneq._typing import Key
from noneq.methods import PairDrift
from noneq.runs.rows import Row
from noneq.simulation import simulate
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.dynamics.laws import law_rows, thinned
from noneq.systems import Diffusion


FORCE = {"r": 0.3, "exp(-r)": -2.0}
"""F(r): far members attract, near ones repel."""
TERMS = ("1", "r", "r**2", "exp(-r)", "exp(-2*r)")


class FlockCell(AbstractCell):
    """`PairDrift` on a flock with a part of the frames missing; rows as `LawCell`.

    Args:
        members, paths, frames, interval: of the record.
        missing: share of the frames that are left out.
    """

    replicate: int = 0
    members: int = 6
    paths: int = 8
    frames: int = 1500
    interval: float = 0.02
    missing: float = 0.2

    @property
    def case(self) -> str:
        """``law:flock``."""
        return "law:flock"

    @property
    def method_name(self) -> str:
        """``PairDrift``."""
        return "PairDrift"

    def __call__(self, key: Key) -> Outcome:
        """One record."""
        shape = (self.members, 2)
        system = Diffusion(
            flocking, 0.4, initial=lambda key: jax.random.normal(key, shape), shape=shape,
            time_step=self.interval / 10,
        )  # fmt: skip
        times = self.interval * np.arange(self.frames)
        data = thinned(simulate(system, times, n=self.paths, key=key), self.missing, self.replicate)
        model = PairDrift(terms=TERMS).fit(data, key=key, progress=False).model
        found = {term.code: term for term in model.force.terms[0]}
        z = [
            abs(found[code].value - value) / found[code].stderr
            for code, value in FORCE.items()
            if code in found
        ]
        rows: tuple[Row, ...] = law_rows(
            self.case, self.method_name, found.keys() == FORCE.keys(), z
        )
        return Outcome(rows)


def flocking(x: Array) -> Array:
    """Σ_j F(r_ij) e_ij on every member."""
    away = x[None] - x[:, None]
    self_ = jnp.eye(len(x), dtype=bool)
    r = jnp.sqrt(jnp.where(self_, 1.0, jnp.sum(away**2, -1)))
    force = (0.3 * r - 2.0 * jnp.exp(-r)) / r
    return jnp.einsum("ij,ijd->id", jnp.where(self_, 0.0, force), away)
