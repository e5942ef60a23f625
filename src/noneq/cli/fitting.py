"""Fits in run folders: started, stopped, resumed, finished; and what one would cost."""

import inspect
import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

from noneq.data.snapshots import Snapshots
from noneq.data.summary import summarise
from noneq.data.trajectories import Trajectories
from noneq.errors import DataFileError, InvalidInput, NoneqError, WriteFailed
from noneq.learning.method import AbstractMethod, Fit, Progress
from noneq.spec import override, to_toml
from noneq.store import fingerprint, load, lock, read_meta, write, write_text
from noneq.store.records import to_json
from noneq.store.weights import count_parameters


def fit_run(
    method: AbstractMethod,
    data: Snapshots | Trajectories,
    folder: Path,
    *,
    seed: int,
    resume: bool,
    record: dict[str, Any],
    inputs: dict[str, Any],
    progress: Progress | None,
) -> Fit:
    """Fit in a folder that afterwards holds the run; a stopped fit can go on.

    Args:
        method: what to fit.
        data: the training data.
        folder: new, or with ``resume`` that of the same fit, stopped or finished.
        seed: of the fit's random key.
        resume: go on where a fit of the same method, data and seed stopped.
        record: further facts for ``meta.json`` (command, path of the data).
        inputs: further keyword arguments of ``method.fit``.
        progress: see `AbstractMethod.fit`.

    Raises:
        InvalidInput: the folder holds something else, or a fit and ``resume`` is False.
    """
    identity = {"spec": to_toml(method), "seed": seed, "data": fingerprint(data)}
    identity |= {"inputs": {name: fingerprint(value) for name, value in inputs.items()}}
    with lock(folder):
        if _claim(folder, identity, resume):
            return load(folder, trust=True)
        key = jax.random.key(seed)
        began = time.monotonic()
        try:
            fit = method.fit(
                data, key=key, progress=progress, checkpoint=folder / "checkpoint", **inputs
            )
        except NoneqError:
            _release(folder)
            raise
        except OSError as error:
            _release(folder)
            raise WriteFailed(
                f"cannot write to {folder}: {error.strerror or error}; free space, then --resume."
            ) from error
        meta = {"seconds": round(time.monotonic() - began, 3)} | fit.meta | record
        fit = replace(fit, meta=meta | {"seed": seed, "identity": identity})
        write(fit, folder)
        shutil.rmtree(folder / "checkpoint", ignore_errors=True)
    return fit


def fit_seeds(
    method: AbstractMethod,
    data: Snapshots | Trajectories,
    folder: Path,
    *,
    seed: int,
    seeds: int,
    **rest: Any,
) -> list[Fit]:
    """`fit_run` once in ``folder``, or for several seeds in ``seed_0`` … inside it.

    Member i is what ``seed + i`` alone would give.
    """
    if seeds == 1:
        return [fit_run(method, data, folder, seed=seed, **rest)]
    if any((folder / name).exists() for name in ("meta.json", "checkpoint")):
        raise InvalidInput(f"{folder} holds a single fit; choose a new folder for {seeds} seeds.")
    return [
        fit_run(method, data, folder / f"seed_{i}", seed=seed + i, **rest) for i in range(seeds)
    ]


def _claim(folder: Path, identity: dict[str, Any], resume: bool) -> bool:
    """Take the folder for this fit; True if the fit is there, finished.

    Raises:
        InvalidInput: it is somebody else's, or taken and ``resume`` is False.
    """
    note = folder / "checkpoint" / "fit.json"
    finished = (folder / "meta.json").exists() or (folder / ".commit.part").exists()
    foreign = [f.name for f in folder.iterdir() if f.name[0] != "." and f.name != "checkpoint"]
    if not finished and foreign:
        raise InvalidInput(f"{folder} holds other files ({foreign[0]}); choose a new folder.")
    if not finished and not note.exists():
        note.parent.mkdir(exist_ok=True)
        write_text(note, to_json(identity))
        return False
    if not resume:
        state = "a finished fit" if finished else "a fit that was stopped"
        raise InvalidInput(f"{folder} holds {state}; go on with --resume or choose another -o.")
    found = read_meta(folder).get("identity", {}) if finished else _read_note(note)
    for part, what in {"spec": "method or settings", "data": "data", "seed": "seed"}.items():
        if found.get(part) != identity[part]:
            raise InvalidInput(
                f"{folder} holds a fit with other {what}; resume with the same ones or choose "
                "another -o."
            )
    if found.get("inputs") != identity["inputs"]:
        raise InvalidInput(f"{folder} holds a fit with other --with inputs; choose another -o.")
    return finished


