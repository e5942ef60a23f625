"""Every public entry, by room, with arguments that it takes."""

import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
from bad_values import Entry
from examples import Trap, bits, fitted, paths

import noneq as nq
from driven_laws import Pair, Sliding, Trapped
from noneq import (
    control,
    domains,
    inference,
    metrics,
    models,
    nets,
    pde,
    processes,
    runs,
    studies,
    systems,
    thermo,
)
from noneq.kinds import AbstractChecked
from noneq.learning.training import Training
from noneq.methods import EDM
from noneq.simulation import simulate_events
from noneq.spec import public
from noneq.systems import BeadSpring, Boids, DrivenRing, GrayScott, Ising, Lattice, Prinz
from stub_methods import Stub


CHAIN = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.4, 0.2, 0.4]])
NEEDED: dict[str, dict[str, Any]] = {
    "Box": {"low": -1.0, "high": 1.0},
    "Product": {"parts": (nq.Free(), nq.Torus(1.0)), "sizes": (1, 1)},
    "Snapshots": {"values": np.ones((4, 2), np.float32)},
    "Trajectories": {"values": np.ones((4, 3, 2), np.float32), "times": [0.0, 1.0, 2.0]},
    "OracleBoltzmann": {"system": Trap()},
    "Recording": {"system": Prinz()},
    "EndRegion": {"text": "x > 1"},
    "Curve": {"start": 0.0, "end": 1.0, "duration": 1.0},
}
"""Arguments without default of public classes."""


def of(room: str, folder: Path) -> list[Entry]:
    """Functions, classes and the members of the room's central objects."""
    functions = FUNCTIONS[room](folder) if room in FUNCTIONS else []
    return functions if room == "top" else [*functions, *classes(room)]


def few() -> list[Entry]:
    """One cheap entry of each room."""
    data = paths()
    return [
        Entry("Snapshots.take", data.snapshots().take, {"index": np.array([0, 1])}),
        Entry("Trajectories.hold_out", data.hold_out, {"times": [0.5]}),
        Entry("load", nq.load, {"path": Path("nowhere")}),
        Entry("methods.Training", Training, {}),
        Entry("EDM.init", EDM().init, {"summary": nq.data.summarise(data), "key": _key()}),
        Entry("models.log_mean", models.log_mean, {"log_weights": np.zeros(4)}),
        Entry("metrics.excess", metrics.excess, {"estimate": _estimate()}),
        Entry("thermo.affinity", thermo.affinity, {"chain": CHAIN, "cycle": (0, 1, 2)}),
        Entry("inference.displacement", inference.displacement, {"paths": data}),
        Entry("pde.zoo", pde.zoo, {}),
        Entry("processes.VP", processes.VP, {}),
        Entry("nets.MLP", nets.MLP, {}),
        Entry("runs.members", runs.members, {"run": Path("nowhere")}),
        Entry("studies.study_named", studies.study_named, {"name": "prinz"}),
        Entry("systems.Prinz", Prinz, {}),
        Entry("samplers.Heun", public("samplers")["Heun"], {}),
        Entry("domains.Torus", nq.Torus, {}),
    ]


def classes(room: str) -> list[Entry]:
    """What a user builds: the public classes that can be built with what is known here."""
    found = []
    for name, cls in public(room).items():
        if not (inspect.isclass(cls) and issubclass(cls, AbstractChecked)):
            continue
        if inspect.isabstract(cls) or name.startswith(("Abstract", "Has")):
            continue
        needed = NEEDED.get(name, {})
        parameters = inspect.signature(cls).parameters.values()
        open_ones = [p.name for p in parameters if p.default is p.empty and p.name not in needed]
        if not open_ones:
            found.append(Entry(f"{room}.{name}", cls, needed))
    return found


@cache
def _model() -> Any:
    return fitted("ScoreMatching").model


def _key() -> Any:
    return jax.random.key(0)


