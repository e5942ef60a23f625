"""The study table_one: its plan, and cells whose numbers are known."""

import dataclasses
import importlib.util

import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.learning.loop import Training
from noneq.methods import EDM, ReflectedDiffusion
from noneq.nets import MLP
from noneq.spec import from_toml, to_toml
from noneq.studies import TableOneStudy, study_named
from noneq.studies.table_one.cells import Judging, LearnerCell, ReferenceCell, with_start
from noneq.studies.table_one.consistency import Consistency, ConsistencyCell
from noneq.studies.table_one.data import Digits, DrivenWells, Shape
from noneq.studies.table_one.peer import Mixture, MixtureCell
from noneq.studies.table_one.study import CASES, SHAPES, adapted


TABLE_ONE = (
    "DDPM", "SMLD", "VDM", "ScoreSDE", "ReflectedDiffusion", "FlowPP", "DiffFlow",
)  # fmt: skip
LEARNING = importlib.util.find_spec("sklearn") is not None
needs_sklearn = pytest.mark.skipif(not LEARNING, reason="needs scikit-learn")
COARSE = Judging(n=500, timed=500, grid=64, bounded=32, shown=100)


def shape(name, n=4000, n_test=2000):
    return Shape(name, SHAPES[name], n, n_test)


def rows_of(outcome):
    return {row.metric: row for row in outcome.rows}


def test_the_full_plan():
    study = study_named("table_one")
    assert study == TableOneStudy()
    cells = [(c.case, c.method_name) for c in study.cells()]
    for case in (*SHAPES, "prinz", *(["digits"] if LEARNING else [])):
        for method in (*TABLE_ONE, "EDM", "FFJORD", "FlowMatching", "ScoreMatching", "optimal"):
            assert cells.count((case, method)) == 1
    for method in ("DSB", "DSBM", "LightSBM"):
        assert [case for case, name in cells if name == method] == list(SHAPES)
    for method in ("ScoreSDE", "ScoreSDE+FokkerPlanck"):
        assert cells.count(("fpe", method)) == 3
    assert {c.case for c in study.cells(quick=True)} < set(CASES)


def test_settings_survive_a_file_and_change_the_plan():
    study = TableOneStudy().reduced()
    assert from_toml(to_toml(study)) == study
    few = dataclasses.replace(
        TableOneStudy(), cases=("moons",), only=("EDM",), best=("EDM",), seeds_of_best=2
    )
    names = [(c.method_name, c.replicate) for c in few.cells() if c.method_name == "EDM"]
    assert names == [("EDM", 0), ("EDM", 1)]
    with pytest.raises(InvalidInput, match="did you mean moons"):
        TableOneStudy(cases=("moon",))
    with pytest.raises(InvalidInput, match="EDM"):
        TableOneStudy(only=("EDN",))


def test_methods_are_suited_to_discrete_data():
    study = TableOneStudy()
    edm = study._suited(study.edm, Digits())
    assert edm.dequantise == 1.0
    assert edm.net == study.digits_settings.net
    assert edm.training.patience == study.digits_settings.patience
    # A flow keeps the network it is made of.
    assert study._suited(study.flow_pp, Digits()).net == study.flow_pp.net
    assert study._suited(study.edm, shape("moons")) == study.edm


@pytest.mark.sweep(1)
@pytest.mark.parametrize(("case", "best"), [("8gaussians", 2.83188), ("checkerboard", 3.4657)])
def test_the_optimum_is_the_known_one(case, best, key):
    """Entropy of the law: |z| > 5 by chance once in 2 million."""
    cell = ReferenceCell(data=shape(case), judging=COARSE, replicate=0)
    row = rows_of(cell(key))["nll"]
    assert row.method == "optimal"
    assert abs(row.value - best) < 5 * row.stderr + 1e-4


