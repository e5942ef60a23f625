"""The first look at recorded paths: what kind of motion, which law, and what it leaves over."""

from dataclasses import dataclass
from typing import Any

import jax

from noneq.data.ensembles import Snapshots, Trajectories
from noneq.errors import InvalidInput
from noneq.inference.drift.order import MotionKind, motion_kind
from noneq.kinds import checked
from noneq.learning.method import Fit


_DEGREES = (3, 2, 1)
_REMEMBERS = (
    "A state does not fix what comes next here. If neither inertia nor errors of the positions explain "
    "it: noneq fit GeneralisedLangevin FILE -o RUN --components 1 for a friction kernel, or Transition "
    "with --set past=3 for paths."
)


@dataclass(frozen=True)
class FirstLook:
    """What `first_look` found.

    Attributes:
        kind: of motion; None where the paths are too short to tell.
        fit: of `SparseDrift`, with the settings that the kind asks for.
        settings: that differ from its defaults, as ``--set`` takes them.
        residuals: what the fitted law leaves over, a sentence each.
        memory: the finding of the memory test, or why it does not apply.
        recommendation: what to do next, a command.
        notes: what to be wary of.
    """

    kind: MotionKind | None
    fit: Fit
    settings: tuple[str, ...]
    residuals: tuple[str, ...]
    memory: str
    recommendation: str
    notes: tuple[str, ...]

    @property
    def facts(self) -> dict[str, Any]:
        """The findings as plain numbers and texts."""
        law = self.fit.model.law
        terms = [
            {"equation": name, "term": t.code, "value": t.value, "stderr": t.stderr}
            for name, line in zip(law.moving, law.terms, strict=True)
            for t in line
        ]
        return {
            "kind": None if self.kind is None else self.kind.kind,
            "correlations": None
            if self.kind is None
            else [self.kind.first.value, self.kind.second.value],
            "residuals": list(self.residuals),
            "law": law.lines,
            "terms": terms,
            "diffusivity": law.diffusivity.tolist(),
            "localisation": self.fit.model.localisation.value.tolist(),
            "memory": self.memory,
            "settings": list(self.settings),
            "recommendation": self.recommendation,
            "notes": list(self.notes),
        }

    @property
    def lines(self) -> list[str]:
        """The findings for people, residuals before the law."""
        kind = "too short to tell the kind of motion" if self.kind is None else self.kind.sentence
        found = [f"motion: {kind}", *self.residuals]
        found.append(f"memory: {self.memory}")
        found += ["law (± is half a 95 % interval):", *(f"  {x}" for x in self.fit.model.law.lines)]
        return [*found, *(f"note: {note}" for note in self.notes)]


@checked
def first_look(data: Trajectories | Snapshots, *, seed: int = 0) -> FirstLook:
    """Kind of dynamics, drift and diffusion, residuals and memory of recorded paths.

    Args:
        data: trajectories.
        seed: of the random key.

    Raises:
        InvalidInput: snapshots, or paths that are too short for a linear law.
    """
    if not isinstance(data, Trajectories):
        raise InvalidInput(
            "first_look: the file holds snapshots, which do not say how states move. Name the "
            "trajectory column of the file, or fit a transport (noneq fit SF2M FILE -o RUN)."
        )
    try:
        kind, notes = motion_kind(data), []
    except InvalidInput as error:
        kind, notes = None, [str(error)]
    settings = _settings(kind, data)
    fit, settings = _fitted(data, settings, seed)
    residuals = tuple(fit.meta["residuals"])
    memory, more = _memory(data)
    notes += [*_notes(kind, data), *more]
    told = "".join(f" --set {name}={_word(value)}" for name, value in settings.items())
    law = "SparseDrift"
    if kind is not None and kind.kind == "overdamped" and "NOT Gaussian" in residuals[0]:
        law, told = "NeuralDrift", ""
    return FirstLook(
        kind,
        fit,
        tuple(f"{name}={_word(value)}" for name, value in settings.items()),
        residuals,
        memory,
        f"noneq fit {law} FILE -o RUN{told}",
        tuple(notes),
    )


def _settings(kind: MotionKind | None, data: Trajectories) -> dict[str, Any]:
    from noneq.domains import is_periodic

    found: dict[str, Any] = {}
    if is_periodic(data.domain):
        found["library"] = "Harmonics"
    if kind is None:
        return found
    if kind.kind == "underdamped" and not is_periodic(data.domain):
        found["order"] = 2
    if kind.noisy:
        found["localisation"] = True
    if kind.kind == "motion blur":
        found["exposure"] = 1.0
    return found


def _fitted(data: Trajectories, settings: dict[str, Any], seed: int) -> tuple[Fit, dict[str, Any]]:
    """The largest library that the data determine.

    Raises:
        InvalidInput: not even a linear law.
    """
    from noneq.methods import Harmonics, Polynomials, SparseDrift

    rest = {name: value for name, value in settings.items() if name != "library"}
    periodic, failed = "library" in settings, None
    usual = 2 if periodic else _DEGREES[0]
    for given in (rest, {}) if rest else (rest,):
        # Powers of values far from zero look alike; those about the mean do not.
        tries = [(s, c) for s in _DEGREES for c in (False, True) if not (c and periodic)]
        for size, centred in tries:
            library = Harmonics(size) if periodic else Polynomials(size, centred=centred)
            try:
                method = SparseDrift(library=library, **given)
                fit = method.fit(data, key=jax.random.key(seed), progress=False)
            except InvalidInput as error:
                failed = error
                continue
            told: dict[str, Any] = {"library": "Harmonics"} if periodic else {}
            if size != usual:
                told["library.order" if periodic else "library.degree"] = size
            if centred:
                told["library.centred"] = True
            return fit, told | given
    assert failed is not None
    raise failed


def _notes(kind: MotionKind | None, data: Trajectories) -> list[str]:
    found = []
    if kind is not None and kind.kind == "motion blur":
        found.append(
            "The exposure is taken for the whole interval; set exposure to the part that the camera "
            "was open."
        )
    if kind is not None and kind.kind == "underdamped":
        found.append(
            "A hidden coloured noise looks the same; if a velocity was recorded, give it as a column."
        )
    return found


def _memory(data: Trajectories) -> tuple[str, list[str]]:
    """What the test of memory says, and what to do if it finds one."""
    from noneq.inference import memory_test

    try:
        found = memory_test(data)
    except InvalidInput as error:
        return f"not tested: {error}", []
    return str(found), [_REMEMBERS] if found.memory else []


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value}"
