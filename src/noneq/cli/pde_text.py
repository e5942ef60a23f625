"""Records of `noneq.cli.pde_facts` as text and tables for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from noneq.cli.output import listing


_WORDS = {1.0: "yes", 0.0: "no"}
_CONDITIONS = {"c1": "C1 positivity", "c2": "C2 smoothing", "s_generative": "s-generative"}


def sheet(found: Mapping[str, Any]) -> list[Any]:
    """All about one PDE, pieces for `noneq.cli.output.emit`."""
    smooth = found["smoothing"]
    pieces = [
        _equation(found) + f"\n{_place(found)}",
        listing(
            ("", "verdict", "why"),
            [[title, *_judged(found["verdict"][key])] for key, title in _CONDITIONS.items()],
        ),
        listing(
            ("", "omega(k)", ""),
            [[str(i), b["omega"], _remark(b)] for i, b in enumerate(found["branches"], 1)],
            "dispersion: u ~ exp(i (k x - omega t))",
        ),
        *_flow(found["density_flow"]),
        listing(
            ("k scale", *(f"{k:g}" for k in smooth["k_scale"])),
            [["factor", *(f"{factor:.3g}" for factor in smooth["factor"])]],
            f"smoothing: exp(t (Im omega(k) - Im omega(0))) at t = {smooth['time']:g}, "
            "k in units of 1/scale, in the direction that decays least",
        ),
    ]
    if found["process"]:
        pieces.append(_process(found["process"]))
    elif found["no_process"]:
        pieces.append(f"process: none. {found['no_process']}")
    if found["modifications"]:
        pieces.append(
            listing(
                ("change", "PDE", "C1", "C2", "s-generative"),
                [
                    [m["change"], _equation(m), *(_word(m["verdict"][key]) for key in _CONDITIONS)]
                    for m in found["modifications"]
                ],
                "modifications",
            )
        )
    return pieces


def duality(found: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The table of the paper in two halves: PDEs as physics, and as generative models."""
    physics = [
        [
            each["name"],
            each["pde"],
            "\n".join(branch["omega"] for branch in each["branches"] if branch["admissible"]),
            *(each["density_flow"][key] for key in ("density", "flux", "source")),
        ]
        for each in found
    ]
    models = [
        [
            each["name"],
            *(_word(each["verdict"][key]) for key in _CONDITIONS),
            each["verdict"]["c2"]["reason"],
        ]
        for each in found
    ]
    return [
        listing(("name", "PDE", "omega(k)", "p", "p v", "R"), physics, "physics"),
        listing(("name", "C1", "C2", "s-generative", "smoothing"), models, "generative models"),
    ]


def _flow(flow: Mapping[str, str] | None) -> list[Any]:
    if flow is None:
        return []
    columns = ("p", "p v", "R", "d_t p + div(p v) - R")
    return [listing(columns, [list(flow.values())], "density flow")]


def _equation(found: Mapping[str, Any]) -> str:
    text = found["pde"] if "=" in found["pde"] else f"{found['pde']} = 0"
    values = ", ".join(
        f"{name} = {value:g}" if isinstance(value, float) else f"{name} = {value}"
        for name, value in found["values"].items()
    )
    return f"{text}  ({values})" if values else text


def _place(found: Mapping[str, Any]) -> str:
    where = "infinite space" if found["box"] is None else f"a periodic box of side {found['box']:g}"
    plural = "" if found["dim"] == 1 else "s"
    return f"{found['dim']} dimension{plural}, data of scale {found['scale']:g}, {where}"


def _judged(judgement: Mapping[str, Any]) -> list[str]:
    """Verdict and reason."""
    return [_word(judgement), judgement["reason"]]


def _word(judgement: Mapping[str, Any]) -> str:
    """yes, no, or the condition and whether it holds."""
    if judgement["condition"] is None:
        return _WORDS.get(judgement["value"], "conditional")
    holds = {True: "holds", False: "does not hold", None: "open"}[judgement["holds"]]
    return f"if {judgement['condition']}: {holds}"


def _remark(branch: Mapping[str, Any]) -> str:
    if branch["judged"]:
        return "judged"
    return "" if branch["admissible"] else "grows without bound: left out"


def _process(table: Mapping[str, Any]) -> str:
    fields = ", ".join(f"{name} = {value}" for name, value in table.items() if name != "kind")
    return f"process: {table['kind']}({fields})"
