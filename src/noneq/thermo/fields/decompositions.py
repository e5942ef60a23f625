"""A motion taken apart: landscape and flux, housekeeping and excess."""

from dataclasses import dataclass

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.domains import is_periodic
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.statistics.helmholtz import HelmholtzSplit, helmholtz
from noneq.statistics.libraries import AbstractLibrary
from noneq.statistics.regression import Regression, regress
from noneq.thermo.estimators.library_choice import chosen_library, suited_library
from noneq.thermo.path_checks import check_noise_of_all, check_steady_paths


_STATES = 4_000


@dataclass(frozen=True)
class LandscapeFlux:
    """Drift at recorded states as the slope of a landscape and a flux around it.

    Attributes:
        states: where, ``(n, dim)``.
        drift: f (Itô).
        flux: the curl flux v = f − D ∇ln p, the mean local velocity.
        slope: −D ∇φ = f − v of the landscape φ = −ln p.
        diffusivity: D, ``(dim, dim)``.
        flux_stderr: of the flux.
        split: of D⁻¹ f by Helmholtz and Hodge; its gradient is the nearest potential force (in the
            mean over p), its rest carries no probability. Of constant D the first is −∇φ where v and
            D ∇φ are at right angles; None on tori.
        cosine: of the angle between v and D ∇φ in the mean, ⟨v·∇φ⟩ over their sizes; 0 in a steady state.
    """

    states: np.ndarray
    drift: np.ndarray
    flux: np.ndarray
    slope: np.ndarray
    diffusivity: np.ndarray
    flux_stderr: np.ndarray
    split: HelmholtzSplit | None
    cosine: float


@observable("trajectories", number=False)
def landscape_flux(
    trajectories: Trajectories, *, library: AbstractLibrary | None = None
) -> LandscapeFlux:
    """Landscape and flux of a steady state with constant noise, from its trajectories alone.

    **Equation**: f = D ∇ln p + v, φ = −ln p. The drift is an Itô sum and v a Stratonovich sum over the
    same increments; their difference is D ∇ln p, so that no density has to be estimated.

    Args:
        trajectories: ``(n, T, dim)``; gaps and tori allowed.
        library: what f and v are expanded in; None chooses as `noneq.thermo.force_current_rate` does.

    Returns:
        Fields at up to 4,000 recorded states.

    Raises:
        InvalidInput: paths that are not steady, or a direction without noise.

    Source: Wang, Xu and Wang 2008 (landscape and flux); Frishman and Ronceray 2020 (the sums).
    """
    check_steady_paths(trajectories, "landscape_flux")
    library = chosen_library(trajectories) if library is None else library
    ito = regress(trajectories, library)
    velocity = regress(trajectories, library, convention="velocity")
    check_noise_of_all(velocity.diffusivity, trajectories, "landscape_flux")
    x = _states(trajectories)
    f, v = ito(x), velocity(x)
    inverse = np.linalg.inv(velocity.diffusivity)
    split = None if is_periodic(trajectories.domain) else helmholtz(x, f @ inverse)
    inner = lambda a, b: float(np.einsum("ni,ij,nj->", a, inverse, b))
    sizes = np.sqrt(inner(v, v) * inner(f - v, f - v))
    return LandscapeFlux(
        x,
        f,
        v,
        f - v,
        velocity.diffusivity,
        _errors(velocity, x),
        split,
        inner(v, v - f) / sizes if sizes > 0 else 0.0,
    )


@dataclass(frozen=True)
class HousekeepingExcess:
    """Entropy production rate as what keeps the flux up and what changes the law.

    Attributes:
        total: ⟨u·D⁻¹·u⟩ in each window, nats per unit time.
        housekeeping, excess: its parts; they add up to the total.
        notes: what is not identifiable, a sentence each.
    """

    total: Estimate
    housekeeping: Estimate
    excess: Estimate
    notes: tuple[str, ...]


