"""Laws of periodic coordinates: total mass, periodicity, and the truth of a von Mises mixture.

The mass of a flow on a torus is 1 for any network, if velocity, divergence and prior are those of a
torus; networks are therefore hardly trained here. The broken twin takes angles for numbers on a
line, as runs of 0.1.0 did.
"""

from dataclasses import replace
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.data.scales.normalisation import circular
from noneq.data.summary import summarise
from noneq.domains import Free, Product, Torus
from noneq.errors import InvalidInput, MissingTrait
from noneq.methods import EDM, FlowMatching, ScoreMatching, Transition
from noneq.models import inpainted
from noneq.nets import MLP, FourierMLP, Gradient, Mirrored, SetNet, UNet
from noneq.processes import VP, Cosine, Gaussian, Reflected
from noneq.samplers import ReverseSDE


LOW, SIDE = -1.0, 3.0
TINY = {"net": MLP(8, 1), "training": nq.Training(steps=3, batch=32)}
KEY = jax.random.key(3)
PRODUCT = [ScoreMatching, EDM, FlowMatching]
KINDS = [ScoreMatching, pytest.param(EDM, marks=pytest.mark.slow), FlowMatching]
"""`EDM` is `ScoreMatching` with another weight and sampler."""


def angles(rng, n):
    """Numbers of period 3 from −1: one mode across the seam, one inside."""
    across = rng.uniform(size=n) < 0.4
    return LOW + np.mod(np.where(across, 0.2, 1.3) + 0.3 * rng.normal(size=n), SIDE)


def circle():
    x = angles(np.random.default_rng(0), 400)
    return nq.Snapshots(x[:, None].astype(np.float32), domain=Torus(SIDE, LOW))


def cylinder():
    rng = np.random.default_rng(1)
    x = angles(rng, 400)
    both = np.stack([x, 5 + 2 * np.cos(2 * np.pi * x / SIDE) + rng.normal(size=400)], axis=1)
    domain = Product((Torus(SIDE, LOW), Free()), (1, 1))
    return nq.Snapshots(both.astype(np.float32), domain=domain)


def walks():
    rng = np.random.default_rng(2)
    x = angles(rng, 200)[:, None] + np.cumsum(0.3 * rng.normal(size=(200, 3)), axis=1)
    x = LOW + np.mod(x - LOW, SIDE)
    return nq.Trajectories(
        x[..., None].astype(np.float32), [0.0, 1.0, 2.0], domain=Torus(SIDE, LOW)
    )


def louder(model):
    """The model with a network far from the zero that it starts with."""
    last = lambda m: m.denoiser.field.net.last
    return eqx.tree_at(last, model, replace_fn=lambda w: 4 * w)


@cache
def fitted(method):
    data = walks() if method is Transition else circle()
    return louder(method(**TINY).fit(data, key=KEY).model)


@eqx.filter_jit
def log_probs(model, x):
    return jax.vmap(lambda x: model.log_prob(x))(x)


def density(model, x):
    """Of many states, in double precision."""
    return np.exp(np.asarray(log_probs(model, jnp.asarray(x, jnp.float32)), float))


GRID = LOW + SIDE * np.arange(96)[:, None] / 96


@pytest.mark.parametrize("method", PRODUCT)
def test_the_mass_on_a_circle_is_one(method):
    p = density(fitted(method), GRID)
    assert p.max() > 1.3 * p.min()
    assert abs(p.mean() * SIDE - 1) < 2e-3


@pytest.mark.parametrize("method", KINDS)
def test_the_twin_that_takes_angles_for_numbers_loses_mass(method):
    summary = replace(summarise(circle()), periods=())
    twin = method(**TINY).init(summary, key=KEY)
    p, turned = density(twin, GRID), density(twin, GRID + SIDE)
    assert abs(p.mean() * SIDE - 1) > 1e-2
    assert np.abs(turned / p - 1).max() > 1e-2


@pytest.mark.parametrize("method", KINDS)
def test_a_turn_leaves_the_density_as_it_is(method):
    p = density(fitted(method), GRID)
    for turns in (1, -2):
        np.testing.assert_allclose(density(fitted(method), GRID + turns * SIDE), p, rtol=1e-3)


