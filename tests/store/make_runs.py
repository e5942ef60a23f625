"""Made the folders of ``runs/`` with noneq 0.1.0; ran once, and is kept to say what they hold.

Never run it again: the point of these runs is that an older version wrote them. Each folder holds
a run as `noneq.save` writes it, ``request.json`` with the time and condition that were asked for,
and ``expected.npz`` with what the model then gave: ``samples`` for ``jax.random.key(5)`` and, where
the model has them, ``log_prob`` and ``velocity`` at the first four samples.

A run of a later version gets a script and a test of its own.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import noneq as nq
from noneq import methods as m
from noneq.domains import Ball
from noneq.methods.units.units import CategoricalUnits
from noneq.nets import Gradient, LocalNet, Mirrored, PatchMLP, ResNet, SetNet, UNet
from noneq.pde import PDE, process
from noneq.processes import Helmholtz, Karras, Telegraph
from noneq.samplers import AdaptiveODE, Exponential, Multistep, ReverseSDE
from noneq.spec import override
from noneq.traits import HasLogProb, HasVelocity


RUNS = Path(__file__).parent / "runs"
KEY = jax.random.key(7)

MLP = nq.nets.MLP(8, 1)
TRAINING = nq.Training(steps=4, batch=16)
SMALL = {
    "net.width": 8,
    "net.depth": 1,
    "net.octaves": 2,
    "encoder": MLP,
    "decoder": MLP,
    "latent": 2,
    "width": 8,
    "depth": 1,
    "mixture": 2,
    "hidden": 3,
    "chains": 16,
    "draws": 4,
    "sweeps": 10,
    "training.steps": 4,
    "training.batch": 16,
    "sampler.steps": 12,
    "sampler.likelihood_steps": 4,
    "likelihood_steps": 4,
    "steps": 4,
    "process.width": 8,
    "walk": 8,
    "time_band": 1.0,
    "cells": 8,
    "curriculum": (2, 3),
    "couplings": 2,
    "components": 3,
    "objective.chains": 16,
    "annealing.levels": 8,
    "annealing.particles": 16,
}


def small(method: Any) -> Any:
    """The method with a tiny network and few steps, where it has such fields."""

    def has(path: str) -> bool:
        thing = method
        for name in path.split("."):
            if name not in getattr(thing, "__dataclass_fields__", ()):
                return False
            thing = getattr(thing, name)
        return True

    return override(method, {path: value for path, value in SMALL.items() if has(path)})


RNG = np.random.default_rng(0)
PATHS = nq.Trajectories(
    np.cumsum(RNG.normal(size=(24, 3, 2)), axis=1).astype(np.float32), [0.0, 0.5, 2.0]
)
PLANE = (RNG.normal(size=(240, 2)) * [1.0, 2.0] + [0.5, -3.0]).astype(np.float32)
PLANE[:80, 0] += PLANE[:80, 1]
SQUARE = RNG.uniform(-0.65, 0.65, (64, 2)).astype(np.float32)
BITS = RNG.integers(0, 2, (24, 4)).astype(np.float32)
BITS[:16, 3] = BITS[:16, 0]
WALLED = nq.Trajectories(
    np.clip(PATHS.values, -4.0, 4.0), PATHS.times, domain=nq.Box(-8.0, (8.0, 9.0))
)
DISC = nq.Snapshots(SQUARE, domain=nq.Region(Ball(), -1.0, 1.0))
RING = nq.Snapshots(np.mod(3 * SQUARE + 1, 2 * np.pi).astype(np.float32), domain=nq.Torus())
LABELLED = nq.Snapshots(
    PLANE, [0.0, 1.0], np.arange(240) % 2, condition=(PLANE[:, :1] > 0).astype(np.int64)
)
WEIGHED = nq.Snapshots(PLANE, condition=np.stack([PLANE[:, 0] ** 2, PLANE[:, 1]], axis=1))
LINE = nq.Snapshots(RNG.normal(size=(64, 1)).astype(np.float32))
PHASES = RNG.uniform(0, 2 * np.pi, (40, 2, 1, 1)) + [[[0.0]], [[1.0]]]
WAVES = np.arange(8) * 2 * np.pi / 8
FIELDS = (np.sin(WAVES[:, None] + PHASES) + np.cos(WAVES + 2 * PHASES)).astype(np.float32)
FIELDS += 0.1 * RNG.normal(size=FIELDS.shape).astype(np.float32)
CLOUDS = RNG.normal(size=(40, 3, 2)).astype(np.float32)
SHEAR = nq.systems.Linear(A=((0.5, 1.0), (-1.0, 0.5)), D=((0.5, 0.0), (0.0, 0.5)))
OWN = small(m.ScoreMatching(net=Gradient(MLP)))


def score(method: Any, data: Any) -> Any:
    """A fitted model for a method that is given one."""
    return small(method).fit(data, key=jax.random.key(3)).model


def recipes() -> Iterator[tuple[str, Any, Any, dict[str, Any], dict[str, Any]]]:
    """Name, method, data, what ``fit`` is given, what ``sample`` is asked."""
    half = {"time": 0.5}
    product = m.ScoreMatching
    for name, cls in {
        "score_matching": m.ScoreMatching,
        "ddpm": m.DDPM,
        "edm": m.EDM,
        "smld": m.SMLD,
        "score_sde": m.ScoreSDE,
        "flow_matching": m.FlowMatching,
        "vdm": m.VDM,
        "pfgm": m.PFGM,
        "pfgm_pp": m.PFGMpp,
        "pfgm_published": m.PFGMPublished,
        "yukawa": m.Yukawa,
        "transition": m.Transition,
        "ffjord": m.FFJORD,
        "flow_pp": m.FlowPP,
        "diff_flow": m.DiffFlow,
        "energy_based": m.EnergyBased,
        "boltzmann_field": m.BoltzmannField,
        "vae": m.VAE,
    }.items():
        method = cls()
        yield name, small(method), PATHS, {}, half
    box = {"sampler": ReverseSDE(12), "net": MLP, "training": TRAINING, "time_band": 1.0}
    yield "reflected_box", small(m.ReflectedDiffusion(**box)), WALLED, {}, half
    yield "reflected_region", small(m.ReflectedDiffusion(**box)), DISC, {}, {}

    # Other factors of the denoising product, other data.
    plain = {"net": MLP, "training": TRAINING}
    yield "score_of_a_line", small(product(sampler=Multistep(), **plain)), LINE, {}, {}
    yield "score_on_a_torus", small(product(**plain)), RING, {}, {}
    labels = product(drop_condition=0.2, time_band=1.0, **plain)
    yield "score_with_a_label", small(labels), LABELLED, {}, half | {"condition": [1]}
    yield "score_with_quantities", small(product(**plain)), WEIGHED, {}, {"condition": [1.0, -2.0]}
    yield "score_adaptive", product(sampler=AdaptiveODE(), **plain), PLANE, {}, {}
    yield "score_exponential", small(product(sampler=Exponential(), **plain)), PLANE, {}, {}
    telegraph = Telegraph(4.0, 1.0, 0.1, Karras(sigma_max=20.0))
    yield "score_telegraph", small(product(process=telegraph, **plain)), PLANE, {}, {}
    torus = Helmholtz(0.3, 6.0)
    yield "score_helmholtz", small(product(process=torus, **plain)), SQUARE, {}, {}
    fractional = process(PDE("u_t = -flap(u, a)", a=1.5))
    yield "score_fractional", small(product(process=fractional, **plain)), PLANE, {}, {}

    # Other networks.
    for name, net, data in (
        ("net_unet", UNet(channels=4, levels=1, groups=2), FIELDS),
        ("net_patches", PatchMLP(width=8, blocks=1), FIELDS),
        ("net_local", LocalNet(channels=4, depth=1), FIELDS),
        ("net_set", SetNet(width=8, blocks=1, heads=2), CLOUDS),
        ("net_residual", ResNet(width=8, blocks=1), PLANE),
        ("net_mirrored", Mirrored(MLP, (-1, 1)), PLANE),
    ):
        yield (
            name,
            override(product(net=net, training=TRAINING), {"sampler.steps": 4}),
            data,
            {},
            {},
        )

    # Discrete states.
    yield "rbm", small(m.RBM()), BITS, {}, {}
    yield "mixture_em", small(m.MixtureEM()), BITS, {}, {}
    yield "autoregressive", small(m.Autoregressive()), BITS, {}, {}
    yield "latent_cycle", small(m.LatentCycle()), BITS, {}, {}
    second = m.LatentCycle(second=2, gradient=m.TwoStepGradient())
    yield "latent_cycle_second", small(second), BITS, {}, {}
    letters = small(m.LatentCycle(visible=CategoricalUnits(3)))
    yield "latent_cycle_letters", letters, BITS + BITS[::-1], {}, {}
    yield "binary_latent_cycle", small(m.BinaryLatentCycle()), BITS, {}, {}
    yield "hopfield_hebbian", m.Hopfield(), BITS[:3], {}, {}
    yield "hopfield_modern", m.Hopfield(m.Modern()), BITS[:3], {}, {}
    yield "flow_pp_lattice", small(m.FlowPP(dequantise=1.0, variational=True)), BITS, {}, {}

    # A law that is known.
    wells = m.OracleBoltzmann(nq.systems.DoubleWell(), box=nq.Box(-3.0, 3.0))
    yield "oracle_boltzmann", wells, LINE, {}, {}

    # Flows that keep a law: by a score of their own, and by one that they were given, whose
    # outline names the modules of every part.
    equilibrium = small(m.EquilibriumFlow(score=OWN))
    yield "equilibrium_flow", equilibrium, PLANE, {}, {}
    paced = small(m.EquilibriumFlow(score=OWN, terms=(m.Sparsity(),)))
    yield "equilibrium_flow_moving", paced, PATHS, {"transitions": PATHS}, half
    for name, method in {
        "score_matching": product(**plain),
        "small_denoiser": OWN,
        "vdm": m.VDM(net=MLP),
        "flow_matching": m.FlowMatching(net=MLP),
        "flow_pp": m.FlowPP(net=MLP),
        "energy_based": m.EnergyBased(net=MLP),
        "ffjord": m.FFJORD(),
        "boltzmann_field": m.BoltzmannField(),
    }.items():
        yield (
            f"given_{name}",
            small(m.EquilibriumFlow()),
            PLANE,
            {"score": score(method, PLANE)},
            {},
        )
    known = {"score": score(OWN, PLANE), "known": SHEAR}
    yield "given_motion", small(m.EquilibriumFlow()), PLANE, known, {}
    turning = equilibrium.fit(PLANE, key=KEY, score=known["score"]).model
    twice = {"score": known["score"], "known": turning}
    yield "given_flow", small(m.EquilibriumFlow()), PLANE, twice, {}
    yield "stream_flow", small(m.StreamFlow(score=OWN)), PLANE, {}, {}
    given = {"score": score(m.DDPM(), PLANE)}
    yield "stream_flow_given", small(m.StreamFlow()), PLANE, given, {}
    yield "skew_constant", m.SkewFlow(score=OWN), PLANE, {}, {}
    yield "skew_state", m.SkewFlow(operator=m.StateSkew(waves=4)), PLANE, given, {}
    unet = override(
        product(net=UNet(channels=4, levels=1, groups=2), training=TRAINING), {"sampler.steps": 4}
    )
    fields = {"score": score(unet, FIELDS)}
    pushed = m.SkewFlow(operator=m.ConvolutionalSkew(size=3))
    yield "skew_convolutional", pushed, FIELDS, fields, {}
    yield "polynomial_flow", m.PolynomialFlow(score=OWN), PLANE, {}, {}


def expected(model: Any, request: dict[str, Any]) -> dict[str, np.ndarray]:
    """What the test compares."""
    samples = model.sample(16, key=jax.random.key(5), **request)
    found = {"samples": samples}
    x = jnp.asarray(samples[:4], dtype=float)
    for trait, name in ((HasLogProb, "log_prob"), (HasVelocity, "velocity")):
        # Of larger states the exact log density is refused.
        if isinstance(model, trait) and x[0].size <= 64:
            method = getattr(model, name)
            found[name] = eqx.filter_jit(jax.vmap(lambda x, f=method: f(x, **request)))(x)
    return {name: np.asarray(values, np.float32) for name, values in found.items()}


def keep(folder: Path, request: dict[str, Any]) -> None:
    """Write what the saved run gives beside it."""
    found = expected(nq.load(folder).model, request)
    assert all(np.isfinite(values).all() for values in found.values()), folder.name
    (folder / "request.json").write_text(json.dumps(request) + "\n")
    np.savez_compressed(folder / "expected.npz", **found)


def by_command(folder: Path) -> None:
    """A run of the command line, whose meta.json tells more."""
    with tempfile.TemporaryDirectory() as where:
        nq.data.write(PATHS, Path(where) / "paths.npz")
        words = ["fit", "ScoreMatching", "paths.npz", "-o", "run", "--seed", "3", "--quiet"]
        settings = {"net.width": 8, "net.depth": 1, "training.steps": 4, "training.batch": 16}
        settings |= {"time_band": 1.0, "sampler.steps": 12, "sampler.likelihood_steps": 4}
        for name, value in settings.items():
            words += ["--set", f"{name}={value}"]
        subprocess.run([sys.executable, "-m", "noneq", *words], cwd=where, check=True)
        shutil.move(Path(where) / "run", folder)


def main(only: list[str]) -> None:
    """Make those runs that are not there, or only the named ones."""
    warnings.simplefilter("ignore")
    for name, method, data, inputs, request in recipes():
        folder = RUNS / name
        if (folder / "expected.npz").exists() or (only and name not in only):
            continue
        nq.save(method.fit(data, key=KEY, **inputs), folder)
        keep(folder, request)
        jax.clear_caches()
    if not (RUNS / "command_line").exists():
        by_command(RUNS / "command_line")
        keep(RUNS / "command_line", {"time": 0.5})


if __name__ == "__main__":
    assert nq.__version__ == "0.1.0", "these runs are of noneq 0.1.0"
    main(sys.argv[1:])