def _estimate() -> nq.Estimate:
    return nq.Estimate(np.asarray(1.0), np.asarray(0.1), np.asarray(4))


def _data(folder: Path) -> list[Entry]:
    flat, whole = paths().snapshots(), paths()
    nq.data.write(whole, folder / "paths.npz")
    entries = [
        Entry("data.read", nq.data.read, {"path": folder / "paths.npz"}),
        Entry("data.write", nq.data.write, {"data": whole, "path": folder / "out.npz"}),
        Entry("data.summarise", nq.data.summarise, {"data": whole}),
        Entry(
            "Snapshots.from_frames",
            nq.Snapshots.from_frames,
            {"frames": [whole.values[:, 0]], "times": [0.0]},
        ),
        Entry("Trajectories.frames", whole.frames, {"index": [0, 1]}),
    ]
    for data in (flat, whole):
        name = type(data).__name__
        entries += [
            Entry(f"{name}.at", data.at, {"time": 0.5}),
            Entry(f"{name}.take", data.take, {"index": np.array([0, 1])}),
            Entry(f"{name}.select", data.select, {"components": 1}),
            Entry(f"{name}.split", data.split, {"fraction": 0.5, "key": _key()}),
            Entry(f"{name}.hold_out", data.hold_out, {"times": [0.5]}),
        ]
    return entries


def _top(folder: Path) -> list[Entry]:
    stub = Stub().fit(paths(), key=_key())
    nq.save(stub, folder / "run")
    return [
        Entry(
            "simulate", nq.simulate, {"system": Trap(), "times": [0.0, 0.1], "n": 2, "key": _key()}
        ),
        Entry("save", nq.save, {"fit": stub, "path": folder / "again"}),
        Entry("load", nq.load, {"path": folder / "run", "trust": True}),
    ]


def _methods(folder: Path) -> list[Entry]:
    small = EDM(training=Training(steps=2, batch=4))
    summary = nq.data.summarise(paths())
    return [
        Entry("EDM.fit", small.fit, {"data": paths(), "key": _key()}),
        Entry("EDM.init", small.init, {"summary": summary, "key": _key()}),
    ]


def _models(folder: Path) -> list[Entry]:
    model, x = _model(), np.zeros(2, np.float32)
    flow = fitted("EquilibriumFlow").model
    mixture = fitted("MixtureEM").model
    return [
        Entry("model.sample", model.sample, {"n": 2, "time": 0.5, "key": _key()}),
        Entry("model.snapshots", model.snapshots, {"n": 2, "times": [0.5], "key": _key()}),
        Entry("model.score", model.score, {"x": x, "time": 0.5}),
        Entry("model.noisy_score", model.noisy_score, {"x": x, "tau": 0.5, "time": 0.5}),
        Entry("model.log_prob", model.log_prob, {"x": x, "time": 0.5}),
        Entry("flow.velocity", flow.velocity, {"x": x}),
        Entry("flow.sample_paths", flow.sample_paths, {"n": 2, "times": [0.0, 0.1], "key": _key()}),
        Entry("mixture.log_prob", mixture.log_prob, {"x": bits().values[0]}),
        Entry("models.guided", models.guided, {"model": model, "strength": 1.0}),
        Entry("models.inpainted", models.inpainted, {"model": model, "given": {0: 0.5}}),
        Entry("models.coefficients", models.coefficients, {"model": flow}),
        Entry("models.equations", models.equations, {"model": flow}),
        Entry(
            "models.variational_bound",
            models.variational_bound,
            {"model": fitted("VDM").model, "x": x, "time": 0.5, "samples": 4, "key": _key()},
        ),
        Entry(
            "models.measured", models.measured, {"model": model, "matrix": np.eye(2), "values": x}
        ),
        Entry("models.log_mean", models.log_mean, {"log_weights": np.zeros(4)}),
    ]


