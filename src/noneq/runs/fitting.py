"""Fits in run folders: started, stopped, resumed, finished."""

import inspect
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax

from noneq import devices
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.errors import InvalidInput, NoneqError, WriteFailed
from noneq.kinds import checked
from noneq.learning.members import check_joint, fit_members
from noneq.learning.method import AbstractMethod, Fit, Progress, refuse_lazy
from noneq.learning.watching import watch
from noneq.progress import AbstractReporter
from noneq.runs.folders import check_spec, finished, held, release
from noneq.spec import to_toml, unknown
from noneq.store import fingerprint, load, write


_OWN = {"data", "key", "seed", "progress", "callback", "checkpoint"}
"""Arguments of ``method.fit`` that this module gives itself."""


@checked
def fit(
    method: AbstractMethod,
    data: Snapshots | Trajectories | LazyEnsemble,
    folder: str | Path,
    *,
    seed: int = 0,
    resume: bool = False,
    inputs: Mapping[str, Any] | None = None,
    record: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    callback: Any = None,
    trust: bool = False,
) -> Fit:
    """Fit in a folder that afterwards holds the run; a stopped fit can go on.

    Args:
        method: what to fit.
        data: the training data.
        folder: new, or with ``resume`` that of the same fit, stopped or finished.
        seed: of the fit's random key.
        resume: go on where a fit of the same method, data and seed stopped.
        inputs: further keyword arguments of ``method.fit``.
        record: further facts for ``meta.json``: ``command``, and under ``data`` how to read the
            data again (``path``, ``reading``).
        progress, callback: see `AbstractMethod.fit`; ``history.csv`` is written in any case.
        trust: allow a finished fit in the folder to bring code from outside noneq, which is then
            run. The method's own module is imported already and needs no trust.

    Raises:
        InvalidInput: the folder holds something else, a fit and ``resume`` is False, or a
            finished fit that is not trusted.
        WriteFailed: the disk refused.
    """
    return fit_seeds(
        method, data, folder, seeds=1, seed=seed, resume=resume, inputs=inputs, record=record,
        progress=progress, callback=callback, trust=trust,
    )[0]  # fmt: skip


@checked
def fit_seeds(
    method: AbstractMethod,
    data: Snapshots | Trajectories | LazyEnsemble,
    folder: str | Path,
    *,
    seeds: int,
    seed: int = 0,
    resume: bool = False,
    inputs: Mapping[str, Any] | None = None,
    record: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    callback: Any = None,
    together: bool = False,
    trust: bool = False,
) -> list[Fit]:
    """`fit` once in ``folder``, or for several seeds in ``seed_0`` … inside it.

    Member i is what ``seed + i`` alone would give.

    Args:
        seeds: how many.
        together: train the seeds by one program (`noneq.learning.members.fit_members`): the same but for
            rounding, and faster where a step of one small network does not fill all cores. A fit that
            is stopped keeps none of its training.
        method, data, folder, seed, resume, inputs, record, progress, callback, trust: as in `fit`.

    Raises:
        InvalidInput: as `fit`; several seeds in a folder that holds a single fit; seeds < 1.
        WriteFailed: the disk refused.
    """
    folder, inputs, facts = Path(folder), dict(inputs or {}), dict(record or {})
    check_inputs(method, inputs)
    refuse_lazy(method, data)
    if seeds < 1:
        raise InvalidInput(f"seeds = {seeds}; expected at least 1.")
    if seeds > 1 and any((folder / name).exists() for name in ("meta.json", "checkpoint")):
        raise InvalidInput(f"{folder} holds a single fit; choose a new folder for {seeds} seeds.")
    mark = fingerprint(data)
    facts["data"] = {"n": data.n, "fingerprint": mark} | facts.get("data", {})
    if isinstance(data, LazyEnsemble):
        facts["data"]["lazy"] = True
    identity = {
        "spec": to_toml(method),
        "data": mark,
        "inputs": {name: fingerprint(value) for name, value in inputs.items()},
    }
    devices.check_same(
        {"settings": identity["spec"], "data": mark, "seed": str((seed, seeds, resume))}
        | {f"--with {name}": text for name, text in identity["inputs"].items()}
    )
    places = [folder] if seeds == 1 else [folder / f"seed_{i}" for i in range(seeds)]
    if together:
        if inputs or isinstance(data, LazyEnsemble):
            raise InvalidInput(
                "seeds that train together take data in memory and no --with inputs; leave --together "
                "out."
            )
        check_joint(method)
        train = partial(fit_members, method, data, progress=progress, callback=callback)
        owns = {place: identity | {"seed": seed + i} for i, place in enumerate(places)}
        return _together(train, method, owns, facts, resume=resume, trust=trust)
    fits = []
    for i, place in enumerate(places):
        own = identity | {"seed": seed + i}
        with held(place):
            if finished(place, own, resume):
                check_spec(place, method)
                fits.append(load(place, trust=trust))
            else:
                with watch(progress, callback, type(method).__name__) as report:
                    fits.append(_fit(method, data, place, own, inputs, facts, report))
    return fits


