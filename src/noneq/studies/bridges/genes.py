"""The repressilator, seen once at each time: a time left out, and the law of motion behind it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.metrics import energy_distance
from noneq.simulation import simulate
from noneq.statistics.assignment import assignment
from noneq.statistics.linear_reference import squared_distances
from noneq.studies.bridges.problem import AbstractProblem, Score
from noneq.systems import Repressilator
from noneq.traits import HasDrift, HasVelocity


class GenesProblem(AbstractProblem):
    """100 unpaired states at each of ten times; one of them is left out.

    ``emd_squared`` is the mean squared distance of optimal pairs and ``energy_distance`` that of
    `noneq.metrics`, between 100 predicted and 100 fresh true states. ``jacobian_error`` compares the
    Jacobian of the model's drift with the true one over true states, relative in the Frobenius
    norm; ``rotation_sign`` is 1 where the model's velocity turns about (1, 1, 1) as the truth does,
    and −1 where it turns the other way.

    Args:
        hidden: the time that is left out, 1 … 8.
        n: states at each time.
        system: the truth.

    Source: Shen et al. 2024, section 5 (protocol); Zhang and Stumpf 2025, table 2.
    """

    hidden: float = 4.0
    n: int = 100
    system: Repressilator = Repressilator()

    @property
    def case(self) -> str:
        """One name for all hidden times: rows average over them."""
        return "repressilator"

    def draw(self, key: Key) -> Snapshots:
        return self._snapshots(key).hold_out([self.hidden])[0]

    def _snapshots(self, key: Key) -> Snapshots:
        times = np.arange(10.0)
        paths = simulate(self.system, times, n=self.n * times.size, key=key)
        parts = [paths.values[i :: times.size, i] for i in range(times.size)]
        return Snapshots.from_frames(parts, times)

    def scores(self, model: Any, key: Key) -> list[Score]:
        truth_key, sample_key, metric_key = jax.random.split(key, 3)
        truth = self._snapshots(truth_key)
        here = truth.at(self.hidden)
        other = self._snapshots(jax.random.fold_in(truth_key, 1)).at(self.hidden)
        made = np.asarray(model.sample(self.n, time=self.hidden, key=sample_key))
        energy = energy_distance(made, here, truth=other, key=metric_key)
        floor = None if energy.floor is None else float(energy.floor.item())
        scores = [
            Score("emd_squared", _emd(made, here), floor=_emd(other, here)),
            Score(
                "energy_distance", float(energy.value.item()), float(energy.stderr.item()), floor
            ),
        ]
        moves = isinstance(model, HasDrift) and isinstance(model, HasVelocity)
        return [*scores, *(self._motion(model, truth) if moves else ())]

    def _motion(self, model: Any, truth: Snapshots) -> list[Score]:
        x = jnp.asarray(truth.values)
        t = jnp.asarray(truth.times[truth.time_index], x.dtype)
        jacobian = lambda f: np.asarray(
            jax.jit(jax.vmap(jax.jacfwd(f, argnums=1)))(t, x), np.float64
        )
        found, true = jacobian(lambda t, x: model.drift(t, x)), jacobian(self.system.drift)
        error = np.sqrt(((found - true) ** 2).sum() / (true**2).sum())
        centred = x - x.mean(0)
        turn = lambda v: np.cross(np.asarray(centred), np.asarray(v)).sum(1).mean()
        velocity = jax.jit(jax.vmap(lambda t, x: model.velocity(x, time=t)))(t, x)
        agree = np.sign(turn(velocity) * turn(jax.vmap(self.system.drift)(t, x)))
        return [Score("jacobian_error", float(error)), Score("rotation_sign", float(agree))]


def _emd(x: np.ndarray, y: np.ndarray) -> float:
    costs = squared_distances(np.asarray(x, np.float64), np.asarray(y, np.float64))
    return float(costs[np.arange(len(x)), assignment(costs)].mean())
