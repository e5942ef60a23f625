"""Fit against dissipation: what a weaker or a stronger penalty on entropy production buys."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from noneq._typing import Key
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.display import Card
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod
from noneq.metrics import w2
from noneq.processes.dissipation import EntropyProduction
from noneq.thermo.audit import audit


_FRAMES = 5


@dataclass(frozen=True, repr=False)
class Frontier:
    """Fits with penalties of increasing strength.

    Attributes:
        strengths: of `EntropyProduction`, ``(fits,)``.
        entropy_production: of each fitted model, nats per unit time, mean over its times.
        w2: Wasserstein-2 distance of its draws from the reference, mean over times after the first.
        models: the fitted models.
    """

    strengths: Float[np.ndarray, " fits"]
    entropy_production: Estimate
    w2: Estimate
    models: tuple[Any, ...]

    def __repr__(self) -> str:
        """A line for each fit."""
        pairs = [
            (f"strength {s:g}", f"entropy production {self.entropy_production[i]}, W2 {self.w2[i]}")
            for i, s in enumerate(self.strengths)
        ]
        return Card("Frontier of fit against dissipation", pairs).text()


@checked
def dissipation_frontier(
    method: AbstractMethod,
    data: Snapshots | Trajectories,
    strengths: Sequence[float] = (0.0, 0.01, 0.1, 1.0),
    *,
    reference: Snapshots | Trajectories | None = None,
    n: int = 512,
    key: Key,
) -> Frontier:
    """Fit with penalties of several strengths, and measure dissipation and fit of each.

    Args:
        method: one with a field ``penalty`` for `EntropyProduction`: `BridgeMatching` and the other
            transports with noise, or `Transition`.
        data: to fit.
        strengths: increasing; 0 is the method without penalty.
        reference: what draws are compared with; the data themselves if None.
        n: states or paths of every measurement.
        key: all fits have the same one.

    Returns:
        One entry per strength; entropy production as of `noneq.thermo.audit`.

    Raises:
        InvalidInput: a method without such a penalty, or strengths that do not increase.
    """
    known = np.asarray(strengths, np.float64)
    if known.size < 1 or not (np.diff(known) > 0).all() or not (known >= 0).all():
        raise InvalidInput(
            f"dissipation_frontier: strengths = {list(strengths)}; expected numbers ≥ 0, increasing."
        )
    if "penalty" not in {f.name for f in fields(method)}:
        raise InvalidInput(
            f"dissipation_frontier: {type(method).__name__} takes no penalty; use BridgeMatching or "
            "Transition."
        )
    fit_key, audit_key, draw_key = jax.random.split(key, 3)
    against = data if reference is None else reference
    late = np.unique(np.linspace(1, against.times.size - 1, _FRAMES).astype(int))
    times = against.times[late]
    chosen = against.hold_out(times)[1]
    rates, distances, models = [], [], []
    for strength in known.tolist():
        penalty = EntropyProduction(strength) if strength > 0 else None
        model = replace(method, penalty=penalty).fit(data, key=fit_key, progress=False).model
        rate = audit(model, times=data.times, n=n, key=audit_key)["entropy_production"]
        draws = model.snapshots(n, times=times, key=draw_key)
        rates.append(rate.mean())
        distances.append(w2(draws, chosen, key=draw_key).mean())
        models.append(model)
    return Frontier(known, _joined(rates), _joined(distances), tuple(models))


def _joined(estimates: list[Estimate]) -> Estimate:
    """Scalars as one estimate."""
    column = lambda name: np.asarray([float(getattr(e, name)) for e in estimates])
    return Estimate(column("value"), column("stderr"), column("n"), method=estimates[0].method)
