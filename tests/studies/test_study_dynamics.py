"""The study dynamics: its plan, what its cells count, and its pictures and page."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from noneq.errors import InvalidInput
from noneq.spec import from_toml, to_toml
from noneq.studies import DynamicsStudy, study_named
from noneq.studies.dynamics.forces import PEER, RECORDS, ForceCell, observed, supports
from noneq.studies.dynamics.interventions import HELD, ChainCell
from noneq.studies.dynamics.laws import TRUTHS, law_rows
from noneq.studies.dynamics.networks import MEASURED
from noneq.studies.dynamics.pictures import figures
from noneq.studies.running import Kept


def test_the_full_plan():
    study = study_named("dynamics")
    assert study == DynamicsStudy()
    names = [(c.case, c.method_name) for c in study.cells()]
    assert len({(c.case, c.method_name, c.replicate) for c in study.cells()}) == len(names)
    for case in ("law:lorenz", "law:flock", "coverage:van_der_pol", "sfi:noisy"):
        assert case in {name for name, _ in names}
    assert names.count(("sfi:ou", "noneq")) == 20
    assert not any(method == PEER for _, method in names)
    peers = dataclasses.replace(study, peer=True).cells()
    assert sum(c.method_name == PEER for c in peers) == 20 * len(RECORDS)
    for network in MEASURED:
        methods = {m for c, m in names if c == f"graph:{network}"}
        assert {"ridge (quadratic)", "ridge (trigonometric)"} <= methods
    assert len(study.cells(quick=True)) < 70


def test_settings_survive_a_file():
    for study in (DynamicsStudy(), DynamicsStudy().reduced()):
        assert from_toml(to_toml(study)) == study


def test_an_unknown_part_is_refused():
    with pytest.raises(InvalidInput, match="did you mean laws"):
        dataclasses.replace(DynamicsStudy(), parts=("lows",))
    with pytest.raises(InvalidInput, match="expected at least 1"):
        dataclasses.replace(DynamicsStudy(), laws=0)


def test_supports_are_read_off_the_values_of_a_field():
    truth, rng = TRUTHS["limit_cycle"], np.random.default_rng(0)
    paths = observed_paths(rng)
    right = lambda x: np.stack([x[:, 0] * (1 - (x**2).sum(1)) - 2 * x[:, 1],
                                x[:, 1] * (1 - (x**2).sum(1)) + 2 * x[:, 0]], 1)  # fmt: skip
    assert supports(right, paths, truth)
    assert not supports(lambda x: right(x) + 0.01 * x[:, :1] ** 2, paths, truth)


def observed_paths(rng):
    import noneq as nq

    return nq.Trajectories(rng.normal(size=(1, 50, 2)), 0.05 * np.arange(50))


def test_positions_alone_are_observed_with_their_noise():
    rng = np.random.default_rng(1)
    clean = observed_paths(rng)
    seen = observed(clean, RECORDS["underdamped,noisy"], 0)
    assert seen.values.shape == (1, 50, 1)
    step = np.sqrt((np.diff(clean.values[..., 0]) ** 2).mean())
    assert (seen.values[..., 0] - clean.values[..., 0]).std() == pytest.approx(0.3 * step, rel=0.4)
    with pytest.raises(InvalidInput, match="not installed"):
        ForceCell(peer=True)(jax_key())


def jax_key():
    import jax

    return jax.random.key(0)


def test_rows_of_a_law_count_what_is_far():
    rows = {row.metric: row.value for row in law_rows("law:x", "m", True, [0.1, 3.2, 4.0])}
    assert rows == {"terms_right": 1.0, "max_z": 4.0, "beyond_3": 2.0, "coefficients": 3.0}
    assert [row.metric for row in law_rows("law:x", "m", False, [])] == ["terms_right"]


@pytest.mark.stat
@pytest.mark.slow
def test_doing_is_not_seeing():
    found = {
        row.method: row.value
        for row in ChainCell(paths=60, frames=120, bootstrap=30)(jax_key()).rows
    }
    assert found["intervene"] < 4.5
    assert found["conditioning"] > 8
    assert HELD[0] == 1.5


def rows():
    made = lambda case, method, metric, value: {
        "case": case, "method": method, "metric": metric, "value": value, "stderr": None,
        "floor": None, "seeds": 2,
    }  # fmt: skip
    return [
        made("sfi:noisy", "noneq", "drift_error", 0.03),
        made("sfi:noisy", PEER, "drift_error", 0.5),
        made("law:lorenz", "SparseDrift", "coefficients", 7.0),
        made("law:lorenz", "SparseDrift", "beyond_3", 0.5),
        made("law:lorenz", "SparseDrift", "terms_right", 1.0),
        made("graph:karate", "ridge (differences)", "auroc", 0.99),
    ]


def test_pictures_and_page(tmp_path, monkeypatch):
    drawn = figures(rows(), [])
    assert [picture.title for picture in drawn] == ["Errors of the drift.", "Who acts on whom?"]
    chain = {"values": np.ones((2, 5)), "errors": np.ones((2, 5)), "exact": np.asarray(HELD)}
    kept = [Kept("intervention:chain", "intervene", 0, chain)]
    assert [picture.title for picture in figures([], kept)] == ["Doing is not seeing."]
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "docs"))
    import dynamics_pages  # pyright: ignore[reportMissingImports]

    text = dynamics_pages.page({"rows": rows()}, tmp_path)
    assert "Of 14 coefficients of recovered laws, 1 are beyond" in text
    assert "| sfi:noisy | 0.03 | 0.5 |" in text
    assert (tmp_path / "dynamics_1.svg").stat().st_size > 1000
    sys.modules.pop("dynamics_pages")
