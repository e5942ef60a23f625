"""What a model with a score says of a steady state: the score's own estimate, beside the exact rate."""

import time as clock

import jax

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.domains import Box
from noneq.methods import OracleBoltzmann
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.thermo_zoo.cells import judged
from noneq.systems import Hopf, Swirl
from noneq.systems.base import AbstractLangevin
from noneq.thermo import score_rate


class ScoreCell(AbstractCell):
    """The rate of a system whose law p is known: ⟨vᵀ D⁻¹ v⟩ with v = f − D ∇ln p of an exact score.

    Args:
        label: the case.
        system: with Boltzmann's law of its potential, whatever else drives it.
        reach: half the side of the box that holds the states.
        target: rate of continuous time, nats per unit time.
        n: states.
    """

    label: str
    system: AbstractLangevin
    reach: float
    target: float
    n: int
    replicate: int = 0

    @property
    def case(self) -> str:
        """The system with its parameters."""
        return self.label

    @property
    def method_name(self) -> str:
        """``score``."""
        return "score"

    def __call__(self, key: Key) -> Outcome:
        """Draw states of the law, average over them."""
        draw_key, fit_key, own_key = jax.random.split(key, 3)
        some = Snapshots(jax.random.normal(draw_key, (8, *self.system.event_shape)), [0.0])
        box = Box(-self.reach, self.reach)
        model = OracleBoltzmann(system=self.system, box=box).fit(some, key=fit_key).model
        began = clock.monotonic()
        found = score_rate(model, self.n, system=self.system, key=own_key)
        return Outcome(judged(self.case, "score", found, self.target, clock.monotonic() - began))


def score_cell(label: str, system: Swirl | Hopf, scale: float) -> ScoreCell:
    """Of a system in the plane, with a share of 20,000 states."""
    rate, n = system.entropy_production_rate(), max(1000, round(20_000 * scale))
    return ScoreCell(label=label, system=system, reach=4.0, target=rate, n=n)
