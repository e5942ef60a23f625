"""The data sets of the study `table_one`: shapes in the plane, driven wells, scanned digits."""

import dataclasses
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.domains import Box
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.studies.ensembles import Recording
from noneq.systems import AbstractSystem, HasStationaryDensity, Prinz


@dataclass(frozen=True)
class Parts:
    """Independent samples of one law.

    Attributes:
        train: to learn from.
        test: the reference of every metric.
        truth: for the floor.
    """

    train: Snapshots
    test: Snapshots
    truth: Snapshots

    def boxed(self, margin: float) -> "Parts":
        """The same in a box about the training data, this part of its width wider on each side."""
        low, high = corners(self.train.values, margin)
        box = Box(tuple(low.tolist()), tuple(high.tolist()))
        return Parts(*(_in(getattr(self, f.name), box) for f in dataclasses.fields(self)))


class AbstractDataSet(AbstractChecked):
    """A case of the study."""

    @property
    @abstractmethod
    def case(self) -> str:
        """Its name in the rows."""

    @property
    @abstractmethod
    def width(self) -> float:
        """Spacing of discrete values, which noise fills; 0 for continuous data."""

    @abstractmethod
    def draw(self, key: Key) -> Parts:
        """The samples of this key."""


class Shape(AbstractDataSet):
    """A shape in the plane.

    Args:
        label: name in the rows.
        system: the law.
        n: training samples.
        n_test: samples of the test and of the truth.
    """

    label: str
    system: AbstractSystem
    n: int = 50_000
    n_test: int = 10_000

    def __check_init__(self) -> None:
        if self.n < 2 or self.n_test < 2:
            raise InvalidInput(f"Shape: n = {self.n}, n_test = {self.n_test}; expected ≥ 2.")

    @property
    def case(self) -> str:
        return self.label

    @property
    def width(self) -> float:
        return 0.0

    def draw(self, key: Key) -> Parts:
        keys = jax.random.split(key, 3)
        sizes = (self.n, self.n_test, self.n_test)
        return Parts(*(_states(self.system, n, k) for n, k in zip(sizes, keys, strict=True)))

    def log_density(self, x: Float[Array, "n 2"]) -> Float[Array, " n"] | None:
        """The exact log density, if it is known."""
        if not isinstance(self.system, HasStationaryDensity):
            return None
        return jax.vmap(self.system.log_density)(x)


class DrivenWells(AbstractDataSet):
    """Snapshots of driven wells at many times, of which a few are scored.

    Args:
        recording: the simulation; its first frame, the start, is left out.
        scored: number of times that are scored, evenly spaced.
    """

    recording: Recording = Recording(Prinz(drive=10.0), n=2000, until=2.0, interval=0.05)
    scored: int = 3

    @property
    def case(self) -> str:
        return "prinz"

    @property
    def width(self) -> float:
        return 0.0

    def draw(self, key: Key) -> Parts:
        paths = self.recording.draw(key)
        count = self.recording.times.size - 1
        every = np.arange(1, count + 1)
        some = np.unique(np.linspace(count / self.scored, count, self.scored).round().astype(int))
        frames = (paths.train, every), (paths.test, some), (paths.truth, some)
        return Parts(*(data.frames(index).snapshots() for data, index in frames))


class Digits(AbstractDataSet):
    """Scanned digits, 8 × 8 pixels of 17 grey levels, from scikit-learn.

    Args:
        held_out: fraction that is kept for the test. The truth is as many training images.
    """

    held_out: float = 0.2

    @property
    def case(self) -> str:
        return "digits"

    @property
    def width(self) -> float:
        return 1.0

    def draw(self, key: Key) -> Parts:
        from sklearn.datasets import load_digits

        pixels, _ = load_digits(return_X_y=True)
        images = np.asarray(pixels, np.float32).reshape(-1, 1, 8, 8)
        order = np.asarray(jax.random.permutation(key, len(images)))
        count = round(self.held_out * len(images))
        test, train = images[order[:count]], images[order[count:]]
        return Parts(Snapshots(train), Snapshots(test), Snapshots(train[:count]))


def corners(values: np.ndarray, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the box about states ``(n, channels, …)``, wider on each side by a part of it."""
    axes = (0, *range(2, values.ndim))
    low, high = values.min(axes).astype(np.float64), values.max(axes).astype(np.float64)
    pad = margin * (high - low)
    return low - pad, high + pad


def _in(data: Snapshots, box: Box) -> Snapshots:
    labels: dict[str, Any] = data.labels() | {"domain": box}
    return Snapshots(data.values, data.times, data.time_index, condition=data.condition, **labels)


def _states(system: AbstractSystem, n: int, key: Key) -> Snapshots:
    values = jax.jit(lambda keys: jax.vmap(system.initial)(keys))(jax.random.split(key, n))
    return Snapshots(np.asarray(values), names=system.names, domain=system.domain)
