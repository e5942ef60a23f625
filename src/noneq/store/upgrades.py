"""Runs of older versions: what their methods are called and where their classes live now.

A run keeps the table of its method, and the outlines of models that it was given, with the module
of every class (`noneq.spec.to_outline`). Names and modules change; what was saved stays readable.
"""

from pathlib import Path
from typing import Any

from noneq.errors import DataFileError


FORMAT = 1
"""Of the run folders that this version writes."""

MOVED = {
    "samplers.churned": "samplers.churn",
    "samplers.sourced": "samplers.births",
    "systems.chaos": "systems.attractors",
    "methods.boltzmann_field": "methods.energies.boltzmann_field",
    "methods.denoising.denoiser": "processes.denoiser",
    "methods.denoising.field_lines": "processes.field_lines",
    "methods.denoising.field_lines_model": "methods.denoising.flow_law",
    "methods.denoising.walls.confined": "processes.walls.confined",
    "methods.denoising.walls.reflected": "processes.walls.reflected",
    "models.autoregressive": "methods.units.autoregressive_model",
    "models.binary_chain": "methods.latent_cycles.binary_chain",
    "models.bipartite": "methods.units.bipartite",
    "models.boltzmann": "methods.energies.grid_boltzmann",
    "models.charge_field": "methods.denoising.charge_field",
    "models.conditionals": "methods.units.conditionals",
    "models.confined": "processes.walls.confined",
    "models.continuous_flow": "methods.flows.continuous",
    "models.coupling_flow": "methods.flows.coupling",
    "models.denoiser": "processes.denoiser",
    "models.denoising": "methods.denoising.model",
    "models.diff_flow": "methods.flows.two_way",
    "models.empirical": "methods.denoising.empirical",
    "models.energy": "methods.energies.energy_model",
    "models.equilibrium_flow": "methods.invariant_flows.equilibrium_flow_model",
    "models.expression": "symbolic.expression",
    "models.field_lines": "processes.field_lines",
    "models.field_lines_model": "methods.denoising.flow_law",
    "models.frame": "frames.frame",
    "models.frozen_noise": "methods.denoising.frozen_noise",
    "models.guidance": "methods.denoising.guidance",
    "models.hopfield": "methods.memories.spin_memory",
    "models.invariant_flow": "methods.invariant_flows.base",
    "models.known_motion": "methods.invariant_flows.known_motion",
    "models.langevin_moves": "methods.energies.langevin_moves",
    "models.latent_chain": "methods.latent_cycles.chain",
    "models.mixture": "methods.units.mixture_model",
    "models.normaliser": "frames.normaliser",
    "models.one_hot_kernels": "methods.latent_cycles.kernels",
    "models.pattern_memory": "methods.memories.pattern_memory",
    "models.placed_icons": "systems.pattern_laws.icons",
    "models.placed_points": "systems.pattern_laws.points",
    "models.rbm": "methods.units.rbm_model",
    "models.reflected": "processes.walls.reflected",
    "models.skew_flow": "methods.invariant_flows.skew.model",
    "models.skew_operators": "methods.invariant_flows.skew.operators",
    "models.small_layer": "methods.units.small_layer",
    "models.steps": "methods.units.paths",
    "models.stream_flow": "methods.invariant_flows.stream_flow_model",
    "models.transition": "methods.denoising.transition_model",
    "models.units": "methods.units.units",
    "models.vae": "methods.units.vae_model",
    "nets.concat_squash": "nets.vectors.concat_squash",
    "nets.constant": "constant",
    "nets.couplings": "methods.flows.coupling_nets",
    "nets.fields": "nets.vectors.fields",
    "nets.fourier": "nets.vectors.fourier",
    "nets.gradient": "nets.vectors.gradient",
    "nets.grids": "nets.grids.unet",
    "nets.local": "nets.grids.local",
    "nets.masked": "methods.units.masked_net",
    "nets.mirrored": "nets.vectors.mirrored",
    "nets.patches": "nets.grids.patches",
    "nets.polynomial": "nets.vectors.polynomial",
    "nets.residual": "nets.vectors.residual",
    "processes.charge_plane": "processes.mixtures.charge_plane",
    "processes.confined": "processes.walls.confined",
    "processes.damped_wave": "processes.waves.damped_wave",
    "processes.helmholtz": "processes.torus.helmholtz",
    "processes.kac_walk": "processes.waves.kac_walk",
    "processes.reach": "processes.mixtures.reach",
    "processes.reflected": "processes.walls.reflected",
    "processes.scale_mixture": "processes.mixtures.scale_mixture",
    "processes.screened": "processes.mixtures.screened",
    "processes.subordinators": "processes.mixtures.subordinators",
    "processes.telegraph": "processes.waves.telegraph",
}
"""Modules of 0.1.0 and later below ``noneq``, and where their classes live now."""
RENAMED = {"FieldLinesModel": "FlowLaw"}
"""Classes of outlines that have another name now."""
_NONE = {"tuple": []}
_LABELS = dict.fromkeys(("condition_names", "categories", "transform"), _NONE) | {
    "scaling": "std",
    "drawn_from": "",
}
ADDED = {
    "noneq.frames.frame:Asked": dict.fromkeys(("low", "high", "names", "categories"), _NONE),
    "noneq.frames.normaliser:Normaliser": {"origin": _NONE, "transform": _NONE},
    "noneq.data.snapshots:Snapshots": _LABELS,
    "noneq.data.trajectories:Trajectories": _LABELS,
}
"""Fields that classes of 0.1.0 lacked, as outlines of what they then stood for."""
_GRADIENT = {"kind": "Gradient", "net": {"kind": "MLP", "width": 96, "depth": 3}}
_SHORT = {"kind": "Training", "steps": 4000, "batch": 1024, "rate": 3e-3}
_CLOCK = {"gamma_min": "gamma_min", "gamma_max": "gamma_max", "schedule_width": "width"}


