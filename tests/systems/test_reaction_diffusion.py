"""Gray–Scott: Laplacians on waves, what is conserved, steady states, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput
from noneq.simulation import Euler, RungeKutta4
from noneq.systems import GrayScott, Linear
from noneq.systems.reaction_diffusion import five_point, spectral


SIZE = 16
ROWS, COLUMNS = np.meshgrid(np.arange(SIZE), np.arange(SIZE), indexing="ij")


@pytest.mark.parametrize("wave", [(1, 0), (2, 3), (0, 5)])
def test_laplacians_of_a_wave(wave):
    k = 2 * np.pi * np.asarray(wave) / SIZE
    field = jnp.asarray(np.cos(k[0] * ROWS + k[1] * COLUMNS + 0.3), jnp.float32)
    exact = -float(k @ k)
    nearest = float(2 * np.cos(k[0]) + 2 * np.cos(k[1]) - 4)
    np.testing.assert_allclose(spectral(field), exact * field, atol=2e-5)
    np.testing.assert_allclose(five_point(field), nearest * field, atol=2e-6)
    assert abs(nearest - exact) > 1e-3 * abs(exact)


@pytest.mark.slow
@pytest.mark.parametrize("laplacian", ["5-point", "spectral"])
def test_without_feed_and_kill_all_substance_is_conserved(laplacian):
    system = GrayScott(size=SIZE, F=0.0, k=0.0, laplacian=laplacian)
    paths = nq.simulate(system, (0.0, 100.0), n=2, key=jax.random.key(0), solver=Euler())
    total = paths.values.astype(np.float64).sum(axis=(2, 3, 4))
    np.testing.assert_allclose(total[:, 1], total[:, 0], rtol=1e-5)
    # One of the two alone is not.
    assert (np.abs(np.diff(paths.values[:, :, 1].sum(axis=(2, 3)), axis=1)) > 0.1).all()


def test_steady_states():
    """v = 0, u = 1; and for F = 4 (F + k)² the double root u = 1/2, v = F/(2 (F + k))."""
    F = 0.04
    k = np.sqrt(F) / 2 - F
    system = GrayScott(size=4, F=F, k=float(k))
    for u, v in ((1.0, 0.0), (0.5, F / (2 * (F + k)))):
        x = jnp.stack([jnp.full((4, 4), u), jnp.full((4, 4), v)])
        assert jnp.abs(system.drift(0.0, x)).max() < 1e-7
        assert jnp.abs(system.drift(0.0, x.at[1].add(0.1))).max() > 1e-4


def test_presets_are_the_published_parameters():
    presets = {
        (p.F, p.k) for p in (GrayScott.life(), GrayScott.waves(), GrayScott.spirals(), GrayScott.maze())
    }  # fmt: skip
    assert presets == {(0.006, 0.045), (0.018, 0.049), (0.007, 0.028), (0.029, 0.057)}
    assert GrayScott.maze(32).event_shape == (2, 32, 32)


@pytest.mark.slow
def test_a_maze_grows_and_comes_to_rest():
    times = (0.0, 1000.0, 4000.0, 4200.0)
    paths = nq.simulate(GrayScott.maze(32), times, n=8, key=jax.random.key(1), solver=Euler())
    v = paths.values[:, :, 1]
    alive = v[:, 2].std(axis=(1, 2)) > 0.05
    assert alive.sum() >= 2
    early, late = (np.abs(v[alive, i] - v[alive, j]).mean() for i, j in ((1, 2), (3, 2)))
    assert late < 0.2 * early


@pytest.mark.slow
def test_schemes_agree_to_their_order():
    start = np.asarray(GrayScott(size=SIZE).initial(jax.random.key(0)))[None]
    run = lambda solver, steps: nq.simulate(
        GrayScott(size=SIZE), (0.0, 20.0), n=1, key=jax.random.key(0), solver=solver,
        substeps=steps, start=start,
    ).values[0, 1]  # fmt: skip
    fine = run(RungeKutta4(), 80)
    gaps = [np.abs(run(Euler(), steps) - fine).max() for steps in (20, 40, 80)]
    slopes = np.log2(np.asarray(gaps[:-1]) / gaps[1:])
    assert np.abs(slopes - 1).max() < 0.2
    assert np.abs(run(RungeKutta4(), 20) - fine).max() < 0.01 * gaps[0]


def test_what_is_refused():
    for fields in ({"size": 3}, {"F": -1.0}, {"Du": float("nan")}, {"laplacian": "9-point"}):
        with pytest.raises(InvalidInput, match="GrayScott"):
            GrayScott(**fields)
    with pytest.raises(InvalidInput, match="Euler: Linear has noise"):
        nq.simulate(Linear(), (0.0, 1.0), n=2, key=jax.random.key(0), solver=Euler())
