"""A study and its report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from noneq.cli.words import assignments
from noneq.errors import InvalidInput
from noneq.spec import override
from noneq.studies import run_study, study_named
from noneq.studies.page import study_report
from noneq.studies.running import StudyProgress


def run_and_report(
    name: str,
    parts: Sequence[str],
    settings: Sequence[str],
    folder: Path,
    *,
    quick: bool,
    seed: int,
    progress: StudyProgress | None,
    workers: int = 1,
    scheduler: str = "",
) -> tuple[dict[str, Any], Path]:
    """Result of the study (content of ``metrics.json``) and its page."""
    plan = override(study_named(name), assignments(settings))
    if parts:
        if "parts" not in vars(plan):
            raise InvalidInput(f"study {name} has no parts; leave --part out.")
        plan = override(plan, {"parts": tuple(parts)})
    words = ["noneq study", name, f"-o {folder}", *(["--quick"] if quick else [])]
    words += [f"--part {part}" for part in parts]
    words += [f"--set {word}" for word in settings] + ([f"--seed {seed}"] if seed else [])
    result = run_study(
        plan, folder, quick=quick, seed=seed, command=" ".join(words), workers=workers,
        scheduler=scheduler, progress=progress,
    )  # fmt: skip
    return result, study_report(folder)
