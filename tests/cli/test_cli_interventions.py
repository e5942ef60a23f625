"""`noneq simulate --intervene`, on a system and on the run of a learnt law."""

import numpy as np
import pytest

import noneq as nq


@pytest.fixture
def law(noneq, tmp_path):
    """A run of `DriftRegression` on paths of a trap of stiffness 1, D = 1/2, within ±4."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=20) * np.sqrt(0.5)
    path = []
    for _ in range(1200):
        x = x - 0.02 * x + np.sqrt(0.02) * rng.normal(size=20)
        path.append(x)
    values = np.stack(path, axis=1)[..., None]
    nq.data.write(nq.Trajectories(values, 0.02 * np.arange(1200), names=("x",)), tmp_path / "t.npz")
    noneq("fit", "DriftRegression", "t.npz", "-o", "run", "--set", "library.degree=1", "--quiet")
    return "run"


def test_a_system_with_one_coordinate_held(noneq):
    told = noneq("simulate", "Repressilator", "--intervene", "x=0", "-o", "k.npz",
                 "--n", 3, "--times", "0:0.2:3", "--quiet")  # fmt: skip
    assert told.code == 0, told.err
    values = nq.data.read("k.npz").values
    assert (values[..., 0] == 0).all()
    assert (np.diff(values[..., 1:], axis=1) != 0).all()


def test_a_learnt_law_under_interventions(noneq, law):
    words = ("--n", 2, "--times", "0:1:2", "--quiet")
    still = ("--intervene", "noise:x=0", "--intervene", "start:x=1")
    told = noneq("simulate", law, *still, "-o", "still.npz", *words)
    assert told.code == 0, told.err
    values = nq.data.read("still.npz").values
    np.testing.assert_allclose(values[:, 1, 0], np.exp(-1), atol=0.05)
    noneq("simulate", law, *still, "--intervene", "x+=1", "-o", "pushed.npz", *words)
    moved = nq.data.read("pushed.npz").values - values
    np.testing.assert_allclose(moved[:, 1, 0], 1 - np.exp(-1), atol=0.05)
    far = noneq("simulate", law, "--intervene", "x=99", "-o", "far.npz", "--n", 2,
                "--times", "0:1:2")  # fmt: skip
    assert far.code == 0
    assert "99" in far.err
    noneq("simulate", law, "--intervene", "q=1", "-o", "q.npz").refuses(2, "q", "x")


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("speed=1", ("speed",)),
        ("x", ("expected x=1 (clamp)",)),
        ("noise:x+=1", ("expected x=1 (clamp)",)),
        ("x=fast", ("with a number",)),
    ],
)
def test_what_is_no_intervention_is_refused(noneq, word, parts):
    noneq("simulate", "Repressilator", "--intervene", word, "-o", "k.npz").refuses(2, *parts)


def test_a_jump_process_has_no_drift_to_change(noneq):
    found = noneq("simulate", "MarkovJump", "--intervene", "x=1", "-o", "k.npz")
    found.refuses(2, "no drift to intervene on")


def test_a_scheme_by_its_name(noneq, tmp_path):
    words = ("--n", 4, "--times", "0:0.1:2", "--substeps", 5, "--quiet")
    noneq("simulate", "Prinz", "--solver", "weak", "-o", "weak.npz", *words)
    noneq("simulate", "Prinz", "--solver", "WeakEuler", "-o", "named.npz", *words)
    noneq("simulate", "Prinz", "-o", "usual.npz", *words)
    weak, named, usual = (nq.data.read(f"{name}.npz").values for name in ("weak", "named", "usual"))
    np.testing.assert_array_equal(weak, named)
    assert (weak[:, 1] != usual[:, 1]).any()
    noneq("simulate", "Prinz", "--solver", "WeakEuller", "-o", "x.npz").refuses(2, "WeakEuler")
    noneq("simulate", "MarkovJump", "--solver", "weak", "-o", "x.npz").refuses(2, "solver")
    assert "WeakPlaten" in noneq("list", "solvers").out
