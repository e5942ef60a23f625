"""Are these trajectories in equilibrium? One test, one sentence."""

from typing import Any

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.domains import Discrete
from noneq.errors import InvalidInput
from noneq.needs import observable
from noneq.statistics.stationarity import stationarity_z
from noneq.thermo.path_checks import check_smooth, roughness
from noneq.thermo.reversal.current_library import coordinates_of, independent, library
from noneq.thermo.reversal.current_sums import CurrentSums, current_sums, slowest_decay
from noneq.thermo.reversal.verdict_line import CurrentTest, Verdict, noncentrality


_SHARES = {"law": 0.1, "linear": 0.45, "rich": 0.45}
"""Parts of the level: that the law does not change, and two sets of currents."""
_RICH = 5  # coordinates of the richer set of currents
_WIDE = 15  # coordinates of the linear one
_MOST_CURRENTS, _MOST_DEGREE = 55, 5
_MOST_GRADIENTS = 130
_FEWEST_PAIRS, _MEMORIES_A_CURRENT = 64, 4
_MIXED = 0.6


@observable("trajectories", number=False)
def verdict(trajectories: Trajectories, *, level: float = 0.01, lag: int = 1) -> Verdict:
    """Test of "in equilibrium?", for trajectories of continuous states in any dimension.

    **Equation**: in equilibrium a path and its reverse have the same law, so that every function of
    two records with g(x, y) = −g(y, x) has mean zero, at any recording interval. Taken are currents
    g = ½[h(x) + h(y)](q_i(y) − q_i(x)), the Stratonovich sums of ∫ h∘dq_i, of principal components
    and angles q. Gradients h(y) − h(x), which sum to boundary terms, are projected out, which leaves
    martingale increments r (see `noneq.thermo.reversal.current_sums`), and

        χ² = S·C⁻¹S,  S = Σ r,  C = Σ r rᵀ,

    with as many degrees of freedom as there are currents. There are two sets: areas q_j∘dq_i and
    windings of angles; and products of Hermite functions, cosines and sines up to a degree that the
    dimension allows. Each has 0.45 of the level (Bonferroni), the test that the law does not change
    over the record 0.1. The best current has χ² = σT/2 + 1 at short intervals, T the time of all paths
    together: what the best test of known direction sees has the power Φ(√(σT/2) − z_α).

    The bound is the thermodynamic uncertainty relation with a confidence limit: of a noncentrality at
    least λ, σ ≥ 2N artanh(λ/N)/T, from ⟨r⟩²/⟨r²⟩ ≤ tanh(σ dt/2). Unseen coordinates make it lower.

    Coordinates must be even under time reversal: with velocities among them equilibrium itself looks
    irreversible, and coordinates that move smoothly are therefore refused.

    Args:
        trajectories: ``(n, T, dim)``; one long or many short paths, gaps, uneven times, any domain of
            continuous states.
        level: false alarms allowed, of the whole call.
        lag: only every ``lag``-th frame is used; larger ones help against noise of the measurement.

    Raises:
        InvalidInput: a level outside (0, 0.5), discrete states, fewer than 64 pairs of records, or a
            coordinate that never moves or moves without noise.

    Source: Hasegawa and Van Vu 2019 (bound of antisymmetric functions); Kipnis and Varadhan 1986
    (variance of the projected currents); the combination is ours.
    """
    if not 0 < level < 0.5:
        raise InvalidInput(f"verdict: level = {level}; expected 0 < level < 0.5.")
    if isinstance(trajectories.domain, Discrete):
        raise InvalidInput(
            "verdict: states are on a Discrete domain; noneq.thermo.detailed_balance_test tests chains."
        )
    if lag < 1:
        raise InvalidInput(f"verdict: lag = {lag}; expected at least 1 frame.")
    if lag > 1:
        trajectories = trajectories.frames(np.arange(0, trajectories.times.size, lag))
    _check_pairs(trajectories)
    notes: list[str] = []
    changed = stationarity_z(trajectories)
    stationary = _law_p(changed) >= _SHARES["law"] * level
    if not stationary:
        names = trajectories.names
        which = int(np.abs(changed).max(0).argmax())
        name = names[which] if which < len(names) else f"number {which}"
        notes.append(
            f"the law of {name} changes over the record: its halves differ by "
            f"{np.abs(changed).max():.1f} standard errors. Cut the transient off, data.frames(slice(first, "
            "None)) (command line: --read window=FIRST:LAST); an angle that winds needs its period "
            "(--domain torus:2pi)"
        )
    found = list(_tests(trajectories, notes))
    tests = tuple(_judged(*each) for each in found)
    p_value = min((min(1.0, t.p_value / _SHARES[t.name]) for t in tests), default=1.0)
    equilibrium = stationary and p_value >= level
    bound = max((_bound(sums, level / 2) for _, sums, _ in found), default=0.0)
    return Verdict(
        p_value,
        level,
        bool(equilibrium),
        0.0 if equilibrium or not stationary else bound,
        bool(stationary),
        trajectories.time_unit,
        tests,
        found[0][1].pairs if found else 0,
        tuple(notes),
    )


