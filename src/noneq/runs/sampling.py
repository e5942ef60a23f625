"""Samples of fitted models: for a condition, steered, or like the states of a reference."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

from noneq import devices
from noneq._typing import Key
from noneq.data.checks import as_times, permutation
from noneq.data.conditions import encoded
from noneq.data.snapshots import Snapshots
from noneq.data.summary import Summary
from noneq.data.trajectories import Trajectories
from noneq.errors import InvalidInput
from noneq.frames.checks import check_count
from noneq.kinds import checked
from noneq.learning.method import Fit
from noneq.methods.denoising.guidance import guided, inpainted
from noneq.runs.folders import members
from noneq.spec import override
from noneq.store import load, read_meta
from noneq.traits import HasPaths, require


@checked
def sample(
    folder: str | Path,
    n: int,
    times: Sequence[float] | np.ndarray | None = None,
    *,
    paths: bool | None = None,
    condition: str | Sequence[float | str] | np.ndarray | None = None,
    guidance: float | None = None,
    given: Mapping[str | int, float] | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    trust: bool = False,
) -> Snapshots | Trajectories:
    """Samples of a run; an ensemble's members take equal shares.

    All devices of all processes compute a share; the samples do not depend on their number, beyond
    rounding. Several processes call it together, and each gets all samples.

    Args:
        folder: of a run, or of an ensemble over seeds.
        n: samples at each time.
        times: None for those of the training data.
        paths: whole paths, or (False) each time for itself; None takes paths if the model has them.
        condition: a number for each column, or the name of a category, NaN to leave it open; the
            samples carry it.
        guidance, given, settings: as `steered`.
        seed: of the random key.
        trust: allow a run whose method is code outside noneq.

    Raises:
        InvalidInput: a request that the model cannot meet, or ranks that ask for different things.
        MissingTrait: paths of a model that has none.
        WrongType: guidance or inpainting of a model that is not a denoising one.
    """
    check_count(n)
    folders = members(Path(folder))
    if devices.ranks() > 1:
        asked = (n, times, paths, condition, guidance, given, settings, seed)
        models = [read_meta(member)["sha256"] for member in folders]
        devices.check_same({"run": str(models), "request": str(asked)})
    shares = [len(part) for part in np.array_split(np.arange(n), len(folders)) if len(part)]
    parts, asked = [], None
    for i, (member, share) in enumerate(zip(folders, shares, strict=False)):
        fit = load(member, trust=trust)
        at = as_times(fit.summary.times if times is None else times)
        asked = None if condition is None else _numbers(condition, fit.summary)
        if guidance is not None and (asked is None or np.isnan(asked).all()):
            raise InvalidInput(
                "guidance strengthens the effect of a condition; give --condition too."
            )
        model = steered(fit, guidance, given or {}, settings or {}, trust=trust)
        key = jax.random.fold_in(jax.random.key(seed), i)
        whole = isinstance(model, HasPaths) if paths is None else paths
        drawn = generate(model, share, at, paths=whole, condition=asked, key=key)
        parts.append(_labelled(drawn, fit.summary))
    if asked is not None and np.isnan(asked).any():
        warnings.warn("a condition left open has no number; the samples carry none.", stacklevel=2)
    return replace(_joined(parts), drawn_from=str(folder))


def steered(
    fit: Fit,
    guidance: float | None,
    given: Mapping[str | int, float],
    settings: Mapping[str, Any],
    *,
    trust: bool = False,
) -> Any:
    """The model of a fit with another sampler, guided, and with known coordinates.

    Args:
        fit: the fit.
        guidance: strength (`guided`), None for none.
        given: values of known coordinates, by name or place (`inpainted`).
        settings: changes of the method's sampler by dotted name: ``{"sampler.steps": 20}``.
        trust: allow a sampler that is code outside noneq.

    Raises:
        InvalidInput: a setting of anything but the sampler, or as `guided`, `inpainted`.
    """
    model = fit.model
    for name in settings:
        if name.partition(".")[0] != "sampler":
            raise InvalidInput(
                f"{name!r} cannot be set when sampling; only the sampler can: --set sampler=Heun, "
                "--set sampler.steps=20."
            )
    if settings:
        sampler = vars(override(fit.method, settings, trust=trust))["sampler"]
        model = eqx.tree_at(lambda m: m.sampler, model, sampler)
    if guidance is not None:
        model = guided(model, guidance)
    return inpainted(model, given) if given else model


def generate(
    model: Any,
    n: int,
    times: np.ndarray,
    *,
    paths: bool,
    condition: np.ndarray | None = None,
    key: Key,
) -> Snapshots | Trajectories:
    """Samples of a model at these times: whole paths, or each time for itself.

    A condition, ``(k,)`` or ``(n, k)``, is that of each sample, or path, at all times.
    """
    if paths:
        require(model, HasPaths, "whole paths")
        drawn = model.sample_paths(n, times=times, condition=condition, key=key)
    else:
        drawn = model.snapshots(n, times=times, condition=condition, key=key)
    if condition is None:
        return drawn
    rows = np.broadcast_to(condition, (n, condition.shape[-1]))
    return _conditioned(drawn, rows if paths else np.tile(rows, (drawn.times.size, 1)))


def generate_like(
    model: Any, n: int, reference: Snapshots | Trajectories, *, paths: bool, key: Key
) -> Snapshots | Trajectories:
    """Samples with the conditions of the reference's own states: one for each, n a time at most."""
    pick_key, key = jax.random.split(key)
    if isinstance(reference, Trajectories) and (paths or reference.mask is None):
        rows = np.sort(permutation(pick_key, reference.n)[:n])
        condition = np.asarray(reference.condition)[rows]
        return generate(
            model, len(rows), reference.times, paths=paths, condition=condition, key=key
        )
    data = reference.snapshots()
    order = permutation(pick_key, data.n)
    rows = [np.sort(order[data.time_index[order] == i][:n]) for i in range(data.times.size)]
    most, frames = max(map(len, rows)), []
    for i, row in enumerate(rows):
        # As many at every time, so that one compiled program draws them all.
        condition = np.asarray(data.condition)[np.resize(row, most)]
        time, one = data.times[i], jax.random.fold_in(key, i)
        drawn = np.asarray(model.sample(most, time=time, condition=condition, key=one))
        frames.append(drawn[: len(row)])
    condition = np.asarray(data.condition)[np.concatenate(rows)]
    return Snapshots.from_frames(frames, data.times, condition=condition, **data.labels())