@pytest.mark.parametrize("method", KINDS)
def test_samples_and_their_density_are_those_of_the_model(method):
    model = fitted(method)
    domain = jax.vmap(model.domain.contains)
    x = model.sample(500, key=KEY)
    assert domain(x).all()
    y, log_prob = model.sample_with_log_prob(len(GRID), key=KEY)
    assert domain(y).all()
    np.testing.assert_allclose(np.exp(log_prob), density(model, y), rtol=2e-2)
    # Shares of the circle, against the density.
    seen = np.histogram(np.asarray(x), 6, (LOW, LOW + SIDE))[0] / 500
    told = density(model, GRID).reshape(6, -1).mean(1) * SIDE / 6
    assert np.abs(seen - told).sum() < 0.2


@pytest.mark.parametrize("method", [ScoreMatching, FlowMatching])
def test_the_mass_on_a_cylinder_is_one(method):
    model = method(**TINY).init(summarise(cylinder()), key=KEY)
    height = 5 + np.linspace(-20, 20, 121)
    x = np.stack(np.meshgrid(GRID[::6, 0], height, indexing="ij"), -1).reshape(-1, 2)
    mass = density(model, x).mean() * SIDE * 40 * 121 / 120
    assert abs(mass - 1) < 2e-3


class TestTransitions:
    def test_the_mass_of_a_step_is_one(self):
        model = fitted(Transition)
        side = float(model.denoiser.process.period.value[0])
        assert side == pytest.approx(SIDE / float(model.scale.value[0]), rel=1e-5)
        seen = model.seen(model.frame.normaliser.forward(jnp.asarray([0.3])))
        step = lambda y: model.sampler.log_prob(model.denoiser, y, time=1.0, condition=seen)
        y = side * np.arange(128)[:, None] / 128
        p = np.exp(np.asarray(eqx.filter_jit(jax.vmap(step))(jnp.asarray(y, jnp.float32)), float))
        assert p.max() > 1.3 * p.min()
        assert abs(p.mean() * side - 1) < 2e-3

    def test_paths_stay_in_the_domain_and_no_seam_is_seen(self):
        model = fitted(Transition)
        # The same place from either side of the seam: all that follows is the same.
        start = np.full((16, 1), LOW, np.float32)
        start[8:] = LOW + SIDE
        seen = jax.vmap(lambda x: model.seen(model.frame.normaliser.forward(x)))(jnp.asarray(start))
        np.testing.assert_allclose(seen[8:], seen[:8], atol=1e-5)
        paths = model.sample_paths(16, times=[0.0, 1.0, 2.0], start=start, key=KEY).values
        assert jax.vmap(jax.vmap(model.domain.contains))(jnp.asarray(paths[:, 1:])).all()
        assert np.ptp(paths[:, 2]) > SIDE / 4


NETS = {
    "Gradient": (Gradient(MLP(8, 1)), (2,)),
    "Mirrored": (Mirrored(FourierMLP(8, 1, 2), (-1, -1)), (2,)),
    "SetNet": (SetNet(width=8, blocks=1, heads=2), (3, 2)),
    "UNet": (UNet(channels=4, levels=1, groups=2), (1, 4, 4)),
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in ("Mirrored", "UNet"))) for n in NETS]
)
def test_every_network_sees_angles(name):
    net, shape = NETS[name]
    data = np.random.default_rng(0).uniform(0, SIDE, (50, *shape)).astype(np.float32)
    summary = summarise(nq.Snapshots(data, domain=Torus(SIDE)))
    model = ScoreMatching(net=net).init(summary, key=KEY)
    score = eqx.filter_jit(lambda x: model.noisy_score(x, 0.3))
    turns = np.random.default_rng(1).integers(-2, 3, shape) * SIDE
    one, other = score(jnp.asarray(data[0])), score(jnp.asarray(data[0] + turns))
    assert np.abs(one).max() > 1e-3
    np.testing.assert_allclose(other, one, atol=1e-3 * np.abs(one).max())