def _tests(trajectories: Trajectories, notes: list[str]) -> Any:
    """The two sets of currents, by name."""
    wide = coordinates_of(trajectories, _WIDE, "verdict")
    angles = len(wide.periodic)
    decay = slowest_decay(trajectories, wide)
    if 0 < decay < _MIXED:
        notes.append(
            f"the interval is {-np.log(decay):.2g} of the slowest relaxation time; much happens unseen "
            "between records"
        )
    pairs = int((trajectories.observed[:, 1:] & trajectories.observed[:, :-1]).sum())
    memories = min(pairs * -np.log(max(decay, 1e-9)) + len(trajectories.values), pairs)
    allowed = memories / _MEMORIES_A_CURRENT
    while wide.components > 2 and wide.components * (wide.components - 1) // 2 > allowed:
        wide = wide.leading(wide.components - 1)
    if wide.components < len(wide.free):
        notes.append(f"the {wide.components} widest of {len(wide.free)} components were used")
    if wide.components == 1 and not angles:
        notes.append("one coordinate on a line has no current; tested is the skewness of its moves")
    gradients = int(np.clip(allowed, 0, _MOST_GRADIENTS))
    areas = library(wide, 1, gradients=gradients, linear=True)
    yield "linear", current_sums(trajectories, areas), memories
    few = wide.leading(max(1, _RICH - angles))
    degree = 0 if angles else 1
    most = min(_MOST_CURRENTS, allowed)
    while degree < _MOST_DEGREE and independent(few.components, angles, degree + 1) <= most:
        degree += 1
    if degree > (0 if angles else 1) and few.components + angles > 1:
        richer = library(few, degree, gradients=gradients)
        yield "rich", current_sums(trajectories, richer), memories


def _judged(name: str, sums: CurrentSums, memories: float) -> CurrentTest:
    """Hotelling's law: the covariance is known no better than from so many independent pieces."""
    from scipy.stats import f

    count = len(sums.sums)
    rest = max(memories - count + 1, 1.0)
    p_value = f.sf(sums.statistic * rest / (count * memories), count, rest) if count else 1.0
    return CurrentTest(name, sums.statistic, count, float(p_value), sums.inflation)


def _bound(sums: CurrentSums, level: float) -> float:
    """2N artanh(λ/N)/T of the smallest noncentrality λ that the statistic allows."""
    least = noncentrality(sums.statistic, len(sums.sums), level)
    share = min(least / sums.pairs, 1 - 1e-9)
    return float(2 * sums.pairs * np.arctanh(share) / sums.duration)


def _law_p(z: np.ndarray) -> float:
    """Probability of so large a change of any mean or spread."""
    from scipy.stats import norm

    return float(min(1.0, 2 * norm.sf(np.abs(z).max()) * z.size))


def _check_pairs(trajectories: Trajectories) -> None:
    """Enough pairs, of vectors, whose coordinates have noise.

    Raises:
        InvalidInput: saying what is missing.
    """
    if len(trajectories.event_shape) != 1:
        raise InvalidInput(
            f"verdict: states of shape {trajectories.event_shape}; expected vectors (dim,). Choose "
            "coordinates, of a field for instance its leading modes."
        )
    seen = trajectories.observed
    pairs = seen[:, 1:] & seen[:, :-1]
    if pairs.sum() < _FEWEST_PAIRS:
        raise InvalidInput(
            f"verdict: {int(pairs.sum())} pairs of neighbouring records; at least {_FEWEST_PAIRS} are "
            "needed: give longer or more paths, or a smaller lag."
        )
    check_smooth(roughness(trajectories), trajectories, "verdict")
