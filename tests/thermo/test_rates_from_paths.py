"""Entropy production from paths alone, against what each estimator must find at the data's interval."""

import warnings

import numpy as np
import pytest
from scipy.linalg import expm

from noneq.data.ensembles import Trajectories
from noneq.domains import Torus
from noneq.errors import InvalidInput
from noneq.statistics.increment_sums import Totals
from noneq.statistics.libraries import Polynomial
from noneq.thermo import exact
from noneq.thermo.estimators import force_current, gaussian
from noneq.thermo.estimators.force_current import force_current_rate
from noneq.thermo.estimators.gaussian import gaussian_rate
from noneq.thermo.estimators.library_choice import chosen_library
from noneq.thermo.estimators.spectral import entropy_spectrum, spectral_rate
from noneq.thermo.estimators.uncertainty import uncertainty_bound
from steady_paths import (
    langevin_paths,
    linear_paths,
    midpoint_law,
    pair_divergence_rate,
    step_law,
)


BEADS = np.array([[2.0, -1.0], [-1.0, 2.0]]), np.diag([1.0, 10.0])
DT = 0.01


def endless(A, D, dt, *, exactly, at):
    """What the sums of endless data tend to, for the library (1, x1, x2)."""
    middle, cross, square = midpoint_law(A, D, dt, exact=exactly)
    if at == "start":
        E, _, middle = step_law(A, D, dt, exact=exactly)
        cross = (E - np.eye(2)) @ middle
    gram, lifted = np.eye(3), np.zeros((3, 2))
    gram[1:, 1:], lifted[1:] = middle, cross.T
    count = 1e11
    sums = (count * dt * gram, count * lifted, count * square / dt)
    return Totals(*sums, count * dt, count, np.zeros((3, 2)), np.zeros((3, 3)))


@pytest.mark.parametrize(
    ("exactly", "pairs", "plug_in"), [(True, 1.98464, 1.96986), (False, 2.0403, 2.025)]
)
def test_expectations_at_the_datas_own_interval(exactly, pairs, plug_in):
    """Endless data: the relative entropy of pairs, and the plug-in; sums at the start are the twin."""
    assert pair_divergence_rate(*BEADS, DT, exact=exactly) == pytest.approx(pairs, abs=1e-5)
    rate = force_current._constant(1, False, 0.0)
    middle, start = (endless(*BEADS, DT, exactly=exactly, at=at) for at in ("middle", "start"))
    assert rate(middle)[0] == pytest.approx(pairs, abs=1e-5)
    assert abs(rate(start)[0] - pairs) > 1
    A, D, dt = gaussian._law((start,), np.ones(2), 0.0)
    assert dt == pytest.approx(DT)
    assert gaussian._rate(A, D) == pytest.approx(plug_in, abs=1e-5)
    if exactly:
        assert gaussian._limit(A, D, dt) == pytest.approx(2.025, abs=1e-6)


@pytest.fixture(scope="module")
def beads():
    rng = np.random.default_rng(11)
    return linear_paths(*BEADS, n=100, frames=2000, dt=DT, rng=rng)


@pytest.mark.stat
def test_beads_between_two_baths(beads):
    """Three methods on the same paths: |z| < 4 each; their rates lie in the order of theory."""
    current, linear, bound = (
        f(beads) for f in (force_current_rate, gaussian_rate, uncertainty_bound)
    )
    assert abs(current.z(1.98464)) < 4
    assert abs(linear.z(1.96986)) < 4
    assert abs(bound.z(1.95549)) < 4
    # The same noise is in all three: their differences are told to a fifth of the errors.
    assert float(current.value - linear.value) == pytest.approx(1.98464 - 1.96986, abs=0.02)
    assert float(current.value - bound.value) == pytest.approx(1.98464 - 1.95549, abs=0.015)
    assert float(linear.limit - linear.value) == pytest.approx(2.025 - 1.96986, abs=0.01)
    assert float(current.limit - current.value) == pytest.approx(0.04, abs=0.03)
    assert bound.bound == "lower"
    assert [e.method for e in (current, linear, bound)] == ["force_current", "gaussian", "tur"]
    # The least error of any estimator is √(8σ/T + …) = 0.094 here.
    for found in (current, linear, bound):
        assert 0.06 < float(found.stderr) < 0.14
        assert found.bias > 0
    assert "degree 1" in current.notes[0]


