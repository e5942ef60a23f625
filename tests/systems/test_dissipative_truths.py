"""Systems with a known entropy production: what they say of themselves is true."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.simulation import simulate
from noneq.systems import (
    AOUP,
    BeadSpring,
    BrownianGyrator,
    CoupledParticles,
    GinzburgLandau,
    Hopf,
    MemoryLangevin,
    NonreciprocalFields,
    UnderdampedPair,
)
from noneq.thermo import exact


@pytest.mark.parametrize(
    ("system", "rate", "number"),
    [
        (BrownianGyrator(), exact.gyrator(1.0, 2.0, 0.5, 1.0, 3.0), 1 / 9),
        (BeadSpring(), exact.bead_spring(2, 1.0, 10.0), 2.025),
        (BeadSpring(5), exact.bead_spring(5, 1.0, 10.0), 0.62982),
        (CoupledParticles(), exact.coupled_particles(1.0, 1.0, 1.0, 3.0), 1 / 3),
        (AOUP(), exact.aoup(1.0, 0.5, 0.3, 0.8), 3.5556),
        (NonreciprocalFields(), exact.nonreciprocal_ring(16, 0.5, 0.8), 13.65375),
        (UnderdampedPair(), exact.underdamped_pair(1.0, 1.0, 1.0, 3.0), 2 / 9),
        (
            UnderdampedPair(0.7, 1.9, 0.4, 2.2, 1.3, 0.6),
            exact.underdamped_pair(0.7, 1.9, 0.4, 2.2, 1.3, 0.6),
            None,
        ),
        (Hopf(), exact.hopf(1.0, 2.0, 0.1), 40.59332),
    ],
    ids=lambda value: type(value).__name__,
)
def test_rates(system, rate, number):
    np.testing.assert_allclose(system.entropy_production_rate(), rate, rtol=1e-10)
    if number is not None:
        np.testing.assert_allclose(rate, number, rtol=2e-5)


@pytest.mark.parametrize(
    ("beads", "cold"),
    [(8, 0.416997), (16, 0.20768), (32, 0.10358), (48, 0.06899), (64, 0.05171), (80, 0.04136)],
)
def test_chains_of_unit_rate(beads, cold):
    chain = BeadSpring.of_rate(beads)
    np.testing.assert_allclose(chain.cold, cold, atol=6e-6)
    np.testing.assert_allclose(chain.entropy_production_rate(), 1, rtol=1e-9)


STEADY = [
    BrownianGyrator(),
    AOUP(),
    CoupledParticles(),
    NonreciprocalFields(sites=3),
    MemoryLangevin(),
    UnderdampedPair(),
    Hopf(beta=2.0),
    GinzburgLandau(sites=3),
]


@pytest.mark.parametrize("system", STEADY, ids=lambda s: type(s).__name__)
def test_the_stated_density_is_stationary(system, rng):
    """div(f p − D∇p) = 0 from drift, noise and log density; wrong by more with another p."""
    shape, size = system.event_shape, int(np.prod(system.event_shape))
    flat = lambda f: lambda y: jnp.ravel(f(y.reshape(shape)))
    b = np.asarray(system.diffusion(0.0, jnp.zeros(shape)))
    b = b if b.ndim == 2 and b.shape != shape else np.diag(np.broadcast_to(b.ravel(), size))
    diffusivity = jnp.asarray(b @ b.T / 2)
    drift = flat(lambda x: system.drift(0.0, x))

    @jax.jit
    def residual(y, widened):
        log_p = lambda y: system.log_density(y.reshape(shape)) / widened
        flux = lambda y: drift(y) - diffusivity @ jax.grad(log_p)(y)
        terms = jnp.diag(jax.jacfwd(flux)(y)), flux(y) * jax.grad(log_p)(y)
        return jnp.sum(terms[0]) + jnp.sum(terms[1]), sum(jnp.sum(jnp.abs(t)) for t in terms)

    for y in rng.normal(size=(3, size)).astype(np.float32) * 0.7:
        off, scale = residual(y, 1.0)
        assert abs(off) < 2e-4 * scale
        off, scale = residual(y, 1.3)
        assert abs(off) > 1e-3 * scale


def test_hopf_density_is_normalised_and_its_start_is_a_draw(key):
    for system in (Hopf(), Hopf(mu=-3.0, beta=2.0), Hopf(mu=-300.0, beta=2.0)):
        edge = 8 * np.sqrt(system.mean_square_radius() + 0.01)
        r = np.linspace(0, edge, 4001)
        points = jnp.asarray(np.stack([r, 0 * r], 1), jnp.float32)
        log_p = np.asarray(jax.vmap(system.log_density)(points), np.float64)
        np.testing.assert_allclose(np.trapezoid(2 * np.pi * r * np.exp(log_p), r), 1, rtol=1e-3)
        start = simulate(system, [0.0], n=4000, key=key).at(0.0).astype(np.float64)
        squares = np.sum(start**2, axis=1)
        z = (squares.mean() - system.mean_square_radius()) / (squares.std() / np.sqrt(4000))
        assert abs(z) < 5


def test_ginzburg_landau_transfer_operator(key):
    """Against the linear field, the slope of log Z, and draws that know nothing of it."""
    harmonic = GinzburgLandau(sites=6, g=0.0, q=0.5)
    own = 2.5 * np.eye(6) - np.roll(np.eye(6), 1, 0) - np.roll(np.eye(6), -1, 0)
    rates = np.block([[own, -0.5 * own], [0.5 * own, own]])
    np.testing.assert_allclose(
        harmonic.entropy_production_rate(), exact.linear(rates, np.eye(12)), rtol=1e-9
    )
    system = GinzburgLandau(sites=6, r=-0.5, beta=1.5)
    zero = jnp.zeros((2, 6))
    log_z = lambda r: -float(GinzburgLandau(sites=6, r=r, beta=1.5).log_density(zero))
    slope = (log_z(-0.4) - log_z(-0.6)) / 0.2
    np.testing.assert_allclose(slope, -1.5 * 6 / 2 * system.mean_square(), rtol=2e-3)
    start = simulate(system, [0.0], n=1000, key=key).at(0.0).astype(np.float64)
    squares = np.sum(start**2, axis=1).mean(1)
    z = (squares.mean() - system.mean_square()) / (squares.std() / np.sqrt(len(squares)))
    assert abs(z) < 5
    # ⟨|∇U|²⟩ of the draws gives the rate without its closed form.
    gradient = jax.vmap(jax.grad(system.potential, argnums=1), (None, 0))(0.0, start)
    power = system.q**2 * system.beta * np.sum(np.asarray(gradient) ** 2, axis=(1, 2))
    z = (power.mean() - system.entropy_production_rate()) / (power.std() / np.sqrt(len(power)))
    assert abs(z) < 5


def test_names_of_coordinates():
    assert AOUP().names == ("x", "v")
    assert NonreciprocalFields().names == ("u", "v")
    assert UnderdampedPair().names == ("x0", "x1", "v0", "v1")
    assert BeadSpring().names == ("x", "y")
    assert BeadSpring(4).names == ("x0", "x1", "x2", "x3")


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: BrownianGyrator(u=2.0), "u²"),
        (lambda: BeadSpring(1), "two beads"),
        (lambda: BeadSpring(cold=0.0), "temperatures"),
        (lambda: BeadSpring.of_rate(2, rate=-1.0), "rate = -1"),
        (lambda: CoupledParticles(hot=0.0), "hot = 0"),
        (lambda: AOUP(tau=0.0), "tau = 0"),
        (lambda: NonreciprocalFields(sites=2), "three sites"),
        (lambda: MemoryLangevin(tau=-1.0), "tau = -1"),
        (lambda: GinzburgLandau(g=0.0, r=0.0), "g > 0"),
        (lambda: Hopf(beta=0.0), "beta"),
        (lambda: UnderdampedPair(mass=0.0), "mass = 0"),
    ],
)
def test_bad_fields_are_refused(build, match):
    with pytest.raises(InvalidInput, match=match):
        build()