def _numbers(condition: Any, summary: Summary) -> np.ndarray:
    """The condition in the number type of the training data: whole for categories."""
    levels, cells = summary.condition_levels, np.atleast_1d(np.asarray(condition, object)).ravel()
    if not levels:
        raise InvalidInput("this model was fitted without conditions; leave --condition out.")
    if cells.size != len(levels):
        raise InvalidInput(
            f"--condition has {cells.size} number(s), the data of the fit {len(levels)}; give one "
            "for each column, nan to leave it open."
        )
    known = summary.categories or ((),) * len(levels)
    numbers = encoded(cells, known, summary.condition_names)
    whole = all(levels) and bool((numbers % 1 == 0).all())
    return numbers.astype(np.int64) if whole else numbers


def _labelled(data: Snapshots | Trajectories, summary: Summary) -> Snapshots | Trajectories:
    """Samples that carry a condition, with the names of its columns and categories."""
    if data.condition is None or not (summary.condition_names or summary.categories):
        return data
    return replace(data, condition_names=summary.condition_names, categories=summary.categories)


def _conditioned(data: Snapshots | Trajectories, rows: np.ndarray) -> Snapshots | Trajectories:
    """The samples with their conditions, if each is a number."""
    if np.isnan(rows).any():
        return data
    if isinstance(data, Trajectories):
        return Trajectories(data.values, data.times, condition=rows, **data.labels())
    return Snapshots(data.values, data.times, data.time_index, condition=rows, **data.labels())


def _joined(parts: Sequence[Any]) -> Snapshots | Trajectories:
    """Samples of several models at the same times as one data set."""
    first = parts[0]
    whole = lambda name: np.concatenate([getattr(part, name) for part in parts])
    labels = first.labels() | {"condition": None if first.condition is None else whole("condition")}
    if isinstance(first, Trajectories):
        return Trajectories(whole("values"), first.times, **labels)
    return Snapshots(whole("values"), first.times, whole("time_index"), **labels)
