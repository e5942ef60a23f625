"""`noneq infer`, and the law that `noneq fit SparseDrift` prints."""

import numpy as np
import pytest

import noneq as nq


@pytest.fixture
def trap(tmp_path):
    """A file of paths of a trap of stiffness 1, D = 1/2."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=20) * np.sqrt(0.5)
    path = []
    for _ in range(1200):
        x = x - 0.02 * x + np.sqrt(0.02) * rng.normal(size=20)
        path.append(x)
    values = np.stack(path, axis=1)[..., None]
    file = tmp_path / "trap.npz"
    nq.data.write(nq.Trajectories(values, 0.02 * np.arange(1200), names=("x",)), file)
    return file


def test_a_first_look_and_the_law(noneq, trap):
    seen = noneq("infer", trap, "--quiet")
    assert seen.out.startswith("motion: overdamped")
    assert "residuals: white" in seen.out
    assert "dx/dt = −(" in seen.out
    found = noneq("infer", trap, "--json", "--quiet").json
    (term,) = found["terms"]
    assert term["term"] == "x"
    assert abs(term["value"] + 1) < 5 * term["stderr"]
    assert found["recommendation"] == f"noneq fit SparseDrift {trap} -o RUN"
    fitted = noneq("fit", "SparseDrift", trap, "-o", "run", "--quiet")
    assert fitted.out.index("residuals: ") < fitted.out.index("dx/dt = −(")
    audit = noneq("thermo", "run", "--json", "--quiet").json
    assert "entropy_production" in str(audit)


def test_snapshots_have_no_law_of_motion(noneq, snapshots):
    noneq("infer", snapshots).refuses(2, "snapshots", "SF2M")
