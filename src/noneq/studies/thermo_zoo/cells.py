"""One estimator on one system with continuous states, beside what it must converge to there."""

import time as clock
from typing import Any

import numpy as np

from noneq._typing import Key
from noneq.estimate import Estimate
from noneq.learning.training import Training
from noneq.runs.rows import Row
from noneq.runs.trials import keys_of
from noneq.statistics.libraries import Polynomial
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.thermo_zoo.records import PathRecord
from noneq.thermo import entropy_production, exact, force_current_rate


TRAINED = ("neep",)
"""Judged by the relative error over several trainings, each on data of its own."""
_BELOW = ("neighbours",)
"""Bounds without a closed form of their own: judged by how far they are below the path divergence."""
_AIMS = {
    "gaussian": "plug_in",
    "force_current": "path_kl",
    "tur": "tur",
    "system": "midpoint",
    "spectral": "path_kl",
    "neep": "path_kl",
    "neighbours": "path_kl",
}
"""What `noneq.thermo.exact.target` calls the limit of each method."""


class EstimateCell(AbstractCell):
    """A method on a linear system, against its own value at the interval and the steps of the data."""

    record: PathRecord
    method: str
    training: Training | None = None
    replicate: int = 0

    @property
    def case(self) -> str:
        """The system with its parameters."""
        return self.record.label

    @property
    def method_name(self) -> str:
        """The estimator."""
        return self.method

    def __call__(self, key: Key) -> Outcome:
        """Draw the paths, estimate, compare."""
        data_key, own_key = keys_of(key)
        paths = self.record.draw(data_key)
        options: dict[str, Any] = {"key": own_key} if self.method == "neep" else {}
        if self.training is not None:
            options["training"] = self.training
        if self.method == "system":
            options = {"system": self.record.system, "check": False}
        began = clock.monotonic()
        found = entropy_production(paths, method=self.method, **options)
        seconds = clock.monotonic() - began
        record = self.record
        target = exact.target(
            record.system, record.dt, generator=record.generator, estimator=_AIMS[self.method]
        )
        relative = self.method in (*TRAINED, *_BELOW)
        return Outcome(judged(self.case, self.method, found, target, seconds, relative=relative))


class LimitCell(AbstractCell):
    """Force and current of a nonlinear system, extrapolated to the rate of continuous time.

    What is left of the interval is of third order in dt.

    Args:
        degree: of the polynomials (harmonics) in which the mean velocity is expanded.
        target: rate of continuous time, nats per unit time.
    """

    record: PathRecord
    degree: int
    target: float
    replicate: int = 0

    @property
    def case(self) -> str:
        """The system with its parameters."""
        return self.record.label

    @property
    def method_name(self) -> str:
        """``force_current (limit)``."""
        return "force_current (limit)"

    def __call__(self, key: Key) -> Outcome:
        """Draw the paths, estimate, compare the extrapolated value."""
        paths = self.record.draw(keys_of(key)[0])
        began = clock.monotonic()
        whole = force_current_rate(paths, library=Polynomial(self.degree))
        seconds = clock.monotonic() - began
        assert whole.limit is not None
        assert whole.limit_stderr is not None
        found = Estimate(whole.limit, whole.limit_stderr, whole.n)
        return Outcome(judged(self.case, self.method_name, found, self.target, seconds))


class SystemCell(AbstractCell):
    """The rate from paths and the true system, where entropy is work of the potential alone.

    Args:
        target: rate of continuous time; the sum of ∂_t V has no error of first order in the interval.
    """

    record: PathRecord
    target: float
    replicate: int = 0

    @property
    def case(self) -> str:
        """The system with its parameters."""
        return self.record.label

    @property
    def method_name(self) -> str:
        """``system``."""
        return "system"

    def __call__(self, key: Key) -> Outcome:
        """Draw the paths, estimate, compare."""
        paths = self.record.draw(keys_of(key)[0])
        began = clock.monotonic()
        found = entropy_production(paths, method="system", system=self.record.system, check=False)
        seconds = clock.monotonic() - began
        return Outcome(judged(self.case, "system", found, self.target, seconds))


def judged(
    case: str,
    method: str,
    found: Any,
    target: float,
    seconds: float,
    *,
    relative: bool = False,
    metric: str = "entropy_production_rate",
    error: float = 0.0,
) -> tuple[Row, ...]:
    """The rows of an estimate beside its target.

    Args:
        found: an `Estimate`.
        relative: whether |value − target|/target stands in place of z.
        metric: what was estimated.
        error: standard error of the target.
    """
    assert isinstance(found, Estimate)
    value, stderr = float(found.value), float(found.stderr)
    both = float(np.hypot(stderr, error))
    last = (
        Row(case, method, "relative_error", abs(value - target) / abs(target), both / abs(target))
        if relative
        else Row(case, method, "z", (value - target) / both, 1.0)
    )
    return (
        Row(case, method, metric, value, stderr),
        Row(case, method, "target", target, error),
        last,
        Row(case, method, "seconds", seconds, 0.0),
    )
