"""Transports that noneq 0.2.0 wrote: they load for ever and give what they gave then."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from make_bridge_runs import expected

import noneq as nq


RUNS = sorted((Path(__file__).parent / "bridge_runs").iterdir())
METHODS = {
    "ActionMatching", "BridgeMatching", "CurlyFM", "DSB", "DSBM", "DisplacementInterpolation",
    "ICFM", "LightSB", "LightSBM", "OTCFM", "OUBridge", "PlugInGaussian", "SF2M",
}  # fmt: skip
SHOWN = {"light_sb", "sf2m_growing"}
"""Also computed in the gate; the others only load there."""


def test_every_transport_has_a_small_run_that_loads():
    kinds = set()
    for run in RUNS:
        kinds.add(tomllib.loads((run / "spec.toml").read_text())["kind"])
        model = nq.load(run).model
        assert model.event_shape == (2,)
        assert sum(file.stat().st_size for file in run.iterdir()) <= 16_000, run.name
    assert kinds == METHODS


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(run, id=run.name, marks=[pytest.mark.slow] * (run.name not in SHOWN))
        for run in RUNS
    ],
)
def test_it_gives_what_it_gave(run):
    asked = json.loads((run / "request.json").read_text())
    found = expected(nq.load(run).model, asked)
    with np.load(run / "expected.npz") as file:
        assert set(file) == set(found)
        for name, values in file.items():
            np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-4, err_msg=name)
