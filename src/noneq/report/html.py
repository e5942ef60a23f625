"""One self-contained page that opens offline: pictures, tables, limits, sources, the command."""

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias

import numpy as np

from noneq.errors import InvalidInput
from noneq.plain_text import visible
from noneq.store import write_text


@dataclass(frozen=True)
class Picture:
    """A still picture, or a film.

    Attributes:
        title, caption: plain text.
        alt: what a reader who cannot see it needs to know.
        data: an SVG, PNG or GIF file.
    """

    title: str
    caption: str
    alt: str
    data: bytes


@dataclass(frozen=True)
class Clouds:
    """Samples over time, side by side, with a slider.

    Attributes:
        title, caption: plain text.
        times: ``(T,)``.
        panels: name to points ``(T, n, 2)``; NaN points are not drawn.
        colours: a CSS colour for each panel.
        low, high: corners of the drawn box, two numbers each.
        axes: names (and units) of the two coordinates.
        time_unit: unit of the times.
        held_out: those of the times that the model was not trained on.
    """

    title: str
    caption: str
    times: np.ndarray
    panels: Mapping[str, np.ndarray]
    colours: Mapping[str, str]
    low: np.ndarray
    high: np.ndarray
    axes: tuple[str, str] = ("x", "y")
    time_unit: str = ""
    held_out: tuple[float, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table of text; the first column names the rows."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    caption: str = ""


Figure: TypeAlias = Picture | Clouds


def render(
    path: str | Path,
    *,
    title: str,
    lead: str = "",
    figures: Sequence[Figure] = (),
    tables: Sequence[Table] = (),
    limits: Sequence[str] = (),
    sources: Sequence[str] = (),
    command: str = "",
    settings: str = "",
    made_with: str = "",
    notes: Sequence[str] = (),
) -> Path:
    """Write the page at once; it needs no network and no other file.

    Args:
        path: the file.
        title, lead: heading, and what the page is about.
        figures: shown first, in this order.
        tables: numbers with their errors and floors.
        limits: what the numbers do not say.
        sources: what to cite, one text (BibTeX or plain) each.
        command: that made it.
        settings: all settings, as TOML.
        made_with: versions and machine.
        notes: warnings, shown above the figures.

    Returns:
        The path.

    Raises:
        WriteFailed: the disk refused; an older page is intact.
    """
    parts = [
        _section("", "figures", [_figure(figure, i) for i, figure in enumerate(figures)]),
        _section("Numbers", "numbers", [_table(table) for table in tables]),
        _section("Limits of validity", "limits", [_list(limits)] if limits else []),
        _section("Sources to cite", "sources", [_pre(source) for source in sources]),
        _section("Command", "command", [_pre(command)] if command else []),
        _section("All settings", "settings", [_details(settings)] if settings else []),
    ]
    warnings = "".join(f'<p class="note" role="note">{_text(note)}</p>' for note in notes)
    script = f"\n{_resource('page.js')}"
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="noneq">
<link rel="icon" href="data:,">
<title>{_text(title)}</title>
<style>
{_resource("page.css")}</style>
</head>
<body>
<main>
<header><h1>{_text(title)}</h1>
<p class="lead">{_text(lead)}</p>{warnings}</header>
{"".join(parts)}<footer>{_text(made_with)}</footer>
</main>
<script>{script}</script>
</body>
</html>
"""
    write_text(Path(path), page)
    return Path(path)


def _policy(script: str) -> str:
    """What a browser lets the page do: draw what is in it, run the one script; reach nothing."""
    code = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{code}'; base-uri 'none'; form-action 'none'"
    )


def with_error(value: float, stderr: float | None) -> str:
    """``0.0541 ± 0.0004``: the error with two digits, the value to the same place."""
    if stderr is None or not stderr > 0 or not np.isfinite(stderr):
        return f"{value:.4g}"
    place = max(0, 1 - int(np.floor(np.log10(stderr))))
    return f"{value:.{place}f} ± {stderr:.{place}f}" if place < 7 else f"{value:.3g} ± {stderr:.1g}"


def _text(text: object) -> str:
    """A text as HTML that shows it."""
    return html.escape(visible(text))


def _section(heading: str, name: str, parts: Sequence[str]) -> str:
    if not parts:
        return ""
    title = f"<h2>{_text(heading)}</h2>\n" if heading else ""
    return f'<section id="{name}">\n{title}{"".join(parts)}</section>\n'


def _figure(figure: Figure, number: int) -> str:
    body = _picture(figure) if isinstance(figure, Picture) else _clouds(figure, number)
    caption = f"<b>{_text(figure.title)}</b> {_text(figure.caption)}"
    kind = "picture" if isinstance(figure, Picture) else "clouds"
    return f'<figure class="{kind}">\n{body}\n<figcaption>{caption}</figcaption>\n</figure>\n'


def _picture(picture: Picture) -> str:
    # As an image, an SVG cannot run scripts, and its ids cannot clash with another's.
    starts = {b"\x89PNG": "image/png", b"GIF8": "image/gif"}
    kind = starts.get(picture.data[:4], "image/svg+xml")
    code = base64.b64encode(picture.data).decode()
    return f'<img alt="{_text(picture.alt)}" src="data:{kind};base64,{code}">'


def _clouds(clouds: Clouds, number: int) -> str:
    panels = []
    for name, points in clouds.panels.items():
        if points.shape[0] != clouds.times.size or points.shape[2:] != (2,):
            raise InvalidInput(
                f"Clouds: {name} has points of shape {points.shape}; expected "
                f"({clouds.times.size}, n, 2)."
            )
        label = (
            f"{name}: scatter plot of {points.shape[1]} samples over {' and '.join(clouds.axes)}"
        )
        panels.append(
            f'<div class="panel"><h3>{_text(name)}</h3>'
            f'<canvas width="440" height="440" role="img" aria-label="{_text(label)}" '
            f'data-colour="{_text(clouds.colours[name])}" '
            f'data-points="{_packed(points, clouds.low, clouds.high)}"></canvas></div>'
        )
    scale = {
        "times": [float(f"{t:.6g}") for t in clouds.times],
        "unit": clouds.time_unit,
        "heldOut": [float(f"{t:.6g}") for t in clouds.held_out],
        "low": np.asarray(clouds.low, float).tolist(),
        "high": np.asarray(clouds.high, float).tolist(),
        "axes": list(clouds.axes),
    }
    last = clouds.times.size - 1
    columns = len(panels) if len(panels) <= 4 else 3
    return (
        f'<div class="panels" style="--columns: {columns}" '
        f'data-scale="{_text(json.dumps(scale))}">{"".join(panels)}</div>\n'
        f'<div class="player"><button type="button" aria-label="play or pause">▶</button>'
        f'<label for="time{number}">time</label>'
        f'<input type="range" id="time{number}" min="0" max="{last}" value="0" step="1">'
        f'<output for="time{number}"></output></div>'
    )


def _packed(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> str:
    """Positions in the box as 16-bit numbers (65535: not drawn), base64."""
    scaled = (np.asarray(points, float) - low) / (np.asarray(high, float) - low)
    inside = np.isfinite(scaled).all(-1) & (scaled >= 0).all(-1) & (scaled <= 1).all(-1)
    codes = np.where(np.expand_dims(inside, -1), np.round(np.nan_to_num(scaled) * 65534), 65535)
    return base64.b64encode(codes.astype("<u2").tobytes()).decode()


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in table.header)
    rows = []
    for first, *rest in table.rows:
        cells = "".join(f"<td>{_text(cell)}</td>" for cell in rest)
        rows.append(f'<tr><th scope="row">{_text(first)}</th>{cells}</tr>')
    caption = f"<b>{_text(table.title)}</b> {_text(table.caption)}"
    return (
        f'<div class="table"><table><caption>{caption}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>\n"
    )


def _list(items: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{_text(item)}</li>" for item in items) + "</ul>\n"


def _pre(text: str) -> str:
    return f"<pre>{_text(text)}</pre>\n"


def _details(text: str) -> str:
    return f"<details><summary>show</summary>{_pre(text)}</details>\n"


def _resource(name: str) -> str:
    return (files("noneq.report") / name).read_text(encoding="utf-8")
