"""Lyapunov exponents against closed forms and published values; bounded fractions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from noneq.data.ensembles import Trajectories
from noneq.errors import InvalidInput, MissingTrait, SolveFailed
from noneq.inference import bounded_fraction, lyapunov_spectrum
from noneq.inference.boundedness import proportion
from noneq.inference.lyapunov import memory_of
from noneq.systems import BarsAndStripes, DoublePendulum, Linear, Lorenz, Rossler
from noneq.traits import HasVelocity


MOST = 5.0


class Drag(HasVelocity):
    """v = A x, faster at later times."""

    matrix: Array
    pull: float = 0.0

    def velocity(self, x, *, time=None, condition=None):
        return self.matrix @ x * (1.0 if time is None else 1.0 + self.pull * time)


def starts(system, n, key):
    return jax.vmap(system.initial)(jax.random.split(key, n))


def test_linear_flows_are_exact(rng):
    upper = jnp.asarray([[0.3, 2.0, -1.0], [0.0, -0.2, 4.0], [0.0, 0.0, -0.9]])
    found = lyapunov_spectrum(Drag(upper), rng.normal(size=(3, 3)), time=5.0, burn=30.0)
    np.testing.assert_allclose(found.per_time.value, [0.3, -0.2, -0.9], atol=2e-4)
    assert found.per_time.stderr.max() < 1e-4
    assert (found.bounded, found.dropped) == (3, 0)
    first = lyapunov_spectrum(Drag(upper), rng.normal(size=(3, 3)), time=5.0, burn=30.0, k=1)
    np.testing.assert_allclose(first.per_time.value, [0.3], atol=2e-4)


def test_a_rotation_has_none_and_a_trap_its_rate(rng):
    turn = Drag(jnp.asarray([[0.0, -1.0], [1.0, 0.0]]))
    found = lyapunov_spectrum(turn, rng.normal(size=(2, 2)), time=20.0)
    np.testing.assert_allclose(found.per_time.value, 0.0, atol=1e-5)
    # Noise is left out; −1 ± 2i both contract at 1.
    found = lyapunov_spectrum(Linear(), rng.normal(size=(2, 2)), time=10.0, step=0.01)
    np.testing.assert_allclose(found.per_time.value, [-1.0, -1.0], atol=1e-4)


def test_models_that_depend_on_time_are_told_it():
    """λ = −⟨1 + t⟩ from t = 1 to 3."""
    model = Drag(-jnp.eye(2), pull=1.0)
    found = lyapunov_spectrum(model, np.ones((2, 2)), time=2.0, burn=0.0, first=1.0, every=5)
    np.testing.assert_allclose(found.per_time.value, -3.0, rtol=1e-4)


def test_lorenz_has_its_published_spectrum(key):
    """Sprott 2003: 0.9056, 0, −14.5723, to which rounding and the step of 0.01 add 2e-3."""
    system = Lorenz()
    found = lyapunov_spectrum(system, starts(system, 32, key), time=100.0, burn=20.0)
    off = np.abs(found.per_time.value - [0.9056, 0.0, -14.5723])
    assert (off < MOST * found.per_time.stderr + 2e-3).all()
    assert found.per_time.stderr[0] < 0.01
    np.testing.assert_allclose(found.per_time.value.sum(), -41 / 3, atol=1e-3)
    np.testing.assert_allclose(
        found.per_speed.value, found.per_time.value / found.speed.value, rtol=1e-6
    )
    other = Lorenz(rho=26.0)
    broken = lyapunov_spectrum(other, starts(other, 32, key), time=100.0, burn=20.0).per_time
    assert abs(broken.value[0] - 0.9056) > MOST * broken.stderr[0] + 2e-3


def test_rossler_has_its_published_spectrum(key):
    """Sprott 2003: 0.0714, 0, −5.3943. All trajectories turn in step, and one mean is biased."""
    system = Rossler()
    found = lyapunov_spectrum(system, starts(system, 16, key), time=400.0, burn=100.0).per_time
    assert (np.abs(found.value - [0.0714, 0.0, -5.3943]) < MOST * found.stderr + 3e-4).all()
    assert (found.stderr < [0.005, 0.0008, 0.004]).all()


def test_oscillations_in_step_leave_no_bias():
    """A growth rate that oscillates as 1 + 30 cos 7t, for all trajectories at once, is 1."""
    wave = lambda x: jnp.stack([(1.0 + 30.0 * jnp.cos(7.0 * x[1])) * x[0], jnp.ones(())])
    start = np.stack([np.full(4, 1e-30), np.linspace(0.0, 0.02, 4)], axis=1)
    found = lyapunov_spectrum(wave, start, time=20.3, burn=0.0).per_time
    np.testing.assert_allclose(found.value, [1.0, 0.0], atol=0.01)
    plain = 30.0 * np.sin(7.0 * 20.3) / 7.0 / 20.3
    assert abs(plain) > 0.1


@pytest.mark.slow
@pytest.mark.stat
@pytest.mark.optimised
@pytest.mark.parametrize(
    ("system", "truth", "times"),
    [
        (Rossler(), [0.0714, 0.0, -5.3943], {"time": 400.0, "burn": 100.0}),
        (Rossler(), [0.0714, 0.0, -5.3943], {"time": 2000.0}),
        (Lorenz(), [0.9056, 0.0, -14.5723], {}),
        (Lorenz(), [0.9056, 0.0, -14.5723], {"time": 1000.0}),
    ],
)
def test_errors_are_those_of_repetitions(system, truth, times):
    """z of all exponents over 24 sets of starts is standard, also where these turn in step."""
    z = []
    for seed in range(24):
        start = starts(system, 16, jax.random.key(seed))
        z.append(lyapunov_spectrum(system, start, **times).per_time.z(truth))
    # The published digits, float32 and the step move a mean by up to 2e-4, half an error here.
    assert (np.sqrt(np.mean(np.square(z), 0)) < 1.6).all()
    assert (np.sqrt(np.mean(np.square(z), 0)) > 0.6).all()


@pytest.mark.slow
def test_hamiltonian_exponents_come_in_pairs(key):
    system = DoublePendulum()
    found = lyapunov_spectrum(system, starts(system, 4, key), step=0.02, time=200.0).per_time.value
    assert found[0] > 0.05
    np.testing.assert_allclose(found[:2], -found[:1:-1], atol=0.02)
    np.testing.assert_allclose(found.sum(), 0.0, atol=1e-4)


def test_speed_cancels(key):
    slow, start = Lorenz(), starts(Lorenz(), 8, key)
    fast = lambda x: 3.0 * slow.drift(0.0, x)
    one = lyapunov_spectrum(slow, start, step=0.012, time=60.0, burn=10.0, scale=2.0)
    two = lyapunov_spectrum(fast, start, step=0.004, time=20.0, burn=10 / 3, scale=2.0)
    np.testing.assert_allclose(two.speed.value, 3 * one.speed.value, rtol=0.1)
    both = one.per_speed.stderr + two.per_speed.stderr
    assert (np.abs(one.per_speed.value - two.per_speed.value) < MOST * both + 1e-4).all()


def test_a_single_trajectory_has_errors_too(key):
    system = Lorenz()
    found = lyapunov_spectrum(system, starts(system, 1, key), time=400.0)
    assert (found.per_time.n == 16).all()
    assert np.abs(found.per_time.z([0.9056, 0.0, -14.5723])).max() < 2 * MOST
    assert (found.memory < 0.1).all()
    assert "per unit time" in str(found)


def test_memory_of_a_known_process(rng):
    """Integrated autocorrelation of AR(1) with coefficient 0.6 is (1 + 0.6)/(1 − 0.6) = 4."""
    steps, noise = np.zeros((8000, 32, 1)), rng.normal(size=(8000, 32, 1))
    for i in range(1, 8000):
        steps[i] = 0.6 * steps[i - 1] + noise[i]
    np.testing.assert_allclose(memory_of(steps), 4.0, rtol=0.25)
    assert memory_of(noise) < 1.5


def escape(x):
    """Rests at 0, runs away in finite time from beyond 1."""
    return -x + x**2


def test_trajectories_that_run_away_are_dropped():
    with pytest.warns(UserWarning, match="2 of 5 trajectories"):
        found = lyapunov_spectrum(
            escape, np.array([[0.2], [2.0], [-1.0], [0.5], [3.0]]), time=10.0, burn=15.0
        )
    assert (found.bounded, found.dropped) == (3, 2)
    np.testing.assert_allclose(found.per_time.value, -1.0, atol=1e-3)
    with pytest.raises(SolveFailed, match="none of 2"):
        lyapunov_spectrum(escape, np.array([[2.0], [3.0]]), time=10.0)
    grows = lambda x: 0.3 * x
    with pytest.raises(SolveFailed, match="reach = 5"):
        lyapunov_spectrum(grows, np.ones((2, 1)), time=10.0, within=np.array([[-1.0], [1.0]]))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"k": 4}, "k = 4"),
        ({"time": 0.5}, "time = 0.5"),
        ({"burn": -1.0}, "burn = -1.0"),
        ({"step": 0.0}, "step = 0.0"),
        ({"reach": -1.0}, "reach = -1.0"),
        ({"scale": None}, "within="),
        ({"within": np.ones((5, 2))}, "expected \\(3,\\)"),
    ],
)
def test_requests_that_make_no_sense(arguments, word):
    with pytest.raises(InvalidInput, match=word):
        lyapunov_spectrum(Lorenz(), np.ones((2, 3)), **arguments)


def test_fields_and_starts_of_the_wrong_kind():
    with pytest.raises(MissingTrait, match="BarsAndStripes"):
        lyapunov_spectrum(BarsAndStripes(), np.ones((2, 4)))
    with pytest.raises(InvalidInput, match="start has shape"):
        lyapunov_spectrum(Lorenz(), np.ones((2, 4)))


def test_bounded_fraction_counts(rng):
    data = rng.normal(size=(500, 2)) * [1.0, 10.0]
    paths = np.zeros((8, 5, 2))
    paths[0, 3, 0], paths[1, 2, 1], paths[2, 4] = 20.0, 20.0, np.nan
    found = bounded_fraction(paths, data)
    assert found.value == 6 / 8
    times, mask = np.arange(5.0), np.ones((8, 5), bool)
    mask[0, 3] = mask[2, 4] = False
    assert bounded_fraction(Trajectories(paths, times, mask=mask), data).value == 1.0
    assert 0 < bounded_fraction(paths[3:], data).stderr < 0.2
    with pytest.raises(InvalidInput, match="paths have shape"):
        bounded_fraction(paths[0], data)


def test_bounded_fraction_follows_fields(key):
    data = np.asarray(starts(Lorenz(), 200, key))
    assert bounded_fraction(Lorenz(), data, time=20.0).value == 1.0
    assert bounded_fraction(lambda x: 0.2 * x, data, time=20.0).value == 0.0
    half = bounded_fraction(escape, data[:, :1], start=np.linspace(0, 2, 9)[:, None], time=20.0)
    assert half.value == 5 / 9


def test_proportions_have_honest_errors(rng):
    """The error is about the spread of a proportion, and never zero."""
    for p in (0.5, 0.9):
        counts = rng.binomial(40, p, size=400)
        errors = [proportion(int(c), 40).stderr for c in counts]
        np.testing.assert_allclose(np.mean(errors), np.std(counts / 40), rtol=0.15)
    assert proportion(20, 20).stderr == pytest.approx(1 / 42)
    assert proportion(0, 20).stderr == pytest.approx(1 / 42)
