"""Poisson flow as published: its target against the formulas of the paper, its prior, its clip."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from noneq.data.summary import summarise
from noneq.errors import InvalidInput
from noneq.learning.loop import Training
from noneq.learning.method import as_data
from noneq.methods import PFGMPublished
from noneq.methods.denoising.poisson_published import of_one_law
from noneq.metrics import sliced_w2
from noneq.nets import MLP, PatchMLP, SetNet
from noneq.processes.mixtures import charge_plane as plane
from noneq.processes.mixtures.subordinators import InverseGamma


KEY = jax.random.key(5)
EVERY = lambda n: jnp.ones((n, n), bool)


def states(n, dim, rng):
    """Charges, displacements of a few sizes, heights from near to far."""
    y = rng.normal(size=(n, dim))
    z = np.exp(rng.uniform(math.log(0.05), math.log(5), n))
    moved = z[:, None] * rng.normal(size=(n, dim))
    return tuple(jnp.asarray(a, jnp.float32) for a in (y, moved, z))


def coulomb(y, moved, z, seen):
    """Xu et al. 2022, eq. 5: Σ (x̃ − ỹ)/|x̃ − ỹ|^{N + 1} over Σ 1/|x̃ − ỹ|^{N + 1}, one by one."""
    y, moved, z = (np.asarray(a, np.float64) for a in (y, moved, z))
    rows = []
    for i in range(len(y)):
        force, weight = np.zeros(y.shape[1] + 1), 0.0
        for j in range(len(y)):
            away = np.append(y[i] + moved[i] - y[j], z[i])
            power = np.linalg.norm(away) ** -(y.shape[1] + 1)
            if seen[i, j]:
                force, weight = force + power * away, weight + power
        rows.append(force / weight)
    return np.stack(rows)


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_the_target_is_the_normalised_coulomb_field(dim, rng):
    y, moved, z = states(12, dim, rng)
    y = y.at[3].set(y[7])
    seen = jnp.asarray(rng.random((12, 12)) < 0.5) | jnp.eye(12, dtype=bool)
    field = coulomb(y, moved, z, np.asarray(seen))
    wanted = -math.sqrt(dim) * field / (np.linalg.norm(field, axis=1, keepdims=True) + 5)
    got = plane.normalised_field(plane.empirical_field(y, moved, z, seen), 5.0)
    np.testing.assert_allclose(got, wanted, rtol=2e-4, atol=1e-6)


def foot_error(n=2000, dim=3):
    """Largest relative error of v_x/v_z against (x − E[y | x])/z of the Cauchy kernel, γ small."""
    y, moved, z = states(n, dim, np.random.default_rng(3))
    v = plane.normalised_field(plane.empirical_field(y, moved, z, EVERY(n)), 1e-9)
    x = y + moved
    squared = jnp.sum((x[:, None] - y) ** 2, -1)
    kernel = lambda s, z: InverseGamma(1.0).log_kernel(s, dim, z)
    log_kernel = jax.vmap(jax.vmap(kernel, (0, None)))(squared, z)
    slope = (x - jax.nn.softmax(log_kernel, axis=1) @ y) / z[:, None]
    error = jnp.linalg.norm(v[:, :-1] / v[:, -1:] - slope, axis=1)
    return float(jnp.max(error / (1 + jnp.linalg.norm(slope, axis=1))))


def test_the_target_points_along_the_lines_of_the_cauchy_kernel(monkeypatch):
    assert foot_error() < 1e-3
    # A field of the power N instead of N + 1 is another one.
    wrong = lambda squared, dim, seen: jax.nn.softmax(-dim / 2 * jnp.log(squared), axis=1)
    monkeypatch.setattr(plane, "_weights", wrong)
    assert foot_error() > 0.1


def test_numbers_of_cifar():
    """The paper has N = 3072, M = 291 and z_max = 40, with pixels in [−1, 1]."""
    mean, std = np.array([0.4914, 0.4822, 0.4465]), np.array([0.247, 0.2435, 0.2616])
    square = float(3072 * np.mean((2 * std) ** 2 + (2 * mean - 1) ** 2))
    assert square == pytest.approx(786, rel=0.01)
    m = plane.largest_exponent(square, 3072, 0.01, 0.03)
    assert m == pytest.approx(0.75 * np.log(square / (2 * 3072**0.5 * 1e-4)) / np.log(1.03))
    assert m == pytest.approx(291, rel=0.04)
    given = {"noise": 0.01, "growth": 0.03, "lowest": 1e-3, "clip": None}
    process = plane.charge_plane(square, 3072, **given)
    z_max = process.schedule.sigma_max
    assert z_max == pytest.approx(math.sqrt(2 / math.pi) * 0.01 * 1.03**m)
    assert z_max == pytest.approx(40, rel=0.2)


def test_training_states_are_those_of_algorithm_2():
    process = plane.charge_plane(3.0, 3, noise=0.01, growth=0.03, lowest=1e-3, clip=None)
    moved, z = (np.asarray(a, np.float64) for a in process.lift(50_000, 3, key=KEY))
    # |x − y|/z = |ε_x|/|ε_z| whatever m is, and independent of the direction.
    ratio = np.linalg.norm(moved, axis=1) / z
    assert stats.kstest(ratio**2 / 3, stats.f(3, 1).cdf).pvalue > 1e-3
    unit = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    assert stats.kstest(unit[:, 0], stats.uniform(-1, 2).cdf).pvalue > 1e-3
    # ln z = ln|ε_z| + ln σ + m ln(1 + τ), m uniform on [0, M].
    span = process.exponent * math.log(1.03)
    shifts = np.random.default_rng(0).uniform(0, span, 50_000)
    expected = np.log(np.abs(np.random.default_rng(1).normal(size=50_000)) * 0.01) + shifts
    assert np.asarray(stats.ks_2samp(np.log(z), expected))[1] > 1e-3


def method(**changes):
    small = {"net": MLP(32, 2), "training": Training(steps=4, batch=32)}
    return PFGMPublished(**small | changes)


def test_a_clip_that_cuts_the_prior_is_refused():
    data = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    given = {"noise": 0.01, "growth": 0.03, "lowest": 1e-3, "clip": None}
    process = plane.charge_plane(2.0, 2, **given)
    usual = math.sqrt(2) * process.top
    with pytest.raises(InvalidInput, match="would cut 49 % of the prior at N = 2.*leave clip out"):
        method(clip=usual).fit(data, key=KEY)
    # At 120 z_max less than 1 % is cut, and draws end there.
    clip = 120 * process.schedule.sigma_max
    prior = method(clip=clip).init(summarise(as_data(data)), key=KEY).denoiser.prior
    norms = np.linalg.norm(prior.sample((20_000, 2), key=KEY), axis=1)
    share = plane.share_beyond(clip, process.schedule.sigma_max, 2)
    assert norms.max() == pytest.approx(clip, rel=1e-4)
    stderr = math.sqrt(share / 20_000)
    assert abs((norms > clip * (1 - 1e-4)).mean() - share) < 4 * stderr


@pytest.mark.parametrize(
    "bad", [{"gamma": 0.0}, {"noise": -1.0}, {"z_min": 0.0}, {"clip": 0.0}, {"switch": -1.0}]
)
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(InvalidInput, match=next(iter(bad))):
        method(**bad)


def test_a_noise_as_large_as_the_data_is_refused():
    data = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    with pytest.raises(InvalidInput, match="smaller noise"):
        method(noise=2.0).fit(data, key=KEY)


def test_charges_of_another_time_or_condition_do_not_count():
    time = jnp.asarray([0.0, 0.0, 1.0, 1.0])
    assert jnp.array_equal(of_one_law(time, None, None), time[:, None] == time)
    given = jnp.asarray([[0.0], [1.0], [1.0], [1.0]])
    # The condition of the second state is hidden: all charges of its time count.
    seen = of_one_law(time, given.at[1].set(jnp.nan), given)
    wanted = [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    np.testing.assert_array_equal(seen, np.asarray(wanted, bool))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("net", "shape"), [(PatchMLP(2, 8, 1), (1, 4, 4)), (SetNet(8, 1, 2), (5, 2))]
)
def test_fields_and_particles(net, shape, rng):
    data = rng.normal(size=(64, *shape)).astype(np.float32)
    x = method(net=net).fit(data, key=KEY).model.sample(4, key=KEY)
    assert x.shape == (4, *shape)
    assert np.isfinite(x).all()


def two_lumps(n, rng):
    side = rng.integers(0, 2, n) * 2 - 1
    return (side[:, None] * np.array([2.0, 1.0]) + 0.4 * rng.normal(size=(n, 2))).astype(np.float32)


@pytest.mark.slow
def test_a_short_fit_beats_an_untrained_model(rng):
    data, reference = two_lumps(10_000, rng), two_lumps(4000, rng)

    def distance(steps):
        fit = method(training=Training(steps=steps, batch=256)).fit(data, key=KEY)
        return sliced_w2(fit.model.sample(4000, key=jax.random.key(1)), reference)

    start, end = distance(1), distance(600)
    scatter = math.hypot(float(start.stderr), float(end.stderr))
    assert float(start.value) - float(end.value) > 8 * scatter
    assert float(end.value) < 0.4
