"""The verb pde: an equation in, a verdict out."""

from pathlib import Path
from typing import Annotated

import typer

from noneq.cli import options as o
from noneq.cli.output import emit
from noneq.errors import InvalidInput


def pde(
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="TEXT",
            help='An equation like "u_tt + lap(u) - m**2*u", or a name like yukawa. '
            'One that begins with a minus goes last, behind --: noneq pde -- "-lap(u) + u_t".',
        ),
    ] = None,
    set_: Annotated[
        list[str],
        typer.Option("--set", metavar="NAME=VALUE", help="Value of a parameter: m=1, c=1+2j."),
    ] = [],  # noqa: B006
    dim: Annotated[int, typer.Option("--dim", help="Dimensions of space.")] = 2,
    scale: Annotated[
        float, typer.Option("--scale", help="Length scale of the data: a standard deviation.")
    ] = 1.0,
    box: Annotated[
        float | None, typer.Option("--box", help="Side of a periodic box; else infinite space.")
    ] = None,
    all_: Annotated[
        bool, typer.Option("--table", help="Every PDE of the zoo, and what each is good for.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the verdict and its pictures.")
    ] = None,
    json: o.Json = False,
) -> None:
    """Judge a PDE: does it make a generative model, and which one (GenPhys)?

    In TEXT, u is the field and u_t, u_tt are its derivatives in time; lap(u) is the Laplacian,
    flap(u, a) = (-lap)^(a/2) u, grad(u) the derivative along one axis, I the imaginary unit.
    """
    from noneq.cli.pde_facts import asked, draw, judgement, lengths, table_of_all
    from noneq.cli.pde_text import duality, sheet

    lengths(scale, box)
    if all_:
        if text or set_ or out:
            raise InvalidInput("--table shows the whole zoo; leave out TEXT, --set and -o.")
        everything = table_of_all(dim=dim, scale=scale, box=box)
        return emit(json, {"pdes": everything}, *duality(everything))
    equation = asked(text, set_, dim)
    found = judgement(equation, scale=scale, box=box)
    files = [str(path) for path in draw(equation, found, out)] if out else []
    return emit(json, found | {"files": files}, *sheet(found), *files)
