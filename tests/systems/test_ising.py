"""Ising models: laws of one step and of the steady state against exact ones."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput, WrongType
from noneq.simulation import simulate
from noneq.spec import from_toml, override, to_toml
from noneq.systems import (
    CouplingMatrix,
    Glauber,
    HeatBath,
    Ising,
    Lattice,
    Metropolis,
    enumeration,
    step_matrix,
)


Z = 4.9  # |z| < 4.9: a false alarm in 1e-6 of the numbers tested
DYNAMICS = (HeatBath(), Metropolis(), Glauber())
TEMPERATURES = (1.8, 2.269, 3.0)
ONE_WAY = CouplingMatrix(np.random.default_rng(0).normal(size=(5, 5)) * (1 - np.eye(5)))
DRIVEN = (
    Ising(Lattice((2, 4)), 0.2, (1.0, 3.0)),
    Ising(Lattice((6,), nonreciprocal=0.5), -0.1, 2.0),
    Ising(Lattice((3, 2), strength=-0.7, nonreciprocal=-1.2), 0.3, (4.0, 1.5)),
    Ising(ONE_WAY, 0.2, (1.0, 2.0)),
)


def numbers(x):
    """Numbers of states as `Enumeration` counts them."""
    up = np.asarray(x).reshape(len(x), -1) > 0
    return up @ (1 << np.arange(up.shape[1]))


def misfit(counts, p):
    """z-score of chi² of counts under the law p, cells that expect under 5 in one."""
    expected = counts.sum() * p
    rare = expected < 5
    found = np.append(counts[~rare], counts[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    found, expected = found[expected > 1e-6], expected[expected > 1e-6]
    freedom = len(found) - 1
    # Wilson and Hilferty: the cube root of chi² is nearly Gaussian.
    ratio = np.sum((found - expected) ** 2 / expected) / freedom
    return (np.cbrt(ratio) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))


@pytest.mark.sweep(3)
@pytest.mark.parametrize("dynamics", DYNAMICS, ids=lambda d: type(d).__name__)
@pytest.mark.parametrize("system", DRIVEN, ids=lambda s: str(s.event_shape))
def test_one_step_has_the_exact_law(system, dynamics, key):
    """Whatever drives the spins; temperatures off by a third are noticed."""
    system = dataclasses.replace(system, dynamics=dynamics, start=1.0)
    x = simulate(system, [0, 1], n=20_000, key=key).values[:, 1]
    counts = np.bincount(numbers(x), minlength=2**system.spins)
    assert misfit(counts, step_matrix(system)[-1]) < Z
    twin = dataclasses.replace(system, temperature=np.multiply(system.temperature, 1.33))
    assert misfit(counts, step_matrix(twin)[-1]) > Z


def settled(system, key, n=3000):
    """States of independent replicas, long after a random start."""
    return simulate(system, [0, 30], n=n, key=key).values[:, 1]


def energy_z(system, x, exact):
    """z of the mean energy of independent states against the enumerated one."""
    energy = np.asarray(jax.vmap(system.energy)(jnp.asarray(x)), np.float64)
    return (energy.mean() - enumeration(exact).energy) / (energy.std(ddof=1) / math.sqrt(len(x)))


@pytest.mark.sweep(2)
@pytest.mark.parametrize("dynamics", DYNAMICS, ids=lambda d: type(d).__name__)
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_energy_of_a_small_torus(temperature, dynamics, key):
    """A coupling 3 % too strong, or a temperature 10 % too high, is noticed."""
    system = Ising(Lattice((4, 4)), temperature=temperature, dynamics=dynamics)
    x = settled(system, key)
    assert abs(energy_z(system, x, system)) < Z
    stronger = dataclasses.replace(system, couplings=Lattice((4, 4), strength=1.03))
    assert abs(energy_z(system, x, stronger)) > Z
    hotter = dataclasses.replace(system, temperature=1.1 * temperature)
    assert abs(energy_z(system, x, hotter)) > Z


@pytest.mark.sweep(1)
@pytest.mark.parametrize("dynamics", DYNAMICS, ids=lambda d: type(d).__name__)
def test_any_matrix_and_an_odd_lattice_reach_their_law(dynamics, key):
    upper = np.triu(np.random.default_rng(1).normal(size=(7, 7)), 1)
    matrix = Ising(CouplingMatrix(upper + upper.T), 0.3, 2.0, dynamics)
    odd = Ising(Lattice((3, 3)), 0.1, 3.0, dynamics)
    for system in (matrix, odd):
        x = settled(system, key)
        assert abs(energy_z(system, x, system)) < Z
        counts = np.bincount(numbers(x), minlength=2**system.spins)
        assert misfit(counts, enumeration(system).probabilities) < Z
        twin = dataclasses.replace(system, field=system.field + 0.3)
        assert misfit(counts, enumeration(twin).probabilities) > Z


@pytest.mark.parametrize(
    "couplings",
    [
        Lattice((6,), nonreciprocal=0.3),
        Lattice((3, 5), strength=-0.4, nonreciprocal=2.0),
        Lattice((2, 3, 4), nonreciprocal=0.1),
        ONE_WAY,
    ],
    ids=lambda c: str(c.event_shape),
)
def test_local_fields_and_energy_follow_the_matrix(couplings, rng):
    system = Ising(couplings, field=0.2)
    x = rng.choice([-1.0, 1.0], couplings.event_shape).astype(np.float32)
    matrix, flat = couplings.matrix(), x.reshape(-1)
    local = np.asarray(couplings.local(jnp.asarray(x))).reshape(-1)
    np.testing.assert_allclose(local, matrix @ flat, atol=1e-5)
    energy = -flat @ matrix @ flat / 2 - 0.2 * flat.sum()
    np.testing.assert_allclose(system.energy(jnp.asarray(x)), energy, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(system.magnetisation(jnp.asarray(x)), flat.mean(), atol=1e-6)


@pytest.mark.parametrize(
    ("couplings", "most"),
    [
        (Lattice((6, 4)), 2),
        (Lattice((5, 3)), 5),
        (ONE_WAY, 5),
        (CouplingMatrix(np.zeros((4, 4))), 1),
    ],
    ids=str,
)
def test_colours_hold_every_spin_once_and_no_couplings(couplings, most):
    colours, matrix = couplings.colours(), couplings.matrix()
    assert len(colours) <= most
    assert sorted(i for c in colours for i in c) == list(range(len(matrix)))
    assert all((matrix[np.ix_(c, c)] == 0).all() for c in colours)


@pytest.mark.sweep(1)
@pytest.mark.parametrize("dynamics", DYNAMICS, ids=lambda d: type(d).__name__)
def test_compiled_or_not(dynamics):
    system = Ising(Lattice((4, 4)), 0.1, (1.0, 3.0), dynamics)
    keys = jax.random.split(jax.random.key(0), 512)
    x = jax.vmap(system.initial)(keys)
    step = jax.vmap(lambda x, key: system.step(0.0, x, key=key))
    np.testing.assert_array_equal(step(x, keys), jax.jit(step)(x, keys))
    spin, drive = jnp.sign(jnp.linspace(-1, 1, 512)), jnp.linspace(-90, 90, 512)
    flip = jax.jit(dynamics.flip)(spin, drive)
    np.testing.assert_allclose(flip, dynamics.flip(spin, drive), rtol=1e-6, atol=1e-30)
    assert (flip >= 0).all()
    assert (flip <= 1).all()


def test_sweeps_have_the_order_of_the_lattice_and_a_start():
    up = Ising(Lattice((8, 8)), temperature=1e-3, start=1.0)
    data = simulate(up, [0, 5], n=3, key=jax.random.key(0))
    assert (data.values == 1).all()
    assert data.names == ("x",)
    assert data.domain == up.domain
    assert data.values.dtype == np.float32
    assert data.values.shape == (3, 2, 1, 8, 8)
    part = simulate(Ising(start=-0.4), [0], n=100, key=jax.random.key(1)).values
    assert abs(part.mean() + 0.4) < Z * math.sqrt((1 - 0.16) / part.size)


def test_settings_travel_and_equal_models_are_equal():
    system = Ising(ONE_WAY, 0.2, (1.0, 2.0), Metropolis())
    assert from_toml(to_toml(system)) == system
    assert hash(from_toml(to_toml(system))) == hash(system)
    assert CouplingMatrix(np.asarray(ONE_WAY.rows)) == ONE_WAY
    changed = override(Ising(), {"couplings.shape": "[8, 8]", "dynamics": "Glauber"})
    assert changed == Ising(Lattice((8, 8)), dynamics=Glauber())
    assert override(Ising(), {"temperature": "[1.0, 2.0]"}).temperature == (1.0, 2.0)


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: Ising(temperature=0.0), "temperature = 0"),
        (lambda: Ising(temperature=-1.0), "temperature = -1"),
        (lambda: Ising(temperature=(1.0, 0.0)), "temperature"),
        (lambda: Ising(temperature=(1.0, 2.0, 3.0)), "temperature"),
        (lambda: Ising(temperature=math.nan), "temperature"),
        (lambda: Ising(field=math.inf), "field"),
        (lambda: Ising(start=1.5), "start"),
        (lambda: Lattice(()), "at least one side"),
        (lambda: Lattice((0, 4)), "at least one side"),
        (lambda: Lattice((1, 4)), "each of 2"),
        (lambda: Lattice(strength=math.nan), "strength"),
        (lambda: CouplingMatrix(((0.0, 1.0),)), "square"),
        (lambda: CouplingMatrix(((0.0, 1.0), (1.0,))), "no matrix"),
        (lambda: CouplingMatrix(()), "rows"),
        (lambda: CouplingMatrix(((1.0, 1.0), (1.0, 0.0))), "spin 0 is coupled to itself"),
        (lambda: CouplingMatrix(((0.0, math.nan), (1.0, 0.0))), "NaN"),
        (lambda: simulate(Ising(), [0, 0.5], n=2, key=jax.random.key(0)), "whole steps"),
        (lambda: simulate(Ising(), [0, 1], n=2, key=jax.random.key(0), substeps=2), "substeps"),
        (
            lambda: simulate(
                Ising(), [0], n=1, key=jax.random.key(0), start=np.zeros((1, 1, 32, 32))
            ),
            "lie outside",
        ),
    ],
)
def test_refusals(build, match):
    with pytest.raises((InvalidInput, WrongType), match=match) as caught:
        build()
    assert "\n" not in str(caught.value)
