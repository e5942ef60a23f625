"""Drift and diffusion of a method, derived and published, as `list methods` and `cite` show them."""

from typing import Any

from noneq.cli.output import listing
from noneq.learning.forward import differences, dynamics
from noneq.learning.method import AbstractMethod


LEGEND = (
    "drift, diffusion: of the process dx = f dtau + g dW from data to prior, derived from it; "
    'published: the same in Table 1 of "Beyond Equilibrium".'
)
_MARKS = {True: "✓", False: "–", None: "–"}
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def terms(method: type[AbstractMethod]) -> dict[str, Any]:
    """Of the method with its defaults; what does not exist is None."""
    derived, published = dynamics(method()), method.published
    entry: dict[str, Any] = dict.fromkeys(("drift", "diffusion", "forward", "published"))
    entry["differs"] = ""
    if derived is not None:
        entry |= {"drift": derived.has_drift, "diffusion": derived.has_diffusion}
        entry["forward"] = derived.equation
    if published is not None:
        entry["published"] = {"drift": published.drift, "diffusion": published.diffusion}
    if derived is not None and published is not None:
        entry["differs"] = differences(published, derived)
    return entry


def methods_listing(entries: list[dict[str, Any]]) -> list[Any]:
    """The table of methods, its legend and its footnotes."""
    rows, notes = [], []
    for entry in entries:
        published = _pair(entry["published"])
        if entry["differs"]:
            number = str(len(notes) + 1).translate(_RAISED)
            published += f" {number}"
            notes.append(f"{number} {entry['name']}: {entry['differs']}.")
        marks = (_MARKS[entry["drift"]], _MARKS[entry["diffusion"]])
        rows.append([entry["name"], entry["what"], entry["gives"], *marks, published])
    columns = ("name", "what", "gives", "drift", "diffusion", "published")
    return [listing(columns, rows, "methods"), LEGEND, *notes]


def comment(method: type[AbstractMethod]) -> str:
    """The same of one method as a line that BibTeX skips."""
    entry = terms(method)
    text = entry["forward"] or "no process from data to prior"
    text += f": drift {_MARKS[entry['drift']]}, diffusion {_MARKS[entry['diffusion']]}"
    if entry["published"]:
        text += f'; in Table 1 of "Beyond Equilibrium": {_pair(entry["published"])}'
        text += ", which differs" * bool(entry["differs"])
    return f"% {method.__name__}: {text}."


def _pair(published: dict[str, bool] | None) -> str:
    if published is None:
        return ""
    return f"{_MARKS[published['drift']]} / {_MARKS[published['diffusion']]}"
