"""Films of moving fields and particles, as bytes of a GIF file; equal input, equal bytes."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from noneq.errors import InvalidInput


LARGEST = 1_500_000
"""Bytes of a film; longer ones lose every second frame until they fit."""

_INKS = np.asarray([(213, 94, 0), (0, 114, 178), (0, 158, 115)], float)
_PARTICLES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#3d444d")
_PAPER, _LINE = (255, 255, 255), (208, 215, 222)
_GAP = 6
_COLOURS = 64


def field_film(panels: Sequence[np.ndarray], *, width: int = 256, milliseconds: int = 80) -> bytes:
    """Fields side by side.

    One or two channels are inks on white paper, three are red, green and blue.

    Args:
        panels: fields (times, channels, h, w) of bytes, one for each panel; as many times each.
        width: of a panel in pixels, about: sites are blown up by a whole number.
        milliseconds: per frame.

    Raises:
        InvalidInput: no panel, another shape or type, or different numbers of times.
    """
    for panel in panels:
        if panel.ndim != 4 or panel.dtype != np.uint8 or panel.shape[1] not in (1, 2, 3):
            raise InvalidInput(
                f"field_film: fields of shape {panel.shape} and type {panel.dtype}; expected "
                "(times, 1 to 3 channels, h, w) of uint8."
            )
    _check_times("field_film", panels)
    return _gif([_blown_up(_inked(panel), width) for panel in panels], milliseconds)


def particle_film(
    panels: Sequence[np.ndarray], box: float, *, width: int = 256, milliseconds: int = 80
) -> bytes:
    """Particles in a periodic square, side by side; bodies of two points are arrows.

    Args:
        panels: states (times, particles, 2) or (times, particles, 4), one array for each panel.
        box: side of the square.
        width: of a panel in pixels.
        milliseconds: per frame.

    Raises:
        InvalidInput: no panel, another shape, different numbers of times, or a box not positive.
    """
    for panel in panels:
        if panel.ndim != 3 or panel.shape[2] not in (2, 4):
            raise InvalidInput(
                f"particle_film: states of shape {panel.shape}; expected (times, particles, 2), or "
                "(times, particles, 4) for arrows."
            )
    if not 0 < box < float("inf"):
        raise InvalidInput(f"particle_film: box = {box}; expected a positive number.")
    _check_times("particle_film", panels)
    drawn = [np.stack([_particles(f, box, width) for f in np.asarray(p, float)]) for p in panels]
    return _gif(drawn, milliseconds)


def _check_times(name: str, panels: Sequence[np.ndarray]) -> None:
    times = {len(panel) for panel in panels}
    if len(times) != 1 or 0 in times:
        raise InvalidInput(
            f"{name}: panels of {sorted(times)} frames; expected at least one panel, all of the same "
            "number of frames."
        )


def _inked(fields: np.ndarray) -> np.ndarray:
    """(times, h, w, 3) colours from 0 to 255."""
    amount = np.moveaxis(fields, 1, -1) / 255.0
    if amount.shape[-1] == 3:
        return 255 * amount
    paper = np.full((*amount.shape[:-1], 3), 255.0)
    for channel in range(amount.shape[-1]):
        share = amount[..., channel, None]
        paper = paper * (1 - share * (1 - _INKS[channel] / 255))
    return paper


def _blown_up(colours: np.ndarray, width: int) -> np.ndarray:
    times = max(1, round(width / colours.shape[2]))
    return np.repeat(np.repeat(colours, times, axis=1), times, axis=2)


def _particles(state: np.ndarray, box: float, width: int) -> np.ndarray:
    """One frame, (width, width, 3); drawn twice as large, for smooth edges."""
    from PIL import Image, ImageDraw

    side = 2 * width
    image = Image.new("RGB", (side, side), _PAPER)
    draw = ImageDraw.Draw(image)
    scale = side / box
    dot = max(3.0, side / 90)
    for i, particle in enumerate(state):
        colour = _PARTICLES[i % len(_PARTICLES)]
        place = np.mod(particle[:2], box)
        tip = place
        if particle.size == 4:
            gap = particle[2:] - particle[:2]
            tip = place + gap - box * np.round(gap / box)
        # What reaches over a border shows on the other side too.
        for shift in np.ndindex(3, 3):
            offset = box * (np.asarray(shift) - 1)
            # y points upwards.
            points = [
                ((x + offset[0]) * scale, side - (y + offset[1]) * scale) for x, y in (place, tip)
            ]
            if all(not (-side / 4 < v < 1.25 * side) for v in points[1]):
                continue
            if particle.size == 4:
                draw.line(points, fill=colour, width=max(2, round(dot)))
            (x, y), r = points[1], dot
            draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)
    draw.rectangle((0, 0, side - 1, side - 1), outline=_LINE, width=2)
    return np.asarray(image.resize((width, width), Image.Resampling.BOX), float)


def _gif(panels: list[np.ndarray], milliseconds: int) -> bytes:
    from PIL import Image

    space = np.full((*panels[0].shape[:2], _GAP, 3), 255.0)
    strips = [panels[0], *(part for panel in panels[1:] for part in (space, panel))]
    frames: Any = np.round(np.concatenate(strips, axis=2)).astype(np.uint8)
    few = frames[:: max(1, len(frames) // 8)]
    palette = Image.fromarray(few.reshape(-1, *few.shape[2:])).quantize(_COLOURS)
    while True:
        made = [
            Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
            for frame in frames
        ]
        memory = io.BytesIO()
        made[0].save(
            memory, format="GIF", save_all=True, append_images=made[1:], duration=milliseconds,
            loop=0, optimize=False,
        )  # fmt: skip
        if memory.tell() <= LARGEST or len(frames) < 4:
            return memory.getvalue()
        frames, milliseconds = frames[::2], 2 * milliseconds
