"""The exact law of one icon placed at random under noise, and of its phase-shuffled surrogate."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots
from noneq.domains import Free
from noneq.errors import InvalidInput
from noneq.frames.checks import check_count
from noneq.kinds import checked
from noneq.systems.patterns import PlacedIcons
from noneq.traced import jit
from noneq.traits import AbstractModel, HasScore


class AbstractStampLaw(AbstractModel, HasScore):
    """A law x = m + noise xi of a field whose clean part is made of one of K stamps.

    **Equation**: ∇ log p = (E[m | x] − x)/noise².

    Attributes:
        stamps: Fourier transforms of the stamps.
        noise: standard deviation at every site.
        event_shape: (channels, size, size).
    """

    stamps: eqx.AbstractVar[Constant]
    noise: eqx.AbstractVar[float]

    @abstractmethod
    def clean(self, x: Float[Array, "channels h w"]) -> Float[Array, "channels h w"]:
        """E[m | x]."""

    @abstractmethod
    def log_likelihood(self, x: Float[Array, "channels h w"]) -> Scalar:
        """log p(x) up to −|x|²/2 noise² and a constant."""

    @abstractmethod
    def draw(self, key: Key) -> Float[Array, "channels h w"]:
        """One m."""

    @property
    def domain(self) -> Free:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Values are free; the grid is periodic."""
        return Free()

    @checked
    def score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        return (self.clean(x) - x) / self.noise**2

    @checked
    def sample(
        self, n: int, *, time: ScalarLike | None = None, condition: Any = None, key: Key
    ) -> Float[Array, "n *event"]:
        check_count(n)
        return _noisy(self, int(n), key)

    @checked
    def snapshots(
        self, n: int, *, times: Sequence[float] | np.ndarray, condition: Any = None, key: Key
    ) -> Snapshots:
        frames = [
            np.asarray(self.sample(n, key=jax.random.fold_in(key, i))) for i in range(len(times))
        ]
        return Snapshots.from_frames(frames, times)


class PlacedIconLaw(AbstractStampLaw):
    """One icon at any place of a periodic canvas and in any of several orientations, under noise.

    **Equation**: p(x) = mean over z of N(x; m_z, noise²), z = (orientation, shift) on a grid
    ``finer`` times as fine as that of the sites. With the correlations c_z = Σ m_z x,
    w_z ∝ exp((c_z − |m_z|²/2)/noise²) and E[m | x] = Σ_z w_z m_z; both sums over shifts are
    convolutions, taken by fast Fourier transform: exact, in O(K size² log size).

    The law of a continuous shift is approached when the icon changes by less than 2 noise from one
    shift to the next; the flow then carries the icon smoothly over the canvas.

    Args:
        system: the icon and its canvas, with one copy.
        noise: standard deviation.
        turns: orientations, evenly spaced; 1 if the system does not turn.
        finer: shifts per site and direction.

    Raises:
        InvalidInput: a system of several copies, or numbers that are not positive.
    """

    stamps: Constant
    noise: float = eqx.field(static=True)
    finer: int = eqx.field(static=True)
    event_shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, system: PlacedIcons, noise: float, *, turns: int = 8, finer: int = 2):
        self.stamps = Constant(_spectra(system, noise, turns, finer))
        self.noise = noise  # pyright: ignore[reportIncompatibleVariableOverride]
        self.finer = finer
        self.event_shape = system.event_shape

    def clean(self, x: Float[Array, "channels h w"]) -> Float[Array, "channels h w"]:
        log_weight, stamps = self._log_weights(x)
        weight = jax.nn.softmax(log_weight.ravel()).reshape(log_weight.shape)
        return _inverse(jnp.sum(jnp.fft.rfft2(weight)[:, None] * stamps, 0), x)

    def log_likelihood(self, x: Float[Array, "channels h w"]) -> Scalar:
        return jax.nn.logsumexp(self._log_weights(x)[0])

    def draw(self, key: Key) -> Float[Array, "channels h w"]:
        stamp_key, row_key, column_key = jax.random.split(key, 3)
        _, size, _ = self.event_shape
        stamps = self.stamps.value
        stamp = stamps[jax.random.randint(stamp_key, (), 0, stamps.shape[0])]
        shift = [jax.random.randint(k, (), 0, size) for k in (row_key, column_key)]
        field = jnp.fft.irfft2(stamp, s=self.event_shape[1:])
        return jnp.roll(field, jnp.stack(shift), (1, 2))

    def _log_weights(self, x: Array) -> tuple[Array, Array]:
        """(K, h, w) up to a constant, and the spectra of the stamps."""
        stamps = self.stamps.value
        match = jnp.sum(jnp.fft.rfft2(x) * jnp.conj(stamps), 1)
        power = jnp.sum(_halves(stamps, self.event_shape) * jnp.abs(stamps) ** 2, (1, 2, 3))
        power = power / np.prod(self.event_shape[1:])
        return (_inverse(match, x) - power[:, None, None] / 2) / self.noise**2, stamps


