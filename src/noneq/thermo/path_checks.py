"""What estimators of a steady state's entropy production ask of paths, in one place."""

import warnings

import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.domains import periods_of
from noneq.errors import InvalidInput
from noneq.statistics.stationarity import stationarity_z


_FEWEST_FRAMES, _FEWEST_INCREMENTS = 2, 32
_COARSE, _SMOOTH = 0.3, 1.7
_NOT_STATIONARY = 7.0
_BLOCKS, _FEWEST_BLOCKS, _RELAXATIONS = 64, 20, 4
_SHORTEST = 40.0
"""Relaxation times of a record below which errors were found a third too small."""
_NUMBERS, _LONGEST = 2**20, 2**14


def check_steady_paths(
    trajectories: Trajectories, name: str, *, fields: bool = False, lag: int = 1
) -> None:
    """Refuse paths that tell no steady rate, and warn of an interval that is too long.

    Args:
        trajectories: what an estimator was given.
        name: of the estimator.
        fields: states may have any shape.
        lag: frames from one state that is used to the next.

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
    if frames < _FEWEST_FRAMES or n * (frames - lag) < _FEWEST_INCREMENTS:
        raise InvalidInput(
            f"{name}: {n} path(s) of {frames} frames; expected at least {_FEWEST_FRAMES} frames and "
            f"{_FEWEST_INCREMENTS} increments in all: give longer or more paths."
        )
    _check_moves(trajectories, name, lag)
    z = np.abs(stationarity_z(trajectories))
    if z.max() > _NOT_STATIONARY:
        where, label = int(z.max(0).argmax()), _labels(trajectories)
        raise InvalidInput(
            f"{name}: the law of {label[where]} changes over the record (its halves differ by "
            f"{z.max():.0f} standard errors), and the estimator is of a steady state. Cut the "
            "transient off, data.frames(slice(first, None)) (command line: --read window=FIRST:LAST); "
            "an angle that winds needs its period (--domain torus:2pi)."
        )


def block_number(trajectories: Trajectories, longest_lag: int) -> int:
    """Blocks of the record for errors: 64, or fewer so that each is four relaxation times long.

    Not below 20, nor so many that one has less than two starts.
    """
    n, frames = trajectories.values.shape[:2]
    lengths = int(n * frames * _losses(*_moves(trajectories, 1)).min() / _RELAXATIONS)
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
    """Tell measurement noise, as `check_smooth` does smooth motion, by the growth of ⟨Δx²⟩/lag.

    Args:
        ratio: D_ii of two lags over that of one; 1 for diffusion, 2 for smooth motion, towards 1/2
            for measurement noise.
        trajectories, name: of the caller.

    Raises:
        InvalidInput: a coordinate that moves smoothly.
    """
    check_smooth(ratio, trajectories, name)
    if ratio.min() < 0.8:
        bad = _labels(trajectories)[int(ratio.argmin())]
        warnings.warn(
            f"{name}: the diffusivity of {bad} falls to {ratio.min():.2g} of itself at twice the "
            "interval: measurement noise (localisation=True of force_current_rate) or an interval "
            "that is too long.",
            stacklevel=4,
        )


def check_smooth(ratio: np.ndarray, trajectories: Trajectories, name: str) -> None:
    """Refuse coordinates that move without noise of their own, for which reversal is another matter.

    Args:
        ratio, trajectories, name: as in `check_rough`.

    Raises:
        InvalidInput: naming them.
    """
    smooth = np.flatnonzero(ratio > _SMOOTH)
    if smooth.size:
        label = _labels(trajectories)
        raise InvalidInput(
            f"{name}: {', '.join(label[i] for i in smooth)} moves without noise (its mean square moves "
            f"over two frames and one have the ratio {2 * ratio[smooth[0]]:.2f}; noise gives 2, smooth "
            "motion 4). With velocities, or a noise that does not reach every coordinate, equilibrium "
            "looks irreversible: leave such coordinates out (command line: --columns), or record at "
            "longer intervals than their inertia lasts."
        )


def roughness(trajectories: Trajectories, lag: int = 1) -> np.ndarray:
    """What `check_rough` takes, on part of the record; ones where gaps leave nothing to tell."""
    values, seen, periods = _part(trajectories)
    first, second = (_steps(values[:, i * lag :], periods, lag) for i in (0, 1))
    first = first[:, : second.shape[1]]
    rest = values.shape[1] - 2 * lag
    whole = seen[:, : max(rest, 0)] & seen[:, lag : lag + max(rest, 0)] & seen[:, 2 * lag :]
    if whole.sum() < _FEWEST_INCREMENTS:
        return np.ones(values.shape[-1])
    one, both = (first[whole] ** 2).mean(0), ((first + second)[whole] ** 2).mean(0)
    return np.where(one > 0, both / 2 / np.where(one > 0, one, 1.0), 1.0)


def _moves(trajectories: Trajectories, lag: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean squared step, variance and period (0 for none) of each coordinate, on part of the record."""
    values, seen, periods = _part(trajectories)
    both = seen[:, lag:] & seen[:, :-lag]
    if not both.any():
        raise InvalidInput(
            "No path has two frames in succession; give fewer gaps, or every second frame."
        )
    step = (_steps(values, periods, lag)[both] ** 2).mean(0)
    return step, values[seen].var(0), periods


