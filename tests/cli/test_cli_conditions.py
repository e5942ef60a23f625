"""Conditional models on the command line: samples for a condition, steered, and evaluated."""

import os

import numpy as np
import pytest

from noneq import cli
from noneq.data import Snapshots, Trajectories, read, write


SMALL = [
    *["--set", "net.width=32", "--set", "net.depth=2", "--set", "training.steps=600"],
    *["--set", "training.batch=128", "--set", "sampler.steps=40", "--quiet"],
]
OPEN = ["--set", "drop_condition=0.2"]
SPREAD = 0.5


def two_classes(rng, n=160, times=(0.0, 1.0)):
    """Class c has mean (4 c − 2, t), the same spread."""
    frames, labels = [], np.tile(np.arange(2), n // 2)
    for t in times:
        mean = np.stack([4.0 * labels - 2.0, np.full(n, t)], axis=1)
        frames.append(mean + SPREAD * rng.normal(size=(n, 2)))
    condition = np.tile(labels, len(times))
    return Snapshots.from_frames(frames, times, condition=condition, names=("x", "y"))


def shuffled(data, rng):
    """The same states, each with the condition of another."""
    condition = rng.permutation(data.condition)
    return Snapshots(data.values, data.times, data.time_index, condition=condition, **data.labels())


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Fits to two classes, to the same with conditions shuffled, to two quantities, to none."""
    folder, rng = tmp_path_factory.mktemp("fits"), np.random.default_rng(0)
    train = two_classes(rng, n=600)
    write(train, folder / "classes.npz")
    write(shuffled(train, rng), folder / "shuffled.npz")
    write(two_classes(rng), folder / "new.npz")
    numbers = rng.normal(size=(400, 2))
    values = numbers[:, :1] + SPREAD * rng.normal(size=(400, 1))
    write(Snapshots(values, condition=numbers), folder / "numbers.npz")
    write(Snapshots(values), folder / "plain.npz")
    before = os.getcwd()
    os.chdir(folder)
    try:
        for name, more in {
            "classes": OPEN,
            "shuffled": OPEN,
            "numbers": ["--set", "training.steps=5"],
            "plain": ["--set", "training.steps=5"],
        }.items():
            fit = ["fit", "ScoreMatching", f"{name}.npz", "-o", name, *SMALL, *more]
            assert cli.run(fit) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.mark.slow
def test_samples_carry_their_condition(noneq, runs):
    for label in (0, 1):
        words = ["-o", "s.npz", "--n", "300", "--times", "1", "--condition", label]
        done = noneq("sample", runs / "classes", *words)
        assert done.code == 0, done.err
        data = read("s.npz")
        assert data.condition.dtype.kind == "i"
        assert (data.condition == label).all()
        assert data.condition.shape == (300, 1)
        mean = data.values.mean(axis=0)
        assert np.abs(mean - [4 * label - 2, 1]).max() < 0.5
    # What was written is what a fit of such a model reads.
    fit = ["fit", "ScoreMatching", "s.npz", "-o", "again", "--dry-run", "--json"]
    assert noneq(*fit).code == 0
    assert (
        noneq("sample", runs / "classes", "-o", "t.csv", "--n", "5", "--condition", "1").code == 0
    )
    assert read("t.csv").condition.dtype.kind == "i"


def test_quantities_may_be_negative_and_stay_numbers(noneq, runs):
    words = ["--n", "7", "--condition", "-1.5,2"]
    for name in ("s.npz", "s.csv"):
        done = noneq("sample", runs / "numbers", "-o", name, *words)
        assert done.code == 0, done.err
        data = read(name)
        assert data.condition.tolist() == [[-1.5, 2.0]] * 7


def test_a_condition_left_open(noneq, runs):
    words = ["--n", "400", "--times", "0"]
    done = noneq("sample", runs / "classes", "-o", "s.npz", *words, "--condition", "nan")
    assert done.code == 0
    assert "left open" in done.err
    data = read("s.npz")
    assert data.condition is None
    assert 0.3 < (data.values[:, 0] > 0).mean() < 0.7
    assert noneq("sample", runs / "classes", "-o", "t.npz", *words).code == 0
    assert (read("t.npz").values == data.values).all()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("numbers", ["needs condition=, 2", "--condition"]),
        ("numbers --condition 1", ["1 number(s)", "fit 2"]),
        ("numbers --condition 1,2,3", ["3 number(s)", "fit 2"]),
        ("numbers --condition 1,nan", ["drop_condition"]),
        ("numbers --condition 1,inf", ["infinity"]),
        ("numbers --condition 1,red", ["'1,red'", "a number for each column"]),
        ("numbers --condition 1;2", ["a number for each column"]),
        ("plain --condition 1", ["without conditions", "--condition"]),
        ("classes --condition 2", ["2 is no category", "known: 0, 1"]),
        ("classes --condition 0.5", ["0.5 is no category"]),
        ("classes --guidance 2", ["--condition"]),
        ("classes --guidance 2 --condition nan", ["--condition"]),
        ("classes --guidance -1 --condition 1", ["strength = -1"]),
        ("classes --guidance much --condition 1", ["--guidance"]),
        ("numbers --guidance 2 --condition 1,2", ["drop_condition > 0"]),
        ("classes --condition 1 --given z=1", ["no coordinate 'z'", "x, y"]),
        ("classes --condition 1 --given 2=1", ["no coordinate 2", "0 to 1"]),
        ("classes --condition 1 --given x", ["NAME=VALUE"]),
        ("classes --condition 1 --given x=red", ["'red' is no number"]),
        ("classes --condition 1 --given x=nan", ["finite"]),
        ("classes --condition 1 --given x=1 --given x=2", ["once"]),
        ("classes --condition 1 --given x=1 --given 0=2", ["once"]),
        ("classes --condition 1 --set net.width=8", ["only the sampler"]),
        ("classes --condition 1 --set sampler.stps=8", ["did you mean steps"]),
        ("classes --condition 1 --set sampler=Hoin", ["Hoin"]),
        ("classes --condition 1 --set sampler.steps=0", ["steps = 0"]),
    ],
)
def test_a_wrong_condition_is_one_line(noneq, runs, words, parts):
    name, *more = words.split()
    done = noneq("sample", runs / name, "-o", "s.npz", "--n", "5", *more)
    done.refuses(2, *parts)
    assert os.listdir() == []


def test_guidance_moves_samples_away_from_the_other_class(noneq, runs):
    words = ["--n", "400", "--times", "0", "--condition", "1"]
    means = {}
    for strength in (None, 1, 0, 3):
        more = [] if strength is None else ["--guidance", strength]
        assert noneq("sample", runs / "classes", "-o", "s.npz", *words, *more).code == 0
        data = read("s.npz")
        assert (data.condition == 1).all()
        means[strength] = data.values[:, 0].mean()
    assert abs(means[None] - means[1]) < 1e-3
    assert means[0] < means[1] - 1, "strength 0 is the law of both classes"
    assert means[3] > means[0] + 1


def test_given_coordinates_are_met(noneq, runs):
    words = ["--n", "200", "--times", "0", "--condition", "0"]
    for given in (["x=-1.5"], ["0=-1.5"], ["x=-1.5", "y=0.2"], ["x=-1.5", "1=0.2"]):
        more = [word for one in given for word in ("--given", one)]
        done = noneq("sample", runs / "classes", "-o", "s.npz", *words, *more)
        assert done.code == 0, done.err
        values = read("s.npz").values
        assert np.abs(values[:, 0] + 1.5).max() < 0.1
        assert (np.abs(values[:, 1] - 0.2).max() < 0.1) == (len(given) == 2)
    both = ["--guidance", "1.5", "--given", "x=-1.5"]
    assert noneq("sample", runs / "classes", "-o", "s.npz", *words, *both).code == 0
    assert np.abs(read("s.npz").values[:, 0] + 1.5).max() < 0.1


def test_another_sampler(noneq, runs):
    words = ["sample", runs / "classes", "--n", "50", "--times", "0", "--condition", "1", "-o"]
    same = ["--set", "sampler.steps=40"]
    other = ["--set", "sampler=ReverseSDE", "--set", "sampler.steps=30"]
    values = {}
    for name, more in {"own": [], "same": same, "other": other}.items():
        done = noneq(*words, f"{name}.npz", *more)
        assert done.code == 0, done.err
        values[name] = read(f"{name}.npz").values
    assert (values["own"] == values["same"]).all()
    assert not np.allclose(values["own"], values["other"])
    assert abs(values["other"][:, 0].mean() - 2) < 0.7


def excesses(done):
    """value − floor of each metric."""
    assert done.code == 0, done.err
    return {row["metric"]: row["value"] - row["floor"] for row in done.json["rows"]}


def test_evaluate_compares_like_with_like(noneq, runs):
    """A model that ignores the condition has the right law of all states together."""
    words = ["--metrics", "w1,energy_distance,sliced_w2", "--json"]
    good = excesses(noneq("evaluate", runs / "classes", runs / "new.npz", *words))
    broken = excesses(noneq("evaluate", runs / "shuffled", runs / "new.npz", *words))
    data = read(runs / "new.npz")
    write(Snapshots(data.values, data.times, data.time_index, **data.labels()), "blind.npz")
    together = excesses(noneq("evaluate", runs / "shuffled", "blind.npz", *words))
    assert all(value < 0.2 for value in good.values()), good
    assert all(value > 1.0 for value in broken.values()), broken
    assert all(value < 0.4 for value in together.values()), together


def test_evaluate_passes_conditions_to_the_likelihood(noneq, runs):
    values = {}
    for name in ("classes", "shuffled"):
        done = noneq("evaluate", runs / name, runs / "new.npz", "--metrics", "nll", "--json")
        assert done.code == 0, done.err
        values[name] = done.json["rows"][0]["value"]
    # Knowing the class is worth log 2.
    assert 0.4 < values["shuffled"] - values["classes"] < 1.2


def test_evaluate_needs_the_conditions(noneq, runs):
    done = noneq("evaluate", runs / "numbers", runs / "plain.npz", "--metrics", "w1")
    done.refuses(2, "needs condition=", "--condition-column")
    assert noneq("evaluate", runs / "plain", runs / "numbers.npz", "--metrics", "w1").code == 0
    done = noneq("evaluate", runs / "numbers", runs / "numbers.npz", "--metrics", "w1", "--n", "90")
    assert done.code == 0, done.err


def test_report_and_compare(noneq, runs):
    assert noneq("report", runs / "classes").code == 0
    assert "Conditional model" in (runs / "classes" / "report.html").read_text()
    words = ["--methods", "ScoreMatching", "-o", "both", "--metrics", "w1", "--json", *SMALL]
    done = noneq("compare", runs / "classes.npz", *words)
    assert excesses(done)["w1"] < 0.3


def test_paths_carry_the_condition_of_each(noneq, tmp_path):
    rng, labels = np.random.default_rng(1), np.tile([0, 1], 60)
    moves = 0.1 * rng.normal(size=(120, 4, 1)) + (2 * labels - 1)[:, None, None]
    write(Trajectories(moves.cumsum(axis=1), np.arange(4.0), condition=labels), "paths.npz")
    fit = ["fit", "Transition", "paths.npz", "-o", "run", *SMALL, "--set", "training.steps=200"]
    assert noneq(*fit).code == 0
    assert noneq("sample", "run", "-o", "s.npz", "--n", "30", "--condition", "1").code == 0
    data = read("s.npz")
    assert isinstance(data, Trajectories)
    assert data.condition.tolist() == [[1]] * 30
    assert np.diff(data.values[:, :, 0], axis=1).mean() > 0.5
    words = ["--metrics", "w1,transition_jensen_shannon", "--json"]
    done = noneq("evaluate", "run", "paths.npz", *words)
    assert done.code == 0, done.err
    noneq("sample", "run", "-o", "t.npz", "--condition", "1", "--guidance", "2").refuses(
        2, "denoising model"
    )
