"""Orders of convergence of the solvers, in double precision on dyadic steps.

Strong orders share one Brownian path: fine increments are summed for the coarser steps.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.domains import Free
from noneq.simulation import EulerMaruyama, RungeKutta4, StochasticHeun, simulate
from noneq.systems import AbstractDiffusion, Linear


class Geometric(AbstractDiffusion):
    """dX = a X dt + b X dW from 1, in the sense of Itô."""

    a: float = 0.5
    b: float = 0.8

    @property
    def event_shape(self):
        return (1,)

    @property
    def domain(self):
        return Free()

    @property
    def time_step(self):
        return 1.0

    def initial(self, key):
        return jnp.ones(1)

    def drift(self, t, x):
        return self.a * x

    def diffusion(self, t, x):
        return self.b * x


class Pendulum(Geometric):
    """A driven pendulum: time-dependent, nonlinear, without noise."""

    @property
    def event_shape(self):
        return (2,)

    def initial(self, key):
        return jnp.array([1.0, 0.0])

    def drift(self, t, x):
        return jnp.stack([x[1], -jnp.sin(x[0]) + 0.5 * jnp.cos(2 * t)])

    def diffusion(self, t, x):
        return jnp.zeros(())


class Additive(Geometric):
    """dX = −sin(2X) dt + 0.7 dW."""

    def drift(self, t, x):
        return -jnp.sin(2 * x)

    def diffusion(self, t, x):
        return jnp.asarray(0.7)


def slope(steps, errors):
    return np.polyfit(np.log(steps), np.log(errors), 1)[0]


@eqx.filter_jit
def integrate(system, solver, increments):
    """End states from 1 after unit time, for paths of standard increments (paths, steps)."""
    h = 1.0 / increments.shape[1]

    def path(dw):
        clock = jnp.arange(dw.size) * h
        step = lambda x, k: (solver.step(system, k[0], x, h, k[1][None] / jnp.sqrt(h)), None)
        return jax.lax.scan(step, jnp.ones(1), (clock, dw))[0]

    return jax.vmap(path)(increments)[:, 0]


def strong_slope(system, solver, key, exact=None, finest=2**12, levels=(4, 5, 6, 7)):
    fine = jax.random.normal(key, (2000, finest)) / np.sqrt(finest)
    coarse = lambda steps: fine.reshape(len(fine), steps, -1).sum(-1)
    truth = integrate(system, solver, fine) if exact is None else exact(fine.sum(1))
    steps = [2**level for level in levels]
    ends = [integrate(system, solver, coarse(count)) for count in steps]
    return slope([1 / s for s in steps], [float(jnp.mean(jnp.abs(e - truth))) for e in ends])


def geometric_ito(w):
    system = Geometric()
    return jnp.exp((system.a - system.b**2 / 2) * 1.0 + system.b * w)


def test_euler_has_strong_order_half_with_multiplicative_noise(key):
    assert abs(strong_slope(Geometric(), EulerMaruyama(), key, geometric_ito) - 0.5) < 0.2


def test_euler_has_strong_order_one_with_additive_noise(key):
    assert abs(strong_slope(Additive(), EulerMaruyama(), key) - 1.0) < 0.2


def test_corrected_heun_has_strong_order_one_to_the_ito_solution(key):
    heun = StochasticHeun(ito_correction=True)
    assert abs(strong_slope(Geometric(), heun, key, geometric_ito) - 1.0) < 0.2


def test_uncorrected_heun_does_not_converge_to_the_ito_solution(key):
    assert strong_slope(Geometric(), StochasticHeun(), key, geometric_ito) < 0.2


def test_plain_heun_solves_stratonovich_with_order_one(key):
    system = Geometric()
    exact = lambda w: jnp.exp(system.a + system.b * w)
    assert abs(strong_slope(system, StochasticHeun(), key, exact) - 1.0) < 0.2


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_euler_has_weak_order_one(sign):
    """The second moment under Euler is exactly known: (1 + (2a + b²) h + a² h²)^N."""
    system = Geometric(a=sign * 0.5)
    truth = np.exp(2 * system.a + system.b**2)
    counts = [8, 16, 32, 64]
    errors = []
    for count in counts:
        # Gauss–Hermite noise instead of random numbers: the expectation without sampling error.
        nodes, weights = np.polynomial.hermite_e.hermegauss(5)
        step = lambda xi, h=1 / count: EulerMaruyama().step(system, 0.0, jnp.ones(1), h, xi)[0]
        growth = (
            np.sum(weights * np.array([step(jnp.full(1, xi)) for xi in nodes]) ** 2) / weights.sum()
        )
        errors.append(abs(growth**count - truth))
    assert abs(slope([1 / c for c in counts], errors) - 1.0) < 0.2


@pytest.mark.parametrize(
    ("solver", "order"), [(EulerMaruyama(), 1), (StochasticHeun(), 2), (RungeKutta4(), 4)]
)
def test_order_without_noise(solver, order, key):
    counts = [8, 16, 32, 64]
    run = lambda count, by: simulate(
        Pendulum(), [0.0, 2.0], n=1, key=key, solver=by, substeps=count
    ).at(2.0)
    truth = run(1280, RungeKutta4())
    errors = [np.abs(run(count, solver) - truth).max() for count in counts]
    assert truth.dtype == np.float64
    assert abs(slope([1 / c for c in counts], errors) - order) < 0.25


@pytest.mark.filterwarnings("ignore:simulate. steps of")
def test_weak_bias_of_euler_in_the_stationary_variance(key):
    """Euler's stationary variance is D/k / (1 − k h/2), not D/k: the scheme, not only its limit."""
    h = 0.25
    system = Linear(A=((1.0,),), D=((1.0,),))
    x = simulate(system, [0.0, 8.0], n=100_000, key=key, substeps=32).at(8.0)
    stderr = np.sqrt(2 / len(x))
    assert abs(x.var() * (1 - h / 2) - 1) < 5 * stderr
    assert abs(x.var() - 1) > 10 * stderr
