"""The equilibrium method: static energies of the frames, distilled into one neural field."""

import time as clock
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots
from noneq.data.summary import Summary, summarise
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.loop import Training, train
from noneq.learning.method import (
    AbstractMethod,
    Data,
    Fit,
    Progress,
    as_data,
    check_coordinates,
    check_init,
)
from noneq.learning.objectives import AbstractLoss
from noneq.learning.watching import watched
from noneq.methods.energies.grid_boltzmann import (
    GridBoltzmann,
    check_grid_dimension,
    check_no_condition,
)
from noneq.nets.base import AbstractNet, AbstractNetwork
from noneq.nets.inputs import clock_of
from noneq.nets.vectors.fields import MLP


_EMPTY_WEIGHT = 0.05
"""Weight of an unvisited cell, in counts; with ``empty = 0.02`` the regression is unbiased to
20 % for expected counts from 0.03 upwards (see the tests)."""
_FEWEST_EMPTY_ROWS = 2**18


class BoltzmannField(AbstractMethod):
    """Energies −kT log(histogram) of every frame, distilled into a neural field V(t, x).

    Forward process:
        none. Each frame is taken to be in equilibrium: p(x, t) ∝ exp(−beta V(t, x)).
    Learnt object:
        V(t, x), a network on position and time, up to a constant per time.
    Objective and weight:
        squared error of beta V against the static energy of each cell of each frame,
        −[ψ(n) − log(N/M)] with n of the frame's N samples in this one of M cells; weight n,
        the inverse variance of a log count. Unvisited cells count as ``empty`` samples.
    Sampling:
        Boltzmann law of V at the wanted time, by inverse CDF on a fine grid (`GridBoltzmann`).
    Source and deviations:
        "Beyond Equilibrium", Appendix D, which gives no weight and no treatment of unvisited
        cells. The digamma function ψ stands for its logarithm: a count-weighted regression on
        log n overestimates the density of thin cells, on ψ(n) only by the factor
        exp(E1(expected n)), which the unvisited cells cancel. At most three dimensions.

    Args:
        cells: cells per axis of the histograms; None is 64, 48, 16 in one, two, three dimensions.
        empty: samples that an unvisited cell counts for.
        beta: 1/kT, sets the energy's unit only.
        time_band: highest frequency of the time features per unit time; None is the measured one.
        net: the network.
        training: settings of the gradient loop.

    Raises:
        InvalidInput: fewer than 2 cells, or an ``empty`` or beta that is not positive.
    """

    source: ClassVar[str] = "beyond_equilibrium"

    cells: int | None = None
    empty: float = 0.001
    beta: float = 1.0
    time_band: float | None = None
    net: AbstractNet = MLP(width=96, depth=3)
    training: Training = Training(steps=4_000, batch=1024, rate=3e-3, ema=0.995)

    def __check_init__(self) -> None:
        if self.cells is not None and self.cells < 2:
            raise InvalidInput(f"BoltzmannField: cells = {self.cells}; expected at least 2.")
        for name in ("empty", "beta"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InvalidInput(f"BoltzmannField: {name} = {getattr(self, name)}; expected > 0.")

    @checked
    def init(self, summary: Summary, *, key: Key) -> GridBoltzmann:
        """The untrained model; for a free domain its box is set by `fit`."""
        check_grid_dimension(summary.event_shape)
        check_no_condition(summary.condition_dim, "BoltzmannField")
        shift, scale = np.asarray(summary.shift), np.asarray(summary.scale)
        reach = 1.0 if summary.domain.bounds is not None else 4.0
        low, high = _constant(shift - reach * scale), _constant(shift + reach * scale)
        net = self.net.init(
            summary.event_shape,
            1,
            noise=False,
            clock=clock_of(summary, self.time_band),
            label=None,
            key=key,
        )
        return GridBoltzmann(
            landscape=EnergyField(net, low, high, self.beta),
            low=low,
            high=high,
            beta=self.beta,
            domain=summary.domain,
            event_shape=summary.event_shape,
            times=summary.times,
            labels=(summary.names, summary.units, summary.time_unit),
        )

    @checked
    @watched
    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: Any = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """Histogram every frame, then learn the field.

        Args:
            data: snapshots or trajectories (whose pairing is not used).
            key: typed random key.
            init: start from this model, and keep its box.
            progress: called at the end of every chunk.
            checkpoint: folder of the training state; a state found there is resumed.

        Raises:
            InvalidInput: more than three dimensions, a condition vector, or one sample.
        """
        data = as_data(data)
        check_coordinates(self, data)
        check_grid_dimension(data.event_shape)
        began = clock.monotonic()
        snapshots, summary = data.snapshots(), summarise(data)
        init_key, rows_key, train_key = jax.random.split(key, 3)
        check_init(self, init, summary)
        if init is None:
            model = _with_box(self.init(summary, key=init_key), *_box(snapshots))
        else:
            model = init
        cells = self.cells or {1: 64, 2: 48, 3: 16}[summary.dim]
        low, high = (np.asarray(c.value, np.float64) for c in (model.low, model.high))
        rows = static_energies(snapshots, low, high, cells, self.empty, key=rows_key)
        landscape, history = train(
            model.landscape,
            _EnergyRegression(),
            rows,
            self.training,
            key=train_key,
            progress=progress,
            checkpoint=checkpoint,
        )
        model = eqx.tree_at(lambda m: m.landscape, model, landscape)
        return Fit(model, history, self, summary, {"seconds": clock.monotonic() - began})


class EnergyField(eqx.Module):
    """V(t, x) = net(u, t)/beta, u the position in the box scaled to [−1, 1]."""

    net: AbstractNetwork
    low: Constant
    high: Constant
    beta: float

    def __call__(self, t: ScalarLike, x: Float[Array, " dim"]) -> Scalar:
        """V at a position in the data's own units."""
        u = 2 * (x - self.low.value) / (self.high.value - self.low.value) - 1
        return self.reduced(t, u) / self.beta

    def reduced(self, t: ScalarLike, u: Float[Array, " dim"]) -> Scalar:
        """beta V at a scaled position."""
        return self.net(u, time=t)[0]


class _EnergyRegression(AbstractLoss):
    """Weighted squared error of beta V against the static energies."""

    def loss(self, model: EnergyField, batch: dict[str, Array], *, key: Key) -> Scalar:
        predicted = jax.vmap(model.reduced)(batch["time"], batch["place"])
        return jnp.mean(batch["weight"] * (predicted - batch["energy"]) ** 2)


def static_energies(
    data: Snapshots,
    low: np.ndarray,
    high: np.ndarray,
    cells: int,
    empty: float,
    *,
    key: Key,
) -> dict[str, np.ndarray]:
    """The energy −log(density) of each cell of each frame, against the uniform law on the box.

    **Equation**: energy = −[ψ(n) − log(N/M)], weight n; unvisited cells: −[log(empty) − log(N/M)].
    Of the unvisited cells a random part is kept if there are many, its weight scaled up.

    Returns:
        rows of ``time``, ``place`` (cell centre in [−1, 1] per axis), ``energy`` and ``weight``
        (mean 1).

    Raises:
        InvalidInput: no sample in the box.
    """
    dim, frames = data.event_shape[0], data.times.size
    position = (data.values.astype(np.float64) - low) / (high - low)
    inside = ((position >= 0) & (position <= 1)).all(axis=1)
    if not inside.any():
        raise InvalidInput("no sample lies in the model's box; fit a fresh model (init=None).")
    index = np.minimum((position[inside] * cells).astype(np.int64), cells - 1)
    place = np.ravel_multi_index(tuple(index.T), (cells,) * dim)
    visited, counts = np.unique(data.time_index[inside] * cells**dim + place, return_counts=True)
    unvisited = _some_unvisited(visited, frames, cells**dim, key)

    row = np.concatenate([visited, unvisited])
    frame = row // cells**dim
    centre = np.stack(np.unravel_index(row % cells**dim, (cells,) * dim), axis=1)
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, counts.max()))])
    digamma = harmonic[counts - 1] - np.euler_gamma
    log_count = np.concatenate([digamma, np.full(unvisited.size, np.log(empty))])
    share = (frames * cells**dim - visited.size) / max(unvisited.size, 1)
    weight = np.concatenate([counts, np.full(unvisited.size, _EMPTY_WEIGHT * share)])
    return {
        "time": data.times[frame].astype(np.float32),
        "place": ((2 * centre + 1) / cells - 1).astype(np.float32),
        "energy": (np.log(data.counts[frame] / cells**dim) - log_count).astype(np.float32),
        "weight": (weight / weight.mean()).astype(np.float32),
    }


