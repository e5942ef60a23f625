"""The spins of the study `latent_cycle`: simulated energies beside exact ones."""

import jax
import numpy as np

from noneq._typing import Key
from noneq.errors import InvalidInput
from noneq.estimate import sample_mean
from noneq.kinds import AbstractChecked
from noneq.runs.rows import Row, row_of
from noneq.simulation import simulate
from noneq.studies.base import AbstractCell, Outcome
from noneq.systems import HeatBath, Ising, Lattice, Metropolis
from noneq.systems.ising_exact import onsager_energy, torus_energy


class SpinRun(AbstractChecked):
    """How the spins are simulated.

    Args:
        side: of the square lattice.
        replicas: independent lattices.
        burn: sweeps that are left out; lattices start all up.
        sweeps: sweeps after them.
        every: sweeps between two records.
    """

    side: int = 32
    replicas: int = 192
    burn: int = 2000
    sweeps: int = 2000
    every: int = 20


class SpinCell(AbstractCell):
    """The energy per spin at one temperature, from one dynamics."""

    temperature: float
    dynamics: str
    run: SpinRun
    replicate: int = 0

    @property
    def case(self) -> str:
        """``ising:T=…``."""
        return f"ising:T={self.temperature:g}"

    @property
    def method_name(self) -> str:
        """The dynamics."""
        return self.dynamics

    def __call__(self, key: Key) -> Outcome:
        """Simulate; the error is that of independent lattices."""
        known = {"heat_bath": HeatBath(), "metropolis": Metropolis()}
        if self.dynamics not in known:
            raise InvalidInput(f"dynamics = {self.dynamics}; expected {' or '.join(known)}.")
        run = self.run
        shape = (run.side, run.side)
        system = Ising(
            Lattice(shape=shape),
            temperature=self.temperature,
            dynamics=known[self.dynamics],
            start=1.0,
        )
        records = run.burn + run.every * np.arange(run.sweeps // run.every)
        paths = simulate(system, np.concatenate([[0], records]), n=run.replicas, key=key)
        energy = jax.jit(jax.vmap(jax.vmap(system.energy)))(paths.values[:, 1:])
        found = sample_mean(np.asarray(energy, float).mean(1) / run.side**2)
        exact = torus_energy(shape, self.temperature, 1.0)
        infinite = onsager_energy(self.temperature, 1.0)
        return Outcome(
            (
                row_of(self.case, self.dynamics, "energy", found),
                Row(self.case, "exact", "energy", float(exact), 0.0),
                Row(self.case, "exact (infinite lattice)", "energy", float(infinite), 0.0),
            ),
            {"spins": np.asarray(paths.values[0, -1])},
        )