def _metrics(folder: Path) -> list[Entry]:
    some = {"samples": paths(seed=1), "reference": paths()}
    flat = {"samples": paths(seed=1).snapshots(), "reference": paths().snapshots()}
    judged = {"model": _model(), "reference": paths().snapshots(), "key": _key()}
    return [
        Entry("metrics.jensen_shannon", metrics.jensen_shannon, flat),
        Entry("metrics.energy_distance", metrics.energy_distance, flat),
        Entry("metrics.mmd", metrics.mmd, flat),
        Entry("metrics.w1", metrics.w1, flat),
        Entry("metrics.w2", metrics.w2, flat),
        Entry("metrics.sliced_w2", metrics.sliced_w2, flat),
        Entry("metrics.sinkhorn", metrics.sinkhorn, flat | {"max_n": 8}),
        Entry(
            "metrics.transition_jensen_shannon",
            metrics.transition_jensen_shannon,
            some | {"lag": 0.5},
        ),
        Entry("metrics.excess", metrics.excess, {"estimate": metrics.w1(**flat)}),
        Entry("metrics.nll", metrics.nll, judged),
        Entry("metrics.bits_per_dim", metrics.bits_per_dim, judged),
        Entry("metrics.likelihood_consistency", metrics.likelihood_consistency, judged | {"n": 4}),
        Entry("metrics.prior_mismatch", metrics.prior_mismatch, judged | {"n": 4}),
        Entry(
            "metrics.score_fpe_residual",
            metrics.score_fpe_residual,
            judged | {"states": 4, "levels": 2},
        ),
        Entry("metrics.curl", metrics.curl, judged | {"states": 4, "levels": 2}),
    ]


def _thermo(folder: Path) -> list[Entry]:
    states = np.random.default_rng(0).integers(0, 3, (4, 50))
    ring = DrivenRing()
    moved = nq.simulate(ring, np.arange(0, 0.5, 0.01), n=8, key=_key())
    chains = (
        "dominant_cycle",
        "fundamental_cycles",
        "mixing_time",
        "relaxation_spectrum",
        "self_transition",
        "stationary",
    )
    counted = ("plug_in_rate", "cycle_bound")
    jumps = simulate_events(systems.MarkovJump(), 30.0, n=4, key=_key())
    of_paths = (
        "force_current_rate",
        "landscape_flux",
        "local_entropy_production",
        "uncertainty_bound",
        "verdict",
    )
    of_fields = ("spectral_rate", "entropy_spectrum")
    rng = np.random.default_rng(1)
    trap = nq.data.Trajectories(rng.normal(size=(8, 20, 2)), np.arange(20.0))
    fields = nq.data.Trajectories(rng.normal(size=(4, 20, 2, 4)), np.arange(20.0))
    found = public("thermo")
    return [
        *(Entry(f"thermo.{name}", found[name], {"chain": CHAIN}) for name in chains),
        Entry("thermo.affinity", thermo.affinity, {"chain": CHAIN, "cycle": (0, 1, 2)}),
        Entry("thermo.count_matrix", thermo.count_matrix, {"states": states}),
        Entry("thermo.transition_matrix_from", thermo.transition_matrix_from, {"states": states}),
        Entry(
            "thermo.detailed_balance_test",
            thermo.detailed_balance_test,
            {"states": states, "key": _key()},
        ),
        *(Entry(f"thermo.{name}", found[name], {"states": states}) for name in counted),
        Entry("thermo.waiting_time_bound", thermo.waiting_time_bound, {"events": jumps}),
        Entry(
            "thermo.hidden_path_rate",
            thermo.hidden_path_rate,
            {"states": np.tile(states, (8, 4)), "window": 2, "key": _key()},
        ),
        Entry("thermo.autocorrelation_time", thermo.autocorrelation_time, {"paths": moved}),
        Entry("thermo.currents", thermo.currents, {"data": CHAIN}),
        Entry("thermo.entropy_production", thermo.entropy_production, {"data": CHAIN}),
        Entry("thermo.system_rate", thermo.system_rate, {"trajectories": moved, "system": ring}),
        *(Entry(f"thermo.{name}", found[name], {"trajectories": moved}) for name in of_paths),
        Entry(
            "thermo.housekeeping_excess",
            thermo.housekeeping_excess,
            {
                "trajectories": nq.simulate(
                    systems.Linear(), np.arange(0, 0.5, 0.01), n=8, key=_key()
                )
            },
        ),
        Entry(
            "thermo.neighbour_rate",
            thermo.neighbour_rate,
            {"trajectories": nq.simulate(ring, np.arange(0, 4, 0.01), n=8, key=_key())},
        ),
        Entry("thermo.exact.target", thermo.exact.target, {"system": BeadSpring(), "dt": 0.1}),
        Entry("thermo.gaussian_rate", thermo.gaussian_rate, {"trajectories": trap}),
        *(Entry(f"thermo.{name}", found[name], {"trajectories": fields}) for name in of_fields),
        Entry(
            "thermo.frequency_spectrum",
            thermo.frequency_spectrum,
            {"trajectories": trap, "segment": 8},
        ),
        Entry("thermo.work", thermo.work, {"trajectories": moved, "system": ring}),
        Entry("thermo.power", thermo.power, {"trajectories": moved, "system": ring}),
        *_energies(moved),
        *_learnt_dissipation(moved),
    ]


