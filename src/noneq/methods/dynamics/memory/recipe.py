"""The generalised Langevin equation from positions, by exact likelihood."""

import time as clock
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.summary import Summary, summarise
from noneq.domains import Free
from noneq.errors import InvalidInput, WrongType
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod, Data, Fit, Progress, check_init
from noneq.learning.watching import watched
from noneq.methods.dynamics.memory.likelihood import Positions, positions
from noneq.methods.dynamics.memory.model import MemoryModel, filled
from noneq.methods.dynamics.memory.search import Candidate, covariance, search


_LEAST = 50
_FIRST_NOISE = 0.3
"""First guess of the error of the positions, over the usual displacement of one step."""


class GeneralisedLangevin(AbstractMethod):
    """Friction that remembers, from recorded positions alone.

    Forward process:
        none; the motion itself, x'' = −w0² x − ∫ K(t − s) v(s) ds + R, stationary, in a harmonic
        trap about the mean of the data, with ⟨R R⟩ = kT K.
    Learnt object:
        kT, w0 and K(t) = Σ_k c_k e^{−t/τ_k} cos ω_k t with c_k > 0, so that K is passive and its noise
        exists; without a term, friction that forgets at once.
    Objective and weight:
        the exact likelihood of the positions: a Kalman filter whose step e^{−Ah} is exact at any
        interval, so that nothing is differenced and gaps and uneven times cost nothing. The number
        of terms is that of the least BIC.
    Sampling:
        by the exact Gaussian law of positions, velocities and bath. ``model.system`` is the whole
        motion, ``model.kernel(times)`` K with its error.
    Source and deviations:
        the Markov embedding as in Ceriotti, Bussi and Parrinello 2010. Positive strengths are less
        than passivity asks for. A force that is not harmonic is not fitted.

    Args:
        modes: largest number of terms in K.
        oscillations: whether terms may oscillate (they count as one more parameter).
        noise: whether to fit an error of the positions as well.

    Raises:
        InvalidInput: a negative number of modes; data of several coordinates, with conditions, or on
            a bounded domain; fewer than 50 observations, or no motion.
        WrongType: data without paths.
    """

    source: ClassVar[str] = "ceriotti2010colored"

    modes: int = 3
    oscillations: bool = True
    noise: bool = False

    def __check_init__(self) -> None:
        if not 0 <= self.modes <= 12:
            raise InvalidInput(f"GeneralisedLangevin: modes = {self.modes}; expected 0 to 12.")

    @checked
    def init(self, summary: Summary, *, key: Key) -> MemoryModel:
        if summary.event_shape != (1,):
            raise InvalidInput(
                f"GeneralisedLangevin: states of shape {summary.event_shape}; expected one coordinate "
                "(command line: --components 1)."
            )
        return MemoryModel(summary, self.modes)

    @checked
    @watched
    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: MemoryModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        began = clock.monotonic()
        if not isinstance(data, Trajectories):
            kind = "Snapshots" if isinstance(data, Snapshots) else type(data).__name__
            raise WrongType(
                f"GeneralisedLangevin learns from paths (Trajectories), got {kind}; name the "
                "trajectory column of the file."
            )
        summary = summarise(data)
        model = self.init(summary, key=key)
        check_init(self, init, summary)
        known, centre, start = self._start(data)
        history: dict[str, list[float]] = {"step": [], "loss": [], "bic": []}

        def report(found: Candidate) -> None:
            row = {
                "step": float(len(history["step"])),
                "loss": -found.log_likelihood / known.count,
                "bic": found.bic,
            }
            for name, value in row.items():
                history[name].append(value)
            if callable(progress):
                progress(len(history["step"]), self.modes + 2, row)

        best = search(known, start, most=self.modes, oscillations=self.oscillations, report=report)[
            -1
        ]
        spread = covariance(known, best)
        model = filled(model, centre, best.theta, spread, best.oscillates, best.noisy)
        meta: dict[str, Any] = {
            "seconds": clock.monotonic() - began,
            "equations": [*model.equations(), _chosen(history["bic"], best)],
        }
        return Fit(model, history, self, summary, meta)

    def _start(self, data: Trajectories) -> tuple[Positions, float, np.ndarray]:
        """The positions about their mean, the mean, and first guesses of the parameters."""
        seen = data.observed
        if not isinstance(data.domain, Free) or data.condition is not None:
            raise InvalidInput(
                "GeneralisedLangevin: the data have walls, periods or conditions; expected one free "
                "coordinate (fit each condition by itself)."
            )
        x = data.values[:, :, 0].astype(np.float64)
        centre, spread = float(x[seen].mean()), float(x[seen].std())
        both = seen[:, 1:] & seen[:, :-1]
        speeds = (np.diff(x, axis=1) / np.diff(data.times))[both]
        if (
            seen.sum() < _LEAST
            or speeds.size < _LEAST // 2
            or not (spread > 0 and speeds.std() > 0)
        ):
            raise InvalidInput(
                f"GeneralisedLangevin: {int(seen.sum())} observations of spread {spread:.3g}; "
                f"expected at least {_LEAST}, most of them with a neighbour in time, and motion."
            )
        known = positions(np.where(seen, x - centre, 0.0), seen, data.times.astype(np.float64))
        guess = [2 * np.log(speeds.std()), np.log(speeds.std() / spread)]
        if self.noise:
            guess.append(np.log(_FIRST_NOISE * np.median(np.diff(data.times)) * speeds.std()))
        return known, centre, np.asarray(guess)


def _chosen(criteria: list[float], best: Candidate) -> str:
    """How many terms, and what their numbers cost in the information criterion."""
    least = best.bic
    shown = ", ".join(f"{count}: {value - least:+.4g}" for count, value in enumerate(criteria))
    return (
        f"terms of K: {len(best.oscillates)} by BIC (above the best, by number of terms: {shown})"
    )
