"""What `noneq fit` says at its end."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from noneq.learning.method import Fit


def outcome(folder: Path, fits: Sequence[Fit]) -> tuple[dict[str, Any], str]:
    """Seconds, and mean and spread over seeds of the last loss; as a table and as a line."""
    seconds = sum(float(fit.meta["seconds"]) for fit in fits)
    name = "held_out_loss" if "held_out_loss" in fits[0].history else "loss"
    losses = [fit.history[name][-1] for fit in fits if fit.history.get(name)]
    facts: dict[str, Any] = {"run": str(folder), "seeds": len(fits), "seconds": seconds}
    text = f"{folder}: fitted in {seconds:.1f} s"
    if losses:
        facts[name] = float(np.mean(losses))
        text += f", {name.replace('_', ' ')} {facts[name]:.4g}"
    if len(losses) > 1:
        facts["spread"] = float(np.std(losses, ddof=1))
        text += f" ± {facts['spread']:.2g} over {len(losses)} seeds"
    residuals = [str(line) for line in fits[0].meta.get("residuals", ())]
    if residuals:
        facts["residuals"] = residuals
    equations = [str(line) for line in fits[0].meta.get("equations", ())]
    if equations:
        facts["equations"] = equations
    return facts, "\n".join([text, *residuals, *equations])
