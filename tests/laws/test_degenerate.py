"""Data that are valid but degenerate: every method fits and samples them, or says why not."""

import warnings

import jax
import numpy as np
import pytest
from examples import CONTINUOUS, PRESETS, tiny

import noneq as nq
from noneq import metrics, thermo
from noneq.errors import NoneqError
from noneq.methods import AbstractMethod
from noneq.spec.names import modules


RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=(24, 2)).astype(np.float32)
PATHS = np.cumsum(RNG.normal(size=(24, 3, 2)), axis=1).astype(np.float32)
DATA = {
    "a constant column": lambda: nq.Snapshots(NORMAL * [1.0, 0.0]),
    "all equal": lambda: nq.Snapshots(np.ones_like(NORMAL)),
    "two samples": lambda: nq.Snapshots(NORMAL[:2]),
    "one path": lambda: nq.Trajectories(PATHS[:1], [0.0, 0.5, 2.0]),
    "two times": lambda: nq.Trajectories(PATHS[:, :2], [0.0, 0.5]),
    "float16": lambda: nq.Snapshots(NORMAL.astype(np.float16)),
    "one coordinate": lambda: nq.Snapshots(NORMAL[:, :1]),
    "tiny": lambda: nq.Snapshots(NORMAL * 1e-30),
    "vast": lambda: nq.Snapshots(NORMAL * 1e30),
    "far from the origin": lambda: nq.Snapshots(NORMAL + 1e4),
}

SHAPES = ("two samples", "one path", "two times", "one coordinate")
"""Data of other shapes, which cost a compilation each; a preset need not repeat its product's."""


def fine(act):
    """The result is finite, or the refusal names its reason."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = act()
        except NoneqError as error:
            result = 1.0 if len(str(error)) > 20 else np.nan
    assert np.isfinite(np.asarray(result, float)).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind"),
    [(n, kind) for n in CONTINUOUS for kind in DATA if not (n in PRESETS and kind in SHAPES)],
)
def test_methods(name, kind):
    def act():
        data = DATA[kind]()
        method = tiny(modules("methods", AbstractMethod)[name], dim=data.event_shape[0])
        model = method.fit(data, key=jax.random.key(0)).model
        return model.sample(3, time=float(data.times[0]), key=jax.random.key(1))

    fine(act)


@pytest.mark.parametrize("kind", DATA)
def test_distances(kind):
    samples, reference = DATA[kind](), DATA[kind]()
    for metric in (metrics.w1, metrics.energy_distance, metrics.jensen_shannon):
        fine(lambda metric=metric: metric(samples, reference).value)


@pytest.mark.parametrize("kind", DATA)
def test_normalisation(kind):
    fine(lambda: nq.data.summarise(DATA[kind]()).scale)


def test_half_precision_is_promoted_and_says_so():
    with pytest.warns(UserWarning, match="float16 promoted to float32"):
        assert DATA["float16"]().values.dtype == np.float32


@pytest.mark.parametrize("matrix", [np.eye(1), np.full((2, 2), 0.5), np.eye(2)[::-1]])
def test_chains(matrix):
    fine(lambda: thermo.entropy_production(matrix))