@pytest.mark.slow
def test_a_learner_cell_gives_all_rows_and_notices_too_little_training(key):
    net = MLP(width=48, depth=2)
    trained, hardly = (
        LearnerCell(
            data=shape("8gaussians"),
            judging=COARSE,
            method=EDM(net=net, training=Training(steps=steps, batch=256)),
            replicate=0,
        )(key)
        for steps in (1500, 15)
    )
    rows, bad = rows_of(trained), rows_of(hardly)
    assert list(rows) == [
        "w2", "mmd", "nll", "nfe", "train_seconds", "sample_seconds", "mass_error",
    ]  # fmt: skip
    assert rows["nfe"].value == 35
    assert 2.75 < rows["nll"].value < 3.4
    assert rows["mass_error"].value < 0.02
    assert rows["w2"].floor is not None
    assert rows["w2"].value < 2.5 * rows["w2"].floor
    assert bad["nll"].value > rows["nll"].value + 0.3
    assert trained.arrays["samples"].shape == (100, 2)
    assert trained.arrays["density"].shape == (64, 64)


def test_transports_start_from_a_gaussian_one_unit_of_time_before(key):
    data = shape("8gaussians").draw(key).train
    both = with_start(data, key)
    assert both.times.tolist() == [data.times[0] - 1, data.times[0]]
    np.testing.assert_array_equal(both.at(data.times[0]), data.values)
    start = both.at(both.times[0])
    np.testing.assert_allclose(start.mean(0), data.values.mean(0), atol=0.2)
    assert start.std() == pytest.approx(data.values.std(), rel=0.05)


def test_methods_that_need_walls_get_the_box_of_the_training_data(key):
    parts = shape("rings").draw(key).boxed(0.1)
    low, high = parts.train.domain.bounds
    inside = parts.train.values
    assert (inside > low).all()
    assert (inside < high).all()
    assert parts.test.domain == parts.train.domain
    cells = dataclasses.replace(TableOneStudy(), cases=("rings",)).cells()
    boxed = [c.method_name for c in cells if isinstance(c, LearnerCell) and c.boxed]
    assert boxed == [ReflectedDiffusion.__name__]


@pytest.mark.slow
def test_wells_are_scored_at_a_few_of_their_times(key):
    wells = DrivenWells()
    small = dataclasses.replace(wells, recording=dataclasses.replace(wells.recording, n=20))
    parts = small.draw(key)
    assert parts.test.times.size == 3
    assert parts.train.times.size == 40
    assert set(parts.test.times) <= set(parts.train.times)
    assert not np.array_equal(parts.test.values, parts.truth.values)


@needs_sklearn
def test_digits_are_split_without_overlap(key):
    parts = Digits().draw(key)
    assert parts.train.event_shape == (1, 8, 8)
    assert parts.train.n + parts.test.n == 1797
    assert set(np.unique(parts.train.values)) == set(range(17))
    # The truth of the floor is training images: the metric between halves of the data.
    assert parts.truth.n == parts.test.n


@needs_sklearn
def test_the_peer_is_fitted_and_scored(key):
    mixture = Mixture(components=(8, 16), covariances=("full",))
    cell = MixtureCell(data=shape("8gaussians"), judging=COARSE, mixture=mixture, replicate=0)
    rows = rows_of(cell(key))
    assert abs(rows["nll"].value - 2.83188) < 0.05 + 5 * rows["nll"].stderr
    assert rows["w2"].method == "GaussianMixture (peer)"


@pytest.mark.slow
def test_consistency_cells_share_all_but_the_penalty(key):
    setting = Consistency(
        method=adapted(
            Consistency().method,
            {"net": MLP(32, 2), "training": Training(steps=400, batch=256)},
        ),
        states=32,
    )
    plain, held = (
        rows_of(
            ConsistencyCell(
                data=shape("8gaussians"),
                judging=dataclasses.replace(COARSE, n=200),
                setting=setting,
                penalised=penalised,
                replicate=0,
            )(key)
        )
        for penalised in (False, True)
    )
    assert list(plain) == ["score_fpe_residual", "curl", "w2", "nll"]
    assert plain["w2"].method == "ScoreSDE"
    assert held["w2"].method == "ScoreSDE+FokkerPlanck"
    less, more = held["score_fpe_residual"], plain["score_fpe_residual"]
    # |z| > 5 by chance once in 2 million; so short a training gains little.
    assert more.value - less.value > 5 * np.hypot(less.stderr, more.stderr)


@pytest.mark.parametrize(
    "bad",
    [
        lambda: Shape("x", SHAPES["moons"], 1, 1),
        lambda: Mixture(components=()),
        lambda: Consistency(seeds=0),
    ],
)
def test_impossible_settings_are_refused(bad):
    with pytest.raises(InvalidInput):
        bad()
