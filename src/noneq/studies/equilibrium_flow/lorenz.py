"""Equilibrium flow on the Lorenz attractor: what snapshots without order tell of its dynamics."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.errors import SolveFailed
from noneq.frames.frame import Frame
from noneq.inference import bounded_fraction, field_cosine, identifiability, lyapunov_spectrum
from noneq.learning.method import AbstractMethod, Fit
from noneq.methods import SkewFlow
from noneq.methods.denoising.frozen_noise import FrozenNoise, noised_states
from noneq.methods.invariant_flows.base import AbstractInvariantFlow
from noneq.runs.rows import Row
from noneq.simulation import simulate
from noneq.studies.base import AbstractCell, Outcome
from noneq.systems.attractors import Lorenz
from noneq.traits import AbstractModel


_TRANSIENT = 20.0
_FOLLOWED = 2
"""Reference fields of a kind whose exponents are measured."""


class LorenzRun(AbstractCell):
    """Fits of one method with several seeds to 10 × 5000 states of the attractor.

    Args:
        label: of the rows.
        method: what is fitted; its ``score`` is trained once for all seeds.
        seeds: fits.
        transitions: observed pairs of states ``lag`` apart that are given to the fit; 0 for none.
        trajectories, states, step: of the simulation that is shuffled to snapshots.
        time: for which learnt trajectories are followed; exponents are measured ten times as long.
        references: whether the rows of reference fields are measured too.
    """

    label: str
    method: AbstractMethod
    score: AbstractMethod
    noise: float = 0.3
    seeds: int = 3
    transitions: int = 0
    lag: float = 0.02
    trajectories: int = 10
    states: int = 5000
    step: float = 0.01
    time: float = 100.0
    references: bool = False
    replicate: int = 0

    @property
    def case(self) -> str:
        """lorenz"""
        return "lorenz"

    @property
    def method_name(self) -> str:
        """The label."""
        return self.label

    def __call__(self, key: Key) -> Outcome:
        data_key, score_key, fit_key, pair_key, noise_key = jax.random.split(key, 5)
        train = self._snapshots(data_key)
        score = self.score.fit(train, key=score_key).model
        given: dict[str, Any] = {"score": score}
        if self.transitions:
            given["transitions"] = self._pairs(train, pair_key)
        fits = [
            self.method.fit(train, key=jax.random.fold_in(fit_key, i), **given)
            for i in range(self.seeds)
        ]
        states = np.asarray(
            noised_states(FrozenNoise(score, self.noise), train.values[::5], key=noise_key)
        )
        models = [fit.model for fit in fits]
        rows = self._judged(self.label, models, states, key)
        if len(models) > 1:
            agreement = identifiability(models, states).cosine
            rows.append(
                self._row(self.label, "cosine_across_seeds", agreement.value, agreement.stderr)
            )
        if self.references:
            for name, fields in self._references(train, fits[0], noise_key).items():
                rows += self._judged(name, fields, states, key)
        arrays = {
            "data": train.values[:4000].astype(np.float32),
            "path": _path(models[0], train.values[:1], key),
        }
        words = fits[0].meta.get("equations")
        if words:
            arrays["equations"] = np.asarray([str(line) for line in words])
        return Outcome(tuple(rows), arrays)

    def _row(self, method: str, metric: str, value: Any, stderr: Any) -> Row:
        return Row(self.case, method, metric, float(value), float(stderr))

    def _judged(
        self, label: str, models: Sequence[AbstractInvariantFlow], states: np.ndarray, key: Key
    ) -> list[Row]:
        """Mean over the fields of every measure; of one field with its own error."""
        found: dict[str, list[tuple[float, float]]] = {}
        put = lambda name, e: found.setdefault(name, []).append((float(e.value), float(e.stderr)))
        starts = states[:: max(1, len(states) // 256)][:256]
        for i, model in enumerate(models):
            put("cosine_to_truth", field_cosine(model, Lorenz(), states))
            put("cosine_pointwise", field_cosine(model, Lorenz(), states, pointwise=True))
            # Of a constant skew matrix both terms of the residual vanish by themselves.
            if label != "random skew":
                put("invariance_residual", model.invariance_residual(states[:4096], key=key))
            put("bounded_fraction", bounded_fraction(model, states, start=starts, time=self.time))
            if label != self.label and i >= _FOLLOWED:
                continue
            exponents = _exponents(model, starts[::16], states, 10 * self.time)
            if exponents is not None:
                put("lyapunov_max", exponents.per_speed[0])
                put("lyapunov_per_time", exponents.per_time[0])
        rows = []
        for name, values in found.items():
            mean = np.mean([value for value, _ in values])
            spread = np.std([value for value, _ in values], ddof=1) if len(values) > 1 else 0.0
            within = np.sqrt(np.mean([error**2 for _, error in values]))
            error = max(spread, within) / np.sqrt(len(values))
            rows.append(self._row(label, name, mean, error))
        if len(models) > 1 and label == self.label:
            # Shear without chaos grows like t, which looks like an exponent of log(t)/t.
            shear = np.log(10 * self.time) / (10 * self.time)
            chaotic = [v > shear + 2 * e for v, e in found.get("lyapunov_per_time", [])]
            rows.append(self._row(label, "seeds_with_chaos", sum(chaotic), 0.0))
        return rows

    def _snapshots(self, key: Key) -> Snapshots:
        times = np.r_[0.0, _TRANSIENT + self.step * np.arange(self.states)]
        paths = simulate(Lorenz(), times, n=self.trajectories, key=key)
        return Snapshots(paths.values[:, 1:].reshape(-1, 3), names=("x", "y", "z"))

    def _pairs(self, train: Snapshots, key: Key) -> Trajectories:
        """States of the data, and where they are a lag later."""
        chosen = jax.random.choice(key, train.n, (self.transitions,), replace=False)
        start = train.values[np.asarray(chosen)]
        return simulate(Lorenz(), (0.0, self.lag), n=len(start), key=key, start=start)

    def _references(
        self, train: Snapshots, fit: Fit, key: Key
    ) -> dict[str, Sequence[AbstractInvariantFlow]]:
        keys, skew = jax.random.split(key, 10), SkewFlow(noise=self.noise)
        law: Any = fit.model.law
        init: Callable[..., AbstractInvariantFlow] = self.method.init  # pyright: ignore[reportAssignmentType]
        return {
            "true field": [Reference(fit.model, lambda x: Lorenz().drift(0.0, x))],
            "random skew": [skew.fit(train, score=law.model, key=k).model for k in keys],
            "untrained": [init(fit.summary, key=k, score=law.model) for k in keys[:5]],
            "score": [Reference(fit.model, law.score)],
        }


class Reference(AbstractInvariantFlow):
    """A field beside a law that it need not keep."""

    law: AbstractModel
    frame: Frame
    field: Callable[[Array], Array]

    def __init__(self, beside: AbstractInvariantFlow, field: Callable[[Array], Array]):
        self.law = beside.law  # pyright: ignore[reportIncompatibleVariableOverride]
        self.frame = beside.frame  # pyright: ignore[reportIncompatibleVariableOverride]
        self.field = field

    def velocity(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        return self.field(x)

    def time_score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        return jnp.zeros(())


def _path(model: AbstractInvariantFlow, start: np.ndarray, key: Key) -> np.ndarray:
    """A trajectory, as far as it stays finite."""
    for length in (50.0, 5.0, 0.5):
        try:
            path = model.sample_paths(1, times=np.linspace(0.0, length, 2001), start=start, key=key)
        except SolveFailed:
            continue
        return path.values[0].astype(np.float32)
    return start.astype(np.float32)


def _exponents(model: Any, starts: np.ndarray, states: np.ndarray, time: float) -> Any:
    """The largest exponent of trajectories that stay; None if none does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return lyapunov_spectrum(
                model, starts, step=0.02, time=time, burn=50.0, k=1, within=states, scale=None
            )
        except SolveFailed:
            return None