def _some_unvisited(visited: np.ndarray, frames: int, cells: int, key: Key) -> np.ndarray:
    """All unvisited (frame, cell) indices, or about as many random ones as there are visited."""
    wanted = max(visited.size, _FEWEST_EMPTY_ROWS)
    if frames * cells <= 2 * wanted:
        return np.setdiff1d(np.arange(frames * cells), visited, assume_unique=True)
    frame_key, cell_key = jax.random.split(key)
    frame = np.asarray(jax.random.randint(frame_key, (wanted,), 0, frames), np.int64)
    cell = np.asarray(jax.random.randint(cell_key, (wanted,), 0, cells), np.int64)
    return np.setdiff1d(frame * cells + cell, visited)


def _box(data: Snapshots) -> tuple[np.ndarray, np.ndarray]:
    """The domain's bounds, or the range of the data with 5 % of it on either side."""
    dim = data.event_shape[0]
    if data.domain.bounds is not None:
        low, high = (np.broadcast_to(corner, (dim,)) for corner in data.domain.bounds)
        return low, high
    low, high = data.values.min(0).astype(np.float64), data.values.max(0).astype(np.float64)
    # A constant coordinate has no range; the box must still have a width in float32.
    pad = np.maximum(0.05 * (high - low), 1e-6 * np.maximum(np.abs(low), np.abs(high)))
    pad = np.where(pad > 0, pad, 1.0)
    return low - pad, high + pad


def _with_box(model: GridBoltzmann, low: np.ndarray, high: np.ndarray) -> GridBoltzmann:
    corners = lambda m: (m.low, m.high, m.landscape.low, m.landscape.high)
    return eqx.tree_at(corners, model, (_constant(low), _constant(high)) * 2)


def _constant(corner: np.ndarray) -> Constant:
    return Constant(jnp.asarray(corner, dtype=float))
