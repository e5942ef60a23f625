"""Write docs/generated/*.md, docs/images/*.svg and the results block of README.md.

Run by `make docs`, and by hand after `make results` or `make bench`.
"""

import sys
from pathlib import Path

import control_pages
import dynamics_pages
import equilibrium_flow_pages
import genphys_pages
import latent_cycle_pages
import results_pages as results
import scaling_pages
import thermo_zoo_pages


ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
BEGIN, END = "<!-- results: begin, written by docs/generate.py -->", "<!-- results: end -->"
NONE_YET = (
    "No full run is kept yet: `noneq study {name} -o runs/{name}`, `make results NAME={name}`.\n"
)


def results_page(name: str, title: str) -> str:
    """A study's page, or a line on how to get its numbers."""
    path = DOCS / "results" / f"{name}.json"
    if not path.exists():
        return f"# {title}\n\n" + NONE_YET.format(name=name)
    record = results.read(path)
    own = {
        "genphys": genphys_pages,
        "latent_cycle": latent_cycle_pages,
        "equilibrium_flow": equilibrium_flow_pages,
        "thermo_zoo": thermo_zoo_pages,
        "dynamics": dynamics_pages,
        "control": control_pages,
    }
    if name in own:
        body = own[name].page(record, DOCS / "images")
        return f"# {title}\n\n{results.provenance(record)}\n{body}\n{limits(name)}"
    picture = ""
    if any(row["case"].startswith("drive=") for row in record["rows"]):
        results.sweep_picture(record, DOCS / "images" / f"{name}.svg")
        picture = f"![Divergence against the drive](../images/{name}.svg)\n"
    elif name == "table_one":
        picture = heat_maps(record)
    body = results.study_page(record)
    return f"# {title}\n\n{results.provenance(record)}\n{picture}\n{body}\n{limits(name)}"


def heat_maps(record: dict) -> str:
    """The pictures of `noneq.studies.table_one.pictures` that need the rows alone."""
    from noneq.studies.table_one.pictures import maps

    parts = []
    for i, drawn in enumerate(maps(record["rows"])):
        (DOCS / "images" / f"table_one_{i}.png").write_bytes(drawn.data)
        parts.append(
            f"**{drawn.title}** {drawn.caption}\n\n![{drawn.alt}](../images/table_one_{i}.png)\n"
        )
    return "\n".join(parts)


def limits(name: str) -> str:
    """What a study says of its own limits of validity."""
    from noneq.studies import study_named

    lines = [f"- {line}" for line in study_named(name).limits]
    return "\n".join(["## Limits\n", *lines, ""]) if lines else ""


def speed_page() -> str:
    """Seconds beside the peers, and the share of the machine's matrix product."""
    path = DOCS / "results" / "speed.json"
    if not path.exists():
        return "# Speed\n\nNo run is kept yet: `make bench`.\n"
    record = results.read(path)
    parts = [
        "# Speed\n",
        "Medians of at least five runs that take turns with the peers' in one process, equal",
        "networks, float32, two threads; compilation is left out. See `benchmarks/README.md`.\n",
        results.provenance(record),
        results.speed_table(record),
    ]
    if results.values(record, "share_of_matmul"):
        parts += ["## Share of the machine's large matrix product\n", results.share_table(record)]
    return "\n".join(parts)


def scaling_page() -> str:
    """What many devices and processes give, and the plan for more."""
    title, path = "# Scaling, measured\n", DOCS / "results" / "scale.json"
    if not path.exists():
        return f"{title}\nNo run is kept yet: `python benchmarks/scale.py`.\n"
    record, speed = results.read(path), DOCS / "results" / "speed.json"
    kept = results.read(speed) if speed.exists() else None
    body = scaling_pages.page(record, kept, DOCS / "images")
    return "\n".join([title, results.provenance(record), body])


_ROWS = {
    "R1": "calls of public entries with wrong values, by room: one clear line or a right answer",
    "R3": "damaged files, by format: refused, or equal bit by bit",
    "R4": "files made to harm, by format: one line, no code, little time and memory",
    "R5": "files with random damage, by reader: read, or refused in one line",
    "R6": "kills while saving: the old or the new run is there",
    "R7": "kills of fits, by method: resumed to the bytes of an undisturbed fit",
    "R8": "kills of one of two processes: the other ends within 15 s, resumed to the same bytes",
    "R9": "forced devices and processes: loss of the first step to 1e-6, samples to 1e-5",
    "R10": "restores on another number of processes: loss to 1e-4 after 50 steps and at the end",
    "R14": "a loop of fits and samples: memory, programs and open files stay",
    "R16": "cells of a sweep whose workers are killed: rows of an undisturbed one",
    "R19": "error bars in 200 repeats: coverage of 91 to 98 %, mean and spread of z",
    "R20": "ranks of the truth among draws of a posterior: p > 1e-3",
}
"""What the cases of those rows are that have several."""


