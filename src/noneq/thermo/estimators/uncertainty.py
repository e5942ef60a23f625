"""A lower bound on entropy production from how steady the steadiest current is."""

from dataclasses import replace

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.statistics.gram import solve
from noneq.statistics.increment_blocks import block_count, increment_blocks
from noneq.statistics.increment_sums import Sums, increment_sums
from noneq.statistics.jackknife import jackknife
from noneq.statistics.libraries import AbstractLibrary, on_domain
from noneq.statistics.regression import residual_rate
from noneq.thermo.estimators.library_choice import check_span, chosen_library
from noneq.thermo.path_checks import block_number, check_noise_of_all, check_steady_paths


@observable("trajectories")
def uncertainty_bound(
    trajectories: Trajectories, *, library: AbstractLibrary | None = None
) -> Estimate:
    """Lower bound on the entropy production rate by the short-time uncertainty relation.

    **Equation**: σ ≥ 2 ⟨J⟩²/(dt Var J) for every current J = w(x) ∘ Δx of one interval; w = D^{-1} v, the
    best one for short intervals, is inferred on every other block of the record (up to 64 in all) and J
    measured on the blocks between, and the other way round. A current that was chosen on other data
    cannot overestimate; the bias of ⟨J⟩² is taken off by jackknife.

    Args:
        trajectories: ``(n, T, dim)`` of a steady state, all coordinates even under time reversal; gaps,
            uneven times and periodic coordinates are allowed.
        library: what w is expanded in; None chooses as `noneq.thermo.force_current_rate` does.

    Returns:
        Nats per unit time, k_B = 1, ``bound="lower"``; it tends to σ for small dt if the library
        spans v.

    Raises:
        InvalidInput: as `noneq.thermo.force_current_rate`.

    Source: Manikandan, Gupta and Krishnamurthy 2020, eq. 5; Otsubo et al. 2020, eq. 8.
    """
    name = "uncertainty_bound"
    check_steady_paths(trajectories, name)
    if library is None:
        library = chosen_library(trajectories)
    else:
        check_span(trajectories, on_domain(library, trajectories), name)
    library = on_domain(library, trajectories)
    blocks = block_number(trajectories, 1)
    sums = increment_sums(trajectories, library, blocks=blocks)
    check_noise_of_all(residual_rate(sums.total) / 2, trajectories, name)
    currents = [_best_current(_every_other(sums, first)) for first in (1, 0)]
    parts = _measured(trajectories, library, currents, blocks)
    found = [jackknife(_bound, [part[first::2] for part in parts]) for first in (0, 1)]
    value, bias = (np.asarray(np.mean([row[i] for row in found])) for i in (0, 1))
    stderr = np.asarray(np.hypot(found[0][2], found[1][2]) / 2)
    notes = ("The current was chosen on other blocks of the record than it was measured on.",)
    unit = f"1/{trajectories.time_unit}" if trajectories.time_unit else ""
    return Estimate(
        value,
        stderr,
        np.asarray(trajectories.n),
        bound="lower",
        method="tur",
        bias=bias,
        notes=notes,
        unit=unit,
    )


def _every_other(sums: Sums, first: int) -> Sums:
    names = ("gram", "cross", "square", "time", "count", "slope", "paired")
    return replace(sums, **{name: getattr(sums, name)[first::2] for name in names})


def _best_current(sums: Sums) -> np.ndarray:
    """Coefficients of w = D^{-1} v, ``(p, dim)``."""
    total = sums.total
    return np.linalg.solve(residual_rate(total), solve(total.gram, total.cross).T).T


def _measured(
    trajectories: Trajectories,
    library: AbstractLibrary,
    currents: list[np.ndarray],
    blocks: int,
) -> list[np.ndarray]:
    """Σ J, Σ J², Σ dt and Σ dt² of every block, J of its parity."""
    found = np.zeros((4, block_count(trajectories, 1, blocks)))
    for k, piece in increment_blocks(trajectories, 1, blocks):
        w = library.values(piece.middle) @ currents[k % 2]
        J = np.einsum("nd,nd->n", w, piece.move)
        found[:, k] += J.sum(), J @ J, piece.dt.sum(), piece.dt @ piece.dt
    return list(found)


def _bound(total: float, square: float, time: float, time_square: float) -> float:
    """2 ⟨J⟩²/(dt Var J), for intervals that may differ."""
    rate = total / time
    return float(2 * rate**2 * time / (square - rate**2 * time_square))
