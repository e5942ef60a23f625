"""The least dissipation that a change of law needs: squared Wasserstein distance over time."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from noneq._typing import Numbers
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.errors import InvalidInput
from noneq.estimate import Estimate
from noneq.needs import observable
from noneq.statistics.assignment import assignment, potentials, subsample


_NAME = "transport_bound"


@observable("snapshots", more=("diffusivity",))
def transport_bound(
    data: Snapshots | Trajectories,
    diffusivity: Numbers,
    *,
    most: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Least entropy production that snapshots allow, over each interval.

    **Equation**: Σ = ∫ ⟨vᵀ D⁻¹ v⟩ dt ≥ W²/Δ, W the Wasserstein-2 distance of successive snapshots
    in the metric D⁻¹ (Benamou–Brenier), whatever the dynamics between them; here as the rate
    W²/Δ². W² of n points is too large by up to what two samples of one law are apart: that square,
    between the halves of each snapshot and scaled from n/2 to n points as n^{−1} on a line and in
    the plane, n^{−2/dim} above, is taken off (`Estimate.bias`).

    Args:
        data: at two times or more.
        diffusivity: D, a number, ``(dim,)`` or ``(dim, dim)``, in squares of the states' units per
            unit time.
        most: states of a snapshot that are used.
        seed: of their choice.

    Returns:
        Nats per unit time, at the middle of each interval; ``bound`` is ``"lower"``.

    Raises:
        InvalidInput: one time, fewer than four states at a time, or a D that is not positive
            definite.

    Source: Benamou and Brenier 2000; Aurell et al. 2012; Nakazato and Ito 2021.
    """
    times = data.times.astype(np.float64)
    if times.size < 2:
        raise InvalidInput(f"{_NAME}: one time; expected snapshots at two times or more.")
    if most < 4 or seed < 0:
        raise InvalidInput(
            f"{_NAME}: most = {most}, seed = {seed}; expected at least 4 states and a seed ≥ 0."
        )
    root = whitener(diffusivity, int(np.prod(data.event_shape)), _NAME)
    rng = np.random.default_rng(seed)
    clouds = [
        subsample(data.at(float(t)).reshape(len(data.at(float(t))), -1), most, rng) @ root
        for t in data.times
    ]
    if min(map(len, clouds)) < 4:
        raise InvalidInput(f"{_NAME}: a time with fewer than four states; give more.")
    rows = [_interval(a, b, rng) for a, b in zip(clouds[:-1], clouds[1:], strict=True)]
    value, error, bias, count = (np.asarray(column) for column in zip(*rows, strict=True))
    gap = np.diff(times) ** 2
    return Estimate(
        (value - bias) / gap,
        error / gap,
        count,
        times=(times[1:] + times[:-1]) / 2,
        bound="lower",
        method="w2",
        bias=bias / gap,
        notes=("A bound for any dynamics with this diffusivity; no current is assumed.",),
    )


def whitener(diffusivity: Numbers, size: int, what: str) -> Float[np.ndarray, "dim dim"]:
    """R with R Rᵀ = D⁻¹, so that |R·(x − y)|² is the square in the metric D⁻¹.

    Raises:
        InvalidInput: another shape, or a direction without noise.
    """
    given = np.asarray(diffusivity, np.float64)
    if given.shape not in ((), (size,), (size, size)):
        raise InvalidInput(
            f"{what}: diffusivity has shape {given.shape}; expected a number, ({size},) or "
            f"({size}, {size})."
        )
    full = given if given.ndim == 2 else np.diag(np.broadcast_to(given, (size,)))
    if not np.isfinite(full).all() or np.linalg.eigvalsh((full + full.T) / 2).min() <= 0:
        raise InvalidInput(f"{what}: diffusivity is not positive definite.")
    return np.linalg.cholesky(np.linalg.inv(full))


def squared_distance(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """W₂² of equally many points and its standard error, by the dual potentials."""
    costs = ((x[:, None] - y[None]) ** 2).sum(-1)
    column = assignment(costs)
    f, g = potentials(costs, column)
    n = len(x)
    value = float(costs[np.arange(n), column].mean())
    return value, float(np.sqrt((f.var(ddof=1) + g.var(ddof=1)) / n))


def _interval(
    a: np.ndarray, b: np.ndarray, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """W², its error, its bias, and the points used."""
    n = min(len(a), len(b)) // 2 * 2
    a, b = (c[rng.permutation(len(c))[:n]] for c in (a, b))
    value, error = squared_distance(a, b)
    halves = [squared_distance(c[: n // 2], c[n // 2 :])[0] for c in (a, b)]
    shrink = 2.0 ** -min(1.0, 2 / a.shape[1])
    return value, error, float(np.mean(halves)) * shrink, float(n)


def mean_over(estimate: Estimate, weights: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Mean over intervals of these lengths, taken as independent, and its error."""
    share = np.asarray(weights, np.float64) / np.sum(weights)
    return float(share @ estimate.value), float(np.sqrt(share**2 @ estimate.stderr**2))
