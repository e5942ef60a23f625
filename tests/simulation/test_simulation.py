"""simulate: correct laws, bits that only depend on what they should, clear refusals."""

import os
import subprocess
import sys
import textwrap

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.domains import Box, Free
from noneq.errors import InvalidInput, MissingTrait, NoneqError, SolveFailed, WrongType
from noneq.simulation import EulerMaruyama, RungeKutta4, StochasticHeun, ensemble, simulate
from noneq.systems import (
    AbstractDiffusion,
    AbstractLinear,
    BeadSpring,
    DrivenRing,
    EightGaussians,
    Linear,
    Prinz,
)


Z = 5.0  # |z| < 5: a false alarm in 6e-7 of the numbers tested


class Custom(AbstractDiffusion):
    """dX = rate X dt + (flat + slope X) dW from 1, as general as the tests need."""

    rate: float = 0.0
    flat: float = 0.0
    slope: float = 0.0
    half_width: float | None = None

    @property
    def event_shape(self):
        return (1,)

    @property
    def domain(self):
        return Free() if self.half_width is None else Box(-self.half_width, self.half_width)

    @property
    def time_step(self):
        return 0.01

    def initial(self, key):
        return jnp.ones(1)

    def drift(self, t, x):
        return self.rate * x

    def diffusion(self, t, x):
        return self.flat + self.slope * x


class Clock(Custom):
    """Not a system of the library: dX = dt since the start, to see the time that drift gets."""

    def drift(self, t, x):
        return jnp.full_like(x, t)


def moments_z(data, system):
    """z-scores of mean and covariance at the last time against the exact law."""
    x = data.at(data.times[-1]).astype(np.float64)
    mean, covariance = system.moments(data.times[-1] - data.times[0])
    n = len(x)
    z_mean = (x.mean(0) - mean) / np.sqrt(np.diag(covariance) / n)
    d = x - x.mean(0)
    variance = np.outer(np.diag(covariance), np.diag(covariance)) + covariance**2
    z_cov = (d.T @ d / (n - 1) - covariance) / np.sqrt(variance / n)
    return np.concatenate([z_mean, z_cov[np.triu_indices(len(mean))]])


OU = Linear(
    A=((1.0, -0.8), (0.4, 0.7)),
    D=((0.5, 0.2), (0.2, 0.9)),
    start_mean=(1.0, -1.0),
    start_covariance=((0.2, 0.0), (0.0, 0.1)),
)


@pytest.mark.parametrize("solver", [None, EulerMaruyama()], ids=["exact", "euler"])
def test_ou_mean_and_covariance_are_exact(solver, key):
    data = simulate(OU, [0.0, 0.3, 1.0], n=20_000, key=key, solver=solver)
    assert np.abs(moments_z(data, OU)).max() < Z


def test_exact_steps_do_not_depend_on_the_interval(key):
    """Uneven and long intervals, at whose length Euler's step explodes; the covariance of two frames."""
    system = BeadSpring(cold=1.0, hot=10.0)
    data = simulate(system, [0.0, 0.5, 3.0], n=20_000, key=key)
    first, second, third = np.moveaxis(data.values.astype(np.float64), 1, 0)
    sigma = system.stationary_covariance()
    for before, after, lag in ((first, second, 0.5), (second, third, 2.5)):
        expected = system.transition(lag)[0] @ sigma
        products = after[:, :, None] * before[:, None, :]
        stderr = products.std(0) / np.sqrt(len(products))
        assert np.abs((products.mean(0) - expected) / stderr).max() < Z
    assert np.abs(np.cov(third.T) / sigma - 1).max() < 0.1


def test_a_dropped_root_two_is_caught(key):
    half = tuple(tuple(v / 2 for v in row) for row in OU.D)
    broken = eqx.tree_at(lambda s: s.D, OU, half)
    data = simulate(broken, [0.0, 0.3, 1.0], n=20_000, key=key, solver=EulerMaruyama())
    assert np.abs(moments_z(data, OU)).max() > 2 * Z


def test_heun_solves_the_same_additive_equation(key):
    data = simulate(OU, [0.0, 1.0], n=20_000, key=key, solver=StochasticHeun(), substeps=20)
    assert np.abs(moments_z(data, OU)).max() < Z


def test_heun_refuses_state_dependent_noise_without_the_correction(key):
    with pytest.raises(InvalidInput, match="ito_correction"):
        simulate(Custom(slope=0.5), [0.0, 1.0], n=10, key=key, solver=StochasticHeun())


