"""Reference pages from docstrings, signatures and the command line's own help."""

import inspect
import re
from typing import Any

from results_pages import table

from noneq.methods.base import AbstractMethod
from noneq.models import traits
from noneq.spec import modules, public


ROOMS = {
    "data": "Data",
    "systems": "Systems",
    "methods": "Methods",
    "processes": "Processes",
    "samplers": "Samplers",
    "nets": "Networks",
    "metrics": "Metrics",
    "thermo": "Thermodynamics",
    "studies": "Studies",
}
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
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in parameters if p.name != "self"]
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


def api_page() -> str:
    """Every public class and function, by room."""
    import noneq
    from noneq.estimate import Estimate
    from noneq.methods.base import Fit
    from noneq.training import Training

    parts = ["# Python reference\n", "Import as `import noneq as nq`.\n", "## Top level\n"]
    top = (noneq.simulate, noneq.save, noneq.load, Training, Fit, Estimate)
    parts += [entry(thing.__name__, thing) for thing in top]
    for room, title in ROOMS.items():
        found = public(room)
        parts += [f"## {title} (`nq.{room}`)\n"]
        parts += [entry(name, found[name]) for name in sorted(found)]
    return "\n".join(parts)


def abilities(method: AbstractMethod) -> str:
    """Traits of the model a method builds, from the return type of its ``init``."""
    model = inspect.signature(type(method).init).return_annotation
    known = {name: cls for name, cls in vars(traits).items() if name.startswith("Has")}
    has = [n for n, cls in known.items() if inspect.isclass(model) and issubclass(model, cls)]
    return ", ".join(f"`{name}`" for name in has)


def methods_table() -> str:
    body = []
    for name, cls in sorted(modules("methods", AbstractMethod).items()):
        link = f"[{name}](#{name.lower()})"
        body.append([link, summary_line(cls), abilities(cls()), f"`{cls.source}`"])
    return table(["method", "what it is", "its model has", "source"], body)


def methods_page() -> str:
    """Table and full docstrings of all methods."""
    parts = ["# Methods\n", methods_table()]
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
