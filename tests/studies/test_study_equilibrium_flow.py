"""The study `equilibrium_flow`: its cells give the rows that are promised, and its report draws them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from noneq.cli.studying import run_and_report
from noneq.errors import InvalidInput
from noneq.learning.loop import Training
from noneq.methods import EquilibriumFlow, PolynomialFlow, ScoreMatching, StreamFlow
from noneq.nets import MLP, FourierMLP, Gradient, Mirrored
from noneq.runs import combine
from noneq.studies import EquilibriumFlowStudy, GrayScottCell
from noneq.studies.base import AbstractCell, Outcome
from noneq.studies.equilibrium_flow.gray_scott_protocol import WienerLaw, cosines, odd_part
from noneq.studies.equilibrium_flow.lorenz import LorenzRun
from noneq.studies.equilibrium_flow.lorenz_draws import MIRROR, LorenzDraws
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
@pytest.mark.optimised
def test_a_tiny_pattern():
    cell = GrayScottCell(
        preset="maze", size=32, starts=8, frames=4, steps=20, states=3, kernels=2, moves=20
    )
    outcome = cell(KEY)
    methods_of = lambda metric: {row.method for row in outcome.rows if row.metric == metric}
    assert methods_of("displacement_cosine") == {"SkewFlow", "random kernel"}
    assert methods_of("displacement_cosine_published_protocol") == {
        "SkewFlow (published)",
        "SkewFlow",
        "SkewFlow, Wiener score",
        "score alone",
        "score alone, Wiener score",
    }
    assert methods_of("displacement_cosine_best_state") == {"SkewFlow", "SkewFlow, Wiener score"}
    assert all(np.isfinite(row.value) for row in outcome.rows)
    assert len(drawn(cell, outcome)) == 2


@pytest.mark.slow
@pytest.mark.optimised
def test_a_pattern_without_training():
    cell = GrayScottCell(preset="maze", size=32, starts=8, frames=4, steps=0, states=3)
    outcome = cell(KEY)
    rows = {(row.method, row.metric): row.value for row in outcome.rows}
    mean = rows["SkewFlow, Wiener score", "displacement_cosine_published_protocol"]
    best = rows["SkewFlow, Wiener score", "displacement_cosine_best_state"]
    assert 0 < mean < best < 1
    assert ("SkewFlow", "displacement_cosine") not in rows
    assert drawn(cell, outcome) == []


def test_the_score_of_normal_fields_is_that_of_their_spectra(rng):
    """One wave of power S per site and white noise: the score is divided by S + sigma² on it."""
    grid = np.stack(np.meshgrid(np.arange(8), np.arange(8), indexing="ij"))
    phases = rng.uniform(0, 2 * np.pi, size=4000)[:, None, None]
    wave = np.cos(2 * np.pi * grid[0] / 8 + phases)
    law = WienerLaw(np.stack([wave, 2 * wave], 1) + 3.0, 0.5)
    x = law.sample(400, key=KEY)
    scores = jax.vmap(law.score)(x)
    # ⟨s·(x − mean)⟩ = −dim for every law.
    assert np.mean(np.sum(scores * (x - 3.0), (1, 2, 3))) == pytest.approx(-128, rel=0.02)
    line = np.stack([wave[0], 2 * wave[0]])
    power = (64 / 2) ** 2 / 64 * (1**2 + 2**2)  # of k and of −k each, along (1, 2)
    np.testing.assert_allclose(
        law.score(jnp.asarray(3.0 + line)), -line / (power + 0.25), atol=2e-3
    )
    across = np.stack([2 * wave[0], -wave[0]])
    np.testing.assert_allclose(law.score(jnp.asarray(3.0 + across)), -across / 0.25, atol=0.05)


def test_parts_of_the_published_cosine():
    """Cosines .5 and −.1 with the signs of a kernel: .3 of the kernel, .2 without it."""
    truth = np.zeros((2, 2, 2, 2))
    truth[:, 0] = 1.0
    other = np.zeros_like(truth)
    other[:, 1] = 1.0
    at = lambda cosine: 5.0 * (cosine * truth + np.sqrt(1 - cosine**2) * other)
    plus, minus = cosines(at(0.5), truth), cosines(at(-0.1), truth)
    np.testing.assert_allclose(plus, 0.5)
    assert odd_part(plus, minus).value == pytest.approx(0.3)
    assert odd_part(minus, plus).value == pytest.approx(0.3)
    assert cosines(0 * truth, truth)[0] == 0.0


@pytest.mark.slow
@pytest.mark.optimised
def test_draws_of_the_attractor():
    """The exact score of a law that is its own mirror leaves an odd field; `Mirrored` an even one."""
    training = Training(steps=1500, batch=256, rate=1e-2)  # 600 leave up to .1 of it, by the key
    flow = EquilibriumFlow(noise=0.3, training=training, net=FourierMLP(32, 2))
    mirrored = dataclasses.replace(flow, net=Mirrored(flow.net, MIRROR))
    found = {}
    for label, method in (("free", flow), ("mirrored", mirrored)):
        cell = LorenzDraws(label=label, method=method, draws=1, states=500, kept=300)
        found |= {(row.method, row.metric): row.value for row in cell(KEY).rows}
    assert found["free", "even_share"] < 0.05
    assert found["free", "cosine_published_metric"] < 0.2
    assert found["free", "cosine_over_draws"] < 0.1
    assert found["mirrored", "even_share"] > 0.999
    assert found["mirrored", "cosine_over_draws"] > 0.6
