"""Four files such as laboratories write them, for the tutorials. All numbers are simulated here.

Run: python examples/laboratory_files.py [colloid | cells | field | digits] [-o FOLDER]
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np


def colloid(path: Path) -> None:
    """A bead in an optical trap that also pushes it around: 40 tracks, no header.

    dx = (−k x + c J x) dt + sqrt(2 D) dW with k = 2 / s, c = 3 / s, D = 0.05 um²/s and
    J x = (−y, x); exact steps of 0.02 s. Columns: track, time in s, x and y in um.
    """
    rng = np.random.default_rng(1)
    stiffness, curl, diffusivity, dt, frames, tracks = 2.0, 3.0, 0.05, 0.02, 200, 40
    turn = np.array(
        [[np.cos(curl * dt), -np.sin(curl * dt)], [np.sin(curl * dt), np.cos(curl * dt)]]
    )
    width = np.sqrt(diffusivity / stiffness)
    kept = np.exp(-stiffness * dt)
    place = width * rng.normal(size=(tracks, 2))
    rows = []
    for frame in range(frames):
        rows += [f"{track} {frame * dt:.2f} {x:.5f} {y:.5f}" for track, (x, y) in enumerate(place)]
        noise = width * np.sqrt(1 - kept**2) * rng.normal(size=(tracks, 2))
        place = kept * place @ turn.T + noise
    path.write_text("\n".join(rows) + "\n")


def cells(path: Path) -> None:
    """Cells that choose one of two fates: 400 cells at days 0, 1, 2, 3, 4; each is seen once.

    The first gene decides: dx = (a(t) x − x³) dt + 0.5 dW with a rising through zero, so that one
    valley splits into two. The second follows |x|, eight more genes only fluctuate.
    """
    rng = np.random.default_rng(2)
    arrays = {}
    for day in range(5):
        x, dt = 0.3 * rng.normal(size=400), 0.01
        for step in range(round(day / dt)):
            slope = -0.5 + step * dt
            x = x + (slope * x - x**3) * dt + 0.5 * np.sqrt(dt) * rng.normal(size=x.size)
        follower = np.abs(x) + 0.15 * rng.normal(size=x.size)
        others = 0.3 * rng.normal(size=(x.size, 8)) @ np.diag(np.linspace(1, 0.3, 8))
        arrays[f"day_{day}"] = np.column_stack([x, follower, others]).astype(np.float32)
    np.savez(path, **arrays)


def field(path: Path) -> None:
    """A fluctuating concentration on a 16 x 16 periodic grid: 1,500 days of hourly-mean maps.

    Each Fourier mode k of c relaxes at the rate 0.2 + k² and is driven by white noise; maps lie
    one day apart. Written as netCDF with the dimensions time, y and x.
    """
    import xarray as xr

    rng = np.random.default_rng(3)
    size, days = 16, 1500
    wave = 2 * np.pi * np.fft.fftfreq(size)
    square = wave[:, None] ** 2 + wave[None, :] ** 2
    rate = 0.2 + square
    kept, width = np.exp(-rate), np.sqrt(0.2 / (2 * rate))
    state = width * np.fft.fft2(rng.normal(size=(size, size)))
    maps = np.empty((days, size, size), np.float32)
    for day in range(days):
        maps[day] = 10.0 + np.fft.ifft2(state).real
        fresh = np.fft.fft2(rng.normal(size=(size, size)))
        state = kept * state + width * np.sqrt(1 - kept**2) * fresh
    xr.Dataset(
        {"c": (("time", "y", "x"), maps, {"units": "mmol/l", "long_name": "concentration"})},
        coords={
            "time": ("time", np.arange(days), {"units": "days since 2024-01-01"}),
            "y": ("y", np.arange(size) * 0.1, {"units": "mm"}),
            "x": ("x", np.arange(size) * 0.1, {"units": "mm"}),
        },
    ).to_netcdf(path, engine="h5netcdf")


_FONT = {
    0: "### #.# #.# #.# ###",
    1: "..# .## ..# ..# ..#",
    2: "### ..# ### #.. ###",
    3: "### ..# .## ..# ###",
    4: "#.# #.# ### ..# ..#",
    5: "### #.. ### ..# ###",
    6: "### #.. ### #.# ###",
    7: "### ..# .#. .#. .#.",
    8: "### #.# ### #.# ###",
    9: "### #.# ### ..# ###",
}


def digits(path: Path) -> None:
    """5,000 pictures (1, 8, 8) of the digits 0 to 9, shifted, of uneven ink, with grey noise."""
    rng = np.random.default_rng(4)
    font = np.array([[[c == "#" for c in row] for row in _FONT[k].split()] for k in range(10)])
    label = rng.integers(0, 10, 5000)
    values = np.zeros((label.size, 1, 8, 8), np.float32)
    for picture, digit, (i, j) in zip(
        values[:, 0], label, rng.integers([0, 1], [4, 5], (label.size, 2)), strict=True
    ):
        picture[i : i + 5, j : j + 3] = font[digit] * rng.uniform(0.6, 1.0)
    values += 0.05 * rng.normal(size=values.shape).astype(np.float32)
    np.savez(path, values=values, condition=label[:, None])


FILES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "colloid": ("colloid.txt", colloid),
    "cells": ("cells.npz", cells),
    "field": ("field.nc", field),
    "digits": ("digits.npz", digits),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help=", ".join(FILES) + "; all of them if left out")
    parser.add_argument("-o", "--out", type=Path, default=Path(), help="folder")
    given = parser.parse_args()
    unknown = set(given.names) - set(FILES)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: choose from {', '.join(FILES)}")
    given.out.mkdir(parents=True, exist_ok=True)
    for name in given.names or FILES:
        file, write = FILES[name]
        write(given.out / file)
        sys.stdout.write(f"{given.out / file}\n")


if __name__ == "__main__":
    main()
