"""Can these works tell a free energy? Overlap, effective numbers, dissipation and hysteresis."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from noneq.estimate import Estimate, sample_mean
from noneq.needs import observable
from noneq.thermo.free_energies import relations
from noneq.thermo.free_energies.inputs import as_works


@dataclass(frozen=True)
class WorkDiagnostics:
    """What limits a free energy from these works; energies in the works' unit.

    Attributes:
        work: mean forward work.
        dissipated: forward work less the free energy that ``bar`` (or ``jarzynski``) finds.
        hysteresis: mean forward plus mean backward work, at least 0; None without backward works.
        backward_dissipated: backward work plus that free energy; None without backward works.
        effective: forward works that the exponential mean rests on.
        backward_effective: backward ones; None without backward works.
        overlap: of both directions, 0 to 1; None without backward works.
        needed: forward works that an exponential mean with an error of kT/10 takes, estimated as
            100 (e^{Var w} − 1), or e^{dissipation of the backward process} if that is more; never
            more than 1e30.

    Source: Jarzynski 2006 for the number of works; Klimovich, Shirts and Mobley 2015.
    """

    work: Estimate
    dissipated: Estimate
    hysteresis: Estimate | None
    backward_dissipated: Estimate | None
    effective: float
    backward_effective: float | None
    overlap: float | None
    needed: float


@observable("values", number=False)
def work_diagnostics(
    forward: Any, backward: Any = None, *, beta: float = 1.0, unit: str = ""
) -> WorkDiagnostics:
    """Overlap, effective numbers of works, dissipation and hysteresis.

    Args:
        forward, backward, beta, unit: as for `free_energy`.

    Raises:
        InvalidInput: as `free_energy`.
    """
    works = as_works(forward, backward, beta, "work_diagnostics")
    ahead, back = works.forward, works.backward
    count = float(relations.effective(ahead, works.ahead))
    needed = 100 * np.expm1(min(ahead.var(ddof=1), 64.0))
    mean = lambda values: sample_mean(values / beta, unit=unit)
    if not back.size:
        f = float(relations.exponential(ahead, works.ahead))
        return WorkDiagnostics(
            mean(ahead), mean(ahead - f), None, None, count, None, None, float(needed)
        )
    f = float(relations.acceptance_ratio(works))
    needed = max(needed, np.exp(min(float(back.mean() + f), 69.0)))
    loss = (ahead.mean() + back.mean()) / beta
    error = np.sqrt(ahead.var(ddof=1) / ahead.size + back.var(ddof=1) / back.size) / beta
    hysteresis = Estimate(
        np.asarray(loss), np.asarray(error), np.asarray(ahead.size + back.size), unit=unit
    )
    return WorkDiagnostics(
        mean(ahead),
        mean(ahead - f),
        hysteresis,
        mean(back + f),
        count,
        float(relations.effective(back, works.back)),
        relations.overlap(works, f),
        float(needed),
    )
