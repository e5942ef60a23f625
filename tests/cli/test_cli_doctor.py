"""`noneq doctor`: what is installed, and what is wrong with it."""

import tomllib
from importlib import metadata
from pathlib import Path

import jax
import pytest

import noneq as nq
from noneq.cli import health
from noneq.runs.costs import texts


REQUIRED = [
    "jax>=0.6",
    "numpy>=999",
    "surely-missing>=1",
    "ancient>=1; python_version < '3'",
    "pyarrow>=17; extra == 'data'",
    "surely-missing-too; extra == 'cells'",
]


def test_doctor_names_versions_devices_and_extras(noneq):
    found = noneq("doctor", "--json")
    assert found.code == 0, found.out
    facts = found.json
    assert facts["noneq"] == nq.__version__
    assert facts["packages"]["jax"] == jax.__version__
    assert len(facts["devices"]) == len(jax.devices())
    assert facts["extras"]["data"]["adds"] == "parquet files"
    assert facts["problems"] == []
    text = noneq("doctor").out
    assert f"jax {jax.__version__}" in text
    assert "problem" not in text


def test_doctor_names_what_is_missing_or_too_old(noneq, monkeypatch):
    monkeypatch.setattr(metadata, "requires", lambda name: REQUIRED)
    found = noneq("doctor", "--json")
    assert found.code == 3
    old, missing = found.json["problems"]
    assert old.startswith("numpy is ")
    assert "pip install 'numpy>=999'" in old
    assert missing.startswith("surely-missing is not installed")
    assert found.json["extras"]["cells"]["installed"] is False
    assert "pip install 'noneq[cells]'" in noneq("doctor").out


def test_doctor_answers_without_a_device(noneq, monkeypatch):
    def none():
        raise RuntimeError("Unable to initialize backend 'cuda'\nmore")

    monkeypatch.setattr(jax, "devices", none)
    found = noneq("doctor", "--json")
    assert found.code == 3
    assert "JAX_PLATFORMS" in found.json["problems"][-1]


def test_every_extra_says_what_it_adds():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert set(project["optional-dependencies"]) <= set(health.ADDS)
    base = " ".join(project["dependencies"])
    assert not any(name in base for name in ("pyarrow", "tensorstore", "anndata", "scikit-learn"))


@pytest.mark.parametrize(
    ("seconds", "words"), [(12.3, "about 12 s"), (400.0, "about 7 min"), (9000.0, "about 2.5 h")]
)
def test_a_dry_run_has_units(seconds, words):
    found = texts({"parameters": 51335, "steps": 20000, "seconds": seconds, "data_megabytes": 0.1})
    assert found[:2] == ["parameters: 51,335", "steps: 20,000"]
    assert words in found[2]
    assert found[3] == "data: 0.1 MB"
