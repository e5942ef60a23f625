"""Variational autoencoders."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array

from noneq._typing import Key, Scalar
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.objectives import AbstractLoss, AbstractObjective
from noneq.learning.rows import dequantised, left_open
from noneq.learning.training import Training
from noneq.methods.units.rows import AbstractUnitsMethod
from noneq.methods.units.units import AbstractUnits, GaussianUnits
from noneq.methods.units.vae_model import Autoencoder, VAEModel, raw_spread
from noneq.nets.base import AbstractNet
from noneq.nets.inputs import clock_of, label_of
from noneq.nets.vectors.fields import MLP


_FIRST_SPREAD = 0.5


class FreeEnergyLoss(AbstractLoss):
    """Mean variational free energy ⟨E⟩ − T S of the rows, one draw of z each.

    Args:
        drop: fraction of conditions that are hidden.
        width: of the dequantisation noise ``(dim,)``, or None.
    """

    drop: float = 0.0
    width: Array | None = None

    def loss(self, model: Autoencoder, batch: dict[str, Any], *, key: Key) -> Scalar:
        fill_key, drop_key, draw_key = jax.random.split(key, 3)
        x = dequantised(batch["x"], self.width, key=fill_key)
        condition = left_open(batch["condition"], self.drop, key=drop_key)

        def one(x, time, condition, key):
            energy, entropy = model.energy_and_entropy(x, time, condition, key=key)
            return energy - model.temperature * entropy

        keys = jax.random.split(draw_key, x.shape[0])
        over = (0, 0, None if condition is None else 0, 0)
        return jnp.mean(jax.vmap(one, over)(x, batch["time"], condition, keys))


class VAE(AbstractUnitsMethod):
    """A decoder of a latent Gaussian vector, and an encoder that lowers a free energy.

    Forward process:
        none; the encoder is a map to the parameters of q(z | x, t, c) = N(m, s²).
    Learnt object:
        the natural parameters of p(x | z, t, c) (real units: the mean, and one standard deviation
        per coordinate), m and log s; the prior of z is N(0, I).
    Objective and weight:
        the variational free energy F = ⟨E⟩ − T S of q, E = −log p(x | z) − T log p(z), with
        T = ``beta``; −F is the evidence lower bound at T = 1 (`VAEModel.free_energy`).
    Sampling:
        z from the prior, then x from p(x | z); `log_prob_estimate` is the importance-weighted
        lower bound.
    Source and deviations:
        Kingma and Welling 2014; T as in Higgins et al. 2017 and eq. 7 and 8 of Liu et al. 2025. The
        entropy and the mean of log p(z) are exact, one draw is for log p(x | z).

    Args:
        latent: numbers in z.
        visible: kind of the units.
        beta: temperature T; above 1 the latent vector tells less and simpler things.
        encoder: recipe of the network of q; it sees the states (letters as one-hot vectors).
        decoder: recipe of the network of p(x | z); it sees vectors.
        time_band, drop_condition: as in `AbstractInputs`.
        dequantise: for real units: spacing of discrete data, filled by noise; 0 takes them as
            they are, None refuses them.
        training: settings of the gradient loop.

    Raises:
        InvalidInput: no latent number, a temperature that is not positive, a fraction outside
            [0, 1), ``dequantise`` for units that are discrete.
    """

    source: ClassVar[str] = "kingma2014auto"

    latent: int = 8
    visible: AbstractUnits = GaussianUnits(1.0)
    beta: float = 1.0
    encoder: AbstractNet = MLP(128, 2)
    decoder: AbstractNet = MLP(128, 2)
    training: Training = Training(steps=10_000, batch=256)

    def __check_init__(self) -> None:
        if self.latent < 1:
            raise InvalidInput(f"VAE: latent = {self.latent}; expected 1 or more.")
        if not 0 < self.beta < float("inf"):
            raise InvalidInput(f"VAE: beta = {self.beta}; expected a positive temperature.")

    @checked
    def init(self, summary: Summary, *, key: Key) -> VAEModel:
        """The untrained model."""
        encoder_key, decoder_key = jax.random.split(key)
        count = self.visible.count(summary.dim)
        told = {"clock": clock_of(summary, self.time_band), "label": label_of(summary)}
        seen = summary.event_shape if count == summary.dim else (count,)
        autoencoder = Autoencoder(
            encoder=self.encoder.init(seen, 2 * self.latent, noise=False, key=encoder_key, **told),
            decoder=self.decoder.init((self.latent,), count, noise=False, key=decoder_key, **told),
            spread=None
            if self.visible.alphabet
            else raw_spread(jnp.full(summary.dim, _FIRST_SPREAD)),
            visible=self.visible,
            latent=self.latent,
            temperature=float(self.beta),
        )
        return VAEModel(autoencoder, summary, optional=self.optional)

    def learnt_part(self, model: VAEModel) -> Any:
        return model.autoencoder

    def objective_of(self, model: VAEModel) -> AbstractObjective:
        return FreeEnergyLoss(self.drop_condition, self.noise_width(model))
