"""Pictures of the page of thermodynamics: what they are drawn of, and of what there is none."""

from dataclasses import replace

import numpy as np
import pytest

from noneq.data import Trajectories
from noneq.domains import Discrete, Torus
from noneq.estimate import Estimate
from noneq.report.thermo_page.model_pictures import audit_pictures
from noneq.report.thermo_page.page import thermo_report
from noneq.report.thermo_page.pictures import (
    angle_picture,
    current_picture,
    local_picture,
    work_picture,
)
from noneq.runs.discrete_states import as_states
from noneq.runs.thermodynamics import Findings
from noneq.runs.works import work_thermodynamics
from noneq.thermo import Audit, ScheduleCosts


TIMES = 0.05 * np.arange(200)


def rotating(n=20, speed=2.0):
    """Exact records of a rotating trap, ``(n, T, 2)``."""
    rng, dt = np.random.default_rng(3), TIMES[1]
    c, s = np.cos(speed * dt), np.sin(speed * dt)
    turn = np.exp(-dt) * np.array([[c, -s], [s, c]])
    x, frames = rng.normal(size=(n, 2)), []
    for _ in TIMES:
        frames.append(x)
        x = x @ turn.T + np.sqrt(1 - np.exp(-2 * dt)) * rng.normal(size=(n, 2))
    return np.stack(frames, 1)


def ring(n=20, speed=1.5):
    """A free angle with a constant drift and D = 1/2."""
    rng = np.random.default_rng(4)
    steps = speed * TIMES[1] + np.sqrt(TIMES[1]) * rng.normal(size=(n, len(TIMES), 1))
    turned = rng.uniform(0, 2 * np.pi, (n, 1, 1)) + np.cumsum(steps, 1)
    return Trajectories(np.mod(turned, 2 * np.pi), TIMES, domain=Torus(2 * np.pi))


def test_a_plane_has_a_current_and_a_local_map():
    data = Trajectories(rotating(), TIMES, time_unit="s")
    (current,) = current_picture(data)
    assert current.data.startswith(b"\x89PNG")
    (local,) = local_picture(data)
    assert "k_B/s" in local.caption
    value = float(local.caption.split("≥ ")[1].split(" ")[0])
    assert 4 < value < 10  # 2 speed²/k = 8, of cells that average
    assert angle_picture(data) == []


def test_an_angle_has_curves_and_its_rate():
    (curves,) = angle_picture(ring())
    assert b"<svg" in curves.data
    (local,) = local_picture(ring())
    value = float(local.caption.split("≥ ")[1].split(" ")[0])
    assert value == pytest.approx(1.5**2 / 0.5, rel=0.25)
    assert current_picture(ring()) == []


def test_a_line_has_no_picture():
    line = Trajectories(rotating()[..., :1], TIMES)
    assert (current_picture(line), angle_picture(line), local_picture(line)) == ([], [], [])


def test_whole_numbers_become_states_and_positions_stay():
    rng = np.random.default_rng(5)
    two = Trajectories(rng.integers(0, 2, (3, 200, 2)).astype(float), TIMES)
    states, notes = as_states(two)
    assert states.event_shape == (1,)
    assert states.domain == Discrete(4)
    assert "4 states" in notes[0]
    pixels = Trajectories(rng.integers(0, 500, (3, 200, 1)).astype(float), TIMES)
    assert as_states(pixels) == (pixels, ())
    angles = ring()
    assert as_states(angles) == (angles, ())


def test_works_that_do_not_overlap_say_where_the_free_energy_lies():
    """Both bounds in the sentence, the cure once, and no line where there is no answer."""
    rng = np.random.default_rng(6)
    forward, backward = rng.normal(200, 3, 30), rng.normal(-160, 3, 30)
    found = work_thermodynamics(forward, backward)
    low, high = (
        float(w) for w in found.sentence.split("between ")[1].split(" kT")[0].split(" and ")
    )
    assert 160 < low < high < 200
    assert sum("do not overlap" in note for note in found.notes) == 1
    assert not any(note[:1].islower() and note[:3] != "ln " for note in found.notes)
    picture = work_picture(forward, backward, found.estimates[0][1])
    assert "Shaded" in picture.caption
    assert "cross at" not in picture.caption
    met = work_thermodynamics(rng.normal(5, 2, 300), rng.normal(-1, 2, 300))
    caption = work_picture(met.detail.forward, met.detail.backward, met.estimates[0][1]).caption
    assert "cross at" in caption


def test_a_model_has_its_rate_over_time_and_the_costs_of_its_noise_levels(tmp_path):
    """A curve for what has times, a point for each choice of levels, and one error in table and text."""
    one = lambda value, error, **more: Estimate(
        np.asarray(value), np.asarray(error), np.asarray(100), **more
    )
    times = np.linspace(0, 4, 5)
    rate = one(5 + np.exp(-times), np.full(5, 0.2), times=times, unit="k_B/s")
    entropy, w2 = (
        one(np.array([50.0, 40.0]), np.ones(2)),
        one(np.array([0.6, 0.61]), np.full(2, 0.02)),
    )
    costs = ScheduleCosts(np.array([0.0, 1.0]), np.zeros((2, 5)), entropy, w2, one(8.0, 0.1), 1)
    rows = (("entropy_production", rate), ("generation_entropy", one(8.0, 0.1, unit="nat")))
    audit = Audit("Model", rows, (), costs)
    curve, points = audit_pictures(audit, rows)
    assert curve.title == "Entropy production over time."
    assert points.title == "What accuracy costs."
    assert audit_pictures(replace(audit, schedule=None), rows[1:]) == []
    page = thermo_report(tmp_path / "m.html", Findings("model", "Model", rows, (), audit), name="m")
    assert "mean of 5" in page.read_text()
    assert f"± {0.2 / np.sqrt(5):.3f}" in page.read_text()
