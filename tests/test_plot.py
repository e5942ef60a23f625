"""`noneq.plot`: axes in, the same axes out, and what is on them."""

import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput, MissingTrait, WrongType
from stub_methods import Stub


LABELS = {"names": ["x", "$y$"], "units": ["um", ""], "time_unit": "s"}


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def walks():
    values = np.random.default_rng(0).normal(size=(50, 6, 2)).cumsum(1)
    return nq.Trajectories(values, np.arange(6.0), **LABELS)


def test_everything_draws_on_the_axes_given_and_on_new_ones(walks):
    fit = Stub().fit(walks, key=jax.random.key(0))
    numbers = nq.thermo.power(
        nq.simulate(nq.systems.DoubleWell(), [0.0, 0.01], n=4, seed=0), nq.systems.DoubleWell(),
        check=False,
    )  # fmt: skip
    for draw, thing in [
        (nq.plot.snapshots, walks),
        (nq.plot.paths, walks),
        (nq.plot.density, walks),
        (nq.plot.density, fit.model),
        (nq.plot.history, {"step": [1, 2], "loss": [2.0, 1.0]}),
        (nq.plot.estimate, numbers),
    ]:
        ax = plt.figure().subplots()
        options = {"time": 0.0} if thing is fit.model else {}
        assert draw(thing, ax=ax, **options) is ax
        assert ax.has_data()
        assert draw(thing, **options) is not ax


def test_paths_and_points_are_those_of_the_data(walks):
    lines = nq.plot.paths(walks, coordinate=1, n=3).lines
    assert len(lines) == 3
    np.testing.assert_array_equal(lines[0].get_ydata(), walks.values[0, :, 1])
    ax = nq.plot.snapshots(walks, time=2.0, coordinates=(1, 0))
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), walks.at(2.0)[:, 1])
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("$y$", "x (um)", "t = 2 s")
    assert not ax.xaxis.label.get_parse_math()


def test_densities_are_normalised(walks):
    (bars,) = nq.plot.density(walks, time=1.0, coordinates=(0,), bins=10).patches
    x, y = bars.get_xy().T
    area = np.abs(np.sum((x[1:] - x[:-1]) * (y[1:] + y[:-1]) / 2))
    assert area == pytest.approx(1.0)
    assert len(nq.plot.snapshots(walks.select(1)).patches) == 6


def test_arrows_are_the_drift_weighted_by_density():
    """Drift (1, 0) at every state: all arrows point along x."""
    system = nq.systems.Diffusion(
        lambda x: [1.0, 0.0], 1.0, initial=lambda key: jax.random.normal(key, (2,))
    )
    (arrows,) = [c for c in nq.plot.field(system).collections if "Quiver" in type(c).__name__]
    assert (arrows.U > 0).all()
    assert (arrows.V == 0).all()
    centre = np.argmin(np.hypot(arrows.X, arrows.Y))
    assert arrows.U[centre] > np.median(arrows.U)


def test_fields_show_their_grid():
    grids = nq.Snapshots(np.arange(24.0).reshape(2, 1, 3, 4))
    (image,) = nq.plot.snapshots(grids).images
    np.testing.assert_array_equal(image.get_array(), grids.values[0, 0])
    with pytest.raises(InvalidInput, match="fields"):
        nq.plot.density(grids)


def test_what_cannot_be_drawn_is_refused(walks):
    with pytest.raises(WrongType, match="Trajectories"):
        nq.plot.paths(walks.snapshots())
    with pytest.raises(InvalidInput, match="no coordinate 5"):
        nq.plot.paths(walks, coordinate=5)
    with pytest.raises(InvalidInput, match="no steps"):
        nq.plot.history({"step": []})
    model = Stub().fit(walks, key=jax.random.key(0)).model
    with pytest.raises(MissingTrait, match="HasVelocity"):
        nq.plot.field(model, time=0.0)
    with pytest.raises(WrongType, match="Estimate"):
        nq.plot.estimate(3.0)
