"""Grids against quadratures, closed forms and the maximum of a linear process."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.inference import (
    grid_committor,
    grid_passage_time,
    grid_transitions,
    hitting_probability,
)
from noneq.systems import Diffusion, DoubleWell, Swirl


LEFT, RIGHT = "x <= -1", "x >= 1"


@pytest.mark.parametrize(
    ("beta", "q", "time", "flux"),
    [
        (1.0, 0.175120, 3.56943, 0.140078),
        (3.0, 0.0706108, 26.64009, 0.0187687),
        (5.0, 0.0255178, 182.41767, 0.00274096),
        (8.0, 0.00554696, 3500.0348, 0.000142856),
    ],
)
def test_a_double_well(beta, q, time, flux):
    system, box = DoubleWell(beta=beta), {"bounds": (-3, 3), "cells": 600}
    committor = grid_committor(system, LEFT, RIGHT, **box)
    assert float(committor(jnp.array([-0.5]))) == pytest.approx(q, abs=1e-4)
    assert float(committor(jnp.array([-1.2]))) == 0
    assert float(committor(jnp.array([1.01]))) == 1
    passage = grid_passage_time(system, RIGHT, **box)
    assert float(passage(jnp.array([-1.0]))) == pytest.approx(time, rel=1e-3)
    found = grid_transitions(committor)
    assert found.flux == pytest.approx(flux, rel=1e-3)
    assert found.last_in_start == pytest.approx(0.5, abs=1e-6)
    assert found.rate == pytest.approx(1 / time, rel=2e-3)


@pytest.fixture(scope="module")
def swirl():
    system = Swirl(q=1.0, beta=2.0)
    sets = ("hypot(x + 1, y) < 0.4", "hypot(x - 1, y) < 0.4")
    return system, grid_committor(system, *sets, bounds=((-2.3, 2.3), (-2.5, 2.5)), cells=90)


def test_a_driven_plane_keeps_its_law_and_its_symmetry(swirl):
    system, committor = swirl
    nodes = jnp.asarray(committor.chain.nodes, jnp.float32)
    law = np.exp(np.asarray(jax.vmap(system.log_density)(nodes)))
    np.testing.assert_allclose(committor.chain.stationary / committor.chain.volume, law, atol=2e-3)
    # A half turn maps the motion to itself and exchanges the sets.
    turned = committor.values + committor.values[::-1, ::-1]
    np.testing.assert_allclose(turned, 1.0, atol=1e-5)
    # The swirl carries paths across the x axis: the committor has no mirror symmetry.
    assert np.abs(committor.values - committor.values[:, ::-1]).max() > 0.05


def test_reactive_flux_is_the_same_through_every_surface(swirl):
    found = grid_transitions(swirl[1])
    width = found.axes[1][1] - found.axes[1][0]
    through = found.current[..., 0].sum(1) * width
    between = np.abs(found.axes[0]) < 0.5
    np.testing.assert_allclose(through[between], found.flux, rtol=1e-2)


def test_correlated_noise_is_a_rotated_problem():
    """V = (u² − 1)² + 2 v² in turned coordinates, with noises of different strength along u and v."""
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    strong = np.diag([0.8, 1.1])

    def drift(x):
        u = jnp.asarray(turn.T, x.dtype) @ x
        return jnp.asarray(turn, x.dtype) @ jnp.stack([-u[0] * (u[0] ** 2 - 1), -2 * u[1]])

    along = f"({np.cos(angle)} * x + {np.sin(angle)} * y)"
    system = Diffusion(drift, turn @ strong, shape=2)
    made = grid_committor(
        system, f"{along} < -1", f"{along} > 1", bounds=((-2.6, 2.6), (-2.6, 2.6)), cells=150
    )
    flat = Diffusion(lambda x: -x * (x**2 - 1), 0.8, shape=1)
    known = grid_committor(flat, "x < -1", "x > 1", bounds=(-2.6, 2.6), cells=600)
    u = np.stack([np.linspace(-0.9, 0.9, 13), np.zeros(13)], -1).astype(np.float32)
    found = jax.vmap(made)(jnp.asarray(u @ turn.T, jnp.float32))
    np.testing.assert_allclose(found, jax.vmap(known)(jnp.asarray(u[:, :1])), atol=2e-3)


@pytest.mark.parametrize(("level", "p"), [(3, 0.101610), (4, 0.00435210), (5, 6.0528e-5)])
def test_the_maximum_of_a_linear_process(level, p):
    system = Diffusion(lambda x: -x, np.sqrt(2.0), shape=1)
    box = {"bounds": (-6.0, level + 0.2), "cells": 500, "steps": 120}
    h = hitting_probability(system, f"x >= {level}", 10.0, **box)
    assert float(h(0.0, jnp.zeros(1))) == pytest.approx(p, rel=1e-3)
    assert float(h(10.0, jnp.zeros(1))) == 0
    assert float(h(3.0, jnp.array([level + 0.1]))) == 1


def test_bad_requests_are_refused():
    system = DoubleWell()
    ask = lambda a=LEFT, b=RIGHT, s=system, **more: grid_committor(
        s, a, b, **({"bounds": (-3, 3), "cells": 100} | more)
    )
    with pytest.raises(InvalidInput, match="overlap"):
        ask("x < 0.5", "x > 0")
    with pytest.raises(InvalidInput, match="holds no cell"):
        ask(b="x > 7")
    with pytest.raises(InvalidInput, match="unbounded space; give bounds="):
        ask(bounds=None)
    with pytest.raises(InvalidInput, match="low < high"):
        ask(bounds=(3, -3))
    with pytest.raises(InvalidInput, match="coordinate 'z'"):
        ask("z < 0")
    with pytest.raises(InvalidInput, match="up to three"):
        ask(s=Diffusion(lambda x: -x, 1.0, shape=4), bounds=((-1, 1),) * 4)
    with pytest.raises(InvalidInput, match="too correlated"):
        grid_committor(
            Diffusion(lambda x: -x, np.array([[1.0, 0.0], [0.5, 0.1]]), shape=2),
            "x < -1", "x > 1", bounds=((-2, 2), (-2, 2)), cells=20,
        )  # fmt: skip
    with pytest.raises(InvalidInput, match="horizon"):
        hitting_probability(system, RIGHT, -1.0, bounds=(-3, 3))
