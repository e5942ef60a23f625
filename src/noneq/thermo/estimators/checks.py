"""What estimators of a steady state's entropy production ask of paths, in one place."""

import warnings

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.domains import periods_of
from noneq.errors import InvalidInput
from noneq.statistics.stationarity import stationarity_z


_FEWEST_FRAMES, _FEWEST_INCREMENTS = 2, 32
_COARSE = 0.3
_NOT_STATIONARY = 7.0
_BLOCKS, _FEWEST_BLOCKS, _RELAXATIONS = 64, 20, 4


def check_steady_paths(trajectories: Trajectories, name: str, *, fields: bool = False) -> None:
    """Refuse paths that tell no steady rate, and warn of an interval that is too long.

    Raises:
        InvalidInput: fields or particles where vectors are expected, too few frames, a coordinate
            that never moves, or a law that changes over the record (|z| > 7).
    """
    shape = trajectories.event_shape
    if not fields and len(shape) != 1:
        raise InvalidInput(
            f"{name}: states have the shape {shape}; expected vectors (dim,). Fields go to "
            "spectral_rate; else choose coordinates."
        )
    n, frames = trajectories.values.shape[:2]
    if frames < _FEWEST_FRAMES or n * (frames - 1) < _FEWEST_INCREMENTS:
        raise InvalidInput(
            f"{name}: {n} path(s) of {frames} frames; expected at least {_FEWEST_FRAMES} frames and "
            f"{_FEWEST_INCREMENTS} increments in all: give longer or more paths."
        )
    _check_moves(trajectories, name)
    z = np.abs(stationarity_z(trajectories))
    if z.max() > _NOT_STATIONARY:
        where, label = int(z.max(0).argmax()), _labels(trajectories)
        raise InvalidInput(
            f"{name}: the law of {label[where]} changes over the record (its halves differ by "
            f"{z.max():.0f} standard errors), and the estimator is of a steady state. Cut the "
            "transient off, data.frames(slice(first, None)), or pass a stretch in which it is steady."
        )


def block_number(trajectories: Trajectories, longest_lag: int) -> int:
    """Blocks of the record for errors: 64, or fewer so that each is four relaxation times long.

    Not below 20, nor so many that one has less than two starts.
    """
    n, frames = trajectories.values.shape[:2]
    step, spread, periods = _moves(trajectories)
    size = np.where(periods > 0, (periods / 6) ** 2, spread)
    slowest = float(np.clip(step / 2 / np.maximum(size, 1e-300), 0, 1).min())
    lengths = int(n * frames * slowest / _RELAXATIONS)
    wanted = min(_BLOCKS, max(_FEWEST_BLOCKS, lengths))
    return max(min(wanted, n * max(1, (frames - longest_lag) // 2)), 1)


def check_noise_of_all(diffusivity: np.ndarray, trajectories: Trajectories, name: str) -> None:
    """Refuse a direction without noise, in which irreversible motion would cost infinitely much.

    Raises:
        InvalidInput: naming the coordinate.
    """
    size = np.sqrt(np.maximum(np.diag(diffusivity), 0))
    label = _labels(trajectories)
    if (size <= 0).any():
        bad = label[int(np.argmin(np.diag(diffusivity)))]
        raise InvalidInput(
            f"{name}: {bad} shows no diffusion, and motion without noise has no finite cost; leave "
            "it out, or with localisation=True record longer or at a smaller interval."
        )
    values, vectors = np.linalg.eigh(diffusivity / size / size[:, None])
    if values[0] < 1e-9:
        bad = label[int(np.abs(vectors[:, 0]).argmax())]
        raise InvalidInput(
            f"{name}: a combination of coordinates with {bad} has no noise (a copy, or a conserved "
            "sum); leave that coordinate out."
        )


def check_rough(ratio: np.ndarray, trajectories: Trajectories, name: str) -> None:
    """Tell smooth motion and measurement noise by the growth of ⟨Δx²⟩/lag from one lag to two.

    Args:
        ratio: D_ii of two lags over that of one; 1 for diffusion, 2 to 4 for smooth motion, towards
            1/2 for measurement noise.

    Raises:
        InvalidInput: a coordinate that moves smoothly.
    """
    label = _labels(trajectories)
    if ratio.max() > 1.7:
        bad = label[int(ratio.argmax())]
        raise InvalidInput(
            f"{name}: {bad} moves smoothly (its diffusivity grows {ratio.max():.2g}-fold with twice the "
            "interval), so it carries no noise of its own; leave it out, or record at a longer "
            "interval than its inertia lasts."
        )
    if ratio.min() < 0.8:
        bad = label[int(ratio.argmin())]
        warnings.warn(
            f"{name}: the diffusivity of {bad} falls to {ratio.min():.2g} of itself at twice the "
            "interval: measurement noise (pass localisation=True) or an interval that is too long.",
            stacklevel=4,
        )


def _moves(trajectories: Trajectories) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean squared step, variance and period (0 for none) of each coordinate, on part of the record."""
    n, frames = trajectories.values.shape[:2]
    keep = max(1, min(n, 200_000 // frames))
    paths = np.linspace(0, n - 1, keep).astype(int)
    values = np.asarray(trajectories.values[paths, :200_000], np.float64)
    values = values.reshape(*values.shape[:2], -1)
    seen = trajectories.observed[paths][:, :200_000]
    both = seen[:, 1:] & seen[:, :-1]
    if not both.any():
        raise InvalidInput(
            "No path has two frames in succession; give fewer gaps, or every second frame."
        )
    move = (values[:, 1:] - values[:, :-1])[both]
    periods = periods_of(trajectories.domain, trajectories.event_shape).ravel()
    around = np.where(periods > 0, periods, 1.0)
    move = np.where(periods > 0, move - around * np.round(move / around), move)
    return (move**2).mean(0), values[seen].var(0), periods


def _check_moves(trajectories: Trajectories, name: str) -> None:
    """A coordinate that never moves; an interval long against the relaxation."""
    step, spread, periods = _moves(trajectories)
    around = np.where(periods > 0, periods, 1.0)
    label = _labels(trajectories)
    if (step == 0).any():
        raise InvalidInput(
            f"{name}: {label[int(np.argmin(step))]} never moves; leave that coordinate out."
        )
    ratio = np.where(periods > 0, step / (around / 6) ** 2, step / 2 / np.maximum(spread, 1e-300))
    # 1 − ρ(dt) = dt/τ at short intervals.
    worst = int(ratio.argmax())
    if ratio[worst] > _COARSE:
        loss = min(float(ratio[worst]), 0.999)
        interval = -np.log1p(-loss) if periods[worst] == 0 else float(np.sqrt(loss))
        what = "relaxation time" if periods[worst] == 0 else "time to cross a sixth of the period"
        warnings.warn(
            f"{name}: the recording interval is {interval:.2g} of the {what} of {label[worst]}; what "
            "happens between frames is not seen and the rate is too low. Record faster.",
            stacklevel=4,
        )


def _labels(trajectories: Trajectories) -> list[str]:
    size = int(np.prod(trajectories.event_shape))
    names = list(trajectories.names)
    return names if len(names) == size else [f"component {i}" for i in range(size)]