def _release(folder: Path) -> None:
    """Leave nothing behind after a fit that failed before it had a state to go on from."""
    state = folder / "checkpoint"
    if [file.name for file in state.iterdir()] == ["fit.json"]:
        shutil.rmtree(state, ignore_errors=True)


def _read_note(note: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(note.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise DataFileError(f"{note} cannot be read ({error}); choose another -o.") from error


def members(run: Path) -> list[Path]:
    """The run itself, or ``seed_0`` … of an ensemble over seeds."""
    seeds = [p for p in run.glob("seed_*") if p.name.removeprefix("seed_").isdigit()]
    return sorted(seeds, key=lambda p: int(p.name.removeprefix("seed_"))) or [run]


def cost(
    method: AbstractMethod, data: Snapshots | Trajectories, *, inputs: dict[str, Any]
) -> dict[str, Any]:
    """What a fit would take: parameters, steps, and seconds and memory measured on real steps.

    Two short fits: ten steps tell how long a step is, then as many as fit into three seconds. A
    score that the method would train first is estimated by itself.
    """
    summary = summarise(data)
    scorer = vars(method).get("score")
    given = {"score", "init"} & set(inputs)
    if not given and isinstance(scorer, AbstractMethod) and _steps(scorer) is not None:
        before = cost(scorer, data, inputs={})
        short = override(scorer, {"training.steps": 1}).fit(data, key=jax.random.key(0))
        both = cost(method, data, inputs={**inputs, "score": short.model})
        added = {name: before[name] + both.get(name, 0) for name in ("steps", "seconds")}
        return both | {name: round(value, 1) for name, value in added.items()}
    takes = inspect.signature(method.init).parameters
    kept = {name: given for name, given in inputs.items() if name in takes}
    estimate: dict[str, Any] = {"parameters": count_parameters(method, summary, kept)}
    steps = _steps(method)
    if steps is not None:
        seconds, compile_seconds = _time_steps(method, data, min(steps, 10), inputs)
        more = min(steps, int(3 / max(seconds, 1e-6)))
        if more > 20:
            seconds, compile_seconds = _time_steps(method, data, more, inputs)
        estimate |= {"steps": steps, "seconds": round(compile_seconds + steps * seconds, 1)}
    return estimate | {"data_megabytes": _megabytes(data)} | _memory()


def _memory() -> dict[str, int]:
    """Most memory this process has held; nothing where the system does not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return {}
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "memory_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)
    }


def _steps(method: AbstractMethod) -> int | None:
    training = vars(method).get("training")
    return None if training is None else training.steps


def _time_steps(
    method: AbstractMethod, data: Any, steps: int, inputs: dict[str, Any]
) -> tuple[float, float]:
    """Seconds per step, and seconds before the first chunk of steps is done."""
    marks: list[tuple[int, float]] = []
    began = time.monotonic()
    override(method, {"training.steps": steps}).fit(
        data,
        key=jax.random.key(0),
        progress=lambda step, _steps, _row: marks.append((step, time.monotonic())),
        **inputs,
    )
    (first, start), (last, end) = marks[0], marks[-1]
    return (end - start) / max(last - first, 1), start - began


def _megabytes(data: Any) -> float:
    arrays = [leaf for leaf in jax.tree.leaves(data) if eqx.is_array_like(leaf)]
    return round(sum(np.asarray(a).nbytes for a in arrays) / 1e6, 3)


def outcome(folder: Path, fits: Sequence[Fit]) -> tuple[dict[str, Any], str]:
    """Seconds, and mean and spread over seeds of the last loss; as a table and as a line."""
    seconds = sum(float(fit.meta["seconds"]) for fit in fits)
    name = "held_out_loss" if "held_out_loss" in fits[0].history else "loss"
    losses = [fit.history[name][-1] for fit in fits if fit.history.get(name)]
    facts: dict[str, Any] = {"run": str(folder), "seeds": len(fits), "seconds": seconds}
    text = f"{folder}: fitted in {seconds:.1f} s"
    if losses:
        facts[name] = float(np.mean(losses))
        text += f", {name.replace('_', ' ')} {facts[name]:.4g}"
    if len(losses) > 1:
        facts["spread"] = float(np.std(losses, ddof=1))
        text += f" ± {facts['spread']:.2g} over {len(losses)} seeds"
    equations = [str(line) for line in fits[0].meta.get("equations", ())]
    if equations:
        facts["equations"] = equations
    return facts, "\n".join([text, *equations])
