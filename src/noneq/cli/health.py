"""What `noneq doctor` finds: versions, devices, the cache of programs, and what extras would add."""

import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any

from noneq import __version__
from noneq.cli.output import listing


ADDS = {
    "cells": "AnnData: write h5ad, to_anndata",
    "cluster": "noneq sweep and study on a dask scheduler",
    "data": "parquet files",
    "md": "molecular trajectories",
    "sklearn": "noneq.sklearn: estimators in pipelines of scikit-learn",
    "studies": "data and peers of the studies",
}
"""What each extra is for."""
_SHOWN = ("jax", "jaxlib", "equinox", "diffrax", "optax", "numpy", "scipy", "pandas", "xarray")
_MARK = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")


def health() -> dict[str, Any]:
    """Facts for people and machines; ``problems`` are lines that say what to do."""
    from packaging.requirements import Requirement

    base, extras, problems = [], {}, []
    for text in metadata.requires("noneq") or []:
        mark = _MARK.search(text)
        wanted = Requirement(text)
        if mark:
            extras.setdefault(mark[1], []).append(wanted)
        elif not wanted.marker or wanted.marker.evaluate():
            base.append(wanted)
    for wanted in base:
        have = _version(wanted.name)
        if have is None or not wanted.specifier.contains(have, prereleases=True):
            plain = f"{wanted.name}{wanted.specifier}"
            found = "is not installed" if have is None else f"is {have}"
            problems.append(f"{wanted.name} {found}, needed is {plain}: pip install '{plain}'")
    devices, trouble = _devices()
    return {
        "noneq": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "packages": {name: _version(name) for name in _SHOWN},
        "devices": devices,
        "cache": _cache(),
        "extras": {name: _extra(name, extras.get(name, [])) for name in sorted(extras)},
        "problems": problems + trouble,
    }


def lines(found: dict[str, Any]) -> list[Any]:
    """The facts for people."""
    versions = ", ".join(f"{name} {version}" for name, version in found["packages"].items())
    cache = found["cache"]
    kept = (
        f"{cache['folder']} ({cache['programs']} programs, {cache['megabytes']:.0f} MB)"
        if cache["folder"]
        else "switched off"
    )
    rows = [
        (name, "yes" if e["installed"] else e["install"], e["adds"], ", ".join(e["packages"]))
        for name, e in found["extras"].items()
    ]
    return [
        f"noneq {found['noneq']}, Python {found['python']}, {found['system']}, {found['cores']} cores",
        f"packages: {versions}",
        f"devices: {', '.join(found['devices']) or 'none'}",
        f"compiled programs: {kept}",
        listing(("extra", "installed", "adds", "packages"), rows, "extras"),
        *(f"problem: {text}" for text in found["problems"]),
    ]


def _extra(name: str, wanted: list[Any]) -> dict[str, Any]:
    versions = {requirement.name: _version(requirement.name) for requirement in wanted}
    return {
        "adds": ADDS.get(name, ""),
        "packages": versions,
        "installed": bool(versions) and None not in versions.values(),
        "install": f"pip install 'noneq[{name}]'",
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _devices() -> tuple[list[str], list[str]]:
    """Devices of JAX, and what is wrong with them."""
    import jax

    try:
        return [f"{device.platform}: {device.device_kind}" for device in jax.devices()], []
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        return [], [f"JAX finds no device ({reason}): unset JAX_PLATFORMS, or install jax[cuda12]"]


def _cache() -> dict[str, Any]:
    """Where compiled programs are kept."""
    import jax

    folder = jax.config.values["jax_compilation_cache_dir"]
    programs = list(Path(folder).glob("*-cache")) if folder else []
    return {
        "folder": folder or None,
        "programs": len(programs),
        "megabytes": round(sum(p.stat().st_size for p in programs) / 1e6, 3),
    }
