"""Which runs a folder holds."""

from pathlib import Path

from noneq.kinds import checked


@checked
def members(run: Path) -> list[Path]:
    """The run itself, or ``seed_0`` … of an ensemble over seeds."""
    seeds = [p for p in run.glob("seed_*") if p.name.removeprefix("seed_").isdigit()]
    return sorted(seeds, key=lambda p: int(p.name.removeprefix("seed_"))) or [run]
