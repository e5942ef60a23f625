"""What training, sampling and likelihood are timed on: a rotating ring of five clusters."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import noneq as nq
from noneq.data.summary import summarise
from noneq.methods.denoising import rows
from noneq.models.denoising import DenoisingModel
from noneq.nets import MLP
from noneq.samplers import Heun


HARMONICS = 16


def data() -> nq.Trajectories:
    """1,000 paths of 101 frames of two-dimensional states, one turn in unit time."""
    rng = np.random.default_rng(0)
    times = np.linspace(0.0, 1.0, 101)
    angle = 2 * np.pi * (rng.integers(5, size=(1000, 1)) / 5 + times)
    centre = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return nq.Trajectories((centre + 0.1 * rng.normal(size=centre.shape)).astype(np.float32), times)


def method(width: int, depth: int, **fields: object) -> nq.methods.ScoreMatching:
    """The default method with 16 harmonics of time, as the peer has."""
    return nq.methods.ScoreMatching(net=MLP(width, depth), time_band=float(HARMONICS), **fields)


def untrained(width: int, depth: int, steps: int) -> DenoisingModel:
    """A model with random weights: speed does not depend on them."""
    recipe = method(width, depth, sampler=Heun(steps))
    return recipe.init(summarise(data()), key=jax.random.key(0))


def in_memory(model: DenoisingModel) -> dict[str, jax.Array | None]:
    """Normalised training rows on the device."""
    return jax.tree.map(jnp.asarray, rows(data(), model.normaliser))


def peer_rows(model: DenoisingModel) -> tuple[np.ndarray, np.ndarray]:
    """The same rows for the peer."""
    table = rows(data(), model.normaliser)
    return np.asarray(table["y"]), np.asarray(table["time"])


def multiplications(model: DenoisingModel) -> tuple[int, int]:
    """Weights of the first layer and of all others."""
    net = model.denoiser.net
    weights = [net.last, *(matrix for matrix, _ in net.hidden)]
    first = sum(matrix.size for matrix in jax.tree.leaves(eqx.filter(net.first, eqx.is_array)))
    return first, sum(matrix.size for matrix in weights)