def _energies(moved: Any) -> list[Entry]:
    rng = np.random.default_rng(1)
    works = {"forward": rng.normal(1.5, 1, 40), "backward": rng.normal(-0.5, 1, 30)}
    tug = {"names": ["force", "extension"], "units": ["pN", "nm"]}
    record = np.stack([np.linspace(0, 9, 16), np.linspace(100, 150, 16)], -1)[None].repeat(2, 0)
    still = nq.Trajectories(rng.normal(size=(1, 128, 1)), np.arange(128.0))
    states = rng.normal(size=(40, 2))
    return [
        Entry("thermo.free_energy", thermo.free_energy, works),
        Entry("thermo.work_diagnostics", thermo.work_diagnostics, works),
        Entry("thermo.crooks_test", thermo.crooks_test, works),
        Entry(
            "thermo.integral_fluctuation_test",
            thermo.integral_fluctuation_test,
            {"entropy": rng.normal(0.1, 0.4, 40)},
        ),
        Entry("thermo.current_bound", thermo.current_bound, {"current": rng.normal(1, 1, 40)}),
        Entry(
            "thermo.speed_limit",
            thermo.speed_limit,
            {"start": states, "end": 1 + states, "duration": 1.0},
        ),
        Entry(
            "thermo.mbar",
            thermo.mbar,
            {"energies": rng.normal(size=(2, 40)) ** 2, "counts": [20, 20]},
        ),
        Entry(
            "thermo.state_energies",
            thermo.state_energies,
            {
                "samples": [states[:, :1], states[:, 1:]],
                "system": systems.BreathingTrap(),
                "parameters": [1.0, 2.0],
            },
        ),
        Entry("thermo.trap_calibration", thermo.trap_calibration, {"trajectories": still}),
        Entry(
            "thermo.pulling_work",
            thermo.pulling_work,
            {"trajectories": nq.Trajectories(record, np.arange(16.0), **tug)},
        ),
    ]


