"""Bad input of laws of motion: one line with the cure, exit code 2."""

import numpy as np
import pytest

import noneq as nq


STEPS = 200


@pytest.fixture(scope="module")
def traps():
    """Paths (8, STEPS, 2) of two traps of stiffness 1, D = 1/2, frames 0.02 apart."""
    rng = np.random.default_rng(4)
    x, path = rng.normal(size=(8, 2)) * 0.7, []
    for _ in range(STEPS):
        x = x - 0.02 * x + np.sqrt(0.02) * rng.normal(size=x.shape)
        path.append(x)
    return np.stack(path, axis=1)


def write(values, dt=0.02):
    names = ("x", "y")[: values.shape[2]]
    frames = dt * np.arange(values.shape[1])
    nq.data.write(nq.Trajectories(values, frames, names=names), "paths.npz")


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("SparseDrift", ()),
        ("DriftRegression", ("localisation=true",)),
        ("SparseDrift", ("order=2",)),
        ("NeuralDrift", ()),
    ],
)
def test_a_column_that_never_moves(noneq, traps, method, settings):
    write(np.stack([traps[..., 0], np.full(traps.shape[:2], 3.0)], 2))
    words = [word for text in settings for word in ("--set", text)]
    found = noneq("fit", method, "paths.npz", "-o", "run", *words, "--quiet")
    found.refuses(2, "y is 3 in all frames", "leave this column out")


def test_a_column_that_never_moves_has_no_first_look(noneq, traps):
    write(np.stack([traps[..., 0], np.full(traps.shape[:2], 3.0)], 2))
    noneq("infer", "paths.npz", "--quiet").refuses(2, "y is 3 in all frames")
    onsager = noneq("fit", "OnsagerDynamics", "paths.npz", "-o", "run", "--quiet")
    onsager.refuses(2, "y is 3 in all frames")


def test_functions_that_the_data_do_not_tell_apart(noneq, traps):
    write(np.stack([traps[..., 0], 2 * traps[..., 0]], 2))
    told = noneq("fit", "SparseDrift", "paths.npz", "-o", "run", "--quiet")
    told.refuses(2, "the data do not tell", "condition number", "smaller library")
    words = ("--set", "library=Terms", "--quiet")
    terms = lambda text: (*words, "--set", f"library.texts={text}")
    write(traps)
    fit = ("fit", "SparseDrift", "paths.npz", "-o", "run")
    noneq(*fit, *terms('["1", "x", "2*x"]')).refuses(2, "the data do not tell x, 2*x apart")
    noneq(*fit, *terms('["1", "log(x)"]')).refuses(2, "log(x) is not finite", "out of the library")
    noneq(*fit, *terms('["1", "0*x"]')).refuses(2, "0*x is zero at all states")


def test_powers_far_from_zero_are_taken_about_the_mean(noneq, traps):
    write(traps + 1000)
    fit = ("fit", "SparseDrift", "paths.npz", "-o", "run", "--quiet")
    noneq(*fit).refuses(2, "the data do not tell", "library.centred=true")
    looked = noneq("infer", "paths.npz", "--json", "--quiet").json
    assert "library.centred=true" in looked["settings"]
    assert looked["recommendation"].endswith("--set library.centred=true")


def test_too_few_frames_say_the_condition_number(noneq, traps):
    write(traps[:1, :8])
    fit = ("fit", "SparseDrift", "paths.npz", "-o", "run", "--quiet")
    noneq(*fit).refuses(2, "7 increments for 10 functions", "condition number", "longer paths")
    write(traps[:1, :3])
    noneq("infer", "paths.npz", "--quiet").refuses(2, "increments for 3 functions")


def test_frames_too_far_apart_are_warned_of(noneq):
    rng = np.random.default_rng(0)
    write(rng.normal(size=(4, STEPS, 1)), dt=3.0)
    words = ("-o", "run", "--set", "library.degree=1", "--quiet")
    found = noneq("fit", "DriftRegression", "paths.npz", *words)
    assert found.code == 0
    assert "too coarse" in found.err
    assert "record at intervals below" in found.err


def test_paths_of_different_dimension(noneq, tmp_path):
    rows = ["trajectory,time,x,y"]
    for path in range(2):
        rows += [f"{path},{k},{k % 3},{k % 2 if path else ''}" for k in range(9)]
    (tmp_path / "paths.csv").write_text("\n".join(rows) + "\n")
    found = noneq("infer", "paths.csv", "--quiet")
    assert found.code == 2
    assert found.err.startswith("noneq: ")
    (tmp_path / "ragged.csv").write_text("trajectory,time,x,y\n0,0,1,2\n0,1,2,3\n1,0,1\n1,1,2\n")
    found = noneq("infer", "ragged.csv", "--quiet")
    assert found.code in (2, 4)
    assert found.err.count("\n") == 1


def test_a_run_without_a_drift_is_not_simulated(noneq, pytestconfig):
    run = pytestconfig.rootpath / "tests/store/runs/ddpm"
    told = noneq("simulate", run, "-o", "k.npz", "--quiet")
    told.refuses(2, "HasDrift")
    noneq("simulate", run, "--intervene", "x=1", "-o", "k.npz", "--quiet").refuses(2, "HasDrift")
    looked = noneq("infer", run, "--quiet")
    assert looked.code in (2, 4)
    assert looked.err.count("\n") == 1
