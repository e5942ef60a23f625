"""Feedback that acts late: the delay, its strength, and the kernel of a response spread over the past."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from noneq.data.ensembles import Trajectories
from noneq.display import Card
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.inference.memory.even_paths import even_step, one_coordinate
from noneq.needs import observable


_BINS = 8
_LEAST = 200
_REFINED = 16
"""Delays between two frames that are tried."""
_SINGULAR = 26.0
"""Variance of the place of the maximum of W(u) − |u|/2, W a Brownian motion to both sides."""


@dataclass(frozen=True, repr=False)
class DelayedResponse:
    """Outcome of `delayed_response`.

    Attributes:
        delay: of one late feedback.
        rate: a, of the part that acts at once, given the delay.
        feedback: b, of the part that acts late, given the delay.
        diffusivity: of the white noise.
        kernel: K(s) of a response −∫ K(s) x(t − s) ds, without a form; its ``times`` are the delays s.
        gain: of log-likelihood by the late feedback, nats.
        p_value: of as large a gain without any, over all delays that were tried.
        level: false alarms allowed.
    """

    delay: Estimate
    rate: Estimate
    feedback: Estimate
    diffusivity: Estimate
    kernel: Estimate
    gain: float
    p_value: float
    level: float

    @property
    def found(self) -> bool:
        """Whether there is a late feedback at ``level``."""
        return self.p_value < self.level

    @property
    def sentence(self) -> str:
        """The outcome in one line."""
        if not self.found:
            return f"no late feedback seen (level {self.level:g})"
        return (
            f"late feedback (level {self.level:g}): dx = [−({self.rate}) x − ({self.feedback}) "
            f"x(t − delay)] dt + noise, delay = {self.delay}"
        )

    def __str__(self) -> str:
        """`sentence`."""
        return self.sentence

    def __repr__(self) -> str:
        """The sentence, and what it rests on."""
        return self.card().text()

    def _repr_html_(self) -> str:
        """The same, for notebooks."""
        return self.card().html()

    def card(self) -> Card:
        """What prompts and notebooks show."""
        facts = [
            ("diffusivity", f"{self.diffusivity}"),
            ("gain", f"{self.gain:.4g} nats, p = {self.p_value:.3g}"),
            ("kernel", f"{self.kernel}"),
        ]
        return Card(self.sentence, facts)


@observable("trajectories", number=False)
def delayed_response(
    trajectories: Trajectories, *, longest: float | None = None, level: float = 0.01
) -> DelayedResponse:
    """Find a late linear feedback in paths of one coordinate, and where in the past it comes from.

    **Equation**: x(t + h) = e^{−a h} x(t) − b ∫_0^h e^{−a(h − u)} x(t + u − τ) du + noise, the integral by
    the trapezoid rule on the frames, so that a and b have no error of order h; the delay τ is the one
    of the largest likelihood, between frames too. The kernel is the same regression on the means of
    x over bins of the past.

    Paths of white noise are rough, so that the likelihood falls from the delay as |τ̂ − τ| and not as
    its square: the error of τ̂ is √26/(b² T) with the time T of the whole record, and not of order
    1/√T; to it comes h/√12, as frames in between are interpolated. The errors of a and b are given
    the delay.

    Args:
        trajectories: at even steps short against the delay, of one free coordinate; moments whose
            past has gaps are left out.
        longest: delay asked for; None is a tenth of the record, at most 100 frames.
        level: false alarms allowed, for `DelayedResponse.found`.

    Returns:
        `DelayedResponse`. Inertia and hidden variables look like late feedback as well; compare with
        `memory_test` and `noneq.methods.GeneralisedLangevin`.

    Raises:
        InvalidInput: uneven steps, several coordinates, no motion, a longest delay below two
            frames, or fewer than 200 moments whose whole past was seen.

    Source: Küchler and Kutoyants, Scand. J. Stat. 27, 405 (2000), for the likelihood of a delay.
    """
    from scipy.stats import chi2

    name = "delayed_response"
    h = even_step(trajectories, name)
    x, seen = one_coordinate(trajectories, name), trajectories.observed
    frames = x.shape[1]
    lags = min(frames // 10, 100) if longest is None else round(longest / h)
    if not 2 <= lags < frames - 1:
        raise InvalidInput(
            f"{name}: delays up to {lags} frames of {h:g} in {frames}; expected 2 to {frames - 2}."
        )
    whole = np.lib.stride_tricks.sliding_window_view(seen, lags + 2, axis=1).all(-1)
    path, first = np.nonzero(whole)
    now = first + lags
    if now.size < max(_LEAST, 10 * _BINS):
        raise InvalidInput(
            f"{name}: {now.size} moments whose past of {lags} frames was seen; expected at least "
            f"{max(_LEAST, 10 * _BINS)}. Give longer paths or a shorter longest."
        )
    past = _Past(x, path, now)
    y, here = x[path, now + 1], x[path, now]
    least = _left(y, [here])
    tried = np.arange(1, lags + 1, dtype=float)
    rest = np.array([_left(y, [here, past.mean(q)]) for q in tried])
    fine = np.arange(-_REFINED, _REFINED + 1) / _REFINED + tried[int(np.argmin(rest))]
    fine = fine[(fine >= 1) & (fine <= lags)]
    close = np.array([_left(y, [here, past.mean(q)]) for q in fine])
    count, best = now.size, float(fine[int(np.argmin(close))])
    gain = 0.5 * count * float(np.log(least / close.min()))
    p_value = min(1.0, float(lags * chi2.sf(2 * gain, 1)))
    number = lambda value, error: Estimate(np.asarray(value), np.asarray(error), np.asarray(count))
    rate, feedback, diffusivity = _rates(y, [here, past.mean(best)], h)
    rough = np.sqrt(_SINGULAR) / max(feedback[0] ** 2 * count * h, 1e-12)
    width = np.hypot(min(rough, lags * h), h / np.sqrt(12))
    return DelayedResponse(
        number(best * h, width),
        number(*rate),
        number(*feedback),
        number(*diffusivity),
        _kernel(y, here, past, lags, h, count),
        gain,
        p_value,
        level,
    )


class _Past:
    """Means of the paths over stretches of the past, the paths straight between frames."""

    def __init__(self, x: Float[np.ndarray, "n T"], path: np.ndarray, now: np.ndarray):
        middle = (x[:, 1:] + x[:, :-1]) / 2
        self.x, self.path, self.now = x, path, now
        self.integral = np.concatenate([np.zeros((len(x), 1)), np.cumsum(middle, 1)], axis=1)

    def mean(self, lag: float) -> np.ndarray:
        """Over one step from ``lag`` frames ago on, (N,)."""
        return self._until(1 - lag) - self._until(-lag)

    def bin(self, first: int, last: int) -> np.ndarray:
        """Mean over lags first to last of `mean`, (N,)."""
        return np.mean([self.mean(lag) for lag in np.arange(first, last) + 0.5], axis=0)

    def _until(self, frames: float) -> np.ndarray:
        """∫ x to ``frames`` after now, in units of a step."""
        below = int(np.floor(frames))
        share = frames - below
        at = self.now + below
        whole = self.integral[self.path, at]
        if share == 0:
            return whole
        here, slope = self.x[self.path, at], self.x[self.path, at + 1] - self.x[self.path, at]
        return whole + share * here + share**2 / 2 * slope


def _left(y: np.ndarray, columns: list[np.ndarray]) -> float:
    """Mean square that a linear function of the columns leaves of y."""
    return float(np.mean(_solved(y, columns)[1] ** 2))


def _solved(y: np.ndarray, columns: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients of 1 and the columns, residuals, and the inverse Gram matrix."""
    X = np.stack([np.ones_like(y), *columns], axis=1)
    inverse = np.linalg.pinv(X.T @ X)
    theta = inverse @ (X.T @ y)
    return theta, y - X @ theta, inverse


