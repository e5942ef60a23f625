"""What every network is: a recipe of plain numbers, and the function of one state it makes."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.data.summary import Summary
from noneq.kinds import AbstractChecked
from noneq.nets.inputs import Clock, Label, clock_of, label_of


class AbstractNetwork(eqx.Module):
    """F(x, level, time, condition) of one flattened state."""

    @abstractmethod
    def __call__(
        self,
        x: Float[Array, " inputs"],
        level: Any = None,
        time: Any = None,
        condition: Any = None,
    ) -> Float[Array, " outputs"]:
        """The output, flattened.

        Args:
            x: the state, flattened in the order of its event shape.
            level: noise level ln(sigma/alpha)/4, for networks with noise.
            time: physical time, for networks with a clock.
            condition: raw condition vector, for networks with a label; NaN is "not given".
        """


class AbstractNet(AbstractChecked):
    """Recipe of an `AbstractNetwork`; its fields are hyper-parameters."""

    @abstractmethod
    def init(
        self,
        event_shape: tuple[int, ...],
        outputs: int,
        *,
        noise: bool,
        clock: Clock | None,
        label: Label | None,
        key: Key,
    ) -> AbstractNetwork:
        """An untrained network from states of ``event_shape`` to ``outputs`` numbers.

        Args:
            noise: whether it is told a noise level.
            clock: features of physical time, None if it has none.
            label: features of the condition, None if there is none.

        Raises:
            InvalidInput: states that this kind of network does not take.
        """

    def init_for(
        self,
        summary: Summary,
        outputs: int,
        *,
        noise: bool,
        band: float | None = None,
        key: Key,
    ) -> AbstractNetwork:
        """An untrained network of the states, times and conditions of such data.

        Args: as in `init`; ``band`` overrides the measured `Summary.time_band`.

        Raises:
            InvalidInput: as `init`; a band that is no frequency.
        """
        return self.init(
            summary.event_shape,
            outputs,
            noise=noise,
            clock=clock_of(summary, band),
            label=label_of(summary),
            key=key,
        )
