"""One name for every estimate of the entropy production, and the table of those that apply."""

import jax
import numpy as np
import pytest

import noneq as nq
from noneq.errors import Interrupted, InvalidInput
from noneq.estimate import Estimate
from noneq.simulation import simulate
from noneq.systems import DrivenRing, Linear, Swirl
from noneq.thermo import Agreement, entropy_production, neighbour_rate, verdict
from noneq.thermo.agreement import together
from noneq.thermo.estimates import _METHODS, _kind


@pytest.fixture(scope="module")
def trap():
    """The turning trap, σ = 8."""
    return simulate(Linear(), np.arange(0, 8, 0.02), n=20, key=jax.random.key(3))


def test_chains_stay_numbers():
    assert entropy_production([[-4, 3, 1], [1, -4, 3], [3, 1, -4]]) == pytest.approx(2 * np.log(3))
    assert entropy_production([[0, 1], [1, 0]]) == 0
    assert isinstance(entropy_production(np.full((2, 2), 0.5)), float)


def test_kinds_of_data(trap):
    assert _kind(trap) == "paths"
    assert _kind([0, 1, 2, 0, 1]) == "states"
    assert _kind([[0, 1, 1], [1, 0]]) == "states"
    assert _kind(np.array([[0, 1, 2], [2, 1, 0], [0, 0, 1]])) == "states"
    assert _kind([[0, 1], [1, 0]]) == "chain"
    assert _kind([[0.2, 0.8], [0.6, 0.3]]) == "chain"


def test_one_method(trap):
    found = entropy_production(trap, method="system", system=Linear())
    assert isinstance(found, Estimate)
    assert found.method == "system"
    assert abs(found.z(8.0)) < 5


def test_what_methods_say_alike_is_said_once():
    told = [
        ("gaussian", "gaussian_rate: the interval is 0.5 of the relaxation time."),
        ("tur", "uncertainty_bound: the interval is 0.51 of the relaxation time."),
        ("tur", "uncertainty_bound: too few paths."),
    ]
    assert together(told) == [
        "gaussian, tur: the interval is 0.5 of the relaxation time.",
        "tur: too few paths.",
    ]


def test_a_stop_is_no_refusal(trap, monkeypatch):
    """A method that is asked to stop ends the table."""

    def stopped(*args, **options):
        raise Interrupted("stopped on request at step 1.", signal=15)

    monkeypatch.setattr("noneq.thermo.estimators.gaussian.gaussian_rate", stopped)
    with pytest.raises(Interrupted):
        entropy_production(trap)


def test_one_coordinate_has_no_linear_rate(trap):
    line = trap.select(1)
    table = entropy_production(line)
    assert isinstance(table, Agreement)
    assert "gaussian" not in [row.method for row in table]
    assert "gaussian" not in dict(table.refused)


def test_the_table(trap):
    """Rows of all methods that apply; a method that refuses, here a system not of the data, says why."""
    table = entropy_production(trap, system=Swirl())
    assert isinstance(table, Agreement)
    names = [row.method for row in table]
    assert names == ["gaussian", "force_current", "tur", "neighbours"]
    assert "out of equilibrium" in str(table).splitlines()[-1]
    assert abs(table["gaussian"].z(7.9)) < 5
    assert table.verdict is not None
    assert table.verdict.bound < 8
    assert "method" in table._repr_html_()
    assert dict(table.refused).keys() == {"system"}
    with pytest.raises(InvalidInput, match="not of"):
        table["system"]
    with pytest.raises(InvalidInput, match="no method 'neep'"):
        table["neep"]


def test_the_old_name_warns():
    with pytest.warns(DeprecationWarning, match="entropy_production"):
        assert nq.thermo.entropy_production_rate is nq.thermo.system_rate


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "magic"}, "expected one of"),
        ({"method": "plug_in"}, "is for states"),
        ({"method": "neep"}, "needs key="),
        ({"library": None}, "name it with method="),
    ],
)
def test_refusals(trap, options, words):
    with pytest.raises(InvalidInput, match=words):
        entropy_production(trap, **options)
    assert set(_METHODS) >= {"gaussian", "plug_in", "score", "snapshots"}


@pytest.mark.stat
def test_neighbours_bound_the_path_divergence(key):
    """σ = 8 at dt .02 is a path divergence of 7.7; equilibrium gives nothing."""
    data = simulate(Linear(), np.arange(0, 10, 0.02), n=20, key=key)
    found = neighbour_rate(data)
    assert found.bound == "lower"
    assert 3.5 < float(found.value) < 8.0 + 5 * float(found.stderr)
    still = Linear(A=((1.0, 0.0), (0.0, 1.0)))
    rest = neighbour_rate(simulate(still, np.arange(0, 10, 0.02), n=20, key=key))
    assert abs(float(rest.value)) < 5 * float(rest.stderr) + 0.05
    with pytest.raises(InvalidInput, match="neighbours"):
        neighbour_rate(data, neighbours=(1,))


@pytest.mark.stat
def test_neighbours_on_a_ring(key):
    ring = DrivenRing(force=3.0, amplitude=1.0)
    data = simulate(ring, np.arange(0, 12, 0.04), n=20, key=key).frames(slice(50, None))
    found, truth = neighbour_rate(data), ring.entropy_production_rate()
    assert 0.5 * truth < float(found.value) < truth + 5 * float(found.stderr)
    assert verdict(data).bound < truth + 1


@pytest.mark.parametrize("method", ["gaussian", "force_current", "tur"])
def test_a_copied_coordinate_is_named(method):
    x = np.random.default_rng(6).normal(size=(10, 200, 2))
    data = nq.Trajectories(np.concatenate([x, x[..., :1]], -1), np.arange(200.0))
    with (
        pytest.warns(UserWarning, match="interval|diffusivity"),
        pytest.raises(InvalidInput, match="no noise"),
    ):
        entropy_production(data, method=method)