@pytest.mark.stat
def test_one_long_path(beads, rng):
    path = linear_paths(*BEADS, n=1, frames=60_000, dt=DT, rng=rng)
    for f, target in ((force_current_rate, 1.98464), (gaussian_rate, 1.96986)):
        assert abs(f(path).z(target)) < 4


@pytest.mark.stat
def test_equilibrium_costs_nothing(rng):
    """A trap with correlated noise, no current: within 4 errors of 0 where the raw value is not."""
    D = np.array([[1.0, 0.5], [0.5, 0.7]])
    S = np.array([[1.0, 0.2], [0.2, 0.5]])
    rest = linear_paths(D @ np.linalg.inv(S), D, n=60, frames=300, dt=0.02, rng=rng)
    rich = Polynomial(4)
    for found in (
        force_current_rate(rest, library=rich),
        gaussian_rate(rest),
        uncertainty_bound(rest, library=rich),
    ):
        assert abs(found.z(0.0)) < 4
        assert found.stderr < 0.1
    line = linear_paths([[1.0]], [[1.0]], n=40, frames=100, dt=0.02, rng=rng)
    assert abs(gaussian_rate(line).z(0.0)) < 4
    raw = force_current_rate(rest, library=rich)
    assert raw.bias > 4 * raw.stderr / 3


@pytest.mark.stat
def test_measurement_noise(rng):
    """Noise of an rms step: corrected rates hold, the uncorrected one is far below and warned of."""
    noisy = linear_paths(*BEADS, n=100, frames=2000, dt=DT, rng=rng, noise=0.15)
    current = force_current_rate(noisy, localisation=True)
    assert abs(current.z(1.98464)) < 4
    assert abs(gaussian_rate(noisy, localisation=True).z(1.96986)) < 4
    with pytest.warns(UserWarning, match="localisation=True"):
        raw = force_current_rate(noisy)
    assert raw.z(1.98464) < -8


@pytest.mark.stat
def test_gyrator_and_active_particle_with_gaps_and_uneven_times(rng):
    gyrator = np.array([[1.0, 0.5], [0.5, 2.0]]), np.diag([1.0, 3.0])
    active = np.array([[1.0, -1.0], [0.0, 2.0]]), np.diag([0.3, 0.8 / 0.25])
    for (A, D), truth in ((gyrator, 1 / 9), (active, exact.aoup(1.0, 0.5, 0.3, 0.8))):
        paths = linear_paths(A, D, n=100, frames=1500, dt=0.01, rng=rng)
        mask = rng.random((100, 1500)) > 0.1
        mask[:, 0] = mask[0] = True
        gaps = Trajectories(paths.values, paths.times * (1 + 1e-9), mask=mask)
        for data in (paths, gaps):
            found = force_current_rate(data, library=Polynomial(1))
            assert abs(found.z(pair_divergence_rate(A, D, 0.01, exact=True))) < 4
        assert gaussian_rate(gaps).z(truth) < 4
    keep = np.sort(rng.choice(1500, 1200, replace=False))
    uneven = force_current_rate(paths.frames(keep), library=Polynomial(1), extrapolate=False)
    assert abs(uneven.z(pair_divergence_rate(*active, 0.0125, exact=True))) < 4
    with pytest.raises(InvalidInput, match="uneven"):
        gaussian_rate(paths.frames(keep))


def swirl(x):
    slope = np.stack([4 * x[..., 0] * (x[..., 0] ** 2 - 1), 2 * x[..., 1]], -1)
    return -slope + np.stack([slope[..., 1], -slope[..., 0]], -1)


