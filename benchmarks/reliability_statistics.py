"""Error bars and posteriors that mean what they say: rows R19 and R20.

    .venv/bin/python benchmarks/reliability_statistics.py        # a few minutes
    .venv/bin/python benchmarks/reliability_statistics.py R20

R19: 200 repeats of an estimate whose truth is known. It passes if 95 % intervals cover 91 to 98 %,
the mean of z lies within 0.2 of zero and its standard deviation in 0.85 to 1.15.

R20, simulation-based calibration (Talts et al. 2018): 300 states are drawn from a prior, measured
with noise, and the rank of each among 99 draws of `noneq.models.measured` counted. The ranks are
uniform if the draws follow the posterior; passed is p > 1e-3 of their chi-squared over 20 bins, for
each coordinate. The prior's denoiser is exact, so that what is tested is the inference alone.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np
from reliability import keep
from scipy.stats import chi2


TESTS = Path(__file__).parents[1] / "tests"
sys.path += [str(TESTS), str(TESTS / "methods" / "denoising")]

from test_guidance import COVARIANCE, MATRIX, MEAN, WORLDS, world  # noqa: E402

from noneq.models import measured  # noqa: E402
from noneq.statistics.libraries import Polynomial  # noqa: E402
from noneq.thermo import (  # noqa: E402
    force_current_rate,
    free_energy,
    mbar,
    plug_in_rate,
)
from steady_paths import linear_paths, pair_divergence_rate  # noqa: E402


REPEATS, PRIORS, DRAWS, BINS = 200, 300, 99, 20
NOISE = 0.8
"""Of the measurement."""


def scores(seed: int = 0) -> Iterator[tuple[str, list[float]]]:
    """z of every repeat, estimator by estimator."""
    rng = np.random.default_rng(seed)

    def works(width: float) -> tuple[np.ndarray, np.ndarray]:
        """Gaussian works both ways of a free-energy difference of 2."""
        lost = width**2 / 2
        ahead, back = width * rng.standard_normal((2, 300))
        return 2 + lost + ahead, -2 + lost + back

    one = lambda method: lambda: float(free_energy(works(0.5)[0], method=method).z(2.0))
    both = lambda method: lambda: float(free_energy(*works(1.0), method=method).z(2.0))
    stiff = np.asarray([1.0, 2.0, 4.0])

    def wells() -> float:
        x = np.concatenate([rng.standard_normal(200) / np.sqrt(k) for k in stiff])
        found = mbar(stiff[:, None] * x**2 / 2, [200] * 3)
        return (found.value[2] - np.log(2.0)) / found.stderr[2]

    A = np.array([[1.0, -2.0], [2.0, 1.0]])

    def turning() -> float:
        paths = linear_paths(A, np.eye(2), n=20, frames=400, dt=0.02, rng=rng)
        found = force_current_rate(paths, library=Polynomial(1), extrapolate=False)
        return float(found.z(pair_divergence_rate(A, np.eye(2), 0.02, exact=True)))

    ring = np.array([[0.0, 0.7, 0.3], [0.3, 0.0, 0.7], [0.7, 0.3, 0.0]])
    truth = 0.4 * np.log(7 / 3)

    def chain() -> float:
        steps = np.where(rng.random((16, 400)) < ring[0, 1], 1, 2)
        return plug_in_rate((rng.integers(3, size=(16, 1)) + np.cumsum(steps, 1)) % 3).z(truth)

    cases: dict[str, Callable[[], float]] = {
        "exponential mean of works": one("jarzynski"),
        "cumulants of works": one("cumulants"),
        "Bennett's ratio": both("bar"),
        "free energies of three wells": wells,
        "entropy production of a rotating trap": turning,
        "entropy production of a ring of states": chain,
    }
    for name, case in cases.items():
        yield name, [float(case()) for _ in range(REPEATS)]


def error_bars() -> None:
    for name, z in scores():
        covered, mean, spread = np.mean(np.abs(z) < 1.96), np.mean(z), np.std(z)
        well = 0.91 <= covered <= 0.98, abs(mean) <= 0.2, 0.85 <= spread <= 1.15
        figures = {"covered": float(covered), "mean_z": float(mean), "sd_z": float(spread)}
        sys.stdout.write(f"R19 {name}: {figures}\n")
        keep("R19", name, int(sum(well)), 3, **figures)


def ranks(noise: float = NOISE, seed: int = 0) -> np.ndarray:
    """Rank of each true coordinate among the draws, ``(priors, 3)``.

    Args:
        noise: what the inference takes for the noise of the measurement, which is `NOISE`.
        seed: of all.
    """
    rng, key = np.random.default_rng(seed), jax.random.key(seed)
    model = world(*WORLDS["Heun"])
    found = np.empty((PRIORS, 3), int)
    for i in range(PRIORS):
        x = rng.multivariate_normal(MEAN, COVARIANCE)
        values = MATRIX @ x + NOISE * rng.standard_normal(len(MATRIX))
        draws = measured(model, MATRIX, values, noise=noise).sample(
            DRAWS, key=jax.random.fold_in(key, i)
        )
        found[i] = (np.asarray(draws) < x).sum(axis=0)
    return found


def p_of(ranks: np.ndarray) -> np.ndarray:
    """p of the chi-squared of the ranks over the bins, by coordinate."""
    counts = np.stack([np.bincount(r * BINS // (DRAWS + 1), minlength=BINS) for r in ranks.T])
    expected = len(ranks) / BINS
    return chi2.sf(((counts - expected) ** 2 / expected).sum(axis=1), BINS - 1)


def calibration() -> None:
    for name, p in zip("abc", p_of(ranks()), strict=True):
        sys.stdout.write(f"R20 coordinate {name}: p = {p:.3g}\n")
        keep("R20", f"coordinate {name} given a measurement", int(p > 1e-3), 1, p=float(p))


def main(words: list[str]) -> None:
    for case, run in {"R19": error_bars, "R20": calibration}.items():
        if not words or case in words:
            run()


if __name__ == "__main__":
    main(sys.argv[1:])
