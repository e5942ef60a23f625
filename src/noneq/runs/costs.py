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
from noneq.data.summary import summarise
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod
from noneq.progress import silence
from noneq.runs.fitting import check_inputs
from noneq.spec import override
from noneq.store.weights import count_parameters


@checked
def cost(
    method: AbstractMethod,
    data: Snapshots | Trajectories,
    *,
    inputs: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What a fit would take: parameters, steps, and seconds and memory measured on real steps.

    Two short fits: ten steps tell how long a step is, then as many as fit into three seconds. A
    score that the method would train first is estimated by itself.

    Args:
        method, data: as in `fit`.
        inputs: further keyword arguments of ``method.fit``.

    Returns:
        ``parameters``, ``data_megabytes``, and where they are known ``steps``, ``seconds``,
        ``memory_megabytes``.
    """
    inputs = dict(inputs or {})
    check_inputs(method, inputs)
    summary = summarise(data)
    scorer = vars(method).get("score")
    given = {"score", "init"} & set(inputs)
    if not given and isinstance(scorer, AbstractMethod) and _steps(scorer) is not None:
        before = cost(scorer, data)
        with silence():
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
