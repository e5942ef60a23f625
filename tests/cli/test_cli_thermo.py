"""noneq thermo: chains, works, paths and runs on the command line."""

import math

import numpy as np
import pytest

from noneq.data import Trajectories, write
from noneq.thermo import plug_in_rate
from noneq.thermo.chains import chain_entropy_production


RING = np.array([[-4.0, 3.0, 1.0], [1.0, -4.0, 3.0], [3.0, 1.0, -4.0]])


def numbers(done, quantity):
    return {e["method"]: e for e in done.json["estimates"] if e["quantity"] == quantity}


def test_a_matrix_of_rates_and_its_page(noneq, tmp_path):
    np.save("ring.npy", RING)
    done = noneq("thermo", "ring.npy", "--matrix", "--json", "--quiet", "-o", "out")
    assert done.code == 0, done.err
    rate = numbers(done, "entropy_production_rate")["exact"]["value"]
    assert rate == pytest.approx(2 * math.log(3), rel=1e-12)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Out of equilibrium" in page
    assert "Currents between states" in page


def test_states_of_a_matrix_have_the_names_of_its_header(noneq, tmp_path):
    rows = "\n".join(",".join(map(str, row)) for row in RING)
    (tmp_path / "named.csv").write_text(f"open,closed,blocked\n{rows}\n")
    done = noneq("thermo", "named.csv", "--matrix", "--quiet", "-o", "out")
    assert "closed → blocked → open → closed" in done.out
    assert "±" not in done.out  # exact numbers have no error
    page = (tmp_path / "out" / "report.html").read_text()
    assert "schnakenberg1976network" in page


def test_a_chain_with_detailed_balance_is_in_equilibrium(noneq):
    np.save("chain.npy", np.array([[0.8, 0.2, 0.0], [0.1, 0.6, 0.3], [0.0, 0.4, 0.6]]))
    done = noneq("thermo", "chain.npy", "--matrix", "--json", "--quiet")
    assert done.json["verdict"].startswith("in equilibrium")


def test_works_of_both_directions(noneq):
    """Gaussian works with ΔF = 3 and 2 kT of dissipation each way, in pN nm at 300 K."""
    rng, kT = np.random.default_rng(0), 0.01380649 * 300
    rows = [(kT * (3 + w), "out") for w in rng.normal(2, 2, 800)]
    rows += [(kT * (w - 3), "back") for w in rng.normal(2, 2, 600)]
    with open("works.csv", "w") as file:
        file.write("w,way\n" + "".join(f"{w},{way}\n" for w, way in rows))
    ask = ["thermo", "works.csv", "--work", "w", "--units", "w=pN nm", "--temperature", 300]
    done = noneq(*ask, "--direction", "way=out", "--json", "--quiet", "-o", "out")
    assert done.code == 0, done.err
    bar = numbers(done, "free_energy")["bar"]
    assert abs(bar["value"] - 3) < 5 * bar["stderr"]
    assert bar["stderr"] < 0.1
    noneq(*ask, "--direction", "way=up", "--quiet").refuses(2, "back, out")
    noneq("thermo", "works.csv", "--work", "v", "--quiet").refuses(2, "no such column")


def test_paths_with_one_method_and_what_does_not_fit(noneq, tmp_path):
    """Exact records of a rotating trap: dissipation 2 w²/k = 8 per second."""
    rng, n, dt = np.random.default_rng(1), 40, 0.05
    turn = math.exp(-dt) * np.array(
        [[math.cos(2 * dt), -math.sin(2 * dt)], [math.sin(2 * dt), math.cos(2 * dt)]]
    )
    x, frames = rng.normal(size=(n, 2)), []
    for _ in range(400):
        frames.append(x)
        x = x @ turn.T + math.sqrt(1 - math.exp(-2 * dt)) * rng.normal(size=(n, 2))
    data = Trajectories(np.stack(frames, 1), dt * np.arange(400), time_unit="s")
    write(data, tmp_path / "trap.npz")
    done = noneq("thermo", "trap.npz", "--method", "gaussian", "--json", "--quiet")
    assert done.code == 0, done.err
    rate = numbers(done, "entropy_production_rate")["gaussian"]
    assert rate["unit"] == "k_B/s"
    assert abs(rate["limit"] - 8) < 5 * rate["limit_stderr"]
    noneq("thermo", "trap.npz", "--method", "magic", "--quiet").refuses(2, "magic")
    noneq("thermo", "trap.npz", "--protocol", "0:1", "--quiet").refuses(2, "--system")
    ask = ["thermo", "trap.npz", "--system", "BreathingTrap", "--protocol", "a:1", "--quiet"]
    noneq(*ask).refuses(2, "TIME:VALUE")


