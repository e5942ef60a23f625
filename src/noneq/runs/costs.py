"""What a fit would cost: parameters, seconds and memory."""

import inspect
import sys
import time
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np

from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.lazy.ensemble import LazyEnsemble
from noneq.data.summary import summarise
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod
from noneq.runs.fitting import check_inputs
from noneq.spec import override
from noneq.store.weights import count_parameters


_FEW, _SECONDS = 10, 1.0


@checked
def cost(
    method: AbstractMethod,
    data: Snapshots | Trajectories | LazyEnsemble,
    *,
    inputs: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What a fit would take: parameters, steps, and seconds and memory measured on real steps.

    Two short fits: ten steps tell how long a step is, then as many as fit into one second. A score
    that the method would train first is estimated by itself.

    Args:
        method, data: as in `fit`.
        inputs: further keyword arguments of ``method.fit``.

    Returns:
        ``parameters``, ``data_megabytes``, and where they are known ``steps``, ``seconds``,
        ``memory_megabytes``.
    """
    inputs = dict(inputs or {})
    check_inputs(method, inputs)
    return _cost(method, data, inputs)[0]


def texts(estimate: Mapping[str, Any]) -> list[str]:
    """What `cost` found, a line each, with units for people."""
    write = {
        "parameters": lambda count: f"{count:,}",
        "steps": lambda count: f"{count:,.0f}",
        "seconds": lambda seconds: f"about {_duration(seconds)} on {jax.devices()[0].platform}",
        "data_megabytes": lambda size: f"{size:,.3g} MB",
        "memory_megabytes": lambda size: f"{size:,} MB so far",
    }
    names = {"seconds": "time", "data_megabytes": "data", "memory_megabytes": "memory"}
    return [f"{names.get(name, name)}: {write[name](value)}" for name, value in estimate.items()]


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _cost(
    method: AbstractMethod, data: Snapshots | Trajectories | LazyEnsemble, inputs: dict[str, Any]
) -> tuple[dict[str, Any], Any]:
    """The estimate, and a model after a few steps."""
    summary = summarise(data)
    scorer = vars(method).get("score")
    given = {"score", "init"} & set(inputs)
    if not given and isinstance(scorer, AbstractMethod) and _steps(scorer) is not None:
        before, score = _cost(scorer, data, {})
        both, model = _cost(method, data, {**inputs, "score": score})
        added = {name: before[name] + both.get(name, 0) for name in ("steps", "seconds")}
        return both | {name: round(value, 1) for name, value in added.items()}, model
    takes = inspect.signature(method.init).parameters
    kept = {name: given for name, given in inputs.items() if name in takes}
    estimate: dict[str, Any] = {"parameters": count_parameters(method, summary, kept)}
    steps, model = _steps(method), None
    if steps is not None:
        seconds, start, model = _time_steps(method, data, min(steps, _FEW), inputs)
        more = min(steps, int(_SECONDS / max(seconds, 1e-6)))
        if more > 2 * _FEW:
            seconds, start, model = _time_steps(method, data, more, inputs)
        estimate |= {"steps": steps, "seconds": round(start + steps * seconds, 1)}
    return estimate | {"data_megabytes": _megabytes(data)} | _memory(), model


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
) -> tuple[float, float, Any]:
    """Seconds per step, seconds before the first chunk of steps is done, and the model."""
    marks: list[tuple[int, float]] = []
    began = time.monotonic()
    fit = override(method, {"training.steps": steps}).fit(
        data,
        key=jax.random.key(0),
        progress=lambda step, _steps, _row: marks.append((step, time.monotonic())),
        **inputs,
    )
    (first, start), (last, end) = marks[0], marks[-1]
    return (end - start) / max(last - first, 1), start - began, fit.model


def _megabytes(data: Any) -> float:
    if isinstance(data, LazyEnsemble):
        return round(data.nbytes / 1e6, 3)
    arrays = [leaf for leaf in jax.tree.leaves(data) if eqx.is_array_like(leaf)]
    return round(sum(np.asarray(a).nbytes for a in arrays) / 1e6, 3)
