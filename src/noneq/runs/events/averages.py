"""Time averages of a system or of a run that stay high or low, such as heat waves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.inference.rare import RareEvent, cloning, scaled_cumulants
from noneq.kinds import checked
from noneq.runs.rows import Row, row_of


_LARGEST = 20.0
"""|k| T A beyond which weights exp(k T A) rest on few clones of a thousand."""


@dataclass(frozen=True)
class AverageFindings:
    """What `time_average` found.

    Attributes:
        question: what was asked, in words.
        sentence: the answer.
        estimates: a quantity and its estimate each, the one asked for first.
        event: probability of the level over repeats, its bound if no clone reached it; None without one.
        tilts: k, (m,).
        cumulants: ψ(k), (m,).
        notes: what to be wary of.
    """

    question: str
    sentence: str
    estimates: tuple[tuple[str, Estimate], ...]
    event: RareEvent | None
    tilts: np.ndarray
    cumulants: Estimate
    notes: tuple[str, ...]

    def rows(self, case: str) -> list[Row]:
        """The numbers as rows of results."""
        return [row_of(case, one.method or "cloning", name, one) for name, one in self.estimates]


@checked
def time_average(
    system: Any,
    *,
    average: str,
    horizon: float,
    above: float | None = None,
    below: float | None = None,
    tilts: Sequence[float] | None = None,
    start: Any = None,
    n: int = 1000,
    repeats: int = 10,
    step: float | None = None,
    time: float = 0.0,
    seed: int = 0,
) -> AverageFindings:
    """How probable it is that the mean of a quantity over a time is high, or low.

    With a level: P(A ≥ above) or P(A ≤ below), A = ∫₀ᵀ O dt/T. With tilts: the scaled cumulants
    ψ(k) = ln⟨exp(k T A)⟩/T.

    Args:
        system: a system or a fitted model with a drift.
        average: O, an expression of the coordinates such as ``"x**2"``.
        horizon: T.
        above, below: the level.
        tilts: values of k.
        start, n, repeats, step, time: as in `noneq.inference.cloning`.
        seed: of the random key.

    Raises:
        InvalidInput: not exactly one of above, below and tilts; what `cloning` refuses.

    Source: Giardinà, Kurchan, Peliti, Phys. Rev. Lett. 96, 120603 (2006).
    """
    if sum(one is not None for one in (above, below, tilts)) != 1:
        raise InvalidInput(
            "a time average needs one of --above LEVEL, --below LEVEL and --tilts A,B,…; give one."
        )
    key = jax.random.key(seed)
    asked: dict[str, Any] = {
        "horizon": horizon, "start": start, "n": n, "repeats": repeats, "step": step, "time": time,
    }  # fmt: skip
    mean = f"the mean of {average} over a time of {horizon:g}"
    if tilts is not None:
        psi = scaled_cumulants(system, average, tilts, **asked, key=key)
        k = np.asarray(tilts, np.float64)
        names = [f"scaled_cumulant k={one:g}" for one in k]
        rows = tuple(zip(names, _single(psi), strict=True))
        said = ", ".join(f"ψ({one:g}) = {row}" for one, (_, row) in zip(k, rows, strict=True))
        return AverageFindings(
            f"scaled cumulants of {mean}", said, rows, None, k, psi, _wide(k, psi, horizon)
        )
    level, low = (float(above), False) if above is not None else (float(below or 0.0), True)
    found = cloning(system, average, level, horizon=horizon, below=low, **_rest(asked), key=key)
    event = found.event
    rows = (
        ("probability", event.probability),
        ("mean_of_clones", found.mean),
        ("scaled_cumulant", found.scaled_cumulant),
    )
    bound = event.upper
    said = f"probability {event.probability}"
    said = said if bound is None else f"probability below {bound:.2g}, Chernoff's bound"
    sign = "≤" if low else "≥"
    notes = (f"Paths were cloned with the weights exp(k ∫ O dt), k = {found.tilt:.4g}.",)
    notes += tuple(f"{note[:1].upper()}{note[1:]}." for note in event.probability.notes)
    psi = found.scaled_cumulant
    return AverageFindings(
        f"{mean} {sign} {level:g}", said, rows, event, np.asarray([found.tilt]), psi, notes
    )


def _rest(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if name != "horizon"}


def _single(psi: Estimate) -> list[Estimate]:
    """One estimate for each tilt."""
    parts = zip(*(np.ravel(one) for one in (psi.value, psi.stderr, psi.n)), strict=True)
    return [
        Estimate(np.asarray(value), np.asarray(error), np.asarray(n), method=psi.method)
        for value, error, n in parts
    ]


def _wide(k: np.ndarray, psi: Estimate, horizon: float) -> tuple[str, ...]:
    """A warning where ψ rests on few clones: an error bar is the spread of what was seen."""
    far = [
        f"{one:g}" for one, value in zip(k, psi.value, strict=True) if value * horizon > _LARGEST
    ]
    if not far:
        return ()
    return (
        f"At k = {', '.join(far)} the mean of exp(k ∫ O dt) is above e^{_LARGEST:g}: it rests on few "
        "families of clones; compare with more paths (--n).",
    )