def reliability_page() -> str:
    """How many cases of each promise passed."""
    title = "# Reliability, measured\n"
    path = DOCS / "results" / "reliability.json"
    if not path.exists():
        return f"{title}\nNo run is kept yet: `benchmarks/reliability_files.py`.\n"
    record = results.read(path)
    passed, tried = (results.values(record, metric) for metric in ("passed", "tried"))
    figures = {
        key: "; ".join(
            f"{row['metric'].replace('_', ' ')} {results.number(row['value'])}"
            for row in record["rows"]
            if (row["case"], row["method"]) == key and row["metric"] not in ("passed", "tried")
        )
        for key in passed
    }
    body = [
        [
            _ROWS.get(key[0], key[1]),
            key[1] if key[0] in _ROWS else "",
            f"{row['value']:.0f}",
            f"{tried[key]['value']:.0f}",
            figures[key],
        ]
        for key, row in passed.items()
    ]
    head = ["promise", "", "passed", "tried", "figures"]
    return "\n".join([title, results.provenance(record), results.table(head, body)])


def mutants_page() -> str:
    """Which planted faults the tests find."""
    path = DOCS / "results" / "mutants.json"
    if not path.exists():
        return "# Planted faults\n\nNo run is kept yet: `python tests/mutants.py`.\n"
    record = results.read(path)
    rows = record["rows"]
    found = sum(row["value"] > 0 for row in rows)
    lines = [
        f"| {row['case']} | `{row['method']}` | {'yes' if row['value'] else 'no'} |" for row in rows
    ]
    return "\n".join(
        [
            "# Planted faults\n",
            f"One line of the package is made wrong at a time: {found} of {len(rows)} faults fail the",
            "test module that is named for them, within 60 seconds of processor time. `make slow`",
            "plants them again.\n",
            results.provenance(record),
            "| fault | in `tests/` | found |",
            "|---|---|---|",
            *lines,
            "",
        ]
    )


def contributing_page() -> str:
    """CONTRIBUTING.md with the tested example beneath."""
    example = (ROOT / "examples" / "add_a_method.py").read_text()
    text = (ROOT / "CONTRIBUTING.md").read_text()
    return f"{text}\n## examples/add_a_method.py\n\n```python\n{example}```\n"


def readme_block() -> str:
    """What README shows of the results that exist."""
    parts = []
    names = ("prinz", "table_one", "speed")
    prinz, table_one, speed = (DOCS / "results" / f"{name}.json" for name in names)
    if prinz.exists():
        record = results.read(prinz)
        parts += [
            "Jensen–Shannon divergence (bits) between generated and true samples of the rotating",
            "five-well system, by how fast the wells turn; the sampling floor is what two true",
            "sample sets give.\n",
            results.metric_table(record, "jensen_shannon"),
            "![Divergence against the drive](docs/images/prinz.svg)\n",
        ]
    if table_one.exists():
        from noneq.studies.table_one.study import SHAPES

        parts += [
            "Negative log-likelihood (nats per held-out sample, less is better) on shapes in the",
            "plane, same samples for all; `optimal` is the true distribution, where its density is known.\n",
            results.metric_table(results.read(table_one), "nll", SHAPES),
        ]
    if speed.exists():
        record = results.read(speed)
        machine = record["machine"]
        where = f"{machine['cores']} cores, {machine['processor']}"
        parts += [f"Speed beside peers in the same run ({where}):\n", results.speed_table(record)]
    return "\n".join(parts) or "No full run is kept yet.\n"


def with_block(readme: str) -> str:
    """README text with its results block renewed."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{readme_block()}\n{END}{after}"


def pages() -> dict[str, str]:
    """All generated pages by file name."""
    import command_pages
    import reference_pages

    return {
        "prinz.md": results_page("prinz", "The rotating five-well system"),
        "table_one.md": results_page("table_one", "Table 1, measured"),
        "genphys.md": results_page("genphys", "GenPhys, measured"),
        "latent_cycle.md": results_page("latent_cycle", "Latent cycles, measured"),
        "reliability.md": reliability_page(),
        "equilibrium_flow.md": results_page("equilibrium_flow", "Equilibrium flow, measured"),
        "control.md": results_page("control", "Optimal control, measured"),
        "bridges.md": results_page("bridges", "Transport between snapshots, measured"),
        "thermo_zoo.md": results_page("thermo_zoo", "Thermodynamics from data, measured"),
        "dynamics.md": results_page("dynamics", "From trajectories to laws of motion, measured"),
        "rare_events.md": results_page("rare_events", "Rare events, measured"),
        "speed.md": speed_page(),
        "scaling.md": scaling_page(),
        "mutants.md": mutants_page(),
        "contributing.md": contributing_page(),
        "methods.md": reference_pages.methods_page(),
        "systems.md": "# Systems\n\n" + reference_pages.systems_table(),
        "metrics.md": "# Metrics\n\n" + reference_pages.metrics_table(),
        "cli.md": command_pages.page(),
        **reference_pages.api_pages(),
    }


def main() -> None:
    folder = DOCS / "generated"
    folder.mkdir(exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text)
    readme = ROOT / "README.md"
    readme.write_text(with_block(readme.read_text()))
    sys.stdout.write(f"wrote {folder}\n")


if __name__ == "__main__":
    main()
