"""What training, sampling and likelihood are timed on: five clusters on a ring, one law."""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

import noneq as nq
from noneq.data.summary import summarise
from noneq.learning.rows import rows
from noneq.methods.denoising.model import DenoisingModel
from noneq.nets import MLP
from noneq.processes import Gaussian, Karras, LogNormal
from noneq.samplers import Heun


if TYPE_CHECKING:
    import torch
    import torch_peer


def data(n: int = 100_000) -> nq.Snapshots:
    """Two-dimensional states of a single time, so that the network is the plain MLP."""
    rng = np.random.default_rng(0)
    angle = 2 * np.pi * rng.integers(5, size=n) / 5
    centre = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return nq.Snapshots((centre + 0.1 * rng.normal(size=(n, 2))).astype(np.float32))


def method(width: int, depth: int, **fields: object) -> nq.methods.ScoreMatching:
    """EDM's levels and law of levels, as the peer has."""
    process, weight = Gaussian(Karras()), LogNormal(mean=-1.2)
    return nq.methods.ScoreMatching(net=MLP(width, depth), process=process, weight=weight, **fields)


def untrained(width: int, depth: int, steps: int) -> DenoisingModel:
    """A model with random weights: speed does not depend on them."""
    recipe = method(width, depth, sampler=Heun(steps, likelihood_steps=steps))
    return recipe.init(summarise(data()), key=jax.random.key(0))


def in_memory(model: DenoisingModel) -> dict[str, jax.Array | None]:
    """Normalised training rows on the device."""
    return jax.tree.map(jnp.asarray, rows(data(), model.normaliser))


def peer_rows(model: DenoisingModel) -> "torch.Tensor":
    """The same rows for the peer."""
    import torch

    return torch.from_numpy(np.array(rows(data(), model.normaliser)["y"]))


def peer(model: DenoisingModel) -> "torch_peer.Denoiser":
    """The peer with the same weights."""
    import torch
    import torch_peer

    net = model.denoiser.net
    layers = [(np.vstack(net.first), net.bias), *net.hidden, (net.last, net.last_bias)]
    made = torch_peer.Denoiser(width=net.bias.size, depth=len(net.hidden) + 1)
    linear = [layer for layer in made.layers if isinstance(layer, torch.nn.Linear)]
    with torch.no_grad():
        for layer, (matrix, bias) in zip(linear, layers, strict=True):
            layer.weight.copy_(torch.from_numpy(np.array(matrix).T.copy()))
            layer.bias.copy_(torch.from_numpy(np.array(bias)))
    return made


def multiplications(model: DenoisingModel) -> tuple[int, int]:
    """Weights of the first layer and of all others."""
    net = model.denoiser.net
    others = [net.last, *(matrix for matrix, _ in net.hidden)]
    return sum(m.size for m in net.first), sum(m.size for m in others)