def test_particles_on_a_torus_with_free_velocities():
    data = np.random.default_rng(0).uniform(0, SIDE, (50, 3, 4)).astype(np.float32)
    domain = Product((Torus(SIDE), Free()), (2, 2))
    summary = summarise(nq.Snapshots(data, domain=domain))
    assert np.count_nonzero(summary.periods) == 6
    net = SetNet(width=8, blocks=1, heads=2)
    model = FlowMatching(net=net).init(summary, key=KEY)
    velocity = eqx.filter_jit(lambda x: model.noisy_velocity(x, 0.5))
    x = jnp.asarray(data[0])
    turned = velocity(x.at[0, 1].add(SIDE))
    np.testing.assert_allclose(turned, velocity(x), atol=1e-4)
    assert np.abs(velocity(x.at[0, 3].add(SIDE)) - velocity(x)).max() > 1e-3


def test_centre_and_spread_do_not_depend_on_the_seam():
    x = np.random.default_rng(0).normal(0, 0.2, 1000)
    centre, spread = circular(np.mod(x, SIDE), SIDE)
    assert min(centre, SIDE - centre) < 0.03
    assert spread == pytest.approx(x.std(), rel=1e-6)
    _, flat = circular(np.linspace(0, SIDE, 999, endpoint=False), SIDE)
    assert flat == pytest.approx(SIDE / np.sqrt(12), rel=1e-2)
    summary = summarise(circle())
    np.testing.assert_allclose(np.asarray(summary.periods) * summary.scale, SIDE)
    assert summarise(nq.Snapshots(x[:, None])).periods == ()


def test_a_state_just_below_the_corner_is_wrapped_into_the_domain():
    domain = Torus(2 * np.pi)
    x = domain.project(jnp.asarray([-1e-9], jnp.float32))
    assert domain.contains(x)
    assert x == 0


class TestRefusals:
    @pytest.mark.parametrize("schedule", [VP(), Cosine()])
    def test_schedules(self, schedule):
        method = ScoreMatching(process=Gaussian(schedule), **TINY)
        with pytest.raises(InvalidInput, match="shrinks the state"):
            method.init(summarise(circle()), key=KEY)

    def test_processes(self):
        with pytest.raises(InvalidInput, match="Reflected takes periodic"):
            ScoreMatching(process=Reflected(), **TINY).init(summarise(circle()), key=KEY)

    def test_potentials_on_a_cylinder(self):
        with pytest.raises(InvalidInput, match="Gradient"):
            ScoreMatching(net=Gradient()).init(summarise(cylinder()), key=KEY)

    def test_what_needs_a_score_of_geodesics(self):
        model = eqx.tree_at(lambda m: m.sampler, fitted(FlowMatching), ReverseSDE())
        with pytest.raises(MissingTrait, match="flow only"):
            model.sample(4, key=KEY)

    def test_linear_measurements(self):
        with pytest.raises(InvalidInput, match="periodic"):
            inpainted(fitted(ScoreMatching), {0: 0.5})


@pytest.mark.slow
@pytest.mark.parametrize(("method", "most"), [(ScoreMatching, 0.03), (FlowMatching, 0.04)])
def test_a_mixture_of_von_mises_laws_is_learnt(method, most):
    """Total variation; with angles as numbers on a line it is .09, and the mass .95 to .98."""
    rng = np.random.default_rng(0)
    first = rng.uniform(size=20_000) < 0.4
    x = np.where(first, rng.vonmises(0.1, 8, 20_000), rng.vonmises(2.5, 2, 20_000))
    data = nq.Snapshots(np.mod(x, 2 * np.pi)[:, None].astype(np.float32), domain=Torus())
    training = nq.Training(steps=4000, batch=1024)
    model = method(net=MLP(64, 2), training=training).fit(data, key=KEY).model
    grid = 2 * np.pi * np.arange(256)[:, None] / 256
    p = density(model, grid)
    bell = lambda mean, kappa: np.exp(kappa * np.cos(grid[:, 0] - mean)) / np.i0(kappa)
    truth = (0.4 * bell(0.1, 8) + 0.6 * bell(2.5, 2)) / (2 * np.pi)
    assert abs(p.mean() * 2 * np.pi - 1) < 2e-3
    assert 0.5 * np.abs(p - truth).mean() * 2 * np.pi < most
