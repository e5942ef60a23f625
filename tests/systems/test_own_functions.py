"""Systems of one's own functions agree with the library's, and say what is wrong with a function."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput, MissingTrait, WrongType
from noneq.systems import ODE, Diffusion, DoubleWell, Langevin


WELL = DoubleWell()
TIMES = np.linspace(0, 0.2, 5)


@pytest.fixture(scope="module")
def well_paths():
    return nq.simulate(WELL, TIMES, n=64, seed=1)


def force(x):
    return -4 * x * (x**2 - 1)


@pytest.mark.parametrize(
    "own",
    [
        Langevin(
            lambda x: (x[0] ** 2 - 1) ** 2, beta=3.0, initial=[-1.0], time_step=WELL.time_step
        ),
        Diffusion(
            lambda t, x: force(x),
            noise=lambda x: [[jnp.sqrt(2 / 3)]],
            initial=lambda key: -jnp.ones(1),
            time_step=WELL.time_step,
        ),
    ],
    ids=["potential", "drift"],
)
def test_an_own_system_moves_as_the_librarys(own, well_paths):
    paths = nq.simulate(own, TIMES, n=64, seed=1)
    np.testing.assert_allclose(paths.values, well_paths.values, atol=1e-5)


def test_work_and_power_of_a_moving_trap():
    """V = (x − v t)²/2: the lag tends to v, hence the power to v²."""
    speed = 2.0
    trap = Langevin(lambda t, x: (x[0] - speed * t) ** 2 / 2, beta=2.0, initial=[0.0])
    data = nq.simulate(trap, np.linspace(0, 6, 13), n=400, seed=0)
    power = nq.thermo.power(data, trap)[-4:]
    # ⟨x⟩ = v (t − 1 + e^{-t}).
    truth = speed**2 * (1 - np.exp(-data.times[-4:]))
    assert (np.abs(power.z(truth)) < 5).all()
    assert (np.abs(power.z(truth + 1.0)) > 5).all()


def test_an_ode_takes_lists_and_the_solver_of_odes():
    circle = ODE(lambda x: [x[1], -x[0]], initial=[1.0, 0.0])
    assert circle.time_step == pytest.approx(0.02)
    end = nq.simulate(circle, [0, np.pi / 2], n=1, seed=0).values[0, -1]
    np.testing.assert_allclose(end, [0, -1], atol=1e-5)


def test_the_time_step_follows_the_stiffest_place_that_paths_visit():
    # From 0 the force of the wall at 1 is not felt, which is 100 times steeper.
    slope = lambda x: 1.0 - 100 * jnp.maximum(x - 1.0, 0.0)
    there = Diffusion(slope, 0.1, initial=[0.9])
    assert there.time_step == pytest.approx(0.02 / 100, rel=1e-3)
    narrow = Diffusion(lambda x: 0 * x, 1.0, initial=[0.5], domain=nq.Box(0.0, 1.0))
    assert narrow.time_step == pytest.approx(0.05**2)
    assert Diffusion(slope, 0.1, initial=[0.0], time_step=0.5).time_step == 0.5


def test_what_a_task_does_not_need_may_be_missing():
    bare = Langevin(lambda x: jnp.sum(x**2), shape=2, domain=nq.Box(-1.0, 1.0))
    np.testing.assert_allclose(bare.drift(0.0, jnp.ones(2)), [-2, -2])
    assert nq.methods.OracleBoltzmann(system=bare).system is bare
    with pytest.raises(MissingTrait, match="initial="):
        nq.simulate(bare, [0.0, 1.0], n=2, seed=0)
    data = nq.Trajectories(np.zeros((2, 2, 2)), [0, 1])
    moving = Diffusion(lambda x: -x, 1.0, shape=2)
    with pytest.raises(TypeError, match="AbstractLangevin.*Diffusion"):
        nq.thermo.power(data, moving)
    with pytest.raises(TypeError, match="AbstractLangevin.*Diffusion"):
        nq.methods.OracleBoltzmann(system=moving)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Diffusion(lambda x: np.sin(x), 1.0, shape=1), "jax.numpy"),
        (lambda: Diffusion(lambda x: -x if x[0] > 0 else x, 1.0, shape=1), "jnp.where"),
        (lambda: Diffusion(lambda x: x[0], 1.0, shape=2), r"gives the shape \(\)"),
        (lambda: Diffusion(lambda x: x, [1.0, 2.0, 3.0], shape=2), r"noise.*\(2, m\)"),
        (lambda: Diffusion(lambda x: x, "loud", shape=2), "noise = 'loud'"),
        (lambda: Diffusion(lambda x: x, 1.0), "initial=.*shape="),
        (lambda: Diffusion(lambda x: x, 1.0, initial=1.0), "expected a vector"),
        (lambda: Diffusion(lambda x: x, 1.0, initial=[np.nan]), "finite"),
        (lambda: Diffusion(lambda x: x, 1.0, initial=[0.0], shape=2), "shape="),
        (lambda: Diffusion(lambda a, b, c: a, 1.0, shape=1), "3 arguments"),
        (lambda: Diffusion(lambda x: x, 1.0, shape=1, time_step=-1.0), "time_step"),
        (lambda: Langevin(lambda x: x, shape=2), r"gives the shape \(2,\)"),
        (lambda: Langevin(lambda x: x @ x, shape=2, beta=0.0), "beta"),
    ],
)
def test_what_is_wrong_with_a_function_is_said_at_once(make, words):
    with pytest.raises(InvalidInput, match=words):
        make()


def test_a_drift_must_be_a_function():
    with pytest.raises(WrongType, match="drift.*a function"):
        Diffusion(3.0, 1.0, shape=1)


def test_a_drift_may_hold_arrays():
    class Pull:
        def __call__(self, x):
            return -jnp.arange(1.0, 3.0) * x

    system = Diffusion(Pull(), jnp.eye(2), initial=[0.0, 0.0])
    assert system.time_step == pytest.approx(0.01)
    assert system.diffusion(0.0, jnp.zeros(2)).shape == (2, 2)
    assert jax.jit(system.drift)(0.0, jnp.ones(2)).tolist() == [-1, -2]