def _part(trajectories: Trajectories) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """About a million numbers of whole paths ``(n, T, dim)``, which were seen, and periods."""
    n, frames = trajectories.values.shape[:2]
    size = int(np.prod(trajectories.event_shape))
    longest = min(frames, max(_LONGEST, _NUMBERS // size))
    paths = np.linspace(0, n - 1, max(1, min(n, _NUMBERS // (longest * size)))).astype(int)
    values = np.asarray(trajectories.values[paths, :longest], np.float64)
    seen = trajectories.observed[paths, :longest]
    periods = periods_of(trajectories.domain, trajectories.event_shape).ravel()
    return values.reshape(*values.shape[:2], -1), seen, periods


def _steps(values: np.ndarray, periods: np.ndarray, lag: int) -> np.ndarray:
    """Displacements over a lag, the shortest ones on circles."""
    step = values[:, lag:] - values[:, :-lag]
    around = np.where(periods > 0, periods, 1.0)
    return step - np.where(periods > 0, around * np.round(step / around), 0.0)


def _check_moves(trajectories: Trajectories, name: str, lag: int) -> None:
    """A coordinate that never moves; an interval long, or a record short against the relaxation."""
    step, spread, periods = _moves(trajectories, lag)
    around = np.where(periods > 0, periods, 1.0)
    label = _labels(trajectories)
    still = [i for i in np.flatnonzero(step == 0) if _still(trajectories, int(i))]
    if still:
        raise InvalidInput(
            f"{name}: {', '.join(label[i] for i in still)} never moves; leave that coordinate out "
            "(command line: --columns)."
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
    loss = _losses(step, spread, periods)
    lengths = trajectories.n * (trajectories.times.size - 1) / lag * loss
    slowest = int(lengths.argmin())
    if lengths[slowest] < _SHORTEST:
        warnings.warn(
            f"{name}: the record is {lengths[slowest]:.2g} relaxation times of {label[slowest]} long, "
            f"all paths together. A rate needs {_SHORTEST:g} or more; of less, the correction of its "
            "bias overshoots and its error bar is too small. Record for longer, or more paths.",
            stacklevel=4,
        )


def _losses(step: np.ndarray, spread: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """1 − ρ of each coordinate over the interval, dt/τ if that is short; 1 at most."""
    size = np.where(periods > 0, (periods / 6) ** 2, spread)
    return np.clip(step / 2 / np.maximum(size, 1e-300), 0, 1)


def _still(trajectories: Trajectories, coordinate: int) -> bool:
    """Whether a coordinate that did not move in part of the record never does."""
    n, frames = trajectories.values.shape[:2]
    values = trajectories.values.reshape(n, frames, -1)
    for path, seen in enumerate(trajectories.observed):
        line = values[path, :, coordinate][seen]
        if line.size and (line != line[0]).any():
            return False
    return True


def _labels(trajectories: Trajectories) -> list[str]:
    size = int(np.prod(trajectories.event_shape))
    names = list(trajectories.names)
    return names if len(names) == size else [f"component {i}" for i in range(size)]
