"""noneq control: least work, protocols beside it, the page, and what is refused."""

import jax
import numpy as np
import pytest

import noneq as nq
from noneq.data import write
from noneq.systems import DraggedTrap, Protocol


ASK = ("control", "DraggedTrap", "--protocol", "centre", "--from", 0, "--to", 1)


def test_a_dragged_trap_and_its_page(noneq, tmp_path):
    done = noneq(*ASK, "--time", 1, "--n", 400, "--json", "--quiet", "-o", "out")
    assert done.code == 0, done.err
    found = done.json
    assert found["least_work"] == pytest.approx(1 / 3, abs=1e-5)
    best, linear = found["protocols"]
    assert [jump["time"] for jump in best["jumps"]] == [0.0, 1.0]
    assert best["jumps"][0]["after"] == pytest.approx(1 / 3, abs=1e-5)
    assert linear["jumps"] == []
    assert abs(best["work"] - 1 / 3) < 5 * best["stderr"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "upright parts are jumps" in page
    assert "least mean work" in page
    assert (tmp_path / "out" / "control.json").exists()


def test_thermo_prints_the_bounds_beside_measured_work(noneq, tmp_path):
    trap = DraggedTrap(Protocol((0.0, 1.0), (0.0, 1.0)))
    paths = nq.simulate(trap, np.linspace(0, 1, 11), n=400, key=jax.random.key(0))
    write(paths, tmp_path / "drag.npz")
    ask = ("thermo", "drag.npz", "--system", "DraggedTrap", "--protocol", "0:0,1:1")
    done = noneq(*ask, "--json", "--quiet")
    assert done.code == 0, done.err
    bound = {(e["quantity"], e["method"]): e for e in done.json["estimates"]}
    least = bound["work", "least_work"]
    assert least["bound"] == "lower"
    assert least["value"] == pytest.approx(1 / 3, abs=1e-5)
    limit = bound["dissipated_work", "speed_limit"]
    assert 0 < limit["value"] < bound["work", ""]["value"]
    assert "at least 0.3333 kT" in done.json["verdict"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("control", "Lorenz", "--protocol", "a", "--from", 0, "--to", 1), "no potential"),
        (("control", "DraggedTrap", "--protocol", "center", "--from", 0, "--to", 1), "centre"),
        ((*ASK[:-1], 0), "nothing has to be done"),
        ((*ASK, "--time", 0), "finite number > 0"),
        ((*ASK, "--time", -1), "finite number > 0"),
        ((*ASK, "--time", "nan"), "finite number > 0"),
        ((*ASK[:-1], "inf"), "at most 1e+09"),
        ((*ASK[:-1], 1e40), "take a larger unit"),
        ((*ASK, "--relax", -1), "--relax"),
        ((*ASK, "--set", "friction=2"), "known: beta, protocol, stiffness"),
        ((*ASK, "--values", ""), "TIME:VALUE"),
        ((*ASK, "--values", "0:0,1:nan"), "not all finite"),
        ((*ASK, "--values", "1:0,0:1"), "not fall"),
        ((*ASK, "--values", "0:0,0.5:1"), "in 0 to 1"),
        ((*ASK, "--erase", "--values", "0:1,1:2"), "leave --protocol"),
        (("control", "DoubleWell", "--erase", "--values", ""), "leave --protocol"),
        (("control", "DoubleWell", "--erase", "--time", -2), "duration = -2"),
        (ASK[:-2], "--to missing"),
        ((*ASK, "--shape", "liner"), "did you mean linear"),
        ((*ASK, "--values", "0:0,1"), "TIME:VALUE"),
        ((*ASK, "--shape", "linear", "--values", "0:0,1:2"), "expected 0 to 1"),
        ((*ASK, "--erase"), "--erase takes the system as it is"),
        ((*ASK, "--n", 2), "at least 10 paths"),
        (("control", "BreathingTrap", "--protocol", "stiffness", "--from", 1, "--to", -4),
         "does not confine"),
        (("control", "DoubleWell", "--protocol", "barrier", "--from", 1, "--to", -1), "barrier"),
        (("control", "BreathingTrap", "--protocol", "stiffness", "--from", -1, "--to", 4),
         "stiffness at the start"),
        (("control", "UnderdampedPair", "--protocol", "k0", "--from", 1, "--to", 2), "overdamped"),
    ],
)  # fmt: skip
def test_refusals(noneq, words, message):
    noneq(*words, "--quiet").refuses(2, message)
