"""Reference pages from docstrings, signatures and the command line's own help."""

import dataclasses
import inspect
import re
from typing import Any

from results_pages import table

from noneq.cli.model_traits import traits_of
from noneq.learning.forward import differences, dynamics
from noneq.learning.method import AbstractMethod
from noneq.spec import modules, public


ROOMS = {
    "data": "Data",
    "systems": "Systems",
    "simulation": "Simulation",
    "methods": "Methods",
    "processes": "Processes",
    "samplers": "Samplers",
    "nets": "Networks",
    "runs": "Runs",
    "metrics": "Metrics",
    "inference": "Inference",
    "thermo": "Thermodynamics",
    "control": "Control",
    "studies": "Studies",
    "plot": "Pictures",
    "callbacks": "Callbacks",
    "sklearn": "scikit-learn",
}
TERMS = """\
Whether the process dx = f dtau + g dW from data (tau = 0) to prior (tau = 1) has a drift f and a
diffusion g: evaluated from the method with its defaults, beside Table 1 of "Beyond Equilibrium". A
method that is one map has its displacement as f.
"""
EQUATIONS = """\
The terms as formulas, evaluated in the same way, beside Table 2 of "Beyond Equilibrium" (its
sigma(t) is g here); s is the score, a and g are functions of tau. The backward drift of noise
lambda g is f − (1 + lambda²)/2 g² s; shown are lambda = 1 and the probability flow, lambda = 0.
"""
_SECTION = re.compile(r"[A-Z][A-Za-z ]+:")
_LISTS = ("Args", "Attributes", "Class attributes", "Raises")
_ENTRY = re.compile(r"(\*{0,2}[\w, *.]+): (.*)")


def summary_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").split("\n")[0]


def markdown(doc: str) -> str:
    """A Google-style docstring as Markdown: sections in bold, their entries as a list."""
    out: list[str] = []
    section = ""
    for line in doc.splitlines():
        if _SECTION.fullmatch(line):
            section = line[:-1]
            out += ["", f"**{section}**", ""]
        elif section and line.startswith("    "):
            text = line[4:]
            entry = _ENTRY.fullmatch(text) if section in _LISTS else None
            out.append(f"- `{entry[1]}`: {entry[2]}" if entry else text)
        else:
            section = "" if line.strip() else section
            out.append(line)
    return "\n".join(out).replace("<", "&lt;") + "\n"


def signature(name: str, thing: Any) -> str:
    """Arguments with their defaults; on lines of their own where one line is too short."""
    try:
        parameters = inspect.signature(thing).parameters.values()
    except ValueError:
        return f"{name}(...)"
    fields = dataclasses.fields(thing) if dataclasses.is_dataclass(thing) else ()
    made = {
        f.name: f.default_factory for f in fields if f.default_factory is not dataclasses.MISSING
    }
    default = lambda p: made[p.name]() if p.name in made else p.default
    plain = [
        p.replace(annotation=inspect.Parameter.empty, default=default(p))
        for p in parameters
        if p.name != "self"
    ]
    line = f"{name}{inspect.Signature(plain)}"
    if len(line) < 88:
        return line
    first = next((i for i, p in enumerate(plain) if p.kind is p.KEYWORD_ONLY), len(plain))
    words = [str(p) for p in plain]
    words[first:first] = ["*"] if first < len(plain) else []
    return f"{name}(\n" + "".join(f"    {word},\n" for word in words) + ")"


def entry(name: str, thing: Any) -> str:
    doc = inspect.getdoc(thing) or ""
    return f"### {name}\n\n```python\n{signature(name, thing)}\n```\n\n{markdown(doc)}"