def test_heun_with_the_correction_is_ito(key):
    """dX = X/2 dW has mean 1 in the sense of Itô and e^{1/8} in that of Stratonovich."""
    system = Custom(slope=0.5)
    heun = StochasticHeun(ito_correction=True)
    x = simulate(system, [0.0, 1.0], n=40_000, key=key, solver=heun, substeps=20).at(1.0)
    stderr = np.sqrt((np.exp(0.25) - 1) / len(x))
    assert abs(x.mean() - 1) < Z * stderr
    assert abs(x.mean() - np.exp(0.125)) > 2 * Z * stderr


def test_driven_ring_current(key):
    ring = DrivenRing(force=3.0, amplitude=2.0)
    data = simulate(ring, np.arange(0, 6.01, 0.05), n=1000, key=key)
    x = data.values[:, 20:, 0].astype(np.float64)
    assert ((x >= 0) & (x <= 2 * np.pi + 1e-5)).all()
    turns = np.sum((np.diff(x) + np.pi) % (2 * np.pi) - np.pi, axis=1) / (2 * np.pi)
    rate = turns / (data.times[-1] - data.times[20])
    z = (rate.mean() - ring.current()) / (rate.std(ddof=1) / np.sqrt(len(rate)))
    assert abs(z) < Z
    assert abs((rate.mean() - 3 / (2 * np.pi)) / (rate.std() / np.sqrt(len(rate)))) > 2 * Z


def test_prinz_stays_in_its_box_and_labels_travel(key):
    data = simulate(Prinz(), [0.0, 0.02, 0.1], n=200, key=key)
    assert data.values.dtype == np.float32
    assert np.abs(data.values).max() <= 1.0
    assert data.names == ("x", "y")
    assert data.domain == Prinz().domain
    assert data.values.shape == (200, 3, 2)
    assert np.ptp(data.at(0.1)[:, 0]) > 0.5


def test_reflecting_box_keeps_brownian_motion_uniform(key):
    data = simulate(Custom(flat=1.0, half_width=1.5), [0.0, 8.0], n=4000, key=key)
    x = data.at(8.0)[:, 0].astype(np.float64)
    assert np.abs(x).max() <= 1.5
    assert abs(x.mean()) < Z * np.sqrt(0.75 / 4000)
    assert abs(x.var() - 0.75) < Z * np.sqrt((1.5**4 / 5 - 0.75**2) / 4000)


def test_recording_does_not_change_the_steps():
    """Without noise, the same internal steps give the same states however often recorded."""
    system, key = Custom(rate=-1.0), jax.random.key(0)
    often = simulate(system, [0.0, 0.5, 1.0], n=1, key=key, substeps=8)
    once = simulate(system, [0.0, 1.0], n=1, key=key, substeps=16)
    np.testing.assert_allclose(often.at(1.0), once.at(1.0), rtol=1e-6)
    np.testing.assert_allclose(once.at(1.0), (1 - 1 / 16) ** 16, rtol=1e-5)
    np.testing.assert_allclose(often.at(0.5), (1 - 1 / 16) ** 8, rtol=1e-5)


def test_uneven_times_take_their_own_steps():
    data = simulate(Custom(rate=-1.0), [1.0, 1.01, 3.0], n=1, key=jax.random.key(0))
    np.testing.assert_allclose(data.values[0, :, 0], np.exp([0, -0.01, -2.0]), rtol=0.02)


def test_late_times_keep_their_precision():
    """∫ t dt over [1e4, 1e4 + 1] with steps of 0.01, left-hand sums."""
    data = simulate(Clock(), [1e4, 1e4 + 1], n=1, key=jax.random.key(0), substeps=100)
    np.testing.assert_allclose(data.values[0, 1, 0], 1 + 1e4 + 0.495, atol=0.02)


def test_start_is_the_first_frame(key):
    start = np.arange(6.0).reshape(3, 2)
    data = simulate(OU, [0.0, 0.1], n=3, key=key, start=start)
    np.testing.assert_array_equal(data.values[:, 0], start)


def test_the_initial_law_is_the_systems(key):
    x = simulate(Prinz(), [0.0], n=4000, key=key).at(0.0)
    assert abs(x.mean()) < Z * np.sqrt(1 / 3 / 8000)
    assert abs(x.var() - 1 / 3) < Z * np.sqrt((1 / 5 - 1 / 9) / 8000)


