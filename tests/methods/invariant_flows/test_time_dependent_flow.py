"""Flows that carry a law from one time to the next, on a normal law that relaxes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from exact_mixture import ExactMixture
from gaussian_laws import ExactDenoiser, Relaxing, untouched
from noneq.data import Trajectories
from noneq.data.summary import summarise
from noneq.errors import MissingTrait
from noneq.learning.loop import Training
from noneq.methods import EquilibriumFlow
from noneq.methods.denoising.frozen_noise import FrozenNoise
from noneq.methods.denoising.time_scores import time_score
from noneq.methods.invariant_flows.score import law_rows
from noneq.models import DenoisingModel
from noneq.nets import MLP
from noneq.processes import Gaussian, Karras
from noneq.samplers import Heun


LAW = Relaxing.of((1.5, -0.75), 0.25)
TIMES = np.linspace(0.0, 1.0, 6)
DATA = LAW.snapshots(1000, times=TIMES, key=jax.random.key(0))
METHOD = EquilibriumFlow(
    net=MLP(48, 2), symmetry=0.003, training=Training(steps=500, batch=512, rate=5e-3)
)


@functools.cache
def fitted():
    return METHOD.fit(DATA, key=jax.random.key(1), score=LAW).model


def gap(sample: np.ndarray, other: np.ndarray) -> float:
    """Largest W2 of a coordinate."""
    return float(np.sqrt(np.mean((np.sort(sample, 0) - np.sort(other, 0)) ** 2, axis=0)).max())


@pytest.mark.slow
def test_the_law_is_carried_with_a_small_residual() -> None:
    for time in (0.0, 0.5, 1.0):
        residual = fitted().invariance_residual(time=time, n=1000, key=jax.random.key(2))
        assert residual.value + 3 * residual.stderr <= 0.05
    x = LAW.sample(4, time=0.5, key=jax.random.key(8))
    change = jax.vmap(lambda x: fitted().time_score(x, time=0.5))(x)
    step = jax.vmap(lambda x: LAW.log_prob(x, time=0.501) - LAW.log_prob(x, time=0.499))(x)
    np.testing.assert_allclose(change, step / 0.002, rtol=0.02, atol=0.02)


def test_states_of_the_first_time_become_those_of_the_last() -> None:
    start, exact, other = (
        np.asarray(LAW.sample(4000, time=t, key=jax.random.key(k)))
        for t, k in ((0.0, 3), (1.0, 4), (1.0, 5))
    )
    paths = fitted().sample_paths(4000, times=[0.0, 1.0], start=start, key=jax.random.key(6))
    floor = gap(exact, other)
    assert gap(paths.values[:, -1], exact) <= 2 * floor + 0.03
    assert gap(start, exact) > 10 * floor


def test_a_twin_that_ignores_the_change_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def frozen(*args, **settings):
        rows = law_rows(*args, **settings)
        return rows | {"time_score": 1e-3 * rows["time_score"]}

    monkeypatch.setattr("noneq.methods.invariant_flows.equilibrium_flow.law_rows", frozen)
    twin = METHOD.fit(DATA, key=jax.random.key(1), score=LAW).model
    monkeypatch.undo()
    residual = twin.invariance_residual(time=0.2, n=1000, key=jax.random.key(2))
    assert residual.value > 0.3


@pytest.mark.slow
def test_a_law_that_stays_is_the_limit() -> None:
    law = Relaxing.of((0.0, 0.0))
    start = np.asarray(law.sample(12, key=jax.random.key(0)))
    times = np.linspace(0, 1, 6)
    phase = (start[:, :1] + 1j * start[:, 1:]) * np.exp(2j * times)
    pairs = Trajectories(np.stack([phase.real, phase.imag], axis=-1), times)
    many = law.snapshots(500, times=[0.0, 0.5, 1.0], key=jax.random.key(1))
    method = EquilibriumFlow(net=MLP(32, 2), training=Training(steps=300, batch=256, rate=5e-3))
    fit = lambda data: method.fit(data, key=jax.random.key(2), score=law, transitions=pairs).model
    moving, resting = fit(many), fit(many.values)
    x = law.sample(400, key=jax.random.key(3))
    a = jax.vmap(lambda x: moving.velocity(x, time=0.4))(x)
    b = jax.vmap(resting.velocity)(x)
    wanted = 2.0 * jnp.stack([-x[:, 1], x[:, 0]], axis=1)
    size = lambda v: float(jnp.sqrt(jnp.mean(v**2)))
    assert size(b - wanted) < 0.1 * size(wanted)
    assert size(a - b) < 0.15 * size(b)


@pytest.mark.parametrize("ratio", [0.1, 0.5])
def test_the_time_score_of_a_noise_level_is_that_of_the_noised_law(ratio: float) -> None:
    denoiser = ExactDenoiser.of(LAW, Gaussian(Karras()))
    model = untouched(DenoisingModel(denoiser, Heun(), summarise(DATA)))
    law = FrozenNoise(model, ratio)
    x = LAW.sample(5, time=0.3, key=jax.random.key(7))

    def exact(x, time):
        mean, variance = LAW.at(time)
        variance += ratio**2
        return -0.5 * jnp.sum((x - mean) ** 2) / variance - jnp.log(variance)

    wanted = jax.vmap(jax.grad(exact, argnums=1), (0, None))(x, 0.3)
    found = jax.vmap(lambda x: time_score(law, x, 0.3))(x)
    # The prior at the end of the noise clock has mean 0, whatever that of the law: |m'| |z|/80.
    np.testing.assert_allclose(found, wanted, atol=0.05)


def test_a_law_without_a_density_cannot_move() -> None:
    mixture = ExactMixture.random((2,), drift=1.0)
    with pytest.raises(MissingTrait, match="log density"):
        METHOD.fit(DATA, key=jax.random.key(1), score=mixture)