def hopf(x):
    return (1 - (x**2).sum(-1, keepdims=True)) * x + 2 * np.stack([-x[..., 1], x[..., 0]], -1)


@pytest.mark.stat
def test_nonlinear_systems_by_their_limit(rng):
    """Values of continuous time within 4 errors of the extrapolated ones; the swirl's plain value fails."""
    near = lambda found, truth: abs(found.limit - truth) < 4 * found.limit_stderr
    start = rng.standard_normal((300, 2)) * 0.4 + np.sign(rng.standard_normal((300, 1))) * [1, 0]
    paths = langevin_paths(swirl, 0.5, start, frames=700, dt=0.01, substeps=5, rng=rng, settle=3.0)
    found = force_current_rate(paths)
    truth = exact.swirl(1.0, 0.5)
    assert near(found, truth)
    assert found.value < 0.95 * truth
    assert found.limit_stderr < 0.03 * truth
    assert "degree 3" in found.notes[0]
    paths = langevin_paths(hopf, 0.1, start, frames=400, dt=0.02, substeps=5, rng=rng, settle=4.0)
    found = force_current_rate(paths)
    assert near(found, exact.hopf(1.0, 2.0, 0.1))
    assert found.limit_stderr < 0.03 * found.value


@pytest.fixture(scope="module")
def ring():
    rng = np.random.default_rng(2)
    start = rng.uniform(0, 2 * np.pi, (300, 1))
    return langevin_paths(
        lambda x: 3 + 2 * np.sin(x), 1.0, start, frames=500, dt=0.01, substeps=4, rng=rng,
        settle=1.5, domain=Torus(),
    )  # fmt: skip


@pytest.mark.stat
def test_a_driven_ring_needs_no_unwrapping(ring):
    found, truth = force_current_rate(ring), exact.driven_ring(3.0, 2.0)
    assert abs(found.limit - truth) < 4 * found.limit_stderr
    assert found.limit_stderr < 0.03 * truth
    assert "harmonics" in found.notes[0]
    # 1/p is no low harmonic: the constant alone loses what the library must hold.
    with pytest.warns(UserWarning, match="degree 0 does not span the mean velocity"):
        flat = force_current_rate(ring, library=Polynomial(0, period=(2 * np.pi,)))
    named = force_current_rate(ring, library=Polynomial(2, period=(2 * np.pi,)), extrapolate=False)
    plain = force_current_rate(ring, library=Polynomial(2), extrapolate=False)
    assert plain.value == pytest.approx(named.value, rel=1e-9)
    assert flat.value < 0.95 * found.value
    bound = uncertainty_bound(ring)
    assert bound.value < found.value
    assert bound.value > 0.85 * truth
    with pytest.raises(InvalidInput, match="periodic"):
        gaussian_rate(ring)


@pytest.mark.stat
def test_noise_that_depends_on_the_state(rng):
    """On a ring D(x) = 1 + 0.5 cos x with a constant force: σ by quadrature."""
    wide, slope = lambda x: 1 + 0.5 * np.cos(x), lambda x: -0.5 * np.sin(x)
    x, found, dt = rng.uniform(0, 2 * np.pi, (200, 1)), [], 0.004
    for t in range(1500):
        if t >= 500 and t % 2 == 0:
            found.append(x % (2 * np.pi))
        x = x + (2 + slope(x)) * dt + np.sqrt(2 * wide(x) * dt) * rng.standard_normal(x.shape)
    paths = Trajectories(np.stack(found, 1), np.arange(500) * 2 * dt, domain=Torus())
    # J = 2 p − D p': solved on harmonics; σ = J² ∫ dx/(p D).
    grid = np.arange(4096) * 2 * np.pi / 4096
    modes = np.stack([np.exp(1j * k * grid) for k in range(-20, 21)], 1)
    d_modes = modes * 1j * np.arange(-20, 21)
    left = modes.conj().T @ (2 * modes - wide(grid)[:, None] * d_modes) / 4096
    p = (modes @ np.linalg.solve(left, np.eye(41)[20])).real
    J = 1 / (p.mean() * 2 * np.pi)
    p = p * J
    truth = float(J**2 * (1 / (p * wide(grid))).mean() * 2 * np.pi)
    varying = force_current_rate(paths, diffusion="linear")
    assert abs(varying.limit - truth) < 4 * varying.stderr
    assert abs(force_current_rate(paths).limit - truth) > 4 * varying.stderr


