"""Dissipation and circulation taken apart, where both are known."""

import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.methods import OnsagerDynamics
from noneq.methods.dynamics.onsager.likelihood import flat, placed
from noneq.models import OnsagerModel
from noneq.runs.rows import Row
from noneq.simulation import StochasticHeun, simulate
from noneq.studies.base import AbstractCell, Outcome
from noneq.systems import DissipativeWell


_REACH, _POINTS, _DRAWS = 3.0, 121, 100
FORMS = {"OnsagerDynamics": True, "literal form": False}
"""Methods of the case, and whether ε div W is in them."""


class OnsagerCell(AbstractCell):
    """`OnsagerDynamics` and its literal form on the same paths of `DissipativeWell`.

    Rows: ``entropy_production_rate``, 15.4437 in truth; ``potential_error``, the root mean square of
    V − V_true over the true law with the best constant taken off. Errors are those of the fit.

    Args:
        paths, frames, interval: of the record.
        curl: degree of W, which holds sin 2x.
    """

    replicate: int = 0
    paths: int = 600
    frames: int = 5601
    interval: float = 0.01
    curl: int = 5

    @property
    def case(self) -> str:
        """``onsager``."""
        return "onsager"

    @property
    def method_name(self) -> str:
        """``OnsagerDynamics``."""
        return "OnsagerDynamics"

    def __call__(self, key: Key) -> Outcome:
        """Rows of both forms, and their potentials on a grid."""
        system = DissipativeWell()
        times = self.interval * np.arange(self.frames)
        steps = max(1, round(self.interval / 0.002))
        solver = StochasticHeun(ito_correction=True)
        data = simulate(system, times, n=self.paths, key=key, solver=solver, substeps=steps)
        axis = np.linspace(-_REACH, _REACH, _POINTS)
        grid = jnp.asarray(np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2))
        truth = np.asarray(jax.vmap(system.potential)(grid), np.float64)
        share = np.exp(-(truth - truth.min()) / system.temperature)
        share /= share.sum()
        rows, pictures = [], {"axis": axis, "truth": truth}
        for name, complete in FORMS.items():
            method = OnsagerDynamics(
                temperature=system.temperature, mobility=3, curl=self.curl, complete=complete
            )
            model: OnsagerModel = method.fit(data, key=key, progress=False).model
            found = model.entropy_production_rate()
            value, error = float(found.value), float(found.stderr)
            rows.append(Row(self.case, name, "entropy_production_rate", value, error))
            off, spread = potential_error(model, grid, truth, share)
            rows.append(Row(self.case, name, "potential_error", off, spread))
            pictures[name] = np.asarray(jax.vmap(model.fields.energy)(grid), np.float64)
        return Outcome(tuple(rows), pictures)


def potential_error(
    model: OnsagerModel, states: jax.Array, truth: np.ndarray, share: np.ndarray
) -> tuple[float, float]:
    """√⟨(V − V_true − ⟨V − V_true⟩)²⟩ with weights, and its spread when the fit varies by its error."""

    def off(theta: np.ndarray) -> float:
        fields = placed(model.fields, theta)
        gap = np.asarray(jax.vmap(fields.energy)(states), np.float64) - truth
        return float(np.sqrt(share @ (gap - share @ gap) ** 2))

    theta, influence = flat(model.fields), np.asarray(model.influence.value, np.float64)
    kicks = np.random.default_rng(0).normal(size=(_DRAWS, len(influence)))
    return off(theta), float(np.std([off(theta + kick @ influence) for kick in kicks], ddof=1))


def onsager_cells(*, quick: bool) -> list[AbstractCell]:
    """All cells of this file."""
    return [OnsagerCell(paths=40, frames=801) if quick else OnsagerCell()]
