"""Orders of the samplers in float64, with oracles whose end is known to rounding."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.models import EmpiricalDenoiser
from noneq.nets import Constant
from noneq.processes import VE, VP, AbstractSchedule, Gaussian, Karras
from noneq.processes.denoiser import AbstractTweedie
from noneq.samplers import (
    AdaptiveODE,
    Ancestral,
    ChurnedHeun,
    Exponential,
    Heun,
    Multistep,
    ReverseSDE,
)
from noneq.traits import HasDenoiser, HasNoisyScore, HasNoisyVelocity


STEPS = (64, 128, 256)
WIDTH = 0.7
MEMBERS = 129


class Fixed(eqx.Module):
    """A prior that deals these states."""

    states: Any

    def sample(self, shape, *, key):
        return self.states


class From(HasDenoiser, HasNoisyScore, HasNoisyVelocity):
    """A denoiser whose draws start from given states."""

    inner: Any
    states: Any

    @property
    def process(self):
        return self.inner.process

    @property
    def prior(self):
        return Fixed(self.states)

    def denoise(self, x, tau, *, time=None, condition=None):
        return self.inner.denoise(x, tau)

    def noisy_score(self, x, tau, *, time=None, condition=None):
        return self.inner.noisy_score(x, tau)

    def noisy_velocity(self, x, tau, *, time=None, condition=None):
        return self.inner.noisy_velocity(x, tau)


class Normal(AbstractTweedie):
    """The exact denoiser of N(0, std²)."""

    process: Gaussian
    std: Constant

    def denoise(self, x, tau, *, time=None, condition=None):
        alpha, sigma = self.process.schedule(tau)
        square = self.std.value**2
        return alpha * square * x / (alpha**2 * square + sigma**2)


def slopes(errors):
    return np.diff(np.log2(np.abs(errors)))


class Late(AbstractSchedule):
    """VP down to tau = 0.2: its sigma goes as sqrt(tau), which no step resolves near 0."""

    def __call__(self, tau):
        return VP()(tau)

    def tau(self, ratio):
        return VP().tau(ratio)

    @property
    def start(self):
        return 0.2


# Levels that end while the three points still overlap: the flow is smooth at these steps.
PROCESSES = {
    "VE": Gaussian(VE(0.2, 5.0)),
    "Karras": Gaussian(Karras(0.2, 5.0, 3.0)),
    "VP": Gaussian(Late()),
}
FLOWS = {
    "Heun": (Heun, 2, 0.2, False),
    "Multistep": (Multistep, 2, 0.3, False),
    "Exponential": (lambda n: Exponential(n, noise=0.0), 1, 0.2, False),
    "ChurnedHeun": (lambda n: ChurnedHeun(n + 1), 2, 0.3, True),
}


@pytest.mark.sweep(1)
@pytest.mark.parametrize("name", PROCESSES)
def test_orders_of_the_flow_of_three_points(name):
    points = jnp.asarray([[-0.8], [0.1], [0.7]])
    oracle = EmpiricalDenoiser(points, PROCESSES[name])
    scale = float(oracle.prior.scale)
    model = From(oracle, scale * jnp.linspace(-2, 2, 21)[:, None])
    draw = eqx.filter_jit(
        lambda sampler: sampler(model, (21, 1), time=None, condition=None, key=jax.random.key(0))
    )
    end = draw(AdaptiveODE(rtol=1e-11, atol=1e-12, max_steps=10_000))
    start = oracle.process.schedule.start
    clean = jax.vmap(lambda x: oracle.denoise(x, start))(end)
    for kind, (make, order, margin, cleans) in FLOWS.items():
        truth = clean if cleans else end
        errors = [float(jnp.sqrt(jnp.mean((draw(make(n)) - truth) ** 2))) for n in STEPS]
        assert np.abs(slopes(errors) + order).max() < margin, (kind, slopes(errors))


def variance(sampler, process, monkeypatch, width=WIDTH):
    """Variance of the end, by how it answers to the start and to the noise of each step.

    For Gaussian data every path is a linear function of them: member 0 of the ensemble starts
    at 1 without noise, member k at 0 with noise 1 in step k alone. Without jit a scan is a loop,
    so that the draws of noise can be told apart by counting them. No Monte Carlo error is left.
    """
    drawn = iter(np.eye(MEMBERS)[1:])
    one_hot = lambda key, shape, dtype=float: jnp.asarray(next(drawn))[:, None]
    model = From(Normal(process, Constant(jnp.asarray(width))), jnp.eye(MEMBERS)[:, :1])
    with monkeypatch.context() as patch, jax.disable_jit():
        patch.setattr(jax.random, "normal", one_hot)
        key = jax.random.key(0)
        end = sampler(model, (MEMBERS, 1), time=None, condition=None, key=key)[:, 0]
    alpha, sigma = process.schedule(1.0)
    return float(end[0] ** 2 * (alpha**2 * WIDTH**2 + sigma**2) + jnp.sum(end[1:] ** 2))


WEAK = {
    "ReverseSDE": ReverseSDE,
    "ReverseSDE-0.7": lambda n: ReverseSDE(n, noise=0.7),
    "Exponential": Exponential,
    # Levels in place of steps, and the denoised state at the end.
    "Ancestral": lambda n: Ancestral(n + 1),
}


@pytest.mark.sweep(1)
@pytest.mark.parametrize("name", [pytest.param("VE", marks=pytest.mark.slow), "VP"])
@pytest.mark.parametrize("kind", WEAK)
def test_weak_orders_of_the_reverse_sde(name, kind, monkeypatch):
    process = PROCESSES[name]
    alpha, sigma = process.schedule(process.schedule.start)
    truth = float(alpha**2 * WIDTH**2 + sigma**2)
    if kind == "Ancestral":
        truth *= float(alpha * WIDTH**2 / truth) ** 2
    found = [variance(WEAK[kind](n), process, monkeypatch) for n in (32, 64, 128)]
    errors = np.asarray(found) / truth - 1
    assert np.abs(slopes(errors) + 1).max() < 0.2, slopes(errors)
    if kind == "ReverseSDE":
        # The denoiser of data nine tenths as wide: an error that no step makes smaller.
        broken = [variance(ReverseSDE(n), process, monkeypatch, 0.9 * WIDTH) for n in (32, 64)]
        assert np.abs(slopes(np.asarray(broken) / truth - 1)) < 0.8
