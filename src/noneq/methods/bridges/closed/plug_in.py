"""Baselines without training: displacement of matched samples, and bridges of measured moments."""

import time as clock
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.data.summary import Summary, summarise
from noneq.errors import InvalidInput
from noneq.frames.frame import Frame
from noneq.kinds import checked
from noneq.learning.method import (
    AbstractMethod,
    Data,
    Fit,
    Progress,
    as_data,
    check_coordinates,
    check_init,
)
from noneq.learning.watching import watched
from noneq.methods.bridges.closed.gaussian_model import GaussianField, GaussianTransport
from noneq.methods.bridges.integrators import AbstractIntegrator, TransportSDE
from noneq.methods.bridges.linear import LinearSDE
from noneq.methods.bridges.pairs.pools import centred, check_snapshots
from noneq.statistics.gaussian_bridge import GaussianBridge


class PlugInGaussian(AbstractMethod):
    """The Schrödinger bridge of a linear reference between the Gaussians of the snapshots' moments.

    Forward process:
        dX = A (X − m) dt + sigma dW (`LinearSDE`), conditioned to have the Gaussian of each
        snapshot's mean and covariance at its time.
    Learnt object:
        none: the law p(x, t), drift, velocity and score are closed forms of the moments.
    Objective and weight:
        none.
    Sampling:
        Gaussian draws; paths by the SDE.
    Source and deviations:
        Bunne et al. 2023, theorem 3; Zhang and Stumpf 2025, theorem 1. Moments of the samples are
        plugged in, with a ridge; each interval has its own bridge. The law is tabulated at 64 parts
        of an interval.

    Args:
        bridge: the reference.
        sampler: of paths.
        ridge: added to the variances, in units of each coordinate's variance in the data.

    Raises:
        InvalidInput: a negative ridge; one time; conditions; a reference that does not fit.
    """

    source: ClassVar[str] = "bunne2023schrodinger"
    between_times: ClassVar[bool] = True

    bridge: LinearSDE = LinearSDE()
    sampler: AbstractIntegrator = TransportSDE()
    ridge: float = 1e-6

    def __check_init__(self) -> None:
        if not 0 <= self.ridge < float("inf"):
            raise InvalidInput(f"PlugInGaussian: ridge = {self.ridge}; expected 0 or more.")

    @checked
    def init(self, summary: Summary, *, key: Key) -> GaussianTransport:
        if len(summary.times) < 2:
            raise InvalidInput("PlugInGaussian: one time is no transport; give two snapshots.")
        parts = (GaussianField(summary), Frame(summary), self.sampler)
        return GaussianTransport(*parts)  # pyright: ignore[reportCallIssue]

    @checked
    @watched
    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: GaussianTransport | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """Measure the moments; there is nothing to iterate.

        Raises:
            InvalidInput: one time, a snapshot of one sample, conditions, or a singular covariance.
        """
        began = clock.monotonic()
        snapshots = moving_snapshots(self, data)
        summary = summarise(snapshots)
        check_init(self, init, summary)
        model = self.init(summary, key=key) if init is None else init
        reference = self.bridge.measured(summary)
        states = centred(snapshots, model.frame.normaliser, None, np.random.default_rng(0))
        scale = np.asarray(model.field.scale.value, np.float64)
        ridge = self.ridge * np.diag(scale**2)
        moments = []
        for k in range(snapshots.times.size):
            x = states[snapshots.time_index == k]
            moments.append((x.mean(0), np.cov(x.T).reshape(ridge.shape) + ridge))
        bridges = [
            GaussianBridge(reference.reference, start, end, float(duration))
            for start, end, duration in zip(
                moments[:-1], moments[1:], np.diff(snapshots.times), strict=True
            )
        ]
        field = model.field.filled(bridges, float(reference.sigma.value))
        model = eqx.tree_at(lambda m: m.field, model, field)
        return Fit(model, {}, self, summary, {"seconds": clock.monotonic() - began})


def moving_snapshots(method: Any, data: Any) -> Snapshots:
    """The data as snapshots that a method without conditions connects.

    Raises:
        InvalidInput: one time, a snapshot of one sample, or conditions.
    """
    name = type(method).__name__
    check_coordinates(method, data)
    snapshots = as_data(data).snapshots()
    check_snapshots(snapshots, name)
    if snapshots.condition is not None:
        raise InvalidInput(
            f"{name} takes no condition; fit each condition for itself, or take SF2M."
        )
    return snapshots
