"""Fits whose dissipation is dear dissipate less."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.constant import Constant
from noneq.learning.training import Training
from noneq.methods.bridges.straight import Brownian
from noneq.methods.denoising.transition_cost import Step
from noneq.nets.vectors.fields import MLP
from noneq.processes import AbstractProcess, Gaussian, Karras
from noneq.processes.denoiser import AbstractTweedie
from noneq.runs import dissipation_frontier


TINY = MLP(width=16, depth=1)


def bridge(**settings):
    return nq.methods.BridgeMatching(
        bridge=Brownian(1.0),
        net=TINY,
        training=Training(steps=150, batch=128, rate=1e-2),
        **settings,
    )


def pair(rng):
    x = np.concatenate([rng.normal(size=(80, 1)), rng.normal(2.0, 1.0, size=(80, 1))])
    return nq.Snapshots(x.astype(np.float32), [0.0, 1.0], np.repeat([0, 1], 80))


@pytest.mark.slow
def test_a_dearer_transport_dissipates_less(rng, key):
    found = dissipation_frontier(bridge(), pair(rng), (0.0, 0.3), n=128, key=key)
    assert found.entropy_production.value[1] < 0.5 * found.entropy_production.value[0]
    assert found.w2.value[1] > found.w2.value[0]
    assert "strength 0.3" in repr(found)


class Exact(AbstractTweedie):
    """The denoiser of displacements whose mean is linear in the state."""

    slope: jax.Array
    std: Constant
    process: AbstractProcess

    @classmethod
    def of(cls, slope):
        make: Any = cls
        process = Gaussian(Karras(sigma_max=20.0))
        return make(slope=jnp.asarray(slope), std=Constant(jnp.ones(())), process=process)

    def denoise(self, x, tau, *, time=None, condition=None):
        noise = self.process.schedule(tau)[1] ** 2
        return (noise * self.slope @ condition + x) / (1 + noise)


@pytest.mark.parametrize("tau", [0.3, 0.9])
def test_the_dissipation_of_a_step(key, tau):
    """Of the rotational trap: 2 w²/k = 8, from the drift alone and the Fisher information."""
    lag, A = 0.01, np.array([[1.0, -2.0], [2.0, 1.0]])
    scale = np.sqrt(2 * lag)
    denoiser = Exact.of(-A * lag / scale)
    shift, scales, unit = (
        Constant(jnp.asarray(a)) for a in (np.zeros(2), np.full(2, scale), np.ones(2))
    )
    step = Step(denoiser, shift, scales, unit, None)
    states = jax.random.normal(key, (4000, 2))
    noise = float(denoiser.process.schedule(tau)[1] ** 2)
    weight = (noise / (1 + noise)) ** 2
    one = lambda x: step.dissipation(jnp.zeros(2), tau, None, (x, None), jnp.eye(2))
    squares = float(np.sum((A @ np.asarray(states).T) ** 2, axis=0).mean())
    value = float(jnp.mean(jax.vmap(one)(states))) / weight / lag
    assert np.isclose(value, squares - 4, rtol=1e-3)
    # ⟨|A x|²⟩ + 2 div f + Fisher information = 10 − 4 + 2.
    assert abs(value + 2 - 8) < 0.6


@pytest.mark.slow
@pytest.mark.optimised
def test_a_transition_in_equilibrium_keeps_its_law(rng, key):
    trap, times = nq.systems.Linear(), 0.05 * np.arange(21)
    data = nq.simulate(trap, times, n=400, key=key)
    method = nq.methods.Transition(
        net=MLP(width=32, depth=2), training=Training(steps=1500, batch=512)
    )
    found = dissipation_frontier(method, data, (0.0, 0.3, 3.0), n=256, key=key)
    production = found.entropy_production
    assert abs(production.value[0] / 8 - 1) < 0.4
    assert (np.diff(production.value) < 0).all()
    assert production.value[2] < 0.1 * production.value[0]
    assert found.w2.value[2] < found.w2.value[0] + 0.1