def api_pages() -> dict[str, str]:
    """Every public class and function: a page for the top level, and one for each room."""
    import noneq
    from noneq.estimate import Estimate
    from noneq.learning.loop import Training
    from noneq.learning.method import Fit

    top = (noneq.simulate, noneq.save, noneq.load, Training, Fit, Estimate)
    rooms = "\n".join(f"- [{title}](api_{room}.md): `nq.{room}`" for room, title in ROOMS.items())
    head = f"# Python\n\nImport as `import noneq as nq`. Rooms:\n\n{rooms}\n"
    pages = {"api.md": "\n".join([head, *(entry(thing.__name__, thing) for thing in top)])}
    for room, title in ROOMS.items():
        found = public(room)
        body = [entry(name, found[name]) for name in sorted(found) if room != "methods"]
        if room == "methods":
            body = ["Methods have [pages of their own](methods.md)."]
        pages[f"api_{room}.md"] = "\n".join([f"# {title} (`nq.{room}`)\n", *body])
    return pages


def abilities(method: AbstractMethod) -> str:
    """Traits of the model a method builds."""
    return ", ".join(f"`{name}`" for name in traits_of(type(method)))


def link(name: str) -> str:
    return f"[{name}](#{name.lower()})"


def methods_table() -> str:
    body = []
    for name, cls in sorted(modules("methods", AbstractMethod).items()):
        body.append([link(name), summary_line(cls), abilities(cls()), f"`{cls.source}`"])
    return table(["method", "what it is", "its model has", "source"], body)


def mark(has: bool | None) -> str:
    return {True: "✓", False: "–", None: ""}[has]


def terms_table() -> str:
    """Table 1 of the position paper: derived from the methods beside published, with footnotes."""
    body, notes = [], []
    for name, cls in sorted(modules("methods", AbstractMethod).items()):
        derived, published = dynamics(cls()), cls.published
        if derived is None:
            continue
        row = [link(name), mark(derived.has_drift), mark(derived.has_diffusion)]
        if published is None:
            body.append([*row, "", "", ""])
            continue
        row += [published.name, mark(published.drift), mark(published.diffusion)]
        differs = differences(published, derived)
        if differs:
            notes.append(f"{len(notes) + 1}. {name}: {differs}.")
            row[3] += f" <sup>{len(notes)}</sup>"
        body.append(row)
    head = ["method", "drift", "diffusion", "published as", "drift (published)"]
    return table([*head, "diffusion (published)"], body) + "\n" + "\n".join(notes) + "\n"


def pair(terms: tuple[str, str]) -> str:
    return f"({terms[0]}, {terms[1]})"


def equations_table() -> str:
    """Table 2 of the position paper, in the same way."""
    body, published = [], {}
    for name, cls in sorted(modules("methods", AbstractMethod).items()):
        derived, theirs = dynamics(cls()), cls.published and cls.published.equations
        if derived is None:
            continue
        exact = " or ".join(map(pair, derived.backward))
        row = [link(name), pair((derived.drift, derived.diffusion)), exact]
        body.append([*row, theirs.group if theirs else ""])
        if theirs:
            published.setdefault(theirs, []).append((name, derived))
    notes = []
    for row, members in published.items():
        body.append([f"*{row.group} (published)*", pair(row.forward), pair(row.backward), ""])
        wrong = [name for name, derived in members if row.backward not in derived.backward]
        if wrong:
            notes.append(
                f"The published backward pair of {row.group} is none of the exact ones of "
                f"{', '.join(wrong)}."
            )
    head = ["method", "forward (drift, diffusion)", "backward (drift, diffusion)", "group"]
    return table(head, body) + "\n" + "\n".join(notes) + "\n"


def methods_page() -> str:
    """Tables and full docstrings of all methods."""
    parts = ["# Methods\n", methods_table(), "## Drift and diffusion\n", TERMS, terms_table()]
    parts += ["## Forward and backward equations\n", EQUATIONS, equations_table()]
    parts += [
        entry(name, cls).replace("### ", "## ", 1)
        for name, cls in sorted(modules("methods", AbstractMethod).items())
    ]
    return "\n".join(parts)


def systems_table() -> str:
    from noneq.systems import AbstractSystem

    body = [
        [f"`{n}`", summary_line(c)] for n, c in sorted(modules("systems", AbstractSystem).items())
    ]
    return table(["system", "what it is"], body)


def metrics_table() -> str:
    body = [[f"`{name}`", summary_line(f)] for name, f in sorted(public("metrics").items())]
    return table(["metric", "what it is"], body)
