"""The residuals of a law of motion on the page of its run."""

from types import SimpleNamespace

import numpy as np

from noneq.inference.drift.residual_curves import residual_curves
from noneq.report.paths.residuals import residual_pictures


def test_residuals_are_drawn_if_they_were_kept(rng):
    u = rng.normal(size=(4, 300, 2))
    u[:, 40:43] = np.nan
    curves = residual_curves(u, 1, 0.0, 1.0, 1.0)
    (picture,) = residual_pictures(SimpleNamespace(meta={"residual_curves": curves}))
    assert picture.title == "Residuals."
    assert residual_pictures(SimpleNamespace(meta={})) == []


def test_curves_know_correlation_gaps_and_measurement_noise(rng):
    clean, seen = rng.normal(size=(20, 2001, 1)), rng.normal(size=(20, 2001, 1))
    u = clean[:, 1:] + np.diff(seen, axis=1)
    u[:, ::10] = np.nan
    curves = residual_curves(u, 1, -1 / 3, 3.0, 1.0)
    # Two shared errors of size 1 in a variance of 3.
    np.testing.assert_allclose(curves["correlation"][0], -1 / 3, atol=0.02)
    np.testing.assert_allclose(curves["correlation"][1:], 0.0, atol=0.03)
    assert curves["expected"][:2] == [-1 / 3, 0.0]
    width = np.diff(curves["edges"])
    middle = np.add(curves["edges"][1:], curves["edges"][:-1]) / 2
    np.testing.assert_allclose(np.sum(curves["density"] * middle**2 * width), 1.0, atol=0.03)