def _learnt_dissipation(moved: nq.Trajectories) -> list[Entry]:
    sliding, noised = Sliding.of(1.0, 2.0), Pair.of(1.0, 0.3)
    two = sliding.snapshots(40, times=[0.0, 1.0], key=_key())
    moving = {"model": sliding, "n": 40, "times": np.array([0.0, 1.0]), "key": _key()}
    drawn = {"model": noised, "n": 20, "key": _key()}
    return [
        Entry(
            "thermo.variational_rate",
            thermo.variational_rate,
            {"trajectories": moved, "window": 2, "lag": 1, "net": None, "key": _key()},
        ),
        Entry(
            "thermo.free_energy_over_time",
            thermo.free_energy_over_time,
            {"model": sliding, "data": two},
        ),
        Entry("thermo.score_rate", thermo.score_rate, moving | {"diffusivity": 0.5}),
        Entry("thermo.snapshot_rate", thermo.snapshot_rate, moving | {"diffusivity": 0.5}),
        Entry("thermo.transport_bound", thermo.transport_bound, {"data": two, "diffusivity": 0.5}),
        Entry("thermo.continuity_residual", thermo.continuity_residual, moving),
        Entry("thermo.fokker_planck_residual", thermo.fokker_planck_residual, drawn),
        Entry("thermo.generation_entropy", thermo.generation_entropy, drawn),
        Entry(
            "thermo.schedule_costs",
            thermo.schedule_costs,
            drawn | {"reference": np.asarray(noised.sample(60, key=_key())), "steps": 4},
        ),
        Entry("thermo.audit", thermo.audit, moving | {"diffusivity": 0.5}),
    ]


def _inference(folder: Path) -> list[Entry]:
    birds = nq.simulate(Boids(), [0.0, 1.0, 2.0], n=1, key=_key())
    fields = nq.simulate(GrayScott(size=16), [0.0, 1.0], n=1, key=_key())
    field = lambda x, **_: -x
    states = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
    noise = np.random.default_rng(1).normal(size=(2, 200, 1))
    line = nq.Trajectories(np.random.default_rng(1).normal(size=(4, 200, 1)), np.arange(200.0))
    return [
        Entry("inference.polarisation", inference.polarisation, {"data": birds}),
        Entry("inference.clustering", inference.clustering, {"data": birds, "radius": 0.5}),
        Entry("inference.contact_rate", inference.contact_rate, {"data": birds, "radius": 0.5}),
        Entry(
            "inference.pair_correlation",
            inference.pair_correlation,
            {"data": birds, "edges": [0.0, 0.5, 1.0]},
        ),
        Entry(
            "inference.mean_squared_displacement",
            inference.mean_squared_displacement,
            {"data": birds, "lags": [1]},
        ),
        Entry("inference.cluster_tracks", inference.cluster_tracks, {"data": birds, "radius": 0.5}),
        Entry(
            "inference.field_tracks",
            inference.field_tracks,
            {"fields": fields, "threshold": 0.2, "distance": 2.0},
        ),
        Entry(
            "inference.phase_shuffled",
            inference.phase_shuffled,
            {"fields": fields.values[:, 0], "key": _key()},
        ),
        Entry("inference.displacement", inference.displacement, {"paths": paths()}),
        Entry(
            "inference.displacement_cosine",
            inference.displacement_cosine,
            {"a": states, "b": states},
        ),
        Entry(
            "inference.field_cosine",
            inference.field_cosine,
            {"a": field, "b": field, "states": states},
        ),
        Entry(
            "inference.bounded_fraction",
            inference.bounded_fraction,
            {"paths": paths(), "data": states},
        ),
        Entry(
            "inference.even_share",
            inference.even_share,
            {"field": field, "states": states, "signs": (1, -1)},
        ),
        Entry(
            "inference.identifiability",
            inference.identifiability,
            {"models": [field, field], "states": states},
        ),
        Entry("inference.extreme_law", inference.extreme_law, {"maxima": noise[0, :, 0]}),
        Entry(
            "inference.return_time",
            inference.return_time,
            {"maxima": noise[0, :, 0], "level": 1.0, "block": 2.0},
        ),
        Entry(
            "inference.block_maxima",
            inference.block_maxima,
            {"trajectories": nq.Trajectories(noise, np.arange(200.0)), "block": 20.0},
        ),
        Entry(
            "inference.reactive_paths",
            inference.reactive_paths,
            {
                "trajectories": nq.Trajectories(noise, np.arange(200.0), names=("x",)),
                "start": "x < -1",
                "target": "x > 1",
            },
        ),
        Entry(
            "inference.grid_passage_time",
            inference.grid_passage_time,
            {"system": systems.DoubleWell(), "target": "x > 1", "bounds": (-2.0, 2.0), "cells": 20},
        ),
        Entry(
            "inference.grid_committor",
            inference.grid_committor,
            {
                "system": systems.DoubleWell(),
                "start": "x < -1",
                "target": "x > 1",
                "bounds": (-2.0, 2.0),
                "cells": 20,
            },
        ),
        *_populations(),
        Entry(
            "inference.memory_test",
            inference.memory_test,
            {"trajectories": nq.Trajectories(noise.cumsum(1), np.arange(200.0))},
        ),
        *(
            Entry(f"inference.{name}", public("inference")[name], {"trajectories": line})
            for name in ("anomalous_exponent", "delayed_response", "volterra_kernel")
        ),
        Entry(
            "inference.volterra_inversion",
            inference.volterra_inversion,
            {"correlation": np.exp(-np.arange(9.0)), "step": 0.1},
        ),
        *_laws_of_motion(line, field, states),
        Entry(
            "inference.lyapunov_spectrum",
            inference.lyapunov_spectrum,
            {
                "field": systems.Lorenz(),
                "start": np.ones((2, 3), np.float32),
                "time": 2.0,
                "burn": 0.5,
                "step": 0.01,
            },
        ),
    ]


