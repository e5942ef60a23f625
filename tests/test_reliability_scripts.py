"""The scripts behind the page of reliability count what they say, and see what is wrong."""

import sys
from pathlib import Path

import numpy as np
import pytest


ROOT = Path(__file__).parents[1]


@pytest.fixture
def script(monkeypatch):
    """Import a script of benchmarks or docs."""
    for folder in ("benchmarks", "docs"):
        monkeypatch.syspath_prepend(ROOT / folder)
    path = list(sys.path)
    yield lambda name: __import__(name)
    sys.path[:] = path


def test_a_reader_that_lets_an_error_escape_is_seen(script, tmp_path, monkeypatch):
    fuzz = script("reliability_fuzz")
    monkeypatch.setattr(fuzz, "KEPT", tmp_path / "kept")
    passed, tried = fuzz.fuzz("npy", 60.0, most=20)
    assert passed == tried == 20
    assert not (tmp_path / "kept").exists()

    def broken(path):
        return np.load(path)

    monkeypatch.setattr(fuzz, "read", broken)
    passed, tried = fuzz.fuzz("npy", 60.0, most=20)
    assert passed < tried
    assert list((tmp_path / "kept").iterdir())


def test_ranks_that_are_not_uniform_are_seen(script):
    statistics, rng = script("reliability_statistics"), np.random.default_rng(0)
    size = (statistics.PRIORS, 2)
    assert (statistics.p_of(rng.integers(100, size=size)) > 1e-3).all()
    # Draws that are a third too wide.
    x, draws = rng.normal(size=size), 1.33 * rng.normal(size=(statistics.DRAWS, *size))
    assert (statistics.p_of((draws < x).sum(axis=0)) < 1e-3).all()


def test_exponents_and_the_plan(script):
    """The slope of a power law; and with two devices the plan is what was measured."""
    fitted = script("scale_slopes").fitted
    slope, error = fitted((10, 100, 1000), [0.2, 2 * 10**0.5, 20.0])
    assert slope == pytest.approx(1.0)
    assert error == pytest.approx(np.log(10**0.5) * 6**0.5 / np.log(10) / 3 / 2**0.5, rel=0.5)
    pages = script("scaling_pages")
    entry = {"method": "gloo", "metric": "exchange_seconds", "stderr": None, "floor": None}
    cases = {"exchange:1": 0.002, "exchange:1_000_000": 0.010}
    record = {"rows": [entry | {"case": c, "value": v, "seeds": 1} for c, v in cases.items()]}
    assert pages.planned(record, 2, 1_000_000) == pytest.approx(0.010, rel=1e-6)
    assert pages.planned(record, 1024, 0) == pytest.approx(0.020)


@pytest.mark.slow
@pytest.mark.parametrize(
    "extension", ["csv", "npz", "npy", "nc", "zarr", "parquet", "h5ad", "h5", "mat", "xml", "xyz"]
)
def test_no_error_escapes_from_a_reader(script, extension):
    fuzz = script("reliability_fuzz")
    passed, tried = fuzz.fuzz(extension, 20.0, seed=1)
    assert passed == tried > 0


@pytest.mark.slow
@pytest.mark.optimised
def test_memory_programs_and_files_stay(script):
    found = script("reliability_soak").soak(2.0)
    assert found["programs_compiled"] == 0
    assert found["files_more"] == 0
    assert found["megabytes_per_1000_steps"] < 1


@pytest.mark.slow
@pytest.mark.stat
def test_error_bars_cover(script):
    """Of 200 repeats a right one covers fewer than 88 or all but one with probability 1e-4 each."""
    for name, z in script("reliability_statistics").scores():
        assert 0.88 < np.mean(np.abs(z) < 1.96) < 0.995, name


@pytest.mark.slow
@pytest.mark.stat
@pytest.mark.optimised
def test_draws_given_a_measurement_follow_the_posterior(script):
    statistics = script("reliability_statistics")
    assert (statistics.p_of(statistics.ranks()) > 1e-3).all()
    # An inference that takes the measurement for five times as precise as it is.
    assert (statistics.p_of(statistics.ranks(noise=statistics.NOISE / 5)) < 1e-3).any()
