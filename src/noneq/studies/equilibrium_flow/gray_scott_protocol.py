"""Gray–Scott patterns by the published protocol, and what its cosine is made of.

Zhang and Levin 2025 take one state of the training set without noise, scale both channels alike from
[0, 1] to [−1, 1], where the noise of their score is .2417, follow 200 steps of .01 with either sign of
the kernel, and take the larger |cosine| between raw frames. A clean state is none of the noised law: it
relaxes under eta times the score with no kernel at all, and that part is common to both signs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from noneq._typing import Key, ScalarLike
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots
from noneq.domains import AbstractDomain, Box, Free
from noneq.estimate import Estimate, sample_mean
from noneq.inference import displacement
from noneq.learning.loop import Training
from noneq.methods import ConvolutionalSkew, ScoreMatching, SkewFlow
from noneq.methods.denoising.frozen_noise import FrozenNoise
from noneq.nets.grids.unet import UNet
from noneq.processes.weights import LogNormal
from noneq.runs.rows import Row
from noneq.traits import AbstractModel, HasScore


SIGMA = 0.2417
"""Standard deviation of the published noise, channels in [−1, 1]."""
_ETA, _STEP, _MOVES, _DECAY = 0.1, 0.01, 200, 0.9
_ROOM = 2.0
"""Half-width of a box about the mean that holds every field."""


class WienerLaw(AbstractModel, HasScore):
    """The normal law with the mean and the spectra of some fields, after noise: no network.

    **Equation**: s(x) = −(S(k) + sigma²)^{−1} (x̂(k) − m̂(k)) for every wave k, S(k) the matrix of
    powers and cross-powers of the channels.

    Args:
        fields: ``(n, channels, h, w)`` on a periodic grid.
        sigma: standard deviation of the noise.
    """

    mean: Constant
    power: Constant
    sigma: float

    def __init__(self, fields: Float[np.ndarray, "n channels h w"], sigma: float):
        mean = fields.mean((0, 2, 3))[:, None, None]
        waves = np.fft.rfft2(fields - mean)
        size = fields.shape[2] * fields.shape[3]
        power = np.einsum("nchw,ndhw->hwcd", waves, waves.conj()) / (len(fields) * size)
        self.mean = Constant(jnp.asarray(np.broadcast_to(mean, fields.shape[1:]), jnp.float32))
        self.power = Constant(jnp.asarray(power, jnp.complex64))
        self.sigma = sigma

    @property
    def event_shape(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Shape of one field."""
        return self.mean.value.shape

    @property
    def domain(self) -> AbstractDomain:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Free space."""
        return Free()

    def score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        return -self._waves(x - self.mean.value, lambda m, x: jnp.linalg.solve(m, x[..., None]))

    def sample(
        self, n: int, *, time: ScalarLike | None = None, condition: Any = None, key: Key
    ) -> Float[Array, "n *event"]:
        root = lambda m, x: jnp.linalg.cholesky(m) @ x[..., None]
        draw = lambda key: self._waves(jax.random.normal(key, self.event_shape), root)
        return self.mean.value + jax.vmap(draw)(jax.random.split(key, n))

    def snapshots(
        self, n: int, *, times: Sequence[float] | np.ndarray, condition: Any = None, key: Key
    ) -> Snapshots:
        keys = jax.random.split(key, len(times))
        return Snapshots.from_frames([np.asarray(self.sample(n, key=k)) for k in keys], times)

    def _waves(
        self, x: Array, act: Callable[[Complex[Array, "..."], Complex[Array, "..."]], Array]
    ) -> Array:
        """``act`` of the law's matrix and the field, wave by wave."""
        matrix = self.power.value + self.sigma**2 * jnp.eye(x.shape[0])
        waves = act(matrix, jnp.moveaxis(jnp.fft.rfft2(x), 0, -1))[..., 0]
        return jnp.fft.irfft2(jnp.moveaxis(waves, -1, 0), s=x.shape[1:])


