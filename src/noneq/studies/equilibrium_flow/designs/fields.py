"""Designs of icons on fields: laws exact or learnt, blobs followed."""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from noneq._typing import Key
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.inference import field_tracks, phase_shuffled
from noneq.learning.method import AbstractMethod
from noneq.methods import ConvolutionalSkew, SkewFlow
from noneq.methods.denoising.frozen_noise import FrozenNoise, noised_states
from noneq.methods.denoising.model import DenoisingModel
from noneq.methods.invariant_flows.base import AbstractInvariantFlow
from noneq.studies.equilibrium_flow.designs.moving import AbstractDesign, DesignRun, Moved
from noneq.systems import PlacedIcons
from noneq.systems.base import AbstractSystem
from noneq.systems.pattern_laws.icons import AbstractStampLaw, PlacedIconLaw, ShuffledIconLaw
from noneq.traits import HasDenoiser


class AbstractFieldDesign(AbstractDesign):
    """Icons on a canvas; blobs of the first channel of the denoised field are followed.

    A blob is what lies two standard deviations above the mean of all denoised fields of the rule, or
    of the control, so that each is cut at the same level of its own.
    """

    pattern: eqx.AbstractVar[PlacedIcons]

    @abstractmethod
    def flow(
        self, run: DesignRun, key: Key, *, control: bool
    ) -> tuple[AbstractInvariantFlow, np.ndarray]:
        """The flow, and starts."""

    @abstractmethod
    def denoised(self, flow: AbstractInvariantFlow, x: np.ndarray) -> np.ndarray:
        """E[clean field | x] of many fields."""

    @abstractmethod
    def width(self, flow: AbstractInvariantFlow) -> float:
        """Standard deviation of the noise in the units of the fields."""

    def operator(self) -> ConvolutionalSkew:
        """The rule as a kernel of one site."""
        matrix = np.asarray(self.rule)
        return ConvolutionalSkew(size=1, kernel=matrix[..., None, None], periodic=True)

    def moved(self, run: DesignRun, key: Key, *, control: bool) -> Moved:
        flow_key, path_key = jax.random.split(key)
        flow, start = self.flow(run, flow_key, control=control)
        paths = self.paths(flow, self.width(flow), start, run, path_key)
        shape = paths.values.shape
        fields = self.denoised(flow, paths.values.reshape(-1, *shape[2:])).reshape(shape)
        first = fields[:, :, 0]
        threshold = float(first.mean() + 2 * first.std())
        tracks = field_tracks(Trajectories(fields, paths.times), threshold, distance=3.0, least=2)
        shown = fields[0, np.linspace(0, shape[1] - 1, min(run.shown, shape[1])).astype(int)]
        # The background, 0, is paper; what lies below it too.
        grey = np.clip(shown / max(float(shown.max()), 1e-12), 0, 1)
        film = {"fields": np.round(255 * grey).astype(np.uint8)}
        return Moved(tracks, film, {"blobs": float(tracks.numbers.mean())})


class IconDesign(AbstractFieldDesign):
    """One picture at a random place: the exact law.

    Args:
        pattern: what is drawn.
    """

    name: str
    behaviour: str
    measure: str
    sign: int
    pattern: PlacedIcons
    noise: float
    rule: tuple[tuple[float, ...], ...]
    stirring: float
    span: float
    frames: int
    radius: float
    late: float = 0.25

    def flow(
        self, run: DesignRun, key: Key, *, control: bool
    ) -> tuple[AbstractInvariantFlow, np.ndarray]:
        law_key, fit_key = jax.random.split(key)
        law: AbstractStampLaw = PlacedIconLaw(self.pattern, self.noise)
        law = ShuffledIconLaw(law) if control else law
        data = law.snapshots(max(run.runs, 256), times=[0.0], key=law_key)
        flow = SkewFlow(operator=self.operator()).fit(data, score=law, key=fit_key).model
        return flow, data.values[: run.runs]

    def denoised(self, flow: AbstractInvariantFlow, x: np.ndarray) -> np.ndarray:
        assert isinstance(flow.law, AbstractStampLaw)
        return np.asarray(_over(flow.law.clean, x))

    def width(self, flow: AbstractInvariantFlow) -> float:
        return self.noise


class LearntDesign(AbstractFieldDesign):
    """Several icons on one canvas: their score is learnt.

    Args:
        pattern: what is drawn.
        method: learns the score.
        noise: over the standard deviation of the data.
    """

    name: str
    behaviour: str
    measure: str
    sign: int
    pattern: PlacedIcons
    method: AbstractMethod
    noise: float
    rule: tuple[tuple[float, ...], ...]
    stirring: float
    span: float
    frames: int
    radius: float
    late: float = 0.25

    def flow(
        self, run: DesignRun, key: Key, *, control: bool
    ) -> tuple[AbstractInvariantFlow, np.ndarray]:
        draw_key, shuffle_key, fit_key, flow_key, noise_key = jax.random.split(key, 5)
        clean = np.asarray(_drawn(self.pattern, run.snapshots, draw_key))
        clean = phase_shuffled(clean, key=shuffle_key) if control else clean
        data = Snapshots(clean)
        score = self.method.fit(data, key=fit_key).model
        method = SkewFlow(operator=self.operator(), noise=self.noise)
        flow = method.fit(data, score=score, key=flow_key).model
        start = noised_states(_frozen(flow), jnp.asarray(clean[: run.runs]), key=noise_key)
        return flow, np.asarray(start)

    def denoised(self, flow: AbstractInvariantFlow, x: np.ndarray) -> np.ndarray:
        law, model = _frozen(flow), _denoising(flow)
        inner = model.denoiser
        assert isinstance(inner, HasDenoiser)

        def clean(x):
            y = model.normaliser.forward(x)
            return model.normaliser.inverse(inner.denoise(y, law.tau))

        return np.asarray(_over(clean, x))

    def width(self, flow: AbstractInvariantFlow) -> float:
        law, model = _frozen(flow), _denoising(flow)
        _, sigma = model.denoiser.process.schedule(law.tau)
        return float(sigma * jnp.min(model.normaliser.scale.value))


def _frozen(flow: AbstractInvariantFlow) -> FrozenNoise:
    assert isinstance(flow.law, FrozenNoise)
    return flow.law


def _denoising(flow: AbstractInvariantFlow) -> DenoisingModel:
    model = _frozen(flow).model
    assert isinstance(model, DenoisingModel)
    return model


@eqx.filter_jit
def _drawn(system: AbstractSystem, n: int, key: Key):
    return jax.lax.map(system.initial, jax.random.split(key, n), batch_size=64)


@eqx.filter_jit
def _over(one, x):
    return jax.lax.map(one, jnp.asarray(x), batch_size=32)
