"""How a fit is followed: bars, stages, loggers, previews; and seeds in place of keys."""

import inspect
import io

import equinox as eqx
import jax
import numpy as np
import pytest

import noneq as nq
from noneq.callbacks import Preview, TensorBoard
from noneq.errors import InvalidInput, WrongType
from noneq.learning.stages import Staged
from noneq.learning.watching import Part, Watch
from noneq.nets.vectors.fields import MLP
from noneq.progress import AbstractReporter, Lines, reporter, silence


SMALL = nq.methods.FlowMatching(net=MLP(16, 1), training=nq.Training(steps=8, batch=16))
DATA = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)


class Logger:
    """A run of Weights & Biases, as far as it matters."""

    def __init__(self):
        self.rows = []

    def log(self, data, step=None):
        self.rows.append((step, data))


class Writer:
    """A SummaryWriter of TensorBoard."""

    def __init__(self):
        self.scalars = []

    def add_scalar(self, tag, value, step):
        self.scalars.append((tag, value, step))


class Recorder(AbstractReporter):
    def __init__(self):
        self.seen, self.models = [], []

    def __call__(self, done, total, row):
        self.seen.append((done, total))

    def stage(self, text):
        self.seen.append(text)

    def preview(self, step, model):
        self.models.append((step, model()))


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(scope="module")
def followed():
    """A fit, and all that followed it."""
    logger, writer, shown, rows = Logger(), Writer(), [], []
    callback = [
        logger,
        TensorBoard(writer, "a/"),
        Preview(lambda model, step: shown.append((step, model)), every=3),
        lambda row, step: rows.append((step, row["loss"])),
    ]
    fit = SMALL.fit(DATA, seed=0, callback=callback)
    return fit, logger, writer, shown, rows


def test_loggers_get_what_the_history_keeps(followed):
    fit, logger, writer, _, rows = followed
    kept = list(zip(fit.history["step"], fit.history["loss"], strict=True))
    assert [(step, row["loss"]) for step, row in logger.rows] == kept == rows
    assert [(step, value) for tag, value, step in writer.scalars if tag == "a/loss"] == kept
    assert all("step" not in row for _, row in logger.rows)


def test_a_preview_is_the_model_as_it_is(followed):
    fit, _, _, shown, _ = followed
    assert [step for step, _ in shown] == [3, 6]
    early = shown[0][1]
    assert type(early) is type(fit.model)
    assert not eqx.tree_equal(early, fit.model)
    last = []
    SMALL.fit(DATA, seed=0, callback=Preview(lambda model, step: last.append(model), every=8))
    (model,) = last
    assert eqx.tree_equal(model, fit.model)


def test_a_seed_stands_for_its_key(followed):
    again = SMALL.fit(DATA, key=jax.random.key(0))
    assert eqx.tree_equal(again.model, followed[0].model)
    data = nq.Snapshots(DATA)
    one, other = data.split(0.5, seed=3), data.split(0.5, key=jax.random.key(3))
    assert eqx.tree_equal(one, other)


@pytest.mark.parametrize("call", [nq.Snapshots(DATA).split, nq.Snapshots(DATA).split.__func__])
def test_exactly_one_of_seed_and_key(call):
    args = (0.5,) if inspect.ismethod(call) else (nq.Snapshots(DATA), 0.5)
    with pytest.raises(WrongType, match="give one of them"):
        call(*args, seed=0, key=jax.random.key(0))
    with pytest.raises(WrongType, match=r"give seed=.* or key="):
        call(*args)
    with pytest.raises(WrongType, match="expected a whole number"):
        call(*args, seed=0.5)


def test_help_shows_seed_and_callback():
    for method in (nq.methods.FlowMatching, nq.methods.EquilibriumFlow, nq.methods.Hopfield):
        assert {"key", "seed", "callback", "progress"} <= set(
            inspect.signature(method.fit).parameters
        )
    assert "seed" in inspect.signature(nq.simulate).parameters


def test_wrong_callbacks_are_refused_before_the_fit():
    with pytest.raises(WrongType, match="log\\(row, step\\)"):
        SMALL.fit(DATA, seed=0, callback=3)
    with pytest.raises(WrongType, match="log\\(row, step\\)"):
        SMALL.fit(DATA, seed=0, callback=Logger)
    with pytest.raises(InvalidInput, match="at least 1"):
        Preview(print, every=0)


def test_compiling_is_announced_and_nothing_is_shown_unasked(capsys):
    report = Recorder()
    SMALL.fit(DATA, seed=0, progress=report)
    assert report.seen == ["compiling", *((i, 8) for i in range(1, 9))]
    SMALL.fit(DATA, seed=0)
    SMALL.fit(DATA, seed=0, progress=False)
    assert capsys.readouterr().err == ""
    SMALL.fit(DATA, seed=0, progress=True)
    err = capsys.readouterr().err
    assert err.startswith("noneq: FlowMatching compiling …\nnoneq: FlowMatching 1/8 loss")


def test_a_terminal_shows_a_bar_once(monkeypatch):
    monkeypatch.setattr("sys.stderr", screen := Terminal())
    with reporter("outer") as bar:
        assert bar is not None
        bar.stage("compiling")
        bar(1, 4, {"loss": 0.5, "step": 1})
        with reporter("inner") as inner:
            assert inner is None
    with silence(), reporter("silent") as none:
        assert none is None
    assert "outer 1/4 loss 0.5" in screen.getvalue()


def test_two_stages_are_counted_on_and_named():
    report = Recorder()
    staged = Staged(report, "score", "field")
    staged.first.stage("compiling")
    for i in (1, 2):
        staged.first(i, 2, {})
    staged.second.stage("compiling")
    staged.second(1, 3, {})
    assert report.seen == ["score: compiling", (1, 2), (2, 2), "field: compiling", (3, 5)]
    part = Part(report, before=lambda: 4, whole=lambda model: ("whole", model))
    part.preview(1, lambda: "learnt")
    assert report.models == [(5, ("whole", "learnt"))]


def test_a_row_of_text_is_a_line_of_its_own(capsys):
    lines = Lines("study")
    for _ in range(2):
        lines(0, 9, "cell")
        lines(0, 9, {"loss": 1.0})
    assert capsys.readouterr().err.count("\n") == 2
    watch = Watch(None)
    watch.stage("nothing listens")
    watch.preview(1, lambda: pytest.fail("nobody asked for a model"))


def test_runs_pass_callbacks_on_and_keep_the_table(tmp_path):
    logger = Logger()
    fit = nq.runs.fit(SMALL, nq.Snapshots(DATA), tmp_path / "run", callback=logger)
    assert [row["loss"] for _, row in logger.rows] == fit.history["loss"]
    assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == 9
