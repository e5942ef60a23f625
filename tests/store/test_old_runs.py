"""Runs that noneq 0.1.0 wrote: they load for ever and give what they gave then.

``make_runs.py`` says how they were made. A failure here is a fault of the present code, or an
upgrade that is missing: the runs are never remade.
"""

import json
import shutil
import tomllib
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.errors import DataFileError


RUNS = sorted((Path(__file__).parent / "runs").iterdir())
VARIATIONS = {
    "ddpm",
    "edm",
    "flow_pp_lattice",
    "given_boltzmann_field",
    "given_energy_based",
    "given_ffjord",
    "given_flow_matching",
    "given_flow_pp",
    "given_score_matching",
    "given_vdm",
    "latent_cycle_letters",
    "latent_cycle_second",
    "net_local",
    "net_mirrored",
    "net_patches",
    "net_residual",
    "net_set",
    "net_unet",
    "pfgm",
    "pfgm_pp",
    "pfgm_published",
    "reflected_region",
    "score_adaptive",
    "score_exponential",
    "score_fractional",
    "score_helmholtz",
    "score_of_a_line",
    "score_sde",
    "score_with_a_label",
    "score_with_quantities",
    "skew_convolutional",
    "skew_state",
    "smld",
    "stream_flow_given",
    "yukawa",
}
"""Always loaded, but sampled in the slow run only: another part of a product that others show."""
METHODS = {
    "Autoregressive",
    "BinaryLatentCycle",
    "BoltzmannField",
    "DDPM",
    "DiffFlow",
    "EDM",
    "EnergyBased",
    "EquilibriumFlow",
    "FFJORD",
    "FlowMatching",
    "FlowPP",
    "Hopfield",
    "LatentCycle",
    "MixtureEM",
    "OracleBoltzmann",
    "PFGM",
    "PFGMPublished",
    "PFGMpp",
    "PolynomialFlow",
    "RBM",
    "ReflectedDiffusion",
    "SMLD",
    "ScoreMatching",
    "ScoreSDE",
    "SkewFlow",
    "SmallDenoiser",
    "StreamFlow",
    "Transition",
    "VAE",
    "VDM",
    "Yukawa",
}
"""All of 0.1.0."""


FIELD_LINES = {
    "pfgm",
    "pfgm_pp",
    "pfgm_published",
    "score_fractional",
    "score_helmholtz",
    "score_telegraph",
    "yukawa",
}
"""Their samples are compared: the likelihoods of 0.1.0 held the error of four equal steps."""


def test_every_method_of_then_has_a_run():
    assert {run.name for run in RUNS} > VARIATIONS
    specs = [tomllib.loads((run / "spec.toml").read_text()) for run in RUNS]
    assert {spec["kind"] for spec in specs} == METHODS


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(run, id=run.name, marks=[pytest.mark.slow] * (run.name in VARIATIONS))
        for run in RUNS
    ],
)
def test_it_gives_what_it_gave(run):
    asked = json.loads((run / "request.json").read_text())
    with np.load(run / "expected.npz") as file:
        expected = dict(file)
    model = nq.load(run).model
    if run.name in FIELD_LINES:
        expected = {"samples": expected["samples"]}
    found = {"samples": model.sample(16, key=jax.random.key(5), **asked)}
    x = jnp.asarray(expected["samples"][:4])
    for name in expected.keys() - found.keys():
        method = getattr(model, name)
        found[name] = eqx.filter_jit(jax.vmap(lambda x, f=method: f(x, **asked)))(x)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_it_loads_and_damage_is_told_in_one_line(run, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    nq.load(copy)
    for name in ("model.safetensors", "spec.toml"):
        good = (copy / name).read_bytes()
        (copy / name).write_bytes(good[:-2] + bytes([good[-2] ^ 1]) + good[-1:])
        with pytest.raises(DataFileError, match=f"{name} fails its checksum.*restore it") as caught:
            nq.load(copy)
        assert "\n" not in str(caught.value)
        (copy / name).write_bytes(good)
