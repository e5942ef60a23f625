"""Flocks against slow references and exact facts. Statistical tests: |z| < 4.5, false alarms < 1e-5
per number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.domains import Free, Product, Torus
from noneq.errors import InvalidInput
from noneq.inference import polarisation
from noneq.simulation import RungeKutta4, simulate
from noneq.spec import from_toml, to_toml
from noneq.systems import Boids, CuckerSmale, Vicsek


def gaps(x, box):
    d = x[None, :, :2] - x[:, None, :2]
    return d - box * np.round(d / box)


@pytest.mark.parametrize("particles", [60, 300])  # one block of rows, and two
def test_vicsek_turns_to_its_neighbours(particles, key):
    system = Vicsek(particles=particles, box=8.0, noise=0.0, speed=0.5)
    x = system.initial(key)
    after = np.asarray(jax.jit(system.step)(0.0, x, key=key))
    x = np.asarray(x, float)
    near = np.sum(gaps(x, 8.0) ** 2, -1) < 1.0
    mean = near @ x[:, 2:]
    heading = 0.5 * mean / np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(after[:, 2:], heading, atol=2e-5)
    moved = after[:, :2] - x[:, :2] - x[:, 2:]
    np.testing.assert_allclose(moved - 8.0 * np.round(moved / 8.0), 0.0, atol=1e-5)
    assert near.sum() > particles  # somebody has neighbours


def test_vicsek_many_states_at_once_move_as_one_by_one(key):
    system = Vicsek(particles=20, box=4.0)
    x = jax.vmap(system.initial)(jax.random.split(key, 600))
    step = lambda x: system.step(0.0, x, key=key)
    batched = np.asarray(jax.jit(jax.vmap(step))(x))
    single = np.stack([step(state) for state in x[:20]])
    np.testing.assert_allclose(batched[:20], single, atol=1e-5)


@pytest.mark.slow
def test_vicsek_orders_without_noise_and_not_with_all_of_it(key):
    ordered = simulate(Vicsek(box=5.0, noise=0.0), [0, 200], n=4, key=key)
    assert polarisation(ordered).value[1] > 0.999
    free = simulate(Vicsek(box=5.0, noise=1.0), range(4), n=300, key=key)
    order = polarisation(free)
    random = np.sqrt(np.pi / (4 * 300))
    assert np.abs(order.z(random)).max() < 4.5
    # The broken twin: half of the noise leaves some order.
    twin = polarisation(simulate(Vicsek(box=5.0, noise=0.5), [0, 5], n=300, key=key))
    assert twin.z(random)[1] > 10


@pytest.mark.sweep(1)
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_cucker_smale_conserves_the_mean_velocity(noise, key):
    system = CuckerSmale(particles=40, noise=noise)
    paths = simulate(system, [0.0, 0.5, 1.0], n=200, key=key)
    mean = paths.values[..., 2:].mean(2)
    change = (mean - mean[:, :1])[:, 1:]
    if noise == 0:
        np.testing.assert_allclose(change, 0.0, atol=3e-6)
        spread = paths.values[..., 2:].std(2)
        assert (np.diff(spread, axis=1) < 0).all()
        # The broken twin: pairs that do not answer each other move the mean.
        x = system.initial(key)
        one_sided = jnp.tanh(x[:, None, 2:] - 2 * x[None, :, 2:]).mean(1)
        assert np.abs(one_sided.mean(0)).max() > 1e-3
        assert np.abs(np.asarray(system.drift(0.0, x))[:, 2:].mean(0)).max() < 1e-6
    else:
        # The mean velocity is a free diffusion of coefficient noise/N.
        square = change**2 / (2 * noise / 40 * np.asarray([0.5, 1.0])[:, None])
        flat = square.mean(-1)
        z = (flat.mean(0) - 1) / (flat.std(0, ddof=1) / np.sqrt(len(flat)))
        assert np.abs(z).max() < 4.5


def test_cucker_smale_with_equal_pulls_is_linear(key):
    system = CuckerSmale(particles=30, strength=0.7, exponent=0.0)
    paths = simulate(system, [0.0, 0.5, 2.0], n=3, key=key, solver=RungeKutta4())
    v = paths.values[..., 2:] - paths.values[..., 2:].mean(2, keepdims=True)
    decay = np.exp(-0.7 * paths.times)[:, None, None]
    np.testing.assert_allclose(v, v[:, :1] * decay, atol=2e-5)


@pytest.mark.slow
def test_cucker_smale_flocks_below_one_half(key):
    wide = {"particles": 30, "spread": 5.0, "agitation": 1.0}
    flock = simulate(CuckerSmale(**wide, exponent=0.3), [0.0, 20.0], n=2, key=key)
    apart = simulate(CuckerSmale(**wide, exponent=2.0), [0.0, 20.0], n=2, key=key)
    spread = lambda paths: paths.values[:, 1, :, 2:].std(1)
    assert spread(flock).max() < 0.1
    assert spread(apart).min() > 0.5


def test_cucker_smale_drift_is_the_sum_over_pairs(key):
    system = CuckerSmale(particles=300, strength=1.3, exponent=0.8)
    x = system.initial(key)
    drift = np.asarray(system.drift(0.0, x))
    x = np.asarray(x, float)
    d = x[None] - x[:, None]
    psi = 1.3 / (1 + np.sum(d[..., :2] ** 2, -1)) ** 0.8
    np.testing.assert_allclose(drift[:, 2:], (psi[..., None] * d[..., 2:]).mean(1), atol=2e-5)
    np.testing.assert_allclose(drift[:, :2], x[:, 2:], rtol=1e-6)


def test_boids_follow_their_rules(key):
    system = Boids(particles=80, box=6.0, noise=0.0, slowest=0.0, fastest=50.0)
    x = system.initial(key)
    after = np.asarray(system.step(0.0, x, key=key))
    x = np.asarray(x, float)
    d = gaps(x, 6.0)
    square = np.sum(d**2, -1)
    np.fill_diagonal(square, np.inf)
    apart = np.where(square < 0.8**2, 1 / square, 0.0)
    mates = (square < 2.0**2) * 1.0
    count = np.maximum(mates.sum(1, keepdims=True), 1)
    turn = mates @ x[:, 2:] / count - x[:, 2:] * (mates.sum(1, keepdims=True) > 0)
    centre = np.einsum("ij,ijk->ik", mates, d) / count
    push = -np.einsum("ij,ijk->ik", apart, d)
    expected = x[:, 2:] + 0.02 * push + 0.1 * turn + 0.01 * centre
    np.testing.assert_allclose(after[:, 2:], expected, atol=1e-4)


@pytest.mark.slow
def test_boids_flock_within_their_speeds(key):
    paths = simulate(Boids(particles=100, box=12.0), [0, 300], n=4, key=key)
    speed = np.linalg.norm(paths.values[..., 2:], axis=-1)
    assert speed.min() > 0.1 - 1e-5
    assert speed.max() < 0.3 + 1e-5
    order = polarisation(paths)
    assert order.value[0] < 0.3
    assert order.value[1] > 0.8
    # Without alignment there is none.
    alone = simulate(Boids(particles=100, box=12.0, alignment=0.0), [0, 300], n=4, key=key)
    assert polarisation(alone).value[1] < 0.5


@pytest.mark.parametrize(
    ("system", "wrong"),
    [
        (Vicsek, {"noise": 1.1}),
        (Vicsek, {"box": 1.5}),
        (Vicsek, {"speed": 0.0}),
        (Vicsek, {"particles": 1}),
        (CuckerSmale, {"exponent": -0.1}),
        (CuckerSmale, {"strength": 0.0}),
        (CuckerSmale, {"noise": float("nan")}),
        (Boids, {"slowest": 0.5}),
        (Boids, {"cohesion_radius": 11.0}),
        (Boids, {"separation": -1.0}),
    ],
)
def test_refusals_name_the_parameter(system, wrong):
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        system(**wrong)


@pytest.mark.slow
def test_products_of_domains(tmp_path, key):
    domain = Product((Torus(2.0), Free()), (2, 1))
    x = jnp.asarray([[-0.5, 2.5, 7.0]])
    np.testing.assert_allclose(domain.project(x), [[1.5, 0.5, 7.0]])
    gap = domain.difference(jnp.asarray([[1.9, 0.1, 5.0]]), jnp.asarray([[0.1, 0.2, 1.0]]))
    np.testing.assert_allclose(gap, [[-0.2, -0.1, 4.0]], atol=1e-6)
    assert not domain.contains(x)
    assert domain.contains(domain.project(x))
    assert domain.bounds is None
    low, high = Product((Torus(2.0), Torus(3.0, -1.0)), (2, 1)).bounds
    np.testing.assert_array_equal(low, [0, 0, -1])
    np.testing.assert_array_equal(high, [2, 2, 2])
    assert from_toml(to_toml(domain)) == domain
    with pytest.raises(InvalidInput, match="last axis"):
        domain.project(jnp.zeros((3, 2)))
    with pytest.raises(InvalidInput, match="sizes"):
        Product((Free(),), (1, 2))
    paths = simulate(Vicsek(particles=5, box=3.0), [0, 1], n=2, key=key)
    nq.data.write(paths, tmp_path / "flock.npz")
    assert nq.data.read(tmp_path / "flock.npz").domain == paths.domain
