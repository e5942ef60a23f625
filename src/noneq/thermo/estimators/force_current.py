"""Entropy production from the currents of paths: velocity and diffusion inferred on a library."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.statistics.diffusivity import diffusivity_field, weighted_sums
from noneq.statistics.gram import solve
from noneq.statistics.increment_sums import Totals, increment_sums, over_blocks
from noneq.statistics.jackknife import jackknife
from noneq.statistics.libraries import AbstractLibrary, Polynomial, on_domain
from noneq.statistics.regression import (
    check_noise,
    diffusivity_of,
    middle_gram,
    regress,
    residual_rate,
)
from noneq.thermo.estimators.library_choice import (
    check_span,
    chosen_library,
    suited_library,
)
from noneq.thermo.path_checks import (
    block_number,
    check_noise_of_all,
    check_rough,
    check_steady_paths,
)


_RICHARDSON = np.array([8.0, -6.0, 1.0]) / 3
"""Of values at dt, 2 dt, 4 dt: exact for a value that is a + b dt + c dt²."""


@observable("trajectories")
def force_current_rate(
    trajectories: Trajectories,
    *,
    library: AbstractLibrary | None = None,
    diffusion: Literal["constant", "linear"] = "constant",
    localisation: bool = False,
    exposure: float = 0.0,
    extrapolate: bool = True,
) -> Estimate:
    """Entropy production rate of a steady state from the mean local velocity of its paths.

    **Equation**: σ = ⟨vᵀ D^{-1} v⟩ with v = bᵀ G^{-1} ⟨b ∘ ẋ⟩, G = ⟨b bᵀ⟩, b in the middle of the
    increments (Stratonovich), and 2D dt the covariance of the increments about v dt. The raw value
    is too large by about 2/T for each current that the library can hold and the system has not; the
    jackknife over up to 64 blocks of the record takes that off, and gives the error.

    For a linear system and a linear library the expectation at finite dt is exactly the relative
    entropy rate of pairs of frames and their reverse, KL[p(x, x') ‖ p(x', x)]/dt; for others it is
    that to first order in dt, and σ − O(dt) on data of continuous time. ``limit`` takes the first
    two orders off, by lags of 1, 2 and 4 frames, and ``limit_stderr`` is its error. (At dt = 0.01
    the double well with a swirl, curvature 8, shows 7.5 % too little and its limit nothing beyond
    the error.)

    Args:
        trajectories: ``(n, T, dim)`` of a steady state; gaps, uneven times, one or many paths,
            periodic coordinates; all coordinates even under time reversal.
        library: the functions that v is expanded in; None takes polynomials (harmonics of periodic
            coordinates) of the degree with the largest Takeuchi criterion. A library that does not
            span v gives a lower bound; of polynomials this is tested and told.
        diffusion: ``"linear"`` lets D depend on x, linearly (first harmonics); v does not suffer
            from a varying D.
        localisation: the positions carry measurement noise, independent from frame to frame; D and
            G are then taken from two lags. Exact in the noise for linear libraries, to the order
            of its variance for others.
        exposure: part of the interval over which the camera averages, 0…1.
        extrapolate: whether to find ``limit``.

    Returns:
        Nats per unit time, k_B = 1, with ``bias``, ``limit`` and ``limit_stderr``.

    Raises:
        InvalidInput: too few frames, a law that changes over the record, a coordinate that never
            moves or has no noise, or moves smoothly.

    Warns:
        UserWarning: a given library of polynomials that misses what a larger one finds; an interval
            long, or a record short, against the relaxation.

    Source: Frishman and Ronceray 2020; Vestergaard, Blainey and Flyvbjerg 2014 (noise); Efron and
    Stein 1981 (jackknife); Takeuchi 1976.
    """
    name = "force_current_rate"
    check_steady_paths(trajectories, name)
    check_noise(trajectories, localisation, exposure)
    notes = []
    if library is None:
        library = chosen_library(trajectories)
        notes.append(f"Library: {_described(library)}, chosen by the Takeuchi criterion.")
    else:
        check_span(trajectories, on_domain(library, trajectories), name)
    library = on_domain(library, trajectories)
    lags = _lags(trajectories, extrapolate, localisation)
    blocks = block_number(trajectories, lags[-1])
    if diffusion == "constant":
        sums = [
            increment_sums(trajectories, library, lag=lag, blocks=blocks, paired=localisation)
            for lag in lags
        ]
        one, two = sums[0].total, sums[1].total if len(sums) > 1 else None
        check_noise_of_all(
            diffusivity_of(one, two if localisation else None, exposure)[0], trajectories, name
        )
        if two is not None and not localisation:
            ratio = np.diag(residual_rate(two)) / np.diag(residual_rate(one))
            check_rough(ratio, trajectories, name)
        rates = _constant(len(lags) - localisation, localisation, exposure)
        value, bias, stderr = over_blocks(rates, *sums)
    else:
        parts = []
        for lag in lags[: len(lags) - localisation]:
            parts += _varying_parts(trajectories, library, lag, localisation, exposure, blocks)
        value, bias, stderr = jackknife(_varying, parts)
        notes.append("The diffusivity is linear in the state.")
    if localisation or exposure:
        notes.append(
            f"Corrected for {'measurement noise' if localisation else ''}"
            f"{' and ' if localisation and exposure else ''}"
            f"{f'an exposure of {exposure:g} of the interval' if exposure else ''}."
        )
    if len(value) > 1:
        notes.append(f"Limit of small intervals {value[1]:.4g} ± {stderr[1]:.2g}.")
    return Estimate(
        np.asarray(value[0]),
        np.asarray(stderr[0]),
        np.asarray(trajectories.n),
        method="force_current",
        bias=np.asarray(bias[0]),
        limit=np.asarray(value[1]) if len(value) > 1 else None,
        limit_stderr=np.asarray(stderr[1]) if len(value) > 1 else None,
        notes=tuple(notes),
        unit=_per(trajectories.time_unit),
    )


def _constant(count: int, localisation: bool, exposure: float) -> Callable[..., np.ndarray]:
    """Value and limit from the totals of every lag."""

    def rates(*totals: Totals) -> np.ndarray:
        found = []
        for i in range(count):
            two = totals[i + 1] if localisation else None
            D, _ = diffusivity_of(totals[i], two, exposure)
            product = totals[i].cross.T @ solve(middle_gram(totals[i], two), totals[i].cross)
            found.append(np.trace(np.linalg.solve(D, product)) / totals[i].time)
        return _with_limit(found)

    return rates


def _varying_parts(
    trajectories: Trajectories,
    library: AbstractLibrary,
    lag: int,
    localisation: bool,
    exposure: float,
    blocks: int,
) -> list[np.ndarray]:
    velocity = regress(
        trajectories,
        library,
        convention="velocity",
        lag=lag,
        localisation=localisation,
        exposure=exposure,
    )
    field = diffusivity_field(
        trajectories,
        suited_library(trajectories, 1),
        velocity,
        lag=lag,
        localisation=localisation,
        exposure=exposure,
    )
    return list(weighted_sums(trajectories, library, field, lag=lag, blocks=blocks))


def _varying(*parts: Any) -> np.ndarray:
    triples = [parts[i : i + 3] for i in range(0, len(parts), 3)]
    return _with_limit(
        [right @ solve(gram, right[:, None])[:, 0] / time for gram, right, time in triples]
    )


def _with_limit(rates: Sequence[Any]) -> np.ndarray:
    """The value, and its extrapolation if there are three lags."""
    if len(rates) < 3:
        return np.asarray(rates[:1])
    return np.asarray([rates[0], _RICHARDSON @ np.asarray(rates)])


def _lags(trajectories: Trajectories, extrapolate: bool, localisation: bool) -> tuple[int, ...]:
    longest = 8 if localisation else 4
    if extrapolate and trajectories.times.size > 2 * longest:
        return (1, 2, 4, 8) if localisation else (1, 2, 4)
    return (1, 2) if localisation or trajectories.times.size > 4 else (1,)


def _described(library: Polynomial) -> str:
    kind = "harmonics" if all(library.period) else "polynomials"
    mixed = any(library.period) and not all(library.period)
    return f"{'polynomials and harmonics' if mixed else kind} of degree {library.degree}"


def _per(unit: str) -> str:
    return f"1/{unit}" if unit else ""
