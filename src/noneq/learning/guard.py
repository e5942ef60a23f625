"""What the loop says of a loss that stays finite and is absurd."""

import warnings

import numpy as np


START = 5
"""Steps whose loss is looked at with the parameters of the start, before training."""
_LOOKS = 3
_SPREADS = 100.0
_SMALLEST = 0.01


class LossAway(UserWarning):
    """The loss rose far above its best value and stayed there."""


class Guard:
    """Watches the mean losses of the chunks of a fit.

    **Equation**: a loss is away if loss − best > 100 max(IQR, 0.01 |median|), three looks in a
    row. The interquartile range and the median are those of the early losses: the loss of the
    start on the batches of the first steps, and the first five chunks, but none above those of
    the start, since a fit that explodes at once would otherwise measure its own explosion.
    A function of the start and of the history alone, so that a resumed fit says the same.

    Args:
        start: losses of the start, one per batch; empty if the loss is no measure of the fit,
            and then nothing is ever away.
    """

    def __init__(self, start: list[float]):
        self.start = start

    def best(self, losses: list[float]) -> float:
        """The least loss, that of the start included."""
        return min([float(np.median(self.start)), *losses]) if self.start else np.inf

    def away(self, losses: list[float]) -> bool:
        """Whether the last three looks are far above the best one."""
        if not self.start or len(losses) < _LOOKS:
            return False
        early = np.asarray([*self.start, *np.minimum(losses[: len(self.start)], max(self.start))])
        low, middle, high = np.quantile(early, (0.25, 0.5, 0.75))
        spread = max(high - low, _SMALLEST * abs(middle))
        return bool(spread > 0 and min(losses[-_LOOKS:]) - self.best(losses) > _SPREADS * spread)

    def warn(self, history: dict[str, list[float]]) -> None:
        """Say it, once, at the third look.

        Warns:
            LossAway: naming the steps of the rise and of the model that is kept.
        """
        losses, steps = history["loss"], history["step"]
        if not self.away(losses) or self.away(losses[:-1]):
            return
        best = self.best(losses)
        kept = steps[losses.index(best)] if best in losses else 0
        warnings.warn(
            f"the loss rose from {best:.3g} at step {kept:.0f} to {losses[-_LOOKS]:.3g} at step "
            f"{steps[-_LOOKS]:.0f} and has stayed there since; if it does not come back, the best "
            "model is returned in place of the last one. Lower training.rate or training.clip, "
            "or check the data with `noneq inspect`.",
            LossAway,
            stacklevel=4,
        )
