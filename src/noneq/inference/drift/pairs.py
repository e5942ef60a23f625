"""Moments of residuals of paths: correlations in time and shape of their law."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Moment(NamedTuple):
    """A mean over coordinates with its standard error."""

    value: float
    stderr: float

    @property
    def z(self) -> float:
        """Distance from zero in standard errors; 0 if there is no error."""
        return self.value / self.stderr if self.stderr > 0 else 0.0

    def __str__(self) -> str:
        return f"{self.value:.3g} ± {self.stderr:.1g}"


def correlation(residuals: Float[np.ndarray, "n T dim"], lag: int) -> Moment:
    """⟨u_t u_{t+lag}⟩/⟨u²⟩ of residuals; NaN where a frame is missing.

    The error does not assume equal variances: √Σ(u_t u_{t+lag})² over Σ u².
    """
    if residuals.shape[1] <= lag:
        return Moment(0.0, 0.0)
    products = residuals[:, lag:] * residuals[:, :-lag]
    size = float(np.nanmean(residuals**2)) if np.isfinite(residuals).any() else 0.0
    good = np.isfinite(products)
    count = int(good.sum())
    if count < 2 or size <= 0:
        return Moment(0.0, 0.0)
    some = np.where(good, products, 0.0)
    return Moment(float(some.sum()) / count / size, float(np.sqrt((some**2).sum())) / count / size)


def shape(residuals: Float[np.ndarray, "n T dim"]) -> tuple[Moment, Moment]:
    """Skewness and excess kurtosis, with the errors of Gaussian numbers.

    The skewness is the root mean square over coordinates less what chance gives, signed if there is one
    coordinate.
    """
    columns = residuals.reshape(-1, residuals.shape[-1]).T
    skews, heavies, counts = [], [], []
    for column in columns:
        u = column[np.isfinite(column)]
        spread = u.std() if len(u) > 3 else 0.0
        if spread > 0:
            u = (u - u.mean()) / spread
            skews.append((u**3).mean())
            heavies.append((u**4).mean() - 3)
            counts.append(len(u))
    if not counts:
        return Moment(0.0, 0.0), Moment(0.0, 0.0)
    total = float(np.sum(counts))
    worst = int(np.argmax(np.abs(skews)))
    return (
        Moment(float(skews[worst]), float(np.sqrt(6 / counts[worst]))),
        Moment(float(np.mean(heavies)), float(np.sqrt(24 / total))),
    )