@observable("trajectories", number=False)
def housekeeping_excess(
    trajectories: Trajectories, *, windows: int = 1, library: AbstractLibrary | None = None
) -> HousekeepingExcess:
    """Housekeeping and excess entropy production in windows of a record, constant noise.

    **Equation**: u = D ∇φ + w, ⟨w·∇g⟩ = 0 for all g; excess ⟨∇φ·D·∇φ⟩, housekeeping ⟨w·D⁻¹·w⟩. D ∇φ is
    the cheapest velocity with the same change of p, so that the excess vanishes in a steady state and
    the housekeeping part in a relaxation with detailed balance.

    It is identifiable from one time on, since it needs u and p alone. The split of Hatano and Sasa is
    not: it asks for the steady state that the present forces would lead to.

    Args:
        trajectories: ``(n, T, dim)``; many paths if the law changes.
        windows: stretches of time, each with a row; the law should change little within one.
        library: what u is expanded in; None: polynomials of degree 3.

    Returns:
        Rates at the middle of each window.

    Raises:
        InvalidInput: tori (whose windings are no gradients of the polynomials used), more windows than
            intervals, or a direction without noise.

    Source: Maes and Netočný 2014; Nakazato and Ito 2021.
    """
    if len(trajectories.event_shape) != 1 or is_periodic(trajectories.domain):
        raise InvalidInput(
            f"housekeeping_excess: states of shape {trajectories.event_shape} on {trajectories.domain}; "
            "expected vectors without periods."
        )
    frames = trajectories.times.size
    if not 1 <= windows < frames:
        raise InvalidInput(
            f"housekeeping_excess: windows = {windows} of {frames} frames; expected 1 to {frames - 1}."
        )
    cuts = np.linspace(0, frames - 1, windows + 1).astype(int)
    rows = [
        _window(trajectories.frames(np.arange(a, b + 1)), library)
        for a, b in zip(cuts[:-1], cuts[1:], strict=True)
    ]
    value, error, share, share_error, bias, n = (
        np.asarray(column) for column in zip(*rows, strict=True)
    )
    middle = (trajectories.times[cuts[1:]] + trajectories.times[cuts[:-1]]) / 2
    part = lambda s: Estimate(
        value * s, np.sqrt((error * s) ** 2 + (value * share_error) ** 2), n, times=middle
    )
    return HousekeepingExcess(
        Estimate(value, error, n, times=middle, bias=bias),
        part(1 - share),
        part(share),
        (
            "the split is that of Maes and Netočný; that of Hatano and Sasa needs the steady state of "
            "the present forces and is not identifiable from these data",
        ),
    )


def _window(
    trajectories: Trajectories, library: AbstractLibrary | None
) -> tuple[float, float, float, float, float, float]:
    """Rate, its error, share of the excess, its error, bias and increments of one window."""
    library = suited_library(trajectories, 3) if library is None else library
    found = regress(trajectories, library, convention="velocity")
    check_noise_of_all(found.diffusivity, trajectories, "housekeeping_excess")
    inverse = np.linalg.inv(found.diffusivity)
    seen = trajectories.observed
    time = float(np.sum((seen[:, 1:] & seen[:, :-1]) * np.diff(trajectories.times)))
    gram, theta, covariance = found.gram / time, found.coefficients, found.covariance()
    slope = (2 * gram @ theta @ inverse).ravel()
    bias = float(np.trace(np.kron(gram, inverse) @ covariance))
    raw = float(np.sum(gram * (theta @ inverse @ theta.T)))
    error = np.sqrt(max(float(slope @ covariance @ slope), 0.0) + 2 * bias**2 / theta.size)
    x = _states(trajectories)
    # In coordinates of unit diffusivity D ∇φ is a gradient.
    root = np.linalg.cholesky(found.diffusivity)
    split = helmholtz(np.linalg.solve(root, x.T).T, np.linalg.solve(root, found(x).T).T)
    return raw - bias, float(error), split.share, split.stderr, bias, float(seen.sum())


def _states(trajectories: Trajectories) -> np.ndarray:
    """Recorded states, spread over the record."""
    path, frame = np.nonzero(trajectories.observed)
    chosen = np.linspace(0, len(path) - 1, min(len(path), _STATES)).astype(int)
    return trajectories.values[path[chosen], frame[chosen]].astype(np.float64)


def _errors(field: Regression, x: np.ndarray) -> np.ndarray:
    """Standard error of a field on the library at states."""
    values, dim = field.library.values(x), field.coefficients.shape[1]
    covariance = field.covariance().reshape(values.shape[1], dim, values.shape[1], dim)
    return np.sqrt(np.einsum("np,piqi,nq->ni", values, covariance, values))
