"""What rows of held-out times say in a sentence: whether training was better than no training."""

from collections.abc import Mapping, Sequence
from typing import Any

from noneq.runs.baselines import BASELINES
from noneq.spec import public


UNTRAINED = tuple(cls.__name__ for cls in BASELINES)
_SURE = 2.0
"""Standard errors from which on a difference is called one."""


def verdicts(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence on the best method against the best baseline for every metric, and on the floor.

    A difference counts from two standard errors on: √(s₁² + s₂²) of the two rows.
    """
    said: list[str] = []
    for metric in dict.fromkeys(row["metric"] for row in rows):
        own = [row for row in rows if row["metric"] == metric]
        trained = [row for row in own if row["method"] not in UNTRAINED]
        untrained = [row for row in own if row["method"] in UNTRAINED]
        if trained and untrained:
            said.append(_verdict(metric, trained, untrained))
    below = [row for row in rows if row["floor"] is not None and row["value"] < row["floor"]]
    if below:
        names = ", ".join(dict.fromkeys(f"{row['method']} in {row['metric']}" for row in below))
        said.append(
            f"below the floor ({names}): the floor compares two halves of the held-out samples, "
            "which are fewer than what is compared here, and it scatters; such a value says that "
            "these samples show no difference from the truth, not that it is better than the truth."
        )
    return said


def best(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence on the best method for every metric, and on those that cannot be told from it.

    The best of many is lucky: its value is biased down, and a close second may be as good.
    """
    said = []
    for metric in public("metrics"):
        own = sorted((r for r in rows if r["metric"] == metric), key=lambda r: r["value"])
        if len(own) < 2:
            continue
        first = own[0]
        near = [
            row["method"]
            for row in own[1:]
            if row["value"] - first["value"]
            <= _SURE * (first["stderr"] ** 2 + row["stderr"] ** 2) ** 0.5
        ]
        more = f"; within its error: {' '.join(near)}" if near else "; all others are worse"
        said.append(
            f"{metric}: least with {first['method']} ({first['value']:.4g} ± {first['stderr']:.2g}){more}."
        )
    return said


def _verdict(
    metric: str, trained: Sequence[Mapping[str, Any]], untrained: Sequence[Mapping[str, Any]]
) -> str:
    value = lambda row: float(row["value"])
    best, rival = min(trained, key=value), min(untrained, key=value)
    gain = value(rival) - value(best)
    error = (best["stderr"] ** 2 + rival["stderr"] ** 2) ** 0.5
    numbers = f"{value(best):.4g} against {value(rival):.4g}"
    size = f"{abs(gain):.3g} ± {error:.2g}"
    if gain > _SURE * error:
        return (
            f"{metric}: {best['method']} is better than the best baseline, {rival['method']}, by "
            f"{size} ({numbers})."
        )
    if gain < -_SURE * error:
        return (
            f"{metric}: no method beats the baseline {rival['method']}, which trains nothing; "
            f"{best['method']} is worse by {size} ({numbers})."
        )
    more = ""
    if rival["floor"] is not None and value(rival) <= rival["floor"] + _SURE * rival["stderr"]:
        more = " The baseline is at the floor: this metric cannot tell methods apart here."
    return (
        f"{metric}: no method beats the baseline {rival['method']}, which trains nothing, beyond "
        f"the error: {best['method']} differs by {size} ({numbers}).{more}"
    )
