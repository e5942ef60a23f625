"""The page of the study `equilibrium_flow`: a section for each part that has rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import results_pages as results


_SHAPES = ("two_peaks", "ring", "two_moons")
_LORENZ, _PATTERNS, _DESIGNS = "lorenz", "gray_scott:", "design:"
_RESIDUAL_TARGET, _FLOORS = 0.05, 2.0
_PUBLISHED = {
    ("EquilibriumFlow(biased)", "cosine_across_seeds"): "0.9988",
    ("random skew", "cosine_to_truth"): "0.129",
    ("untrained", "cosine_to_truth"): "0.045",
}
"""Of Zhang and Levin 2025, on the Lorenz attractor."""
_DRAWS = {
    "cosine_published_metric": "cosine, published metric",
    "cosine_over_draws": "cosine, ours",
    "even_share": "even share",
}
_PUBLISHED_DRAWS = "0.257 ± 0.012"
_REFERENCES = ("true field", "random skew", "untrained", "score")
_FIELDS = {
    "cosine_to_truth": "cosine to the true field",
    "cosine_across_seeds": "cosine across seeds",
    "invariance_residual": "invariance residual",
    "bounded_fraction": "bounded trajectories",
    "lyapunov_per_time": "largest exponent per time",
    "lyapunov_max": "per unit of length",
    "seeds_with_chaos": "seeds with chaos",
}
_MEASURES = {
    "polarisation": "polarisation",
    "alignment": "alignment",
    "clustering": "clustering",
    "contact_rate": "contacts per time",
    "mean_squared_displacement": "mean squared displacement",
}


def page(record: dict[str, Any], images: Path) -> str:
    """Tables of a results file; parts that were not run are left out.

    Args:
        record: of `results_pages.read`.
        images: folder of pictures, ``../images`` of the page; this page draws none.
    """
    parts: list[Callable[[dict[str, Any]], str]] = [shapes, lorenz, patterns, designs]
    sections = [part(record) for part in parts]
    return "\n".join(section for section in sections if section)


def shapes(record: dict[str, Any]) -> str:
    """Sets in the plane: the residual, and the law after long paths beside its floor."""
    residual = results.values(record, "invariance_residual")
    distance = results.values(record, "mmd2_after_100")
    body = []
    for case in _SHAPES:
        for (_, method), row in [(at, r) for at, r in residual.items() if at[0] == case]:
            pushed = distance.get((case, method))
            line = [case.replace("_", " "), method, results.with_error(row)]
            line += ["", "", ""] if pushed is None else _against_floor(pushed)
            body.append([*line, str(row["seeds"])])
    if not body:
        return ""
    head = ["set", "method", "invariance residual", "MMD² after 100", "floor", "ratio", "seeds"]
    return (
        "## Sets in the plane\n\n"
        "⟨(div v + v·s)²⟩ over ⟨(div v)² + (v·s)²⟩ at fresh states "
        f"(target {_RESIDUAL_TARGET} or less), and the squared discrepancy between states pushed for "
        f"100 units of time and the law (target: {_FLOORS:g} × the floor of two truth samples or "
        "less).\n\n" + results.table(head, body)
    )


def lorenz(record: dict[str, Any]) -> str:
    """Fits, then fields that were not fitted; published figures beside ours."""
    every = [row for row in record["rows"] if row["case"] == _LORENZ]
    if not every:
        return ""
    rows = [row for row in every if row["metric"] not in _DRAWS]
    methods = results.ordered([row["method"] for row in rows])
    of = {(row["method"], row["metric"]): row for row in rows}
    fitted = [method for method in methods if method not in _REFERENCES]
    beside = [method for method in _REFERENCES if method in methods]
    parts = [
        "## The Lorenz attractor\n",
        "50,000 states in no order; velocities in units of the data's standard deviations. "
        "The cosine is |⟨cos⟩| over the noised states: the sign of time is free as a whole. In "
        "brackets: published (Zhang and Levin 2025), by their metric. Residuals are against the "
        "noised law, which the true field, and `PolynomialFlow` that finds it, do not keep. A seed "
        "is chaotic if its exponent is two errors above log(t)/t, which shear without chaos gives.\n",
    ]
    if fitted:
        parts += ["### Fitted\n", _fields_table(fitted, of)]
    if beside:
        parts += [
            "### Reference fields\n",
            "The true field keeps the attractor and not the noised law that is fitted, hence its "
            "residual; of a constant skew matrix the residual is 0/0 and left out.\n",
            _fields_table(beside, of),
        ]
    drawn = _draws_table(every)
    if drawn:
        parts += [
            "### Over draws of data and score\n",
            "Each draw has 50,000 states and a score of its own; ± is the standard deviation over "
            "the draws, not the error of the mean. Published metric: one cosine of all clean states "
            f"as long vectors (published: {_PUBLISHED_DRAWS}, over seeds of one score). Ours: |⟨cos⟩| "
            "over noised states. Even share: part of ⟨|v|²⟩ with v(R x) = R v(x), R: (x, y, z) → "
            "(−x, −y, z); 1 for the true field. The exact score is of 1,000 states and their mirror "
            "images, a law without preference, whose flow is odd and has cosine 0.\n",
            drawn,
        ]
    return "\n".join(parts)


def _draws_table(rows: list[dict[str, Any]]) -> str:
    of = {(row["method"], row["metric"]): row for row in rows if row["metric"] in _DRAWS}
    if not of:
        return ""
    cell = lambda method, metric: (
        results.with_error(of[method, metric]) if (method, metric) in of else ""
    )
    methods = results.ordered([method for method, _ in of])
    body = [[method, *(cell(method, metric) for metric in _DRAWS)] for method in methods]
    return results.table(["", *_DRAWS.values()], body)


def patterns(record: dict[str, Any]) -> str:
    """Displacement cosines of the Gray–Scott patterns, ours and by the published protocol."""
    clean = _by_case(record, {"": "displacement_cosine"})
    published = _by_case(record, _PROTOCOL)
    if not clean and not published:
        return ""
    parts = ["## Gray–Scott patterns without training\n"]
    if clean:
        parts += [
            "Cosine between where a skew kernel on the score of the snapshots takes a pattern and where "
            "the reaction takes it. `SkewFlow` is the one kernel of one site and two substances; a "
            "random kernel has 3 × 3 sites and is skew too. States that the score was not fitted to; "
            "both signs of the kernel under the same noise, and half the difference of their cosines.\n",
            clean,
        ]
    if published:
        parts += [
            "### By the published protocol\n",
            "Clean states of the training set, raw frames, both channels on one scale, the larger "
            "|cosine| of both signs: mean over the states ± error, and the best state. Odd: half "
            "the difference of the signs, what the kernel does; even: half their sum, which a clean "
            "start that relaxes under the score gives without any flow (score alone: eta × score and "
            "noise, no kernel). The published .589 of waves is not explained: no score that was "
            "tried comes near it.\n",
            published,
        ]
    return "\n".join(parts)


_PROTOCOL = {
    "": "displacement_cosine_published_protocol",
    "best state": "displacement_cosine_best_state",
    "odd": "displacement_cosine_odd",
    "even": "displacement_cosine_even",
}


def _by_case(record: dict[str, Any], metrics: dict[str, str]) -> str:
    """Cases across; methods down, once for every metric."""
    of = {name: results.values(record, metric) for name, metric in metrics.items()}
    at = lambda name: [(c, m) for c, m in of[name] if c.startswith(_PATTERNS)]
    cases = results.ordered([case for name in of for case, _ in at(name)])
    body = []
    for name in of:
        for method in results.ordered([method for _, method in at(name)]):
            rows = [of[name].get((case, method)) for case in cases]
            label = f"{method}: {name}" if name else method
            body.append([label, *("" if row is None else results.with_error(row) for row in rows)])
    if not body:
        return ""
    for title, metric, unit in _ABOUT:
        rows = [results.values(record, metric).get((case, "data")) for case in cases]
        if any(rows):
            body.append([title, *(f"{row['value']:.0f}{unit}" if row else "" for row in rows)])
    return results.table(["", *(case.removeprefix(_PATTERNS) for case in cases)], body)


_ABOUT = (
    ("*snapshots alive*", "alive_percent", " %"),
    ("*sites along a side*", "sites_along_a_side", ""),
)


def designs(record: dict[str, Any]) -> str:
    """Tests of the five designs, then every measure of the rule and of its control."""
    rows = [row for row in record["rows"] if row["case"].startswith(_DESIGNS)]
    cases = results.ordered([row["case"] for row in rows])
    if not cases:
        return ""
    of = {(row["case"], row["method"], row["metric"]): row for row in rows}
    tests, measured = [], []
    for case in cases:
        value = lambda metric, case=case: of.get((case, "SkewFlow", metric), {}).get("value")
        sign, z, p = value("expected_sign"), value("z"), value("p_corrected")
        name = case.removeprefix(_DESIGNS).replace("_", " ")
        expected = "" if sign is None else "higher" if sign > 0 else "lower"
        tests.append(
            [name, expected, "" if z is None else f"{z:.1f}", "" if p is None else _chance(p)]
        )
        for method in results.ordered([m for c, m, _ in of if c == case]):
            line = [of.get((case, method, metric)) for metric in _MEASURES]
            measured.append([name, method, *(results.with_error(r) if r else "" for r in line)])
    return (
        "## Inverse designs\n\n"
        "A law was drawn, a skew rule keeps it, and what moves is measured. The measure and its "
        "expected direction were written down before the runs; the control is the same rule under "
        "the law of shuffled snapshots. z: Welch's t between runs in the expected direction; p is "
        "one-sided and corrected for the number of designs.\n\n"
        + results.table(["design", "expected", "z", "p, corrected"], tests)
        + "\nAll measures, mean over runs:\n\n"
        + results.table(["design", "", *_MEASURES.values()], measured)
    )


def _fields_table(methods: list[str], of: dict[tuple[str, str], dict[str, Any]]) -> str:
    shown = [metric for metric in _FIELDS if any((m, metric) in of for m in methods)]
    body = []
    for method in methods:
        line = [method]
        for metric in shown:
            row, published = of.get((method, metric)), _PUBLISHED.get((method, metric))
            text = _entry(row, metric)
            line.append(f"{text} ({published})" if published and text else text)
        body.append(line)
    return results.table(["", *(_FIELDS[metric] for metric in shown)], body)


def _entry(row: dict[str, Any] | None, metric: str) -> str:
    if row is None:
        return ""
    if metric == "seeds_with_chaos":
        return f"{row['value']:g}"
    return results.with_error(row)


def _against_floor(row: dict[str, Any]) -> list[str]:
    """Value, floor and how many floors the value is."""
    value, floor = results.with_error(row), row["floor"]
    return (
        [value, results.number(floor), f"{row['value'] / floor:.2g}"] if floor else [value, "", ""]
    )


def _chance(p: float) -> str:
    return "< 1e-4" if p < 1e-4 else f"{p:.2g}"