def _rates(y: np.ndarray, columns: list[np.ndarray], h: float) -> tuple[tuple[float, float], ...]:
    """(value, error) of a, b and the diffusivity."""
    theta, rest, inverse = _solved(y, columns)
    noise = float(np.mean(rest**2))
    spread = noise * inverse[1:, 1:]

    def numbers(phi: float, late: float) -> tuple[float, float]:
        a = -np.log(phi) / h
        weight = (1 - phi) / a if abs(a * h) > 1e-8 else h
        return a, -late / weight

    phi, late = float(np.clip(theta[1], 1e-6, None)), float(theta[2])
    a, b = numbers(phi, late)
    step = 1e-6
    slopes = np.array(
        [
            np.subtract(numbers(phi + step, late), numbers(phi - step, late)) / (2 * step),
            np.subtract(numbers(phi, late + step), numbers(phi, late - step)) / (2 * step),
        ]
    ).T
    errors = np.sqrt(np.diag(slopes @ spread @ slopes.T))
    shrunk = (1 - phi**2) / (2 * a) if abs(a * h) > 1e-8 else h
    D = noise / (2 * shrunk)
    return (a, float(errors[0])), (b, float(errors[1])), (D, D * float(np.sqrt(2 / len(y))))


def _kernel(
    y: np.ndarray, here: np.ndarray, past: _Past, lags: int, h: float, count: int
) -> Estimate:
    """K in bins of the past, with the error of least squares."""
    width = max((lags - 1) // _BINS, 1)
    edges = np.arange(1, lags + 1, width)
    columns = [past.bin(int(a), int(b)) for a, b in zip(edges[:-1], edges[1:], strict=True)]
    theta, rest, inverse = _solved(y, [here, *columns])
    error = np.sqrt(np.mean(rest**2) * np.diag(inverse)[2:])
    phi = float(np.clip(theta[1], 1e-6, None))
    weight = -(1 - phi) / np.log(phi) * h if abs(1 - phi) > 1e-8 else h
    spans = np.diff(edges) * h
    middle = (edges[1:] + edges[:-1]) / 2 * h
    return Estimate(
        -theta[2:] / (weight * spans), error / (weight * spans), np.asarray(count), times=middle
    )
