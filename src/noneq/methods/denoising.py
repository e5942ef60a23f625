"""The denoising product: process × schedule × target × weight × network × sampler."""

import time as clock
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key, Scalar
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.summary import Summary, summarise
from noneq.errors import FitDiverged, InvalidInput
from noneq.methods.base import AbstractMethod, Data, Fit, History, Progress, as_data
from noneq.models.denoising import Denoiser, DenoisingModel
from noneq.models.normaliser import Normaliser
from noneq.nets.constant import Constant
from noneq.nets.fields import MLP, Clock
from noneq.processes.gaussian import Gaussian
from noneq.processes.targets import AbstractTarget
from noneq.processes.weights import AbstractWeight
from noneq.samplers.base import AbstractSampler
from noneq.training import AbstractLoss, Training, train


class DenoisingLoss(AbstractLoss):
    """Mean over tau, y and xi of weight(tau) |xi_hat − xi|², in units of the network's output.

    **Equation**: w (alpha/sigma)² |y − D(x)|² = w (alpha c_out/sigma)² |F* − F|²,
    F* = (y − c_skip x)/c_out. A row is a normalised state, its time and its condition.

    Source: Vincent 2011, eq. 9; Karras et al. 2022, eq. 8.
    """

    weight: AbstractWeight

    def loss(self, model: Denoiser, batch: dict[str, Any], *, key: Key) -> Scalar:
        y = batch["y"]
        tau_key, noise_key = jax.random.split(key)
        schedule, std = model.process.schedule, model.std.value
        tau = self.weight.draw(y.shape[0], schedule, std, key=tau_key)
        xi = jax.random.normal(noise_key, y.shape)

        def one(y, tau, xi, time, condition):
            alpha, sigma = schedule(tau)
            x = alpha * y + sigma * xi
            raw, skip, out = model.output(x, tau, time=time, condition=condition)
            # (alpha c_out/sigma)² F*-error; alpha = 0 is met by weights that diverge there.
            scale = jnp.maximum(alpha, 1e-6) * out / sigma
            factor = self.weight(tau, schedule, std) * scale**2
            return factor * jnp.mean((raw - (y - skip * x) / out) ** 2)

        over = (0, 0, 0, 0, None if batch["condition"] is None else 0)
        return jnp.mean(jax.vmap(one, over)(y, tau, xi, batch["time"], batch["condition"]))


class AbstractDenoising(AbstractMethod):
    """A denoising method; its fields are the factors of the product."""

    process: eqx.AbstractVar[Gaussian]
    target: eqx.AbstractVar[AbstractTarget]
    weight: eqx.AbstractVar[AbstractWeight]
    net: eqx.AbstractVar[MLP]
    time_band: eqx.AbstractVar[float | None]
    sampler: eqx.AbstractVar[AbstractSampler]
    training: eqx.AbstractVar[Training]

    def __check_init__(self) -> None:
        alpha, _ = self.process.schedule(1.0)
        if self.target.needs_signal and float(alpha) < 1e-4:
            raise InvalidInput(
                f"{type(self).__name__}: target {type(self.target).__name__} divides by alpha, which "
                f"is 0 at tau = 1 for {type(self.process.schedule).__name__}; use V, Velocity, Data "
                "or Preconditioned."
            )

    def init(self, summary: Summary, *, key: Key) -> DenoisingModel:
        net = self.net.init(
            summary.dim,
            summary.dim,
            noise=True,
            clock=Clock(summary, self.time_band) if len(summary.times) > 1 else None,
            condition=summary.condition_dim,
            key=key,
        )
        std = Constant(jnp.asarray(summary.std))
        return DenoisingModel(Denoiser(net, std, self.process, self.target), self.sampler, summary)

    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: DenoisingModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        data = as_data(data)
        split_key, init_key, train_key = jax.random.split(key, 3)
        began = clock.monotonic()
        held = None
        if self.training.patience:
            data, held = data.split(1 - self.training.held_out, key=split_key)
        summary = summarise(data)
        model = self.init(summary, key=init_key) if init is None else init
        model, history = train_denoiser(
            model,
            DenoisingLoss(self.weight),
            rows(data, model.normaliser),
            self.training,
            key=train_key,
            held_out=None if held is None else rows(held, model.normaliser),
            progress=progress,
            checkpoint=checkpoint,
        )
        return Fit(model, history, self, summary, {"seconds": clock.monotonic() - began})


def train_denoiser(model: Any, *args: Any, **settings: Any) -> tuple[Any, History]:
    """`noneq.training.train` on the denoiser inside a model; also what a divergence keeps."""
    whole = lambda denoiser: eqx.tree_at(lambda m: m.denoiser, model, denoiser)
    try:
        denoiser, history = train(model.denoiser, *args, **settings)
    except FitDiverged as error:
        error.model = whole(error.model)
        raise
    return whole(denoiser), history


def rows(data: Snapshots | Trajectories, normaliser: Normaliser) -> dict[str, np.ndarray | None]:
    """One row per sample: normalised state, physical time, condition."""
    flat = data.snapshots()
    condition = flat.condition
    return {
        "y": normaliser.host(flat.values),
        "time": flat.sample_times.astype(np.float32),
        "condition": None if condition is None else condition.astype(np.float32),
    }
