"""The command line's reference, read from the commands themselves."""

from typing import Any

import typer
from results_pages import table

from noneq.cli.app import app


def commands() -> dict[str, Any]:
    """Commands by name, in the order of the help."""
    return dict(typer.main.get_command(app).commands)  # pyright: ignore[reportAttributeAccessIssue]


def cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|").replace("<", "&lt;")


def parameters(command: Any) -> list[list[str]]:
    rows = []
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            names = parameter.metavar or parameter.name.upper()
        else:
            names = ", ".join([*parameter.opts, *parameter.secondary_opts])
        default = parameter.default
        shown = (
            "" if default is None or callable(default) or default in ([], ()) else f"`{default}`"
        )
        rows.append([f"`{names}`", cell(parameter.help), shown])
    return rows


def page() -> str:
    """One section a verb."""
    parts = ["# Command line\n"]
    for name, command in commands().items():
        parts += [f"## noneq {name}\n", f"{(command.help or '').strip()}\n"]
        parts += [table(["argument", "meaning", "default"], parameters(command))]
    parts += [
        "## Exit codes\n",
        table(
            ["code", "meaning"],
            [
                ["0", "done"],
                ["2", "readable input, but its content or the request is wrong"],
                ["3", "partial: some cells of a comparison or study failed"],
                ["4", "a file that cannot be parsed, is unsafe or fails its checksum"],
                ["5", "numerical failure"],
                ["130, 143", "interrupted; state is saved"],
            ],
        ),
    ]
    return "\n".join(parts)
