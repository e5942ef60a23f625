"""How a file was understood: the block that `noneq inspect` prints, and what else it could mean."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Part:
    """One column, array or dimension of a file, and what it was taken for.

    Args:
        role: ``time``, ``trajectory``, ``condition``, ``coordinate``, ``grid`` or ``left out``.
        why: the reason, where the name does not say it.
    """

    name: str
    role: str
    unit: str = ""
    why: str = ""


@dataclass(frozen=True)
class Understanding:
    """How a file was understood.

    Args:
        kind: ``snapshots``, ``trajectories``, ``one trajectory`` or ``one snapshot``.
        parts: what each column, array or dimension was taken for.
        notes: further remarks, such as a guessed encoding.
        otherwise: options that would read the file in another way.
    """

    kind: str
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()
    otherwise: tuple[str, ...] = ()

    def names(self, role: str) -> tuple[str, ...]:
        """Names of one role."""
        return tuple(part.name for part in self.parts if part.role == role)

    @property
    def headline(self) -> str:
        """The whole of it in one line."""
        said = [
            f"{role} {_few(self.names(role))}"
            for role in ("time", "trajectory", "condition")
            if self.names(role)
        ]
        said.append(f"coordinates {_few(self.names('coordinate'))}")
        if grid := self.names("grid"):
            said.append(f"on a grid of {_few(grid)}")
        if left := self.names("left out"):
            said.append(f"left out {_few(left)}")
        return f"read as {self.kind}: {', '.join(said)}"

    def lines(self) -> list[str]:
        """One line a part, then remarks and the options that would read it otherwise."""
        shown = _folded(self.parts)
        width = max((len(_shown(part.name)) for part in shown), default=0)
        text = [f"read as {self.kind}"]
        for part in shown:
            unit = f" in {part.unit}" if part.unit else ""
            why = f" ({part.why})" if part.why else ""
            text.append(f"  {_shown(part.name):{width}}  {part.role}{unit}{why}")
        text += [f"  {note}" for note in self.notes]
        if self.otherwise:
            text.append(f"  otherwise: {'; '.join(self.otherwise)}")
        return text

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


_MOST, _ALIKE = 12, 3


def _folded(parts: Sequence[Part]) -> list[Part]:
    """Coordinates that are alike on one line, and at most twelve parts of a role; the rest are counted."""
    shown: list[Part] = []
    for role in dict.fromkeys(part.role for part in parts):
        own = [part for part in parts if part.role == role]
        alike = len({(part.unit, part.why) for part in own}) == 1 and not own[0].why
        if role == "coordinate" and alike and len(own) > _ALIKE:
            name = f"{_shown(own[0].name)} … {_shown(own[-1].name)}"
            own = [replace(own[0], name=name, why=f"{len(own)} of them")]
        shown += own[:_MOST]
        if len(own) > _MOST:
            shown.append(Part(f"… {len(own) - _MOST} more", role))
    return shown


def _shown(name: str) -> str:
    return name if name.strip() else "(no name)"


def _few(names: Sequence[str]) -> str:
    text = ", ".join(_shown(name) for name in names[:4])
    return text if len(names) <= 4 else f"{text} and {len(names) - 4} more"
