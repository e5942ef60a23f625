"""Gray–Scott patterns without training: does a skew kernel on their score move them as chemistry does?"""

import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from noneq._typing import Key
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots
from noneq.estimate import Estimate
from noneq.inference import displacement
from noneq.learning.loop import Training
from noneq.learning.method import Fit
from noneq.methods import ConvolutionalSkew, ScoreMatching, SkewFlow
from noneq.methods.invariant_flows.skew.model import SkewFlowModel
from noneq.nets.grids.unet import UNet
from noneq.processes.weights import LogNormal
from noneq.runs.rows import Row
from noneq.simulation import Euler, simulate
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.equilibrium_flow.gray_scott_protocol import (
    SIGMA,
    WienerLaw,
    cosines,
    learnt_law,
    odd_part,
    protocol_rows,
)
from noneq.systems.reaction_diffusion import GrayScott
from noneq.traits import AbstractModel


PUBLISHED = {"life": 0.271, "waves": 0.589, "spirals": 0.250, "maze": 0.270}
_ALIVE = 0.02
"""Standard deviation of v over the grid below which a pattern has died out."""


class GrayScottCell(AbstractCell):
    """One preset: snapshots, their score, and displacements under skew kernels and under the truth.

    The clean form takes states that the score was not fitted to, channels in units of their own
    standard deviation, random kernels that are skew, and both signs of each kernel under the same
    noise: half the difference of their cosines is what the kernel does, whatever sign was drawn, and
    holds nothing of how a clean start relaxes under the score. The noise .2417 and the steps of
    .01 of the published run, for fields scaled to [−1, 1], are about twice the noise and four times
    the time here. Beside it stands the published protocol (`protocol_rows`), with the learnt score
    and with Wiener's.

    Args:
        preset: of `GrayScott`.
        size: sites along each side.
        starts, frames: simulations, and snapshots kept of each, from ``first`` on, ``apart``.
        channels: of the U-Net.
        steps, batch: of its training; without steps only Wiener's score is followed, which is fast.
        noise: noise level of the score over the data's standard deviation.
        states: test snapshots that are moved.
        kernels: random 3 × 3 kernels for comparison.
        eta, step, moves, decay: of the stochastic paths, and of their moving average.
        reactions: Gray–Scott steps of 1 on the other side.
    """

    preset: str = "waves"
    size: int = 64
    starts: int = 192
    first: float = 1500.0
    apart: float = 250.0
    frames: int = 20
    channels: int = 8
    steps: int = 1500
    batch: int = 8
    noise: float = 0.47
    states: int = 24
    kernels: int = 3
    eta: float = 0.1
    step: float = 0.04
    moves: int = 200
    decay: float = 0.9
    reactions: int = 20
    replicate: int = 0

    def of(self, preset: str) -> "GrayScottCell":
        """The same for another preset; the few spots of life need twice the grid to last."""
        if preset != "life":
            return dataclasses.replace(self, preset=preset)
        fewer = lambda count: max(2, count // 4)
        return dataclasses.replace(
            self, preset=preset, size=2 * self.size, starts=fewer(self.starts),
            first=self.first + 1000.0, batch=fewer(self.batch),
        )  # fmt: skip

    @property
    def case(self) -> str:
        """gray_scott:life …"""
        return f"gray_scott:{self.preset}"

    @property
    def method_name(self) -> str:
        """SkewFlow."""
        return "SkewFlow"

    def __call__(self, key: Key) -> Outcome:
        data_key, test_key, fit_key, path_key, kernel_key = jax.random.split(key, 5)
        raw = self._snapshots(self.starts, data_key)
        alive = 100.0 * len(raw) / (self.starts * self.frames)
        rows = [Row(self.case, "data", "alive_percent", alive, 0.0)]
        rows.append(Row(self.case, "data", "sites_along_a_side", float(self.size), 0.0))
        rows += self._protocol(raw, jax.random.fold_in(fit_key, 1), path_key)
        if not self.steps:
            return Outcome(tuple(rows))
        # One diffusivity moves both channels: their unit is their standard deviation.
        scale = raw.std(axis=(0, 2, 3), keepdims=True)[0]
        train = Snapshots(raw / scale)
        test = self._snapshots(max(16, self.starts // 4), test_key)
        score = self._score(train, fit_key)
        chosen = np.random.default_rng(0).choice(len(test), min(self.states, len(test)), False)
        start = test[np.sort(chosen)] / scale
        truth = self._reacted(start * scale) / scale

        def moved(size: int, seed: Key) -> tuple[Estimate, Estimate, np.ndarray]:
            """Cosines of the states and of the denoised states, and paths, of a kernel of norm 1."""
            flow = SkewFlow(operator=ConvolutionalSkew(size=size), noise=self.noise)
            model = flow.fit(train, score=score.model, key=seed).model
            found = []
            for sign in (1.0, -1.0):
                signed = eqx.tree_at(
                    lambda m: m.operator.tensor,
                    model,
                    replace_fn=lambda t, s=sign: Constant(s * t.value),
                )
                paths = signed.sample_paths(
                    len(start), times=self.step * np.arange(self.moves + 1), start=start,
                    noise=self.eta, step=self.step, key=path_key,
                )  # fmt: skip
                clean = self._denoised(signed, paths.values[:, -1]) - start
                found.append((displacement(paths, self.decay), clean, paths.values * scale))
            plus, minus = found
            odd = lambda i: odd_part(cosines(plus[i], truth), cosines(minus[i], truth))
            return odd(0), odd(1), plus[2]

        # Of one site and two channels there is one kernel up to the sign.
        cosine, clean, paths = moved(1, kernel_key)
        rows += [self._row("SkewFlow", abs(float(cosine.value)), float(cosine.stderr))]
        value = abs(float(clean.value))
        rows.append(Row(self.case, "SkewFlow", "denoised_cosine", value, float(clean.stderr)))
        others = [moved(3, jax.random.fold_in(kernel_key, i))[0] for i in range(self.kernels)]
        if len(others) > 1:
            sizes = np.abs([float(other.value) for other in others])
            error = float(sizes.std(ddof=1) / np.sqrt(len(sizes)))
            rows.append(self._row("random kernel", float(sizes.mean()), error))
        shown = paths[0, :: max(1, self.moves // 40)].astype(np.float16)
        return Outcome(tuple(rows), {"flow": shown, "truth": self._film(start[0] * scale)})

    def _protocol(self, raw: np.ndarray, fit_key: Key, path_key: Key) -> list[Row]:
        """The published protocol on states of the training set."""
        published = "displacement_cosine_published_protocol"
        rows = [Row(self.case, "SkewFlow (published)", published, PUBLISHED[self.preset], 0.0)]
        chosen = np.random.default_rng(1).choice(len(raw), min(self.states, len(raw)), False)
        # [0, 1] to [−1, 1], about the mean, which no displacement sees.
        fields = 2 * (raw - raw.mean((0, 2, 3))[:, None, None])
        truth = 2 * self._reacted(raw[chosen])
        laws: dict[str, AbstractModel] = {"SkewFlow, Wiener score": WienerLaw(fields, SIGMA)}
        if self.steps:
            laws["SkewFlow"] = learnt_law(fields, self.channels, self._training, fit_key)
        for label, law in laws.items():
            rows += protocol_rows(self.case, label, law, fields[chosen], truth, path_key)
        return rows

    @property
    def _training(self) -> Training:
        return Training(steps=self.steps, batch=self.batch, rate=2e-3, ema=0.99)

    def _row(self, method: str, value: float, stderr: float) -> Row:
        return Row(self.case, method, "displacement_cosine", value, stderr)

    def _denoised(self, model: SkewFlowModel, x: np.ndarray) -> Float[np.ndarray, "n *event"]:
        """E[y | x] = x + noise² ∇ log p(x), Tweedie's formula."""
        scores = jax.lax.map(model.score, jnp.asarray(x), batch_size=8)
        return x + self.noise**2 * np.asarray(scores)

    def _system(self) -> GrayScott:
        presets: dict[str, Callable[[int], GrayScott]] = {
            "life": GrayScott.life,
            "waves": GrayScott.waves,
            "spirals": GrayScott.spirals,
            "maze": GrayScott.maze,
        }
        return presets[self.preset](self.size)

    def _snapshots(self, starts: int, key: Key) -> Float[np.ndarray, "n *event"]:
        """Frames of simulations that have not died out."""
        times = np.r_[0.0, self.first + self.apart * np.arange(self.frames)]
        paths = simulate(self._system(), times, n=starts, key=key, solver=Euler())
        values = paths.values[:, 1:].reshape(-1, *paths.event_shape)
        return values[values[:, 1].std(axis=(1, 2)) > _ALIVE]

    def _score(self, train: Snapshots, key: Key) -> Fit:
        """A denoiser of the noise levels around the one that is used."""
        method = ScoreMatching(
            net=UNet(channels=self.channels),
            weight=LogNormal(mean=float(np.log(self.noise / 2)), spread=0.3),
            training=self._training,
        )
        return method.fit(train, key=key)

    def _reacted(self, start: np.ndarray) -> np.ndarray:
        paths = simulate(
            self._system(), (0.0, float(self.reactions)), n=len(start), key=jax.random.key(0),
            solver=Euler(), substeps=self.reactions, start=start,
        )  # fmt: skip
        return paths.values[:, 1].astype(np.float64) - start

    def _film(self, start: np.ndarray) -> np.ndarray:
        times = np.linspace(0.0, 20.0 * self.reactions, 41)
        paths = simulate(
            self._system(), times, n=1, key=jax.random.key(0), solver=Euler(), start=start[None]
        )
        return paths.values[0].astype(np.float16)