def test_columns_of_whole_numbers_are_states(noneq, tmp_path):
    """A driven chain of three states in a text table; its picture shows the loop."""
    rng, rows = np.random.default_rng(2), []
    steps = np.array([[0.6, 0.3, 0.1], [0.1, 0.6, 0.3], [0.3, 0.1, 0.6]])
    for path in range(4):
        state = 0
        for t in range(300):
            rows.append(f"{path},{t},{state}\n")
            state = rng.choice(3, p=steps[state])
    (tmp_path / "states.csv").write_text("path,time,state\n" + "".join(rows))
    ask = ["thermo", "states.csv", "--trajectory-column", "path", "--json", "--quiet"]
    done = noneq(*ask, "--method", "plug_in", "-o", "out")
    assert done.code == 0, done.err
    assert "taken for 3 states" in done.json["notes"][0]
    rate = numbers(done, "entropy_production_rate")["plug_in"]
    assert abs(rate["value"] - chain_entropy_production(steps)) < 4 * rate["stderr"]
    assert rate["limit"] is None  # it has no continuous time
    page = (tmp_path / "out" / "report.html").read_text()
    assert "As counted: Currents between states." in page
    noted = noneq(*ask, "--method", "gaussian").json["notes"]
    assert not any("taken for" in note for note in noted)
    assert "relaxation time" in noted[0]  # what the estimator warned of


def test_names_of_states_in_successive_rows(noneq, tmp_path):
    """A table of names without times: the same estimate as of numbers, per step."""
    rng, names, state, rows = np.random.default_rng(3), ("open", "closed", "blocked"), 0, []
    steps = np.array([[0.6, 0.3, 0.1], [0.1, 0.6, 0.3], [0.3, 0.1, 0.6]])
    for _ in range(600):
        rows.append(names[state])
        state = rng.choice(3, p=steps[state])
    (tmp_path / "states.csv").write_text("state\n" + "\n".join(rows) + "\n")
    ask = ["thermo", "states.csv", "--method", "plug_in", "--json"]
    done = noneq(*ask, "--read", "states=state")
    assert done.code == 0, done.err
    assert "0 = blocked, 1 = closed, 2 = open" in done.err
    rate = numbers(done, "entropy_production_rate")["plug_in"]
    assert rate["unit"] == "k_B/step"
    assert rate["value"] == pytest.approx(
        float(plug_in_rate([sorted(names).index(name) for name in rows]).value), rel=1e-6
    )
    noneq(*ask, "--read", "states=stat").refuses(2, "no column 'stat'")


def test_snapshots_are_refused_with_the_way_out(noneq, snapshots):
    noneq("thermo", snapshots, "--quiet").refuses(2, "how states move", "noneq fit")


def test_works_along_a_protocol(noneq):
    ask = ["--set", 'protocol={kind="Protocol", times=[0.0, 1.0], values=[1.0, 4.0]}']
    made = ["simulate", "BreathingTrap", *ask, "-o", "ramp.npz", "--n", 400]
    assert noneq(*made, "--times", "0:1:21", "--quiet").code == 0
    given = ["--system", "BreathingTrap", "--protocol", "0:1,1:4"]
    done = noneq("thermo", "ramp.npz", *given, "--json", "--quiet")
    assert done.code == 0, done.err
    jarzynski = numbers(done, "free_energy")["jarzynski"]
    assert abs(jarzynski["value"] - math.log(4) / 2) < 5 * jarzynski["stderr"]


def test_a_protocol_that_outlasts_the_record(noneq):
    """The least work is that of the whole protocol, and no bound for the works of its first part."""
    ask = ["--set", 'protocol={kind="Protocol", times=[0.0, 2.0], values=[1.0, 4.0]}']
    made = ["simulate", "BreathingTrap", *ask, "-o", "part.npz", "--n", 100]
    assert noneq(*made, "--times", "0:1:21", "--quiet").code == 0
    given = ["--system", "BreathingTrap", "--protocol", "0:1,2:4"]
    done = noneq("thermo", "part.npz", *given, "--json", "--quiet")
    assert "least_work" not in numbers(done, "work")
    assert "takes at least" not in done.json["verdict"]
    assert any("before the protocol (2)" in note for note in done.json["notes"])


def test_options_that_do_not_go_together(noneq):
    """A table of numbers without a header is a matrix too, and no method changes what it says."""
    np.savetxt("ring.csv", RING, delimiter=",")
    done = noneq("thermo", "ring.csv", "--matrix", "--json", "--quiet")
    assert numbers(done, "entropy_production_rate")["exact"]["value"] == pytest.approx(2.197225)
    noneq("thermo", "ring.csv", "--matrix", "--method", "bar").refuses(2, "--method", "--matrix")
    noneq("thermo", "ring.csv", "--work", "w", "--system", "Ring").refuses(2, "--system", "--work")


def test_all_observables_are_listed(noneq):
    rows = {row["name"]: row for row in noneq("list", "observables", "--json").json["observables"]}
    assert rows["force_current_rate"]["of"] == "trajectories"
    assert rows["frequency_spectrum"]["room"] == "thermo"
    assert rows["lyapunov_spectrum"]["room"] == "inference"
    assert "w2" not in rows
