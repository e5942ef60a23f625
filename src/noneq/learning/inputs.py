"""What a method of p(x, t) is told beside the states, and how it takes discrete ones."""

from typing import Any

import equinox as eqx
from jaxtyping import Array

from noneq.kinds import AbstractChecked
from noneq.learning.rows import check_handling


class AbstractInputs(AbstractChecked):
    """Fields of all methods of p(x, t | condition): what the model is told beside the state.

    Args:
        time_band: highest frequency of the time features, per unit time; None takes the
            measured `Summary.time_band`.
        drop_condition: fraction of training states whose condition is hidden, so that the model
            also knows the law without it (needed for guidance).
        dequantise: width of the uniform noise that fills the gaps of discrete data, 0 to take
            them as they are, None to refuse them.

    Raises:
        InvalidInput: a fraction outside [0, 1), or a width that is negative or infinite.
    """

    time_band: float | None = eqx.field(default=None, kw_only=True)
    drop_condition: float = eqx.field(default=0.0, kw_only=True)
    dequantise: float | None = eqx.field(default=None, kw_only=True)

    def __check_init__(self) -> None:
        check_handling(self)

    @property
    def optional(self) -> bool:
        """Whether the model also knows the law without a condition."""
        return self.drop_condition > 0

    def noise_width(self, model: Any) -> Array | None:
        """Width of the dequantisation noise ``(dim,)`` in normalised units; None for none."""
        return self.dequantise / model.frame.normaliser.scale.value if self.dequantise else None