def _populations() -> list[Entry]:
    """Estimators of rare events, each of a short time and of few paths."""
    line = {"system": systems.Linear(A=((1.0,),), D=((1.0,),)), "horizon": 0.5, "start": [0.0]}
    few = {"n": 4, "repeats": 2, "step": 0.1, "key": _key()}
    event = line | few | {"target": "x > 1"}
    mean = line | few | {"quantity": "x", "rounds": 2}
    return [
        Entry("inference.splitting", inference.splitting, event),
        Entry(
            "inference.weighted_ensemble",
            inference.weighted_ensemble,
            event | {"levels": [-0.5], "rounds": 2},
        ),
        Entry("inference.cloning", inference.cloning, mean | {"level": 0.2, "tilt": 0.1}),
        Entry("inference.scaled_cumulants", inference.scaled_cumulants, mean | {"tilts": [0.1]}),
    ]


def _laws_of_motion(line: nq.Trajectories, field: Any, states: np.ndarray) -> list[Entry]:
    """What drives, what leads where, and what would have been."""
    trap = systems.Linear()
    moved = nq.simulate(trap, 0.05 * np.arange(60), n=4, key=_key())
    left, flow = lambda x: x[:, 0] < 0, fitted("EquilibriumFlow").model
    clouds = np.concatenate([states + 9, states - 9, states + 7, states - 7])
    change = systems.Intervention(clamp={0: 1.0})
    return [
        Entry("inference.motion_kind", inference.motion_kind, {"trajectories": line}),
        Entry(
            "inference.residual_checks",
            inference.residual_checks,
            {"model": Trapped.of(0.0), "data": line},
        ),
        Entry(
            "inference.causal_graph",
            inference.causal_graph,
            {"trajectories": moved, "bootstrap": 2, "blocks": 8},
        ),
        Entry("inference.score_matrix", inference.score_matrix, {"field": field, "states": states}),
        Entry(
            "inference.counterfactual",
            inference.counterfactual,
            {"model": trap, "trajectory": moved, "change": change},
        ),
        Entry(
            "inference.helmholtz_split",
            inference.helmholtz_split,
            {"field": field, "states": moved.values.reshape(-1, 2), "degree": 2},
        ),
        Entry(
            "inference.kinetic_cost",
            inference.kinetic_cost,
            {"model": flow, "times": [0.0, 0.5, 1.0], "n": 8, "key": _key()},
        ),
        Entry(
            "inference.fate_probabilities",
            inference.fate_probabilities,
            {
                "dynamics": trap,
                "states": states,
                "fates": {"left": left, "right": lambda x: x[:, 0] >= 0},
                "start": 0.0,
                "end": 0.1,
                "paths": 2,
                "key": _key(),
            },
        ),
        Entry("inference.half_space", inference.half_space, {"text": "x0 > 1", "names": ["x0"]}),
        Entry(
            "inference.nearest_regions",
            inference.nearest_regions,
            {"states": states, "labels": list("abababab")},
        ),
        Entry(
            "inference.cluster_regions",
            inference.cluster_regions,
            {"states": clouds, "clusters": 2},
        ),
    ]


