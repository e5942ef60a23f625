"""Does the past beyond one frame matter? A test of the Markov property of recorded paths."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from noneq.data.ensembles import Trajectories
from noneq.display import Card
from noneq.domains import Discrete, periods_of
from noneq.errors import InvalidInput
from noneq.needs import observable
from noneq.statistics.libraries import Polynomial


_EVEN = 1e-3
"""Steps are even up to this share of the usual one, the rounding of recorded times."""
_ROWS_EACH = 20
"""Moments of time for every function of the state, and for every product that is tested."""
_DEGREES = (5, 4, 3, 2, 1)
_FUNCTIONS = 60
_LEAST = 100
_STRETCHES = 8
"""Parts of the record that the jackknife leaves out in turn."""
_NOISE = 1e-9
"""Variance of the residuals over that of a step, below which the motion has no noise."""


@dataclass(frozen=True, repr=False)
class MemoryTest:
    """Outcome of `memory_test`.

    Attributes:
        p_value: probability of so large a statistic if the frames are a Markov chain.
        statistic: χ² with ``dof`` degrees of freedom for a Markov chain (of short records
            Hotelling's T²).
        dof: products of residuals that were tested.
        level: false alarms allowed.
        share: of the variance of the next frame that the last one leaves open, the part which a
            linear function of the older ones explains; near 0 for a Markov chain.
        n: moments of time.
        frames: older frames that were asked about.
        step: time between two frames.
        time_unit: of ``step``, or empty.
        notes: what was left out, a sentence each.
    """

    p_value: float
    statistic: float
    dof: int
    level: float
    share: float
    n: int
    frames: int
    step: float
    time_unit: str
    notes: tuple[str, ...] = ()

    @property
    def memory(self) -> bool:
        """Whether the past beyond one frame matters at ``level``."""
        return self.p_value < self.level

    @property
    def sentence(self) -> str:
        """The outcome in one line."""
        every = f"{self.step:.4g} {self.time_unit}".rstrip()
        if self.memory:
            return (
                f"memory (level {self.level:g}): frames before the last one explain "
                f"{self.share:.2g} of what it leaves open, at steps of {every}. Velocities that were "
                "not recorded (inertia), hidden variables, coloured noise and errors of the "
                "positions all do this"
            )
        return f"no memory beyond one frame seen (level {self.level:g}), at steps of {every}"

    def __str__(self) -> str:
        """`sentence`."""
        return self.sentence

    def __repr__(self) -> str:
        """The sentence, and what was tested."""
        return self.card().text()

    def _repr_html_(self) -> str:
        """The same, for notebooks."""
        return self.card().html()

    def card(self) -> Card:
        """What prompts and notebooks show."""
        facts = [
            ("p", f"{self.p_value:.3g}"),
            ("statistic", f"χ² = {self.statistic:.4g}, {self.dof} products"),
            ("data", f"{self.n} moments, {self.frames} older frames each"),
        ]
        return Card(self.sentence, facts + [("note", note) for note in self.notes])


@observable("trajectories", number=False)
def memory_test(trajectories: Trajectories, *, frames: int = 1, level: float = 0.01) -> MemoryTest:
    """Test whether p(x_{t+1} | x_t, x_{t−1}, …) = p(x_{t+1} | x_t) for the means.

    **Equation**: r_t = (x_{t+1} − E[x_{t+1} | x_t]) ⊗ (x_{t−l} − E[x_{t−l} | x_t]), l = 1 … frames,
    both means by regression on polynomials of x_t (harmonics of an angle); T = (Σ r)ᵀ (Σ r rᵀ)⁻¹ (Σ r).
    For a Markov chain r_t are martingale differences, so T is χ² whatever the drift, the noise and
    their dependence on the state, also for few long paths. The errors of the two regressions enter
    as a product, whose mean (of the order of the number of functions) a jackknife over stretches of
    the record takes away.

    A rejection says that the recorded coordinates at this interval are no Markov chain. It does not
    say why: hidden variables, coloured noise, a friction that remembers, positions of inertial
    motion without their velocities, and errors of localisation all reject. A law that changes with
    the time of day, or differs from path to path, rejects as well, as the past then tells which it is.

    Args:
        trajectories: at even steps; gaps are left out, all frames around a moment must be there.
        frames: older frames to ask about; more for a slow and weak memory.
        level: false alarms allowed.

    Returns:
        `MemoryTest`.

    Raises:
        InvalidInput: uneven times, too few moments, motion without noise, discrete states, frames < 1
            or a level outside (0, 1).

    Source: Shah and Peters, Ann. Stat. 48, 1514 (2020), the generalised covariance measure.
    """
    if frames < 1 or not 0 < level < 1:
        raise InvalidInput(
            f"memory_test: frames = {frames}, level = {level}; expected at least one frame and a "
            "level between 0 and 1."
        )
    if isinstance(trajectories.domain, Discrete):
        raise InvalidInput(
            "memory_test: the states are discrete; expected numbers that move continuously. For "
            "discrete sequences compare thermo.hidden_path_rate at two windows."
        )
    path, frame, step, notes = _moments(trajectories, frames)
    x = trajectories.values.astype(np.float64).reshape(*trajectories.values.shape[:2], -1)
    periods = periods_of(trajectories.domain, trajectories.event_shape).ravel()
    now = x[path, frame]
    ahead = _wrapped(x[path, frame + 1] - now, periods)
    behind = [_wrapped(x[path, frame - l] - now, periods) for l in range(1, frames + 1)]
    past = np.concatenate(behind, axis=1)
    count, products = len(now), ahead.shape[1] * past.shape[1]
    if count < max(_LEAST, _ROWS_EACH * products):
        raise InvalidInput(
            f"memory_test: {count} moments with all frames around them for {products} products; "
            f"expected at least {max(_LEAST, _ROWS_EACH * products)}. Give longer paths, or fewer "
            "coordinates (--components) or frames."
        )
    basis = _basis(now, periods)
    open_, left = _residuals(basis, ahead), _residuals(basis, past)
    if (open_**2).mean() < _NOISE * (ahead**2).mean():
        raise InvalidInput(
            "memory_test: the next frame is a function of the last one; expected motion with noise."
        )
    each = (open_[:, :, None] * left[:, None, :]).reshape(count, -1)
    statistic, dof, p_value = _hotelling(_unbiased_sum(basis, ahead, past), each)
    share = _explained(open_, left)
    return MemoryTest(
        p_value, statistic, dof, level, share, count, frames, step, trajectories.time_unit, notes
    )


def _moments(
    data: Trajectories, frames: int
) -> tuple[np.ndarray, np.ndarray, float, tuple[str, ...]]:
    """Path and frame of every moment with its neighbours at even steps, the step, and notes."""
    times = data.times.astype(np.float64)
    if times.size < frames + 2:
        raise InvalidInput(
            f"memory_test: {times.size} times; expected at least {frames + 2}, one ahead and "
            f"{frames} behind."
        )
    steps = np.diff(times)
    step = float(np.median(steps))
    same = np.abs(steps - step) <= _EVEN * step
    windows = np.lib.stride_tricks.sliding_window_view
    usable = windows(same, frames + 1).all(1)
    seen = windows(data.observed, frames + 2, axis=1).all(-1)
    path, first = np.nonzero(seen & usable)
    if 2 * usable.sum() < usable.size:
        raise InvalidInput(
            f"memory_test: the times are uneven, steps from {steps.min():.3g} to {steps.max():.3g}; "
            "one frame then means another past each time. Give frames at even steps (gaps between "
            "them are allowed), or fit GeneralisedLangevin and compare with none of its modes."
        )
    lost = seen.size - path.size
    notes = ()
    if lost:
        why = "gaps" if same.all() else "gaps and uneven steps"
        notes = (f"{lost} of {seen.size} moments are left out for {why}",)
    return path, first + frames, step, notes


def _wrapped(move: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """The shortest displacement around periodic coordinates."""
    period = np.where(periods > 0, periods, 1.0)
    return np.where(periods > 0, move - period * np.round(move / period), move)


def _basis(x: Float[np.ndarray, "N dim"], periods: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span the richest polynomials that so many rows allow."""
    centre, scale = x.mean(0), x.std(0)
    scale = np.where(scale > 0, scale, 1.0)
    for degree in _DEGREES:
        library = Polynomial(degree, tuple(centre), tuple(scale), tuple(periods))
        size = library.sizes(x.shape[1])[-1]
        if size <= min(_FUNCTIONS, len(x) // _ROWS_EACH) or degree == 1:
            return _orthonormal(library.values(x))
    raise AssertionError("the last degree is always taken")


def _orthonormal(columns: np.ndarray) -> np.ndarray:
    """The same span; columns that others repeat are left out."""
    unit = columns / np.linalg.norm(columns, axis=0)
    values, vectors = np.linalg.eigh(unit.T @ unit)
    kept = values > 1e-10 * values[-1]
    return unit @ (vectors[:, kept] / np.sqrt(values[kept]))


def _residuals(basis: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What the columns leave of y; √(1 − leverage) makes up for what the fit took of each row."""
    leverage = (basis**2).sum(1, keepdims=True).clip(max=0.5)
    return (y - basis @ (basis.T @ y)) / np.sqrt(1 - leverage)


def _unbiased_sum(basis: np.ndarray, ahead: np.ndarray, past: np.ndarray) -> np.ndarray:
    """Σ of the products of residuals, (q,), its bias of order 1/N removed by a jackknife."""
    cuts = np.array_split(np.arange(len(basis)), _STRETCHES)
    grams = lambda rows: (
        basis[rows].T @ basis[rows],
        basis[rows].T @ ahead[rows],
        basis[rows].T @ past[rows],
        ahead[rows].T @ past[rows],
    )
    parts = [grams(rows) for rows in cuts]
    whole = [sum(part[i] for part in parts) for i in range(4)]

    def mean(sums: list, count: int) -> np.ndarray:
        square, of_ahead, of_past, both = sums
        return (both - of_ahead.T @ np.linalg.lstsq(square, of_past, rcond=1e-10)[0]) / count

    count = len(basis)
    left_out = [
        mean([all_ - one for all_, one in zip(whole, part, strict=True)], count - len(rows))
        for part, rows in zip(parts, cuts, strict=True)
    ]
    corrected = _STRETCHES * mean(whole, count) - (_STRETCHES - 1) * np.mean(left_out, axis=0)
    return count * corrected.reshape(-1)


def _hotelling(
    total: Float[np.ndarray, " q"], each: Float[np.ndarray, "N q"]
) -> tuple[float, int, float]:
    """T of a sum with the covariance of its rows, its degrees of freedom, and the p-value."""
    from scipy.stats import f as fisher

    count = len(each)
    scale = np.sqrt((each**2).mean(0))
    scale = np.where(scale > 0, scale, 1.0)
    unit = each / scale
    values, vectors = np.linalg.eigh(unit.T @ unit)
    kept = values > 1e-8 * values[-1]
    dof = int(kept.sum())
    along = vectors[:, kept].T @ (total / scale)
    statistic = float((along**2 / values[kept]).sum())
    p_value = fisher.sf((count - dof) / (dof * (count - 1)) * statistic, dof, count - dof)
    return statistic, dof, float(p_value)


def _explained(ahead: np.ndarray, past: np.ndarray) -> float:
    """Share of the variance of one that a linear function of the other explains."""
    columns = past / np.where(past.std(0) > 0, past.std(0), 1.0)
    fitted = columns @ np.linalg.lstsq(columns, ahead, rcond=1e-8)[0]
    scale = ahead.var(0)
    scale = np.where(scale > 0, scale, 1.0)
    return float(((fitted**2).mean(0) / scale).mean())
