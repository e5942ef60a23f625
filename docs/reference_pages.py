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
_ENTRY = re.compile(r"(\*{0,2}[\w, *.]+): (.*)")


def summary_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").split("\n")[0]


def markdown(doc: str) -> str:
    """A Google-style docstring as Markdown: sections in bold, their entries as a list."""
    out: list[str] = []
    inside = False
    for line in doc.splitlines():
        if _SECTION.fullmatch(line):
            out += ["", f"**{line[:-1]}**", ""]
            inside = True
        elif inside and line.startswith("    "):
            text = line[4:]
            entry = None if text.startswith(" ") else _ENTRY.fullmatch(text)
            if entry:
                out.append(f"- `{entry[1]}`: {entry[2]}")
            else:
                out.append(f"  {text.strip()}" if out[-1].startswith(("-", "  ")) else text.strip())
        else:
            inside = inside and not line.strip()
            out.append(line)
    return "\n".join(out).replace("<", "&lt;") + "\n"


def signature(name: str, thing: Any) -> str:
    """One argument a line, defaults as they are written, annotations left to the docstring."""
    try:
        parameters = inspect.signature(thing).parameters.values()
    except ValueError:
        return f"{name}(...)"
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in parameters if p.name != "self"]
    text = str(inspect.Signature(plain))
    return f"{name}{text}" if len(text) < 80 else name + text.replace(", ", ",\n    ")


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