class ShuffledIconLaw(AbstractStampLaw):
    """Fields with the power spectrum of an icon and random phases, under the same noise.

    **Equation**: m̂_c(k) = M_c(k) e^{iφ(k)}, φ uniform with φ(−k) = −φ(k), one φ for all channels, M
    that of one of the orientations: what `noneq.inference.phase_shuffled` makes of placed icons.
    Waves are independent given the orientation, so that E[e^{iφ} | x] = (I_1/I_0)(2|Q|/s) Q/|Q|,
    Q = Σ_c M_c* x̂_c, s = noise² h w: exact; tanh(Q/s) where k = −k, and 1 at k = 0.

    Args:
        law: whose stamps, noise and canvas are taken.
    """

    stamps: Constant
    noise: float = eqx.field(static=True)
    event_shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, law: PlacedIconLaw):
        # Shifts differ in phases only: one stamp of each orientation is enough.
        self.stamps = Constant(law.stamps.value[:: law.finer**2])
        self.noise = law.noise  # pyright: ignore[reportIncompatibleVariableOverride]
        self.event_shape = law.event_shape

    def clean(self, x: Float[Array, "channels h w"]) -> Float[Array, "channels h w"]:
        log_weight, turn, stamps = self._waves(x)
        spectrum = jnp.tensordot(jax.nn.softmax(log_weight), turn[:, None] * stamps, 1)
        return _inverse(spectrum, x)

    def log_likelihood(self, x: Float[Array, "channels h w"]) -> Scalar:
        return jax.nn.logsumexp(self._waves(x)[0])

    def draw(self, key: Key) -> Float[Array, "channels h w"]:
        stamp_key, phase_key = jax.random.split(key)
        stamps = self.stamps.value
        stamp = stamps[jax.random.randint(stamp_key, (), 0, stamps.shape[0])]
        grid = self.event_shape[1:]
        # The phases of white noise are uniform and have the symmetry of a real field's.
        noise = jnp.fft.rfft2(jax.random.normal(phase_key, grid))
        turn = (noise / jnp.abs(noise)).at[0, 0].set(1.0)
        return jnp.fft.irfft2(stamp * turn, s=grid)

    def _waves(self, x: Array) -> tuple[Array, Array, Array]:
        """Log weights (K,), E[e^{iφ}] (K, h, w/2 + 1) and the spectra of the stamps."""
        stamps = self.stamps.value
        size = float(np.prod(self.event_shape[1:]))
        scale = self.noise**2 * size
        q = jnp.sum(jnp.fft.rfft2(x) * jnp.conj(stamps), 1)
        real = np.zeros(q.shape[1:], bool)
        rows = [k for k in range(real.shape[0]) if (2 * k) % real.shape[0] == 0]
        columns = [k for k in range(real.shape[1]) if (2 * k) % self.event_shape[2] == 0]
        real[np.ix_(rows, columns)] = True
        length = jnp.sqrt(q.real**2 + q.imag**2 + 1e-20)
        u = 2 * length / scale
        pair = jnp.log(jax.scipy.special.i0e(u)) + u
        mean = jax.scipy.special.i1e(u) / jax.scipy.special.i0e(u) * q / length
        alone = q.real / scale
        cosh = jnp.abs(alone) + jnp.log1p(jnp.exp(-2 * jnp.abs(alone))) - np.log(2)
        weight = jnp.where(real, cosh, _halves(stamps, self.event_shape)[0] / 2 * pair)
        weight = weight.at[:, 0, 0].set(alone[:, 0, 0])
        turn = jnp.where(real, jnp.tanh(alone), mean).at[:, 0, 0].set(1.0)
        return jnp.sum(weight, (1, 2)), turn, stamps


@jit
def _noisy(law: AbstractStampLaw, n: int, key: Key) -> Float[Array, "n channels h w"]:
    def one(key):
        draw_key, noise_key = jax.random.split(key)
        return law.draw(draw_key) + law.noise * jax.random.normal(noise_key, law.event_shape)

    return jax.vmap(one)(jax.random.split(key, n))


def _spectra(system: PlacedIcons, noise: float, turns: int, finer: int) -> Array:
    """(turns × finer², channels, h, w/2 + 1): Fourier transforms of all stamps."""
    if system.count != 1:
        raise InvalidInput(
            f"PlacedIconLaw: {system.count} copies; the exact law is of one. Make a Group of the "
            "icons if their relative places are fixed, or learn the score (DDPM) if not."
        )
    whole = all(not isinstance(k, bool) and int(k) == k and k >= 1 for k in (turns, finer))
    if not (0 < noise < float("inf") and whole):
        raise InvalidInput(
            f"PlacedIconLaw: noise = {noise}, turns = {turns}, finer = {finer}; expected a positive "
            "number and whole numbers ≥ 1."
        )
    angles = np.arange(turns if system.turning else 1) * 2 * np.pi / turns
    steps = np.arange(finer) / finer
    places = np.asarray([(a, r, c) for a in angles for r in steps for c in steps], np.float32)
    paint = lambda p: system.painted(p[1:], p[0])[:-1]
    return jnp.fft.rfft2(jax.jit(jax.vmap(paint))(places))


def _inverse(spectrum: Array, x: Array) -> Array:
    return jnp.fft.irfft2(spectrum, s=x.shape[-2:])


def _halves(stamps: Array, event_shape: tuple[int, ...]) -> Array:
    """How often each stored wave stands in the full spectrum, (1, w/2 + 1): 2, or 1 if k_w = −k_w."""
    columns = np.arange(stamps.shape[-1])
    return jnp.asarray(
        np.where((2 * columns) % event_shape[2] == 0, 1.0, 2.0)[None], stamps.real.dtype
    )