def check_inputs(method: AbstractMethod, inputs: Mapping[str, Any]) -> None:
    """Refuse further inputs that the method's fit does not take.

    Raises:
        InvalidInput: naming those that it does.
    """
    known = set(inspect.signature(method.fit).parameters) - _OWN
    for name in inputs:
        if name not in known:
            raise unknown(f"input of {type(method).__name__}.fit", name, known)


def _fit(
    method: AbstractMethod,
    data: Snapshots | Trajectories | LazyEnsemble,
    folder: Path,
    identity: dict[str, Any],
    inputs: dict[str, Any],
    facts: dict[str, Any],
    report: AbstractReporter,
) -> Fit:
    """The fit itself, in a folder that is held."""
    began = time.monotonic()
    try:
        # A method that cannot take lazy data was refused before.
        found = method.fit(
            data,  # pyright: ignore[reportArgumentType]
            key=jax.random.key(identity["seed"]),
            progress=report,
            checkpoint=folder / "checkpoint",
            **inputs,
        )
    except NoneqError:
        release(folder)
        raise
    except OSError as error:
        release(folder)
        raise WriteFailed(
            f"cannot write to {folder}: {error.strerror or error}; free space, then --resume."
        ) from error
    found = replace(found, meta={"seconds": round(time.monotonic() - began, 3)} | found.meta)
    return _kept(found, folder, identity, facts)


def _together(
    train: Callable[..., list[Fit]],
    method: AbstractMethod,
    owns: Mapping[Path, dict[str, Any]],
    facts: dict[str, Any],
    *,
    resume: bool,
    trust: bool,
) -> list[Fit]:
    """The fits of several folders, of which those that are missing are trained at once."""
    with ExitStack() as stack:
        found: dict[Path, Fit] = {}
        for place, own in owns.items():
            stack.enter_context(held(place))
            if finished(place, own, resume):
                check_spec(place, method)
                found[place] = load(place, trust=trust)
        missing = [place for place in owns if place not in found]
        try:
            keys = [jax.random.key(owns[place]["seed"]) for place in missing]
            fits = train(keys=keys) if keys else []
        except NoneqError:
            for place in missing:
                release(place)
            raise
        for place, fit in zip(missing, fits, strict=True):
            found[place] = _kept(fit, place, owns[place], facts)
    return [found[place] for place in owns]


def _kept(found: Fit, folder: Path, identity: dict[str, Any], facts: dict[str, Any]) -> Fit:
    """The fit as a run, in a folder that is held."""
    meta = found.meta | facts | {"seed": identity["seed"], "identity": identity}
    found = replace(found, meta=meta)
    if devices.rank():
        return found
    write(found, folder)
    shutil.rmtree(folder / "checkpoint", ignore_errors=True)
    return found
