"""The blind panel: random systems in and out of equilibrium, and one question to each.

The entropy production of every system is known in closed form: Σ of a linear law, or a density that
the drive leaves unchanged, p ∝ e^{−U/T} with the current p v of a v that has no divergence under p.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.domains import AbstractDomain, Free, Torus
from noneq.systems.linear import (
    gaussian_step,
    linear_entropy_production,
    square_root,
    stationary_covariance,
)
from noneq.thermo import verdict


_RELAXATIONS = 80.0
"""Time of the record, in the slowest relaxation times of the system at rest."""
_STEP = 0.06
"""Recording interval, in the fastest relaxation times."""
_SUBSTEPS = 2
_FEWEST, _MOST = 2_000, 16_000
"""Pairs of records."""


@dataclass(frozen=True)
class Member:
    """One system of the panel with its record.

    Attributes:
        kind: ``linear``, ``wells`` or ``torus``.
        trajectories: what the test sees.
        sigma: exact entropy production rate, nats per unit time.
        time: T, summed over paths.
    """

    kind: str
    trajectories: Trajectories
    sigma: float
    time: float

    @property
    def dissipated(self) -> float:
        """σT."""
        return self.sigma * self.time


def member(seed: int, *, driven: bool) -> Member:
    """System number ``seed`` and its record.

    Half are linear with 2 to 5 coordinates and any diffusivity, a quarter double wells with a swirl, a
    quarter motions on a torus of 1 or 2 angles. Half of each are 25 paths, the others one long
    path (nonlinear systems: five).
    Drives are chosen so that σT is uniform in log between 5 and 1,000.

    Args:
        seed: of everything that is random.
        driven: whether there is a current.
    """
    rng = np.random.default_rng([seed, int(driven), 2_718])
    kind = ("linear", "wells", "linear", "torus")[seed % 4]
    wanted = float(np.exp(rng.uniform(np.log(5), np.log(1_000)))) if driven else 0.0
    paths = (1 if kind == "linear" else 5) if seed // 4 % 2 else 25
    if kind == "linear":
        return _linear(rng, wanted, paths)
    return (_wells if kind == "wells" else _torus)(rng, wanted, paths)


def ideal_power(dissipated: np.ndarray | float, level: float) -> np.ndarray:
    """Φ(√(σT/2) − z_α): what the best current gives if it is known beforehand."""
    from scipy.stats import norm

    return np.asarray(norm.cdf(np.sqrt(np.asarray(dissipated) / 2) - norm.isf(level)))


def _linear(rng: np.random.Generator, wanted: float, paths: int) -> Member:
    """A = (D + Q) Σ⁻¹ with random D, Σ and an antisymmetric Q that is 0 in equilibrium."""
    dim = int(rng.integers(2, 6))
    spread = lambda: np.cov(rng.normal(size=(dim, 3 * dim))) + 0.2 * np.eye(dim)
    D, sigma = spread(), spread()
    Q = rng.normal(size=(dim, dim))
    Q = Q - Q.T
    A = lambda drive: (D + drive * Q) @ np.linalg.inv(sigma)
    rates = np.linalg.eigvals(A(0.0)).real
    time = _RELAXATIONS / rates.min()
    # With the law as it is, σ goes with the square of the drive.
    drive = np.sqrt(wanted / time / linear_entropy_production(A(1.0), D))
    dt = _STEP / np.abs(np.linalg.eigvals(A(drive))).max()
    frames, dt = _grid(time, dt, paths)
    rate = linear_entropy_production(A(drive), D) if wanted else 0.0
    growth, added = gaussian_step(-A(drive), 2 * D, dt)
    root = square_root(added)
    x = rng.normal(size=(paths, dim)) @ square_root(stationary_covariance(A(drive), D))
    record = np.empty((paths, frames, dim))
    for k in range(frames):
        record[:, k] = x
        x = x @ growth.T + rng.normal(size=x.shape) @ root
    return _member("linear", record, dt, rate, Free())


def _wells(rng: np.random.Generator, wanted: float, paths: int) -> Member:
    """U = h (x² − 1)² + k y²/2 + s x y with f = −(I + q J)∇U; v = −q J∇U, σ = q²⟨ΔU⟩."""
    h, k, s = rng.uniform(0.4, 1.5), rng.uniform(0.8, 3.0), rng.uniform(-0.6, 0.6)
    temperature = rng.uniform(0.4, 1.0)
    slow, sign = max(1 / k, np.exp(h / temperature) / (2 * h)), rng.choice([-1, 1])
    grid = np.linspace(-3, 3, 241)
    x, y = (part.ravel() for part in np.meshgrid(grid, 3 * grid, indexing="ij"))
    level = h * (x**2 - 1) ** 2 + k * y**2 / 2 + s * x * y
    weight = np.exp(-(level - level.min()) / temperature)
    weight /= weight.sum()
    curvature = float(weight @ (12 * h * x**2 - 4 * h + k))
    q = sign * np.sqrt(wanted / (_RELAXATIONS * slow) / curvature)
    frames, dt = _grid(_RELAXATIONS * slow, 2 * _STEP / (8 * h + k) / np.sqrt(1 + q**2), paths)

    def force(z: np.ndarray) -> np.ndarray:
        x, y = z[:, 0], z[:, 1]
        a, b = 4 * h * x * (x**2 - 1) + s * y, k * y + s * x
        return np.stack([-a + q * b, -b - q * a], axis=1)

    start = rng.choice(len(x), paths, p=weight)
    first = np.stack([x[start], y[start]], 1) + rng.uniform(-0.5, 0.5, (paths, 2)) * [0.025, 0.075]
    record = _heun(rng, force, first, dt, frames, temperature)
    return _member("wells", record, dt, q**2 * curvature, Free())


def _torus(rng: np.random.Generator, wanted: float, paths: int) -> Member:
    """One or two angles: p ∝ e^{−U}, D = 1, v = c e^{U} with a constant or divergence-free c."""
    angles = int(rng.integers(1, 3))
    a = rng.uniform(-0.7, 0.7, (angles, 2))
    mixed = float(rng.uniform(-0.5, 0.5)) if angles == 2 else 0.0
    c = rng.uniform(0.3, 1.2, angles) * rng.choice([-1, 1], angles)
    curl, drive = float(rng.uniform(-1, 1)) if angles == 2 else 0.0, 1.0

    def energy(z: np.ndarray) -> np.ndarray:
        both = mixed * np.cos(z[:, 0] - z[:, -1]) if angles == 2 else 0.0
        return np.cos(z) @ a[:, 0] + np.sin(z) @ a[:, 1] + both

    def velocity(z: np.ndarray) -> np.ndarray:
        flow = np.broadcast_to(c, z.shape).copy()
        if angles == 2:
            flow += curl * np.stack([-np.sin(z[:, 0] + z[:, 1]), np.sin(z[:, 0] + z[:, 1])], 1)
        return drive * flow * np.exp(energy(z))[:, None]

    def force(z: np.ndarray) -> np.ndarray:
        slope = -np.sin(z) * a[:, 0] + np.cos(z) * a[:, 1]
        if angles == 2:
            across = mixed * np.sin(z[:, 0] - z[:, 1])
            slope = slope + np.stack([-across, across], 1)
        return velocity(z) - slope

    line = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    states = np.stack([part.ravel() for part in np.meshgrid(*[line] * angles, indexing="ij")], 1)
    weight = np.exp(-energy(states))
    weight /= weight.sum()
    time = _RELAXATIONS * 2.0
    drive = float(np.sqrt(wanted / time / (weight @ (velocity(states) ** 2).sum(1))))
    fastest = max(1.0, np.abs(force(states)).max(), (velocity(states) ** 2).max())
    frames, dt = _grid(time, _STEP / float(fastest), paths)
    rate = float(weight @ (velocity(states) ** 2).sum(1))
    first = states[rng.choice(len(states), paths, p=weight)]
    record = _heun(rng, force, first, dt, frames, 1.0)
    record = np.mod(record, 2 * np.pi)
    record[record >= 2 * np.pi] = 0.0
    return _member("torus", record, dt, rate, Torus())


def _grid(time: float, dt: float, paths: int) -> tuple[int, float]:
    """Frames a path, and the interval: shorter than asked for, or the record is cut, within limits."""
    pairs = int(np.clip(time / dt, _FEWEST, _MOST))
    return pairs // paths + 1, min(dt, time / pairs)


def _heun(
    rng: np.random.Generator,
    force: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    dt: float,
    frames: int,
    temperature: float,
) -> np.ndarray:
    """Recorded states of dX = f dt + √(2T) dW."""
    record, h = np.empty((len(x), frames, x.shape[1])), dt / _SUBSTEPS
    for k in range(frames):
        record[:, k] = x
        for kick in rng.normal(scale=np.sqrt(2 * temperature * h), size=(_SUBSTEPS, *x.shape)):
            here = force(x)
            x = x + h * (here + force(x + h * here + kick)) / 2 + kick
    return record


def _member(
    kind: str, record: np.ndarray, dt: float, rate: float, domain: AbstractDomain
) -> Member:
    times = np.arange(record.shape[1]) * dt
    time = record.shape[0] * (record.shape[1] - 1) * dt
    return Member(kind, Trajectories(record, times, domain=domain), rate, time)


@dataclass(frozen=True)
class Panel:
    """Answers of the verdict to many members.

    Attributes:
        level: false alarms allowed.
        dissipated: σT of each member; 0 in equilibrium.
        rejected: whether each was called out of equilibrium.
        bound: lower bound of σ times T.
    """

    level: float
    dissipated: np.ndarray
    rejected: np.ndarray
    bound: np.ndarray

    @property
    def false_alarms(self) -> int:
        """Members in equilibrium that were called out of it."""
        return int(self.rejected[self.dissipated == 0].sum())

    def power(self, least: float, most: float = np.inf) -> float:
        """Share of driven members with least ≤ σT < most that were found."""
        inside = (self.dissipated >= least) & (self.dissipated < most) & (self.dissipated > 0)
        return float(self.rejected[inside].mean()) if inside.any() else float("nan")


def ask(seeds: range, *, driven: bool, level: float = 0.01) -> Panel:
    """The verdict on the members of these seeds; each takes about 0.1 s beside its simulation."""
    rows = []
    for seed in seeds:
        one = member(seed, driven=driven)
        found = verdict(one.trajectories, level=level)
        rows.append((one.dissipated, not found.equilibrium, found.bound * one.time))
    dissipated, rejected, bound = (np.asarray(column) for column in zip(*rows, strict=True))
    return Panel(level, dissipated, rejected, bound)
