"""What estimators converge to at a finite interval: published numbers, limits, and simulated data."""

import numpy as np
import pytest

from noneq.errors import InvalidInput, MissingTrait
from noneq.simulation import simulate
from noneq.systems import (
    AOUP,
    BeadSpring,
    Linear,
    MemoryLangevin,
    Swirl,
    UnderdampedPair,
)
from noneq.thermo import exact
from noneq.thermo.exact import target


ESTIMATORS = ("path_kl", "midpoint", "plug_in", "log_plug_in", "tur")
BEADS = BeadSpring(beads=2, cold=1.0, hot=10.0)


@pytest.mark.parametrize(
    ("generator", "values"),
    [
        ("exact", (1.98464, 1.98494, 1.96986, 2.025, 1.95549)),
        ("euler", (2.04030, 2.04030, 2.02500, 2.08234, 2.00933)),
    ],
)
def test_two_beads_at_a_hundredth(generator, values):
    found = [target(BEADS, 0.01, generator=generator, estimator=name) for name in ESTIMATORS]
    np.testing.assert_allclose(found, values, atol=6e-6)


@pytest.mark.parametrize(("dt", "rate"), [(0.1, 1.6360), (0.03, 1.9048), (0.001, 2.0210)])
def test_the_path_divergence_of_other_intervals(dt, rate):
    np.testing.assert_allclose(target(BEADS, dt), rate, atol=6e-5)


@pytest.mark.parametrize(
    ("beads", "cold", "rate"),
    [(5, 1.0, 0.63419), (8, 0.416997, 1.00683), (16, 0.20768, 1.00673), (64, 0.05171, 1.00674)],
)
def test_the_data_of_neep(beads, cold, rate):
    found = target(BeadSpring(beads, cold), 0.01, generator="euler")
    np.testing.assert_allclose(found, rate, atol=6e-6)


@pytest.mark.parametrize("generator", ["exact", "euler"])
@pytest.mark.parametrize("system", [BEADS, AOUP(), Linear()], ids=lambda s: type(s).__name__)
def test_all_reach_the_rate_of_continuous_time(system, generator):
    found = [target(system, 1e-5, generator=generator, estimator=name) for name in ESTIMATORS]
    np.testing.assert_allclose(found, system.entropy_production_rate(), rtol=2e-3)


def test_windows_of_a_markov_chain_say_no_more_than_pairs():
    np.testing.assert_allclose(target(BEADS, 0.1, window=6), target(BEADS, 0.1), rtol=1e-9)
    # Two of three beads are no Markov chain: longer windows see more, and less than all.
    chain = BeadSpring(3)
    shown = [target(chain, 0.1, window=n, observed=(0, 1)) for n in (2, 3, 8)]
    assert shown[0] + 1e-3 < shown[1] < shown[2] - 1e-3 < target(chain, 0.1)
    # One Gaussian coordinate alone looks the same forward and backward.
    assert abs(target(chain, 0.1, window=5, observed=[1])) < 1e-10


def test_velocities_are_odd():
    pair = UnderdampedPair()
    np.testing.assert_allclose(target(pair, 0.03), 2 / 9, rtol=1e-4)
    assert abs(target(MemoryLangevin(), 0.1, window=3)) < 1e-6
    even = Linear(*pair.matrices())
    assert target(even, 0.03) > 1


def test_force_sums_on_data_reach_the_target_of_their_interval_and_generator(key):
    """The midpoint sum on 2,000 paths; the rate of continuous time is 15 standard errors away."""
    A, D = BEADS.matrices()
    times = np.arange(31) * 0.1
    with pytest.warns(UserWarning, match="time_step"):
        coarse = simulate(BEADS, times, n=2000, key=key, substeps=1, start=None)
    for generator, data in (("exact", simulate(BEADS, times, n=2000, key=key)), ("euler", coarse)):
        # Euler's frames have another covariance than the start: the first ten are left out.
        x = data.values[:, 10:].astype(np.float64)
        middle, move = (x[:, 1:] + x[:, :-1]) / 2, np.diff(x, axis=1)
        rates = -np.einsum("ntd,ntd->n", middle @ A.T, move @ np.linalg.inv(D)) / 2.0
        expected = target(BEADS, 0.1, generator=generator, estimator="midpoint")
        stderr = rates.std(ddof=1) / np.sqrt(len(rates))
        assert abs(rates.mean() - expected) < 5 * stderr
        other = target(BEADS, 0.1, generator={"exact": "euler"}.get(generator, "exact"))
        assert abs(rates.mean() - other) > 8 * stderr


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"dt": 0.0}, "dt = 0"),
        ({"window": 1}, "window = 1"),
        ({"generator": "heun"}, "'exact' or 'euler'"),
        ({"estimator": "neep"}, "'path_kl'"),
        ({"dt": 2.0, "generator": "euler"}, "explode"),
        ({"observed": (2,)}, "observed"),
        ({"window": 3, "estimator": "tur"}, "pairs of whole states"),
        ({"system": UnderdampedPair(), "estimator": "plug_in"}, "noise in every coordinate"),
        ({"system": UnderdampedPair(), "generator": "euler"}, "determine each other"),
    ],
)
def test_bad_targets_are_refused(arguments, match):
    with pytest.raises(InvalidInput, match=match):
        target(**({"system": BEADS, "dt": 0.01} | arguments))


def test_only_linear_systems_are_known_in_closed_form():
    with pytest.raises(MissingTrait, match="Swirl is not linear"):
        exact.target(Swirl(), 0.01)