def learnt_law(
    fields: Float[np.ndarray, "n channels h w"], channels: int, training: Training, key: Key
) -> AbstractModel:
    """A denoiser of the levels around the published one, both channels on one scale."""
    # Data in a box are normalised by the box, which is one scale for all channels.
    boxed = Snapshots(fields, domain=Box(-_ROOM, _ROOM))
    method = ScoreMatching(
        net=UNet(channels=channels),
        weight=LogNormal(mean=float(np.log(SIGMA / _ROOM)), spread=0.3),
        training=training,
    )
    fit = method.fit(boxed, key=key)
    return FrozenNoise(fit.model, SIGMA / _ROOM / fit.summary.std)


def protocol_rows(
    case: str,
    label: str,
    law: AbstractModel,
    starts: Float[np.ndarray, "n channels h w"],
    truth: Float[np.ndarray, "n channels h w"],
    key: Key,
) -> list[Row]:
    """The published figures of a score, and their parts.

    Args:
        case, label: of the rows.
        law: with the score.
        starts: clean states of the training set, both channels on one scale.
        truth: their displacement by the reaction.
        key: for the noise, the same for both signs.

    Returns:
        ``displacement_cosine_published_protocol``: mean over the states of the larger |cosine| of
        both signs, and for "score alone" of the |cosine| without a kernel;
        ``displacement_cosine_best_state``: the largest of any state; ``displacement_cosine_odd``
        and ``displacement_cosine_even``: mean of half the difference and of half the sum of the
        cosines of both signs, the part that the kernel makes and the part that it does not.
    """
    plus, minus, alone = (_signed(law, starts, truth, sign, key) for sign in (1.0, -1.0, 0.0))
    larger = np.maximum(np.abs(plus), np.abs(minus))
    odd, even = odd_part(plus, minus), sample_mean((plus + minus) / 2)
    row = lambda metric, value, method=label: Row(
        case, method, f"displacement_cosine_{metric}", float(value.value), float(value.stderr)
    )
    best = Estimate(np.asarray(larger.max()), np.zeros(()), np.asarray(len(larger)))
    bare = label.replace("SkewFlow", "score alone")
    return [
        row("published_protocol", sample_mean(larger)),
        row("published_protocol", sample_mean(np.abs(alone)), bare),
        row("best_state", best),
        row("odd", odd),
        row("even", even),
        row("even", sample_mean(alone), bare),
    ]


def odd_part(plus: Float[np.ndarray, " n"], minus: Float[np.ndarray, " n"]) -> Estimate:
    """Size of the mean of half the difference of two cosines of every state."""
    odd = sample_mean((plus - minus) / 2)
    return Estimate(np.asarray(np.abs(odd.value)), odd.stderr, odd.n)


def cosines(
    a: Float[np.ndarray, "n *event"], b: Float[np.ndarray, "n *event"]
) -> Float[np.ndarray, " n"]:
    """Cosine of every state between two displacements; 0 for a state that stays."""
    a, b = (x.reshape(len(x), -1).astype(np.float64) for x in (a, b))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.sum(a * b, 1) / np.where(lengths > 0, lengths, 1.0)


def _signed(
    law: AbstractModel, starts: np.ndarray, truth: np.ndarray, sign: float, key: Key
) -> Float[np.ndarray, " n"]:
    """Cosine of every state between the flow's displacement and the reaction's."""
    entry = sign / np.sqrt(2)
    kernel = np.asarray([[0.0, entry], [-entry, 0.0]])[..., None, None]
    flow = SkewFlow(operator=ConvolutionalSkew(size=1, kernel=kernel, periodic=True))
    model = flow.fit(Snapshots(starts), score=law, key=key).model
    paths = model.sample_paths(
        len(starts), times=_STEP * np.arange(_MOVES + 1), start=starts, noise=_ETA, step=_STEP,
        key=key,
    )  # fmt: skip
    return cosines(displacement(paths, _DECAY), truth)