def _pde(folder: Path) -> list[Entry]:
    heat = pde.zoo()["diffusion"]
    k = np.array([0.5, 1.0])
    one = ("branches", "judge", "judged", "modify", "process", "rewrite")
    return [
        *(Entry(f"pde.{name}", public("pde")[name], {"pde": heat}) for name in one),
        Entry("pde.PDE", pde.PDE, {"equation": "u_t - u_xx", "dim": 1}),
        Entry("pde.zoo", pde.zoo, {}),
        Entry("pde.spectrum", pde.spectrum, {"pde": heat, "k": k, "t": 0.5}),
        Entry("pde.smoothing_factors", pde.smoothing_factors, {"pde": heat, "k": k, "t": 0.5}),
        Entry(
            "pde.evolve",
            pde.evolve,
            {"pde": heat, "density": np.ones((8, 8)), "box": 1.0, "t": 0.1},
        ),
    ]


def _processes(folder: Path) -> list[Entry]:
    return [
        Entry("processes.sufficient_height", processes.sufficient_height, {"mass": 1.0, "std": 1.0})
    ]


def _nets(folder: Path) -> list[Entry]:
    return [
        Entry("nets.harmonics", nets.harmonics, {"phase": 0.5, "count": 2}),
        Entry("nets.noise_features", nets.noise_features, {"level": 0.5}),
    ]


