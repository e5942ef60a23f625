"""Births and deaths: two charges of .8 and .2 in the exact field, densities, and resampling."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput, MissingTrait
from noneq.processes import (
    AbstractScaleMixture,
    InverseGaussian,
    Karras,
    PriorTooNarrow,
    ScaleMixture,
    Screened,
    sufficient_height,
)
from noneq.processes.mixtures.reach import check_reach
from noneq.samplers import (
    AdaptiveODE,
    Branching,
    Heun,
    Ignored,
    Resampling,
    Sourced,
    Weights,
)
from noneq.samplers.birth_weights import Population, systematic
from noneq.studies.genphys.charges import FromMarginal, charges, two_charges
from noneq.traits import HasBirths, HasNoisyVelocity


T9 = 6.6
"""|t| of ten runs beyond it: false alarm 1e-4."""
NORMAL = 3.9
"""|z| beyond it: false alarm 1e-4."""
ASK: dict[str, Any] = {"time": None, "condition": None}


class Flipped(HasNoisyVelocity, HasBirths):
    """A model whose births have the wrong sign: the broken twin."""

    inner: FromMarginal

    @property
    def process(self):
        return self.inner.process

    @property
    def prior(self):
        return self.inner.prior

    def noisy_velocity(self, x, tau, *, time=None, condition=None):
        return self.inner.noisy_velocity(x, tau)

    def birth(self, x, tau, *, time=None, condition=None):
        return -self.inner.birth(x, tau)


def field(mass: float, top: float, kind: type[AbstractScaleMixture] = Screened):
    law = InverseGaussian(mass)
    process = kind(law=law, schedule=Karras(sigma_max=float(law.level(top))))
    return charges(process)


def started(mass: float, top: float, kind: type[AbstractScaleMixture] = Screened):
    oracle = field(mass, top, kind)
    return FromMarginal(oracle, oracle.process)


pytestmark = [
    pytest.mark.filterwarnings("ignore::noneq.processes.mixtures.reach.PriorTooNarrow"),
    pytest.mark.filterwarnings("ignore:.*births and deaths left:UserWarning"),
]


@eqx.filter_jit
def weighted(sampler, model, n, key):
    return sampler.weighted(model, (n, 2), **ASK, key=key)


def share(sampler, model, n, key):
    """Weight of the smaller charge, .2: t-score of ten runs."""
    found = []
    for own in jax.random.split(key, 10):
        end = weighted(sampler, model, n // 10, own)
        found.append(float(jax.nn.softmax(end.log_weights) @ (end.x[:, 0] < -0.6)))
    return (np.mean(found) - 0.2) / (np.std(found, ddof=1) / np.sqrt(10))


@pytest.mark.slow
@pytest.mark.parametrize(("mass", "top"), [(1.0, 30.0), (4.0, 3.0)])
def test_the_source_free_velocity_keeps_the_weights(mass, top, key):
    found = two_charges(mass, top, "source_free", n=4000, key=key, steps=32)
    assert abs(found.weight - 0.2) < NORMAL * np.sqrt(0.16 / 4000)
    assert found.effective == 1


@pytest.mark.optimised
@pytest.mark.sweep(1)
@pytest.mark.parametrize(
    ("mass", "top", "handling"),
    [(1.0, 1.0, "weights"), (0.3, 1.0, "branching"), (1.0, 1.0, "resampling")],
)
def test_every_handling_keeps_the_weights(mass, top, handling, key):
    found = two_charges(mass, top, handling, n=4000, key=key, steps=32)
    assert abs(found.weight - 0.2) < T9 * found.stderr
    assert found.stderr < 0.03
    assert 0.1 < found.effective < 1


@pytest.mark.slow
@pytest.mark.parametrize("handling", [Weights()], ids=repr)
def test_births_of_the_wrong_sign_are_found(handling, key):
    sampler = Sourced(handling=handling, steps=24)
    right = started(1.0, 3.0)
    assert abs(share(sampler, right, 10_000, key)) < T9
    assert abs(share(sampler, Flipped(right), 10_000, key)) > T9


@pytest.mark.slow
def test_without_the_source_the_weights_are_wrong_and_every_draw_says_so(key):
    with pytest.warns(UserWarning, match="weights of modes come out wrong"):
        found = two_charges(1.0, 3.0, "ignored", n=4000, key=key, steps=32)
    assert found.weight < 0.2 - 5 * found.stderr
    with pytest.warns(UserWarning, match="weights of modes come out wrong"):
        lost = two_charges(1.0, 30.0, "ignored", n=4000, key=key, steps=32)
    assert lost.weight < 0.02


@pytest.mark.slow
def test_a_prior_that_is_too_narrow_is_named_and_shows(key):
    with pytest.warns(PriorTooNarrow, match=r"z_max = 128 suffices: take sigma_max = 5\.66"):
        found = two_charges(4.0, 1.0, "source_free", n=4000, key=key, steps=32, centred=True)
    assert found.weight < 0.2 - NORMAL * np.sqrt(0.16 / 4000)


@pytest.mark.parametrize("mass", [0.01, 1.0, 4.0])
def test_the_height_that_suffices(mass, recwarn):
    z = sufficient_height(mass, 1.3)
    assert float(InverseGaussian(mass).level(z)) == pytest.approx(13.0, rel=1e-5)
    assert np.sqrt(z / mass) >= 13.0
    enough = Screened(law=InverseGaussian(mass), schedule=Karras(sigma_max=13.0))
    check_reach(enough, 1.3)
    jax.jit(lambda std: check_reach(enough, std))(5.0)
    assert not recwarn.list
    with pytest.warns(PriorTooNarrow, match="z_max"):
        check_reach(enough, 1.4)


@pytest.mark.slow
def test_few_effective_particles_warn(key):
    model = started(1.0, 30.0)
    with pytest.warns(UserWarning, match=r"Resampling\(\)"):  # noqa: PT031
        low = weighted(Sourced(handling=Weights(), steps=32), model, 2000, key)
        jax.effects_barrier()
    assert low.effective < 0.1
    # Copies stay together: resampling hides the loss and does not undo it.
    with pytest.warns(UserWarning, match="source-free"):  # noqa: PT031
        again = weighted(Sourced(handling=Resampling(), steps=32), model, 2000, key)
        jax.effects_barrier()
    assert again.effective < 1.5 * low.effective + 0.01


def residual(model, x, tau):
    """∂_tau ln p + v·∇ ln p + div v − b of one state."""
    p = model.oracle.log_prob
    v = lambda x: model.noisy_velocity(x, tau)
    change, slope = jax.grad(p, 1)(x, tau), jax.grad(p)(x, tau)
    return change + v(x) @ slope + jnp.trace(jax.jacfwd(v)(x)) - model.birth(x, tau)


@pytest.mark.slow
def test_velocity_and_births_balance_the_exact_law(key):
    model = started(1.0, 3.0)
    x = jax.random.normal(key, (512, 2)) * jnp.asarray([2.0, 1.0])
    tau = jnp.linspace(0.3, 1.0, 512)
    births = jax.vmap(model.birth)(x, tau)
    gap = jax.jit(jax.vmap(lambda x, tau: residual(model, x, tau)))(x, tau)
    assert float(jnp.abs(gap).max()) < 2e-3 * float(jnp.abs(births).max())
    assert float(jnp.abs(gap + 2 * births).max()) > 0.1
    np.testing.assert_allclose(jax.jit(jax.vmap(model.birth))(x, tau), births, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_the_density_counts_the_births(key):
    model = started(1.0, 3.0)
    # So far from the charges that sigma_min does not make the density stiff.
    process = Screened(law=InverseGaussian(1.0), schedule=Karras(0.2, 1.5))
    oracle = eqx.tree_at(lambda o: o.process, model.oracle, process)
    model = FromMarginal(oracle, process)
    x = jax.random.normal(key, (32, 2)) + jnp.asarray([-0.5, 0.0])
    density = lambda sampler, model: jax.jit(jax.vmap(lambda x: sampler.log_prob(model, x, **ASK)))(
        x
    )
    exact = jax.vmap(lambda x: oracle.log_prob(x, 0.0))(x)
    np.testing.assert_allclose(density(Sourced(), model), exact, atol=2e-3)
    np.testing.assert_allclose(density(AdaptiveODE(), model), exact, atol=5e-3)
    assert float(jnp.abs(density(Sourced(), Flipped(model)) - exact).max()) > 0.1


def test_systematic_resampling_rounds_the_expected_copies(key):
    log_weights = jax.random.normal(key, (1000,))
    copies = np.bincount(systematic(log_weights, 3000, key=key), minlength=1000)
    wanted = 3000 * np.asarray(jax.nn.softmax(log_weights))
    assert np.abs(copies - wanted).max() < 1.01


def test_branching_makes_the_expected_copies(key):
    n, rounds = 6, 20_000
    change = jnp.asarray([0.0, 1.0, -2.0, 0.4, -0.1, 0.0])
    first = Population(jnp.arange(n)[:, None] * 1.0, jnp.zeros(n), jnp.arange(n))
    once = lambda key: jnp.bincount(Branching()(first, change, key=key).families, length=n)
    copies = np.asarray(jax.vmap(once)(jax.random.split(key, rounds)), np.float64)
    wanted = n * np.asarray(jax.nn.softmax(change))
    score = lambda wanted: (copies.mean(0) - wanted) / (copies.std(0) / np.sqrt(rounds))
    assert np.abs(score(wanted)).max() < 4.8
    # First order in the change, the rule of small steps.
    assert np.abs(score(1 + np.asarray(change) - float(change.mean()))).max() > 4.8


@pytest.mark.slow
def test_a_draw_has_the_shape_that_is_asked_for(key):
    sampler = Sourced(steps=8, particles=400)
    model = started(1.0, 1.0)
    for n in (1, 1000):
        x = eqx.filter_jit(lambda key, n=n: sampler(model, (n, 2), **ASK, key=key))(key)
        assert x.shape == (n, 2)
        assert bool(jnp.isfinite(x).all())


def test_refusals(key):
    free, literal = started(1.0, 1.0, ScaleMixture), started(1.0, 1.0)
    with pytest.raises(MissingTrait, match="HasBirths"):
        Sourced()(free, (10, 2), **ASK, key=key)
    with pytest.raises(MissingTrait, match="no births"):
        free.birth(jnp.zeros(2), 0.5)
    for sampler in (Heun(), AdaptiveODE()):
        with pytest.raises(InvalidInput, match=r"use Sourced\(\)"):
            sampler(literal, (10, 2), **ASK, key=key)
    with pytest.raises(InvalidInput, match="on its own"):
        Sourced()(literal, (10, 2), time=None, condition=jnp.zeros((10, 1)), key=key)
    with pytest.raises(InvalidInput, match="threshold"):
        Resampling(threshold=0.0)
    with pytest.raises(InvalidInput, match="at least 1"):
        Sourced(particles=0)
    with pytest.raises(InvalidInput, match="source_free"):
        two_charges(1.0, 1.0, "prayer", key=key)
    assert Ignored().remark(1.0)