@pytest.mark.stat
def test_fields_by_wave_vector(rng):
    """Two fields that rotate into each other: 2 w²/(r + 2 − 2 cos q) a mode, 13.65375 in all."""
    n, r, w, dt = 16, 0.5, 0.8, 0.01
    laplace = np.roll(np.eye(n), 1, 0) + np.roll(np.eye(n), -1, 0) - 2 * np.eye(n)
    A = np.block(
        [[r * np.eye(n) - laplace, -w * np.eye(n)], [w * np.eye(n), r * np.eye(n) - laplace]]
    )
    fields = linear_paths(A, np.eye(2 * n), n=64, frames=600, dt=dt, rng=rng, event=(2, n))
    target = pair_divergence_rate(A, np.eye(2 * n), dt, exact=True)
    spectrum = entropy_spectrum(fields)
    assert target == pytest.approx(exact.nonreciprocal_ring(n, r, w), rel=0.02)
    assert abs(spectrum.total.z(target)) < 4
    q = spectrum.wave_vector[:, 0]
    both = np.where((q == 0) | (q == np.pi), 1, 2)
    theory = both * 2 * w**2 / (r + 2 - 2 * np.cos(q))
    assert np.abs((spectrum.rate.value - theory) / spectrum.rate.stderr).max() < 4.5
    assert float(spectrum.total.value) == pytest.approx(spectrum.rate.value.sum())
    assert float(spectral_rate(fields).value) == pytest.approx(float(spectrum.total.value))
    with pytest.raises(InvalidInput, match="fields"):
        spectral_rate(Trajectories(fields.values.reshape(64, 600, 32), fields.times))
    with pytest.raises(InvalidInput, match="spectral_rate"):
        force_current_rate(fields)


