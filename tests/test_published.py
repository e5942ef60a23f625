"""What is published installs and runs elsewhere: wheel and sdist, each supported Python."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path
from shutil import which

import pytest

import noneq


pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "noneq"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")

SHORT = """
import tempfile, pathlib, jax, numpy as np, noneq as nq
assert pathlib.Path(nq.__file__).is_relative_to({home!r}), nq.__file__
for name in dir(nq):
    getattr(nq, name)
keys = iter(jax.random.split(jax.random.key(0), 3))
data = nq.simulate(nq.systems.Prinz(), np.linspace(0.0, 1.0, 5), n=200, key=next(keys))
recipe = nq.methods.ScoreMatching(net=nq.nets.MLP(16, 2), training=nq.Training(steps=20))
fit = recipe.fit(data, key=next(keys))
folder = pathlib.Path(tempfile.mkdtemp())
nq.save(fit, folder / "run")
model = nq.load(folder / "run").model
snaps = model.snapshots(100, times=data.times, key=next(keys))
assert np.isfinite(nq.metrics.w1(snaps, data).value).all()
for suffix in ("nc", "zarr", "npz", "csv"):
    nq.data.write(data, folder / f"x.{{suffix}}")
    assert nq.data.read(folder / f"x.{{suffix}}").values.shape == (200, 5, 2)
"""


def run(*words, cwd, seconds=900):
    """What a command prints; the environment has nothing of the project's own."""
    own = {"PYTHONPATH", "JAX_COMPILATION_CACHE_DIR"}
    environment = {name: value for name, value in os.environ.items() if name not in own}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=environment | {"XDG_CACHE_HOME": str(cwd / "cache")},
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    return done.stdout


def interpreter(number):
    """A Python of this version that starts, or None; pyenv has names of absent ones."""
    installed = sorted(Path.home().glob(f".pyenv/versions/{number}.*/bin/python"))
    for candidate in (*installed[-1:], which(f"python{number}")):
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
            return candidate
    return None


def environment_of(folder, python):
    """A clean virtual environment: its Python."""
    if python == sys.executable:
        venv.create(folder, with_pip=True)
    else:
        run(python, "-m", "venv", folder, cwd=folder.parent)
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Wheel and sdist of the present tree; the wheel is built from the sdist."""
    folder = tmp_path_factory.mktemp("built")
    python = environment_of(folder / "venv", sys.executable)
    run(python, "-m", "pip", "install", "-q", "build", cwd=folder)
    run(python, "-m", "build", "--outdir", folder / "dist", ROOT, cwd=folder)
    (wheel,) = (folder / "dist").glob("*.whl")
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    return wheel, sdist


def test_wheel_and_sdist_hold_every_file(built):
    wheel, sdist = built
    wanted = {
        f"noneq/{path.relative_to(SOURCE).as_posix()}"
        for path in SOURCE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"noneq/py.typed", "noneq/report/page.css", "noneq/report/references.bib"} <= wanted
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert wanted <= packed
    assert {name.split("/")[0] for name in packed} == {
        "noneq", f"noneq-{noneq.__version__}.dist-info",
    }  # fmt: skip
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"src/{name}" for name in wanted} | {"pyproject.toml", "LICENSE"} <= names
    assert not [name for name in names if name.startswith((".venv", ".cache", "runs"))]


def test_the_wheel_runs_the_demo_in_a_clean_environment(built, tmp_path):
    python = environment_of(tmp_path / "venv", sys.executable)
    run(python, "-m", "pip", "install", "-q", built[0], cwd=tmp_path)
    program = python.with_name("noneq")
    assert run(program, "--version", cwd=tmp_path).split() == ["noneq", noneq.__version__]
    assert "ScoreMatching" in run(program, "list", "methods", cwd=tmp_path)
    run(program, "demo", "-o", "demo", "--quiet", cwd=tmp_path, seconds=1200)
    assert (tmp_path / "demo" / "report.html").stat().st_size > 10_000
    assert list((tmp_path / "cache" / "noneq").glob("*/*-cache"))


@pytest.mark.parametrize("pins", ["lowest", "newest"])
@pytest.mark.parametrize("number", PYTHONS)
def test_each_python_with_lowest_and_newest_dependencies(built, tmp_path, number, pins):
    python = interpreter(number)
    if python is None:
        pytest.skip(f"Python {number} is not installed here")
    if pins == "lowest" and number != PYTHONS[0]:
        pytest.skip("the lowest versions have wheels for the oldest Python only")
    python = environment_of(tmp_path / "venv", python)
    lowest = tmp_path / "lowest.txt"
    lowest.write_text("\n".join(lowest_of(PROJECT["dependencies"])) if pins == "lowest" else "")
    run(python, "-m", "pip", "install", "-q", "-c", lowest, built[0], cwd=tmp_path)
    run(python, "-c", SHORT.format(home=str(tmp_path)), cwd=tmp_path)
    assert "ScoreMatching" in run(python.with_name("noneq"), "list", "methods", cwd=tmp_path)


def lowest_of(dependencies):
    """``name==bound`` of each ``name>=bound``; every dependency has a bound."""
    pairs = [re.fullmatch(r"([\w-]+)(?:\[[\w,]+\])?>=([\d.]+)", text) for text in dependencies]
    return [f"{pair[1]}=={pair[2]}" for pair in pairs]
