"""What other data and another score make of the flow on the Lorenz attractor.

The law of the attractor is unchanged by R: (x, y, z) → (−x, −y, z), and so are the objective and its
penalty. Both are quadratic in v, and no term couples the part of v that is even, v(R x) = R v(x), to
the part that is odd, v(R x) = −R v(x). The true field is even, and what deforms least is odd, with
cosine 0. Any other cosine says how far a learnt score and a set of states break the symmetry.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.data.summary import summarise
from noneq.inference import even_share, field_cosine
from noneq.learning.method import AbstractMethod
from noneq.methods.denoising.empirical import EmpiricalDenoiser
from noneq.methods.denoising.frozen_noise import FrozenNoise, noised_states
from noneq.methods.denoising.model import DenoisingModel
from noneq.processes.gaussian import Gaussian
from noneq.processes.schedules import Karras
from noneq.runs.rows import Row
from noneq.samplers.ode import Heun
from noneq.simulation import simulate
from noneq.studies.base import AbstractCell, Outcome
from noneq.systems.attractors import Lorenz
from noneq.traits import AbstractModel


MIRROR = (-1, -1, 1)
"""R of the Lorenz system."""
_TRANSIENT = 20.0
_JUDGED = 4096


class LorenzDraws(AbstractCell):
    """Fits of one method to several draws of the attractor, each with a score of its own.

    Rows, each the mean over the draws with their standard deviation as error:
    ``cosine_published_metric``, the flattened cosine at clean states (Zhang and Levin 2025 take the
    points alpha y of a process that shrinks; ours keeps alpha = 1, where these are the states
    themselves); ``cosine_over_draws``, |⟨cos⟩| at noised states; and ``even_share``.

    Args:
        label: of the rows.
        method: what is fitted.
        score: trained anew for every draw; None takes the exact score of ``kept`` of the states and
            their mirror images, a law that R leaves unchanged.
        draws: of data and score.
        trajectories, states, step: of the simulation that is shuffled to snapshots.
        noise: of the score, over the standard deviation of the data.
    """

    label: str
    method: AbstractMethod
    score: AbstractMethod | None = None
    draws: int = 5
    trajectories: int = 10
    states: int = 5000
    step: float = 0.01
    noise: float = 0.3
    kept: int = 1000
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
        found = [self._draw(jax.random.fold_in(key, i)) for i in range(self.draws)]
        rows, arrays = [], {}
        for name in found[0]:
            values = np.asarray([one[name] for one in found])
            spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
            rows.append(Row(self.case, self.label, name, float(values.mean()), spread))
            arrays[name] = values
        return Outcome(tuple(rows), arrays)

    def _draw(self, key: Key) -> dict[str, float]:
        """Every measure of one fit."""
        data_key, pick_key, score_key, fit_key, noise_key = jax.random.split(key, 5)
        states = self._states(data_key)
        if self.score is None:
            pick = np.asarray(jax.random.choice(pick_key, len(states), (self.kept,), False))
            states = np.concatenate([states[pick], states[pick] * np.asarray(MIRROR, states.dtype)])
            score: AbstractModel = exact_score(states)
        else:
            score = self.score.fit(Snapshots(states), key=score_key).model
        fit: Any = self.method.fit
        model = fit(Snapshots(states), key=fit_key, score=score).model
        copies = -(-_JUDGED // len(states))
        clean = np.tile(states[:: max(1, len(states) // _JUDGED)], (copies, 1))[:_JUDGED]
        noised = np.asarray(
            noised_states(FrozenNoise(score, self.noise), jnp.asarray(clean), key=noise_key)
        )
        scale = states.std(0)
        share = even_share(model, noised, MIRROR, scale=scale)
        ours = field_cosine(model, Lorenz(), noised, scale=scale)
        published = field_cosine(model, Lorenz(), clean, flattened=True, scale=scale)
        return {
            "cosine_published_metric": float(published.value),
            "cosine_over_draws": float(ours.value),
            "even_share": float(share.value),
        }

    def _states(self, key: Key) -> Float[np.ndarray, "n 3"]:
        times = np.r_[0.0, _TRANSIENT + self.step * np.arange(self.states)]
        paths = simulate(Lorenz(), times, n=self.trajectories, key=key)
        return paths.values[:, 1:].reshape(-1, 3)


def exact_score(states: Float[np.ndarray, "n dim"]) -> DenoisingModel:
    """The law of states after noise, in closed form."""
    summary = summarise(Snapshots(states))
    points = (states - np.asarray(summary.shift)) / np.asarray(summary.scale)
    denoiser = EmpiricalDenoiser(jnp.asarray(points, jnp.float32), Gaussian(Karras()))
    return DenoisingModel(denoiser, Heun(), summary)