def _runs(folder: Path) -> list[Entry]:
    stub, data = Stub(), paths().snapshots()
    nq.save(stub.fit(data, key=_key()), folder / "done")
    row = runs.Row("a", "b", "c", 1.0, 0.1)
    new = iter(range(10**6))

    def fresh(function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, in a new folder unless it is given one."""

        def call(**arguments: Any) -> Any:
            return function(**{"folder": folder / f"fit{next(new)}"} | arguments)

        call.__signature__ = inspect.signature(function)  # pyright: ignore[reportFunctionMemberAccess]
        return call

    return [
        Entry("runs.fit", fresh(runs.fit), {"method": stub, "data": data}),
        Entry("runs.fit_seeds", fresh(runs.fit_seeds), {"method": stub, "data": data, "seeds": 1}),
        Entry(
            "runs.compare",
            fresh(runs.compare),
            {"methods": [stub], "data": data, "metrics": ["w1"], "n": 8},
        ),
        Entry("runs.sample", runs.sample, {"folder": folder / "done", "n": 4, "trust": True}),
        Entry(
            "runs.evaluate",
            runs.evaluate,
            {"folder": folder / "done", "data": data, "metrics": ["w1"], "n": 8, "trust": True},
        ),
        Entry(
            "runs.score",
            runs.score,
            {"model": _model(), "reference": data, "metrics": ["w1"], "n": 8, "key": _key()},
        ),
        Entry("runs.cost", runs.cost, {"method": EDM(), "data": data}),
        Entry(
            "runs.trial",
            runs.trial,
            {"case": "a", "name": "b", "method": stub, "data": data, "key": _key()},
        ),
        Entry("runs.members", runs.members, {"run": folder / "done"}),
        Entry(
            "runs.row_of",
            runs.row_of,
            {"case": "a", "method": "b", "metric": "c", "estimate": _estimate()},
        ),
        Entry("runs.combine", runs.combine, {"outcomes": [(row,), (row,)]}),
    ]


def _studies(folder: Path) -> list[Entry]:
    return [Entry("studies.study_named", studies.study_named, {"name": "prinz"})]


def _domains(folder: Path) -> list[Entry]:
    ring = {"domain": nq.Torus(1.0)}
    return [
        Entry("domains.is_periodic", domains.is_periodic, ring),
        Entry("domains.periods_of", domains.periods_of, ring | {"event_shape": (2,)}),
    ]


def _systems(folder: Path) -> list[Entry]:
    ising = {"ising": Ising(Lattice((2, 2)))}
    exact = ("enumeration", "flip_matrix", "step_matrix")
    warm = {"temperature": 2.0}
    birds = Boids()
    moving = (
        (Prinz(), np.zeros(2)),
        (DrivenRing(), np.zeros(1)),
        (systems.Lorenz(), np.ones(3)),
        (systems.Linear(), np.ones(2)),
        (systems.NonreciprocalFields(), np.ones((2, 16))),
    )
    return [
        *(Entry(f"systems.{name}", public("systems")[name], ising) for name in exact),
        Entry("systems.onsager_energy", systems.onsager_energy, warm),
        Entry("systems.onsager_magnetisation", systems.onsager_magnetisation, warm),
        Entry("systems.torus_energy", systems.torus_energy, warm | {"shape": (4, 4)}),
        Entry("Prinz.initial", Prinz().initial, {"key": _key()}),
        *(Entry(f"{type(s).__name__}.drift", s.drift, {"t": 0.0, "x": x}) for s, x in moving),
        Entry(
            "UnderdampedPair.force", systems.UnderdampedPair().force, {"t": 0.0, "x": np.ones(2)}
        ),
        Entry("Swirl.potential", systems.Swirl().potential, {"t": 0.0, "x": np.ones(2)}),
        Entry("Swirl.log_density", systems.Swirl().log_density, {"x": np.ones(2)}),
        Entry(
            "EightGaussians.log_density", systems.EightGaussians().log_density, {"x": np.ones(2)}
        ),
        Entry("Ising.energy", ising["ising"].energy, {"x": np.ones((2, 2))}),
        Entry(
            "simulation.fractional_noise",
            public("simulation")["fractional_noise"],
            {"n": 2, "steps": 8, "hurst": 0.3, "key": _key()},
        ),
        Entry(
            "simulation.simulate_events",
            simulate_events,
            {"system": systems.MarkovJump(), "end": 2.0, "n": 3, "key": _key()},
        ),
        Entry("MarkovJump.rates", systems.MarkovJump().rates, {"t": 0.0, "x": np.zeros(1)}),
        Entry("Schlogl.rates", systems.Schlogl().rates, {"t": 0.0, "x": np.ones(1)}),
        Entry("Boids.step", birds.step, {"t": 0.0, "x": birds.initial(_key()), "key": _key()}),
    ]


def _control(folder: Path) -> list[Entry]:
    line = systems.Linear(((1.0,),), ((1.0,),), start_covariance=((0.0,),))
    problem = control.ControlProblem(line, 1.0, final="x**2", steps=2)
    slow = {"values": [1.0, 2.0, 4.0], "friction": [1.0, 0.5, 0.1]}
    forms = (
        "best_breathing",
        "best_dragging",
        "best_equilibration",
        "swift_breathing",
        "swift_dragging",
    )
    return [
        *(Entry(f"control.{name}", public("control")[name], {}) for name in forms),
        Entry("control.slow_protocol", control.slow_protocol, slow | {"duration": 1.0}),
        Entry("control.thermodynamic_length", control.thermodynamic_length, slow),
        Entry("control.lqg", control.lqg, {"problem": problem}),
    ]


FUNCTIONS: dict[str, Callable[[Path], list[Entry]]] = {
    "top": _top, "data": _data, "methods": _methods, "models": _models, "metrics": _metrics,
    "thermo": _thermo, "inference": _inference, "pde": _pde, "processes": _processes,
    "nets": _nets, "runs": _runs, "studies": _studies, "systems": _systems, "domains": _domains,
    "control": _control,
}  # fmt: skip
ROOMS = (*FUNCTIONS, "samplers")
