"""The study `equilibrium_flow`: its cells give the rows that are promised, and its report draws them."""

import dataclasses

import jax
import numpy as np
import pytest

from noneq.cli.studying import run_and_report
from noneq.errors import InvalidInput
from noneq.learning.loop import Training
from noneq.methods import PolynomialFlow, ScoreMatching, StreamFlow
from noneq.nets import MLP, FourierMLP, Gradient
from noneq.runs import combine
from noneq.studies import EquilibriumFlowStudy, GrayScottCell
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.equilibrium_flow.lorenz import LorenzRun
from noneq.studies.equilibrium_flow.pictures import figures
from noneq.studies.equilibrium_flow.shapes import ShapeCell
from noneq.studies.running import Kept


KEY = jax.random.key(3)
SCORE = ScoreMatching(net=Gradient(MLP(32, 2)), training=Training(steps=400, batch=256, rate=5e-3))


def drawn(cell: AbstractCell, outcome: Outcome) -> list:
    kept = Kept(cell.case, cell.method_name, cell.replicate, outcome.arrays)
    return figures(combine([outcome.rows]), [kept])


def test_parts_and_what_is_refused(tmp_path):
    full = EquilibriumFlowStudy()
    cases = {cell.case for cell in full.all_cells()}
    assert {"two_peaks", "ring", "two_moons", "lorenz", "gray_scott:life", "design:geese"} <= cases
    one = dataclasses.replace(full, parts=("lorenz",))
    assert {cell.case for cell in one.all_cells()} == {"lorenz"}
    assert len(full.cells(quick=True)) < len(full.cells())
    for fields in ({"parts": ("x",)}, {"shapes": ("cube",)}, {"presets": ("zebra",)}):
        with pytest.raises(InvalidInput, match="of equilibrium_flow"):
            EquilibriumFlowStudy(**fields)
    with pytest.raises(InvalidInput, match="part of equilibrium_flow"):
        run_and_report("equilibrium_flow", ["x"], [], tmp_path, quick=True, seed=0, progress=None)
    with pytest.raises(InvalidInput, match="prinz has no parts"):
        run_and_report("prinz", ["x"], [], tmp_path, quick=True, seed=0, progress=None)


@pytest.mark.slow
def test_a_set_in_the_plane():
    method = StreamFlow(
        net=FourierMLP(16, 2), score=SCORE, training=Training(steps=100, batch=128, rate=1e-2)
    )
    cell = ShapeCell(
        shape="ring", label="StreamFlow", method=method, snapshots=2000, points=300, step=0.2
    )
    outcome = cell(KEY)
    rows = {row.metric: row for row in outcome.rows}
    assert (cell.case, cell.method_name) == ("ring", "StreamFlow")
    assert rows["invariance_residual"].value < 1e-6
    last = rows["mmd2_after_100"]
    assert last.floor is not None
    assert last.floor > 0
    # A flow that lost the ring would be at .1 or more.
    assert last.value < 0.03
    assert len(drawn(cell, outcome)) == 2


@pytest.mark.slow
def test_the_attractor_from_snapshots():
    cell = LorenzRun(
        label="PolynomialFlow", method=PolynomialFlow(noise=0.3, score=SCORE), score=SCORE,
        seeds=1, trajectories=8, states=2500, time=5.0,
    )  # fmt: skip
    outcome = cell(KEY)
    rows = {(row.method, row.metric): row.value for row in outcome.rows}
    assert rows["PolynomialFlow", "cosine_to_truth"] > 0.95
    assert rows["PolynomialFlow", "bounded_fraction"] > 0.9
    assert len(drawn(cell, outcome)) == 2


@pytest.mark.slow
def test_a_tiny_pattern():
    cell = GrayScottCell(
        preset="maze", size=32, starts=8, frames=4, steps=20, states=3, kernels=2, moves=20
    )
    outcome = cell(KEY)
    methods = {row.method for row in outcome.rows if row.metric == "displacement_cosine"}
    assert methods == {"SkewFlow", "random kernel", "SkewFlow (published)"}
    assert all(np.isfinite(row.value) for row in outcome.rows)
    assert len(drawn(cell, outcome)) == 2
