"""Poisson flow with the objective, the training states and the sampler of its first paper."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.forward import HasForward, drawn
from noneq.learning.gradient import AbstractLawMethod
from noneq.learning.loop import Training
from noneq.learning.objectives import AbstractLoss, AbstractObjective
from noneq.learning.rows import dequantised, left_open
from noneq.methods.denoising.charge_field import ChargeField
from noneq.methods.denoising.flow_law import FlowLaw
from noneq.nets.base import AbstractNet
from noneq.nets.vectors.fields import MLP
from noneq.processes.mixtures.charge_plane import charge_plane, empirical_field, normalised_field
from noneq.samplers.base import AbstractSampler
from noneq.samplers.straight_lines import StraightHeun


class ChargeLoss(AbstractLoss):
    """Mean over training states of |v − v̂|²/(N + 1), v̂ the normalised field of the batch.

    A row is a normalised state, its time and its condition. Each is the charge that one training
    state starts from, and a charge in the field of all states of its time and condition.

    Args:
        drop: fraction of conditions that are hidden.
        width: of the dequantisation noise ``(dim,)``, or None.

    Source: Xu et al. 2022, algorithm 1.
    """

    drop: float = 0.0
    width: Array | None = None

    def loss(self, model: ChargeField, batch: dict[str, Any], *, key: Key) -> Scalar:
        move_key, fill_key, drop_key = jax.random.split(key, 3)
        y = dequantised(batch["y"], self.width, key=fill_key)
        condition = left_open(batch["condition"], self.drop, key=drop_key)
        n, dim = y.shape
        moved, z = model.process.lift(n, dim, key=move_key)
        seen = of_one_law(batch["time"], condition, batch["condition"])
        wanted = normalised_field(empirical_field(y, moved, z, seen), model.gamma)
        one = lambda x, z, time, condition: model.field(x, z, time=time, condition=condition)
        over = (0, 0, 0, None if condition is None else 0)
        v = jax.vmap(one, over)(y + moved, z, batch["time"], condition)
        return jnp.mean((v - wanted) ** 2)


def of_one_law(
    time: Float[Array, " n"],
    condition: Float[Array, "n columns"] | None,
    given: Float[Array, "n columns"] | None,
) -> Bool[Array, "n n"]:
    """Whether charge j has the time of state i, and the conditions that are open to it."""
    same = time[:, None] == time
    if condition is None or given is None:
        return same
    asked = condition[:, None, :]
    same &= jnp.all(jnp.isnan(asked) | (asked == given), axis=-1)
    return same | jnp.eye(len(time), dtype=bool)


class PFGMPublished(AbstractLawMethod, HasForward):
    """Poisson flow as published in 2022: the normalised field of a batch of charges; see `PFGM`.

    Forward process:
        x = y + z ξ/|ξ_0| from z_min to z_max, no diffusion (`ChargePlane`); training states are
        |z| = |ε_z| σ (1 + τ)^m, x = y + |ε_x| σ (1 + τ)^m u, m ~ U[0, M],
        M = 0.75 ln(norm²/(2 √N σ²))/ln(1 + τ), z_max = √(2/π) σ (1 + τ)^M, in units of the normalised
        data, whose mean squared norm is norm² = N std².
    Learnt object:
        (v_x, v_z), the normalised field (`ChargeField`).
    Objective and weight:
        |v + √N E/(|E| + γ)|², E the field of the batch (`ChargeLoss`), scaled so that its z-component
        is z (`empirical_field`): γ is a length.
    Sampling:
        `StraightHeun` along dx/dln z = z v_x/v_z, levels uniform in ln z, from the lines of a charge
        at 0 on z = z_max down to z_min std, then straight to z = 0; `log_prob` by the same flow.
    Source and deviations:
        Xu et al. 2022, algorithms 1 and 2, appendix B. The prior is whole: in the plane the
        published clip √N σ (1 + τ)^M cuts 49 % of it. Hence the last step to z = 0, without which
        draws of |x| = 1000 z stay far from the data (`Heun` stops at z_min, as published), and what
        `ChargeField` does outside of the training states. Two networks instead of one with a
        further output, so that vectors, fields and particles are alike. Every charge of a batch
        gets a state (the paper: 128 of 4096). Charges of another time or condition are not in the
        sum; where these are continuous a state sees its own charge alone. m is not narrowed for
        small |ε_z|.

    Args:
        sampler: how samples and likelihoods are computed.
        net: recipe of each of the two networks.
        gamma: γ.
        noise, growth: σ and τ.
        z_min: lowest height, in standard deviations of the data.
        switch: height below which v_z is computed from v_x.
        clip: largest norm of prior draws, in units of the normalised data; None for none. The
            published image code clips at √N σ (1 + τ)^M, 3000 for CIFAR-10.
        time_band, drop_condition, dequantise: as in `AbstractInputs`.
        training: settings of the gradient loop.

    Raises:
        InvalidInput: settings out of their range, or a clip that shortens more than 1 % of the
            prior's draws.
    """

    source: ClassVar[str] = "xu2022poisson"

    sampler: AbstractSampler = StraightHeun()
    net: AbstractNet = MLP()
    gamma: float = 5.0
    noise: float = 0.01
    growth: float = 0.03
    z_min: float = 1e-3
    switch: float = 5.0
    clip: float | None = None
    training: Training = Training(steps=20_000)

    def __check_init__(self) -> None:
        above = {name: getattr(self, name) for name in ("gamma", "noise", "growth", "z_min")}
        above |= {} if self.clip is None else {"clip": self.clip}
        for name, value in above.items():
            if not 0 < value < float("inf"):
                raise InvalidInput(f"PFGMPublished: {name} = {value}; expected a positive number.")
        if not self.switch >= 0:
            raise InvalidInput(f"PFGMPublished: switch = {self.switch}; expected a height ≥ 0.")

    def forward(
        self, x: Float[Array, " dim"], tau: ScalarLike
    ) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        return drawn(self).denoiser.noisy_velocity(x, tau), jnp.zeros_like(x)

    @checked
    def init(self, summary: Summary, *, key: Key) -> FlowLaw:
        process = charge_plane(
            summary.dim * summary.std**2,
            summary.dim,
            noise=self.noise,
            growth=self.growth,
            lowest=self.z_min * summary.std,
            clip=self.clip,
        )
        across, upward = (
            self.net.init_for(summary, outputs, noise=True, band=self.time_band, key=one_key)
            for outputs, one_key in zip((summary.dim, 1), jax.random.split(key), strict=True)
        )
        std = Constant(jnp.asarray(summary.std))
        field = ChargeField(
            across=across,
            upward=upward,
            std=std,
            process=process,
            gamma=self.gamma,
            switch=self.switch,
        )
        return FlowLaw(field, self.sampler, summary, optional=self.optional)

    def learnt_part(self, model: FlowLaw) -> Any:
        return model.denoiser

    def objective_of(self, model: FlowLaw) -> AbstractObjective:
        return ChargeLoss(self.drop_condition, self.noise_width(model))