def test_same_key_same_bits_other_key_other_bits():
    run = lambda seed: simulate(OU, [0.0, 0.5], n=100, key=jax.random.key(seed)).values
    np.testing.assert_array_equal(run(1), run(1))
    assert (run(1) != run(2)).all()


def test_particles_and_frames_are_independent(key):
    """Chunks, frames and noise blocks differ: increments decorrelate and have unit variance."""
    data = simulate(Custom(flat=1.0), np.arange(4.0), n=2 * ensemble._CHUNK, key=key, substeps=40)
    steps = np.diff(data.values[..., 0], axis=1)
    halves = np.concatenate([steps[: ensemble._CHUNK], steps[ensemble._CHUNK :]], axis=1)
    correlation = np.corrcoef(halves.T) - np.eye(6)
    assert np.abs(correlation).max() < Z / np.sqrt(ensemble._CHUNK)
    assert abs(steps.var() - 1) < Z * np.sqrt(2 / steps.size)


def test_equal_systems_share_one_compilation(monkeypatch):
    traces = []
    drift = AbstractLinear.drift
    monkeypatch.setattr(AbstractLinear, "drift", lambda *a: traces.append(1) or drift(*a))
    run = lambda drive: simulate(
        Linear(A=((drive,),), D=((0.123,),)), [0.0, 0.1], n=7, key=jax.random.key(0), substeps=9
    )
    run(1.25)
    first = len(traces)
    run(1.25)
    assert len(traces) == first > 0
    run(1.5)
    assert len(traces) > first


def test_a_system_without_dynamics_has_one_time(key):
    assert simulate(EightGaussians(), [0.0], n=5, key=key).values.shape == (5, 1, 2)
    with pytest.raises(MissingTrait, match="single time"):
        simulate(EightGaussians(), [0.0, 1.0], n=5, key=key)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"n": 0}, "n = 0"),
        ({"n": True}, "n = True"),
        ({"times": []}, "times"),
        ({"times": np.zeros((1, 2))}, "times"),
        ({"times": [0.0, np.nan]}, "times"),
        ({"times": [0.0, 0.0]}, "increase"),
        ({"times": [1.0, 0.0]}, "increase"),
        ({"substeps": 0}, "substeps"),
        ({"start": np.zeros((3, 3))}, "start"),
        ({"start": np.full((3, 2), np.nan)}, "not finite"),
        ({"n": 10**12}, "GB"),
        ({"times": [0.0, 1e12], "solver": EulerMaruyama()}, "internal steps"),
        ({"solver": RungeKutta4()}, "noise"),
    ],
)
def test_bad_requests_are_refused(options, match, key):
    request = {"times": [0.0, 1.0], "n": 3, "key": key} | options
    times = request.pop("times")
    with pytest.raises(NoneqError, match=match):
        simulate(OU, times, **request)


def test_starts_outside_the_domain_are_refused(key):
    with pytest.raises(InvalidInput, match="row 1"):
        simulate(Prinz(), [0.0, 0.1], n=2, key=key, start=np.array([[0.0, 0.5], [0.0, 1.5]]))
    with pytest.raises(WrongType, match="start"):
        simulate(Prinz(), [0.0, 0.1], n=1, key=key, start=[["a", "b"]])


def test_explosion_names_the_time_and_the_cure(key):
    with pytest.raises(SolveFailed, match="time 2.*substeps"):
        simulate(Custom(rate=80.0), [0.0, 1.0, 2.0, 3.0], n=4, key=key, substeps=200)


def test_coarse_steps_warn(key):
    with pytest.warns(UserWarning, match="time_step"):
        simulate(Custom(flat=1.0), [0.0, 1.0], n=2, key=key, substeps=2)


@pytest.mark.multi
def test_devices_do_not_change_the_result(tmp_path):
    script = textwrap.dedent("""
        import sys, jax, numpy as np, noneq as nq
        data = nq.simulate(nq.systems.Prinz(), [0.0, 0.02, 0.04], n=200, key=jax.random.key(0))
        assert jax.local_device_count() == int(sys.argv[1])
        np.save(sys.argv[2], data.values)
    """)
    results = []
    for count in (1, 2):
        path = tmp_path / f"{count}.npy"
        flags = f"--xla_force_host_platform_device_count={count}"
        subprocess.run(
            [sys.executable, "-c", script, str(count), str(path)],
            check=True,
            timeout=150,
            env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        )
        results.append(np.load(path))
    np.testing.assert_allclose(results[0], results[1], atol=1e-5)
