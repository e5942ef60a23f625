"""Pictures of two values for the study `latent_cycle`: bars and stripes, scanned digits."""

from abc import abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.domains import Discrete
from noneq.kinds import AbstractChecked
from noneq.systems.bars import BarsAndStripes


class Pictures(NamedTuple):
    """Pictures to learn from and to judge by.

    Attributes:
        train, test: pictures; of a set that is known as a whole, the whole set.
        exact: whether ``test`` is the law itself, each picture equally probable.
        labels: classes of the training and of the test pictures, if they have any.
    """

    train: Snapshots
    test: Snapshots
    exact: bool
    labels: tuple[np.ndarray, np.ndarray] | None


class AbstractPictures(AbstractChecked):
    """A set of binary pictures."""

    @property
    @abstractmethod
    def case(self) -> str:
        """Name in the rows."""

    @abstractmethod
    def draw(self, key: Key) -> Pictures:
        """The pictures, split by this key."""


class Bars(AbstractPictures):
    """All bars and stripes, each once.

    Args:
        size: pixels along one side.
    """

    size: int = 3

    @property
    def case(self) -> str:
        return "bars"

    def draw(self, key: Key) -> Pictures:
        system = BarsAndStripes(self.size)
        every = Snapshots(system.patterns(), domain=system.domain)
        return Pictures(every, every, True, None)


class BinaryDigits(AbstractPictures):
    """Scanned digits, 8 × 8 pixels of scikit-learn, black where the grey is above 7.5 of 16.

    Args:
        held_out: fraction that is kept for the test.
    """

    held_out: float = 0.2

    @property
    def case(self) -> str:
        return "digits"

    def draw(self, key: Key) -> Pictures:
        from sklearn.datasets import load_digits

        grey, labels = load_digits(return_X_y=True)
        images = (np.asarray(grey) > 7.5).astype(np.float32).reshape(-1, 1, 8, 8)
        order = np.asarray(jax.random.permutation(key, len(images)))
        count = round(self.held_out * len(images))
        test, train = order[:count], order[count:]
        black = lambda index: Snapshots(images[index], domain=Discrete(2))
        return Pictures(
            black(train), black(test), False, (np.asarray(labels)[train], np.asarray(labels)[test])
        )


class ClassJudge(NamedTuple):
    """A classifier of pictures.

    Attributes:
        predict: from flat pictures ``(n, pixels)`` to classes ``(n,)``.
        error: fraction of wrong classes on the test part.
    """

    predict: Callable[[np.ndarray], np.ndarray]
    error: float

    def counts(self, values: np.ndarray) -> np.ndarray:
        """Pictures of each of the ten classes."""
        return np.bincount(self.predict(values.reshape(len(values), -1)), minlength=10)


def class_judge(pictures: Pictures) -> ClassJudge:
    """A support vector classifier that has seen the training part."""
    from sklearn.svm import SVC

    assert pictures.labels is not None
    flat = lambda data: data.values.reshape(len(data.values), -1)
    judge = SVC(gamma="scale").fit(flat(pictures.train), pictures.labels[0])
    wrong = judge.predict(flat(pictures.test)) != pictures.labels[1]
    return ClassJudge(judge.predict, float(wrong.mean()))


def class_kl(counts: np.ndarray, truth: np.ndarray) -> float:
    """KL of class frequencies, truth ‖ model, half a count added to each class.

    **Equation**: Σ_c f_c ln(f_c/g_c), f = (truth + ½)/Σ, g = (counts + ½)/Σ.
    """
    f, g = ((n + 0.5) / (n + 0.5).sum() for n in (truth, counts))
    return float(np.sum(f * np.log(f / g)))
