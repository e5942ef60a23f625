"""The study bridges: its plan, and the problem of growth."""

import numpy as np
import pytest

from noneq.methods import SF2M, Brownian, PlanGrowth, Unbalanced
from noneq.nets import MLP
from noneq.studies.bridges.growth import GrowthProblem, SharesCell
from noneq.studies.bridges.problem import BridgeCell
from noneq.studies.bridges.study import BridgesStudy
from noneq.training import Training


def rows_of(outcome):
    return {row.metric: row for row in outcome.rows}


def test_the_plan_holds_growth_and_its_baselines():
    study = BridgesStudy()
    names = [cell.method_name for cell in study.cells() if cell.case == "growth"]
    assert set(names) == {"SF2M(Unbalanced)", "SF2M", "ClusterShares"}
    assert names.count("ClusterShares") == study.seeds
    assert any(cell.method_name == "DSB" for cell in study.cells())


@pytest.mark.slow
def test_growth_is_found_and_a_balanced_transport_fails(key):
    problem = GrowthProblem(n=400)
    common = {
        "bridge": Brownian(0.5), "net": MLP(width=32, depth=2), "pool": 8192,
        "training": Training(steps=500, batch=256, rate=5e-3),
    }  # fmt: skip
    growing = SF2M(coupling=Unbalanced(), growth=PlanGrowth(), **common)
    cell = lambda method: BridgeCell(problem=problem, method=method, replicate=0)
    shares = rows_of(SharesCell(problem=problem, replicate=0)(key))["mass_ratio"]
    found, kept = (rows_of(cell(method)(key)) for method in (growing, SF2M(**common)))
    ratio = found["mass_ratio"]
    assert abs(ratio.value - 2.0) < 3 * ratio.stderr
    assert abs(shares.value - 2.0) < 3 * shares.stderr
    # What the snapshots know, and not more: the model follows the counts of its own data.
    assert ratio.value == pytest.approx(shares.value, rel=0.1)
    assert found["crossing_share"].value < 0.02
    assert kept["mass_ratio"].value == 1.0
    assert kept["crossing_share"].value > 0.15


def test_the_shares_of_the_truth(key):
    data = GrowthProblem(n=6000).draw(key)
    assert data.counts.tolist() == [6000, 6000]
    for time, share in ((0.0, 0.5), (1.0, 2 / 3)):
        x = data.at(time)[:, 0]
        assert np.mean(x > 0) == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / 6000))