def test_what_tells_no_rate_is_named(beads):
    still = np.concatenate([beads.values, np.ones((100, 2000, 1))], 2)
    with pytest.raises(InvalidInput, match="x2 never moves"):
        force_current_rate(Trajectories(still, beads.times))
    copy = np.concatenate([beads.values, beads.values[..., :1]], 2)
    with pytest.raises(InvalidInput, match="copy"):
        gaussian_rate(Trajectories(copy, beads.times))
    with pytest.raises(InvalidInput, match="longer"):
        force_current_rate(beads.take(np.arange(1)).frames(slice(0, 20)))
    away = beads.values + 30 * np.exp(-beads.times)[:, None]
    for f in (force_current_rate, gaussian_rate, uncertainty_bound):
        with pytest.raises(InvalidInput, match="transient"):
            f(Trajectories(away, beads.times))
    smooth = np.concatenate([beads.values, np.cumsum(beads.values[..., :1], 1) * DT], 2)[
        :, :, [2, 0]
    ]
    smooth[..., 0] -= smooth[..., 0].mean(1, keepdims=True)
    with pytest.raises(InvalidInput, match="without noise"):
        force_current_rate(Trajectories(smooth[:, ::2], beads.times[::2]), library=Polynomial(1))
    with pytest.warns(UserWarning, match="relaxation time"):
        force_current_rate(beads.frames(slice(0, None, 50)), library=Polynomial(1))
    # Four paths of two relaxation times: the rate comes with a word about it.
    with pytest.warns(UserWarning, match="relaxation times of x. long, all paths together"):
        force_current_rate(beads.take(np.arange(4)).frames(slice(0, 200)), library=Polynomial(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        force_current_rate(beads.frames(slice(0, 200)), library=Polynomial(1))


def test_the_library_grows_with_what_the_data_tell(beads, ring):
    assert chosen_library(beads).degree == 1
    assert 2 <= chosen_library(ring).degree <= 8
    assert chosen_library(ring).period == (pytest.approx(2 * np.pi),)


def ring_of_pairs(force, amplitude, dt, cells=400):
    """⟨v D^{-1} v⟩ of the middles of pairs of frames, by the propagator on a grid of the ring."""
    h = 2 * np.pi / cells
    drift = force + amplitude * np.sin((np.arange(cells) + 0.5) * h)
    up, down = np.exp(drift * h / 2) / h**2, np.exp(-drift * h / 2) / h**2
    rates, here = np.zeros((cells, cells)), np.arange(cells)
    rates[here, (here + 1) % cells], rates[(here + 1) % cells, here] = up, down
    step = expm((rates - np.diag(rates.sum(1))) * dt)
    values, vectors = np.linalg.eig(step.T)
    p = vectors[:, values.real.argmax()].real
    pairs = (p / p.sum())[:, None] * step
    first, last = np.indices(pairs.shape)
    moved = (last - first + cells // 2) % cells - cells // 2
    middle = ((2 * first + moved) % (2 * cells)).ravel()
    mass = np.bincount(middle, pairs.ravel(), 2 * cells)
    move = np.bincount(middle, (pairs * moved * h).ravel(), 2 * cells)
    angle = np.arange(2 * cells) * h / 2
    waves = [wave(k * angle) for k in range(1, 13) for wave in (np.cos, np.sin)]
    b = np.stack([np.ones(2 * cells), *waves])
    seen = b @ move @ np.linalg.solve(b * mass @ b.T, b @ move)
    return 2 * seen / ((pairs * (moved * h) ** 2).sum() - seen) / dt


@pytest.mark.slow
@pytest.mark.stat
def test_intervals_of_the_ring_cover(rng):
    """200 repeats of twenty paths; the target at the data's interval is 7.182, of continuous time 7.1654."""
    target = ring_of_pairs(3.0, 2.0, 0.01)
    assert target == pytest.approx(7.182, abs=0.005)
    start = rng.uniform(0, 2 * np.pi, (4000, 1))
    paths = langevin_paths(
        lambda x: 3 + 2 * np.sin(x), 1.0, start, frames=400, dt=0.01, substeps=5, rng=rng,
        settle=1.5, domain=Torus(),
    )  # fmt: skip
    repeats = [paths.take(np.arange(k * 20, (k + 1) * 20)) for k in range(200)]
    found = [force_current_rate(data) for data in repeats]
    assert 0.9 <= np.mean([abs(e.z(target)) < 1.96 for e in found]) <= 0.985
    z = np.asarray([(e.limit - exact.driven_ring(3.0, 2.0)) / e.limit_stderr for e in found])
    assert 0.9 <= np.mean(abs(z) < 1.96) <= 0.985
    assert abs(z.mean()) < 0.35


@pytest.mark.slow
@pytest.mark.stat
@pytest.mark.parametrize("n", [20, 1])
def test_intervals_of_a_trap_cover(n, rng):
    """200 repeats of the rotating trap, ten relaxation times a path or one long path."""
    A = np.array([[1.0, -2.0], [2.0, 1.0]])
    paths = linear_paths(A, np.eye(2), n=200 * n, frames=8000 // n, dt=0.02, rng=rng)
    repeats = [paths.take(np.arange(k * n, (k + 1) * n)) for k in range(200)]
    target = pair_divergence_rate(A, np.eye(2), 0.02, exact=True)
    found = [force_current_rate(data, library=Polynomial(1), extrapolate=False) for data in repeats]
    assert 0.9 <= np.mean([abs(e.z(target)) < 1.96 for e in found]) <= 0.985
    linear = gaussian._law(
        (endless(A, np.eye(2), 0.02, exactly=True, at="start"),), np.ones(2), 0.0
    )
    plug_in = gaussian._rate(*linear[:2])
    found = [gaussian_rate(data) for data in repeats]
    assert 0.9 <= np.mean([abs(e.z(plug_in)) < 1.96 for e in found]) <= 0.985