def check_format(written: Any, file: Path) -> None:
    """Refuse what a newer version wrote.

    Raises:
        DataFileError: another format.
    """
    if written != FORMAT:
        raise DataFileError(
            f"{file} has format {written!r}, this version reads {FORMAT}; upgrade noneq."
        )


def upgraded(outline: Any) -> Any:
    """The outline as this version would write it."""
    if isinstance(outline, list):
        return [upgraded(part) for part in outline]
    if not isinstance(outline, dict):
        return outline
    if outline.keys() == {"kind", "fields"} and isinstance(outline["kind"], str):
        kind, fields = _kind(outline["kind"]), outline["fields"]
        if isinstance(fields, dict):
            fields = ADDED.get(kind, {}) | fields
        outline = {"kind": kind, "fields": fields}
    return {name: upgraded(part) for name, part in outline.items()}


def _kind(kind: str) -> str:
    module, _, name = kind.removeprefix("noneq.").rpartition(":")
    return f"noneq.{MOVED[module]}:{RENAMED.get(name, name)}" if module in MOVED else kind


def upgraded_spec(table: Any) -> Any:
    """The table of an object (``spec.toml``) as this version would write it.

    `SmallDenoiser` of 0.1.0 is `ScoreMatching` with a small `Gradient`; `VDM` keeps the settings
    of its schedule in ``process`` and the levels of its chain in ``objective``.
    """
    if isinstance(table, list):
        return [upgraded_spec(part) for part in table]
    if not isinstance(table, dict):
        return table
    table = {name: upgraded_spec(part) for name, part in table.items()}
    if table.get("kind") == "SmallDenoiser":
        return {"net": _GRADIENT, "training": _SHORT} | table | {"kind": "ScoreMatching"}
    if table.get("kind") == "VDM":
        return _factored(table)
    return table


def _factored(table: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in table.items() if k not in _CLOCK and k != "discrete_steps"}
    clock = {_CLOCK[name]: value for name, value in table.items() if name in _CLOCK}
    if clock:
        kept["process"] = {"kind": "LearntGaussian"} | clock
    if "discrete_steps" in table:
        kept["objective"] = {"kind": "LikelihoodBound", "steps": table["discrete_steps"]}
    return kept
