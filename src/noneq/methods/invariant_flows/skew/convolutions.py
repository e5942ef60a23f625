"""Recipe of skew convolutions of fields."""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Numbers
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.methods.invariant_flows.data_checks import check_edges
from noneq.methods.invariant_flows.skew.operators import AbstractSkewOperator, SkewKernel
from noneq.methods.invariant_flows.skew.recipes import AbstractSkew, Pattern, kernel_pattern


def _nested(values: Numbers | None) -> Any:
    """Any array-like as nested tuples of floats, so that equal recipes compare equal."""
    if values is None or isinstance(values, int | float):
        return values
    return tuple(_nested(v) for v in np.asarray(values, float).tolist())


class ConvolutionalSkew(AbstractSkew):
    """A skew convolution of fields (channels, *grid) on a periodic grid of 1 to 3 dimensions.

    **Equation**: (A s)[o](x) = Σ_{i,δ} K[o, i, δ] s[i](x + δ), K[o, i, δ] = −K[i, o, −δ].

    One channel has odd kernels only, K(−δ) = −K(δ), and hence none of size 1 and none that a
    rotation by 180° leaves unchanged.

    Args:
        size: sites along each side of the kernel, odd.
        isotropic: whether K is unchanged by the rotations and reflections of the grid.
        kernel: K as nested tuples (channels, channels, size, …), in the data's units; None draws
            one of Frobenius norm 1, or fits it where `SkewFlow.fit` is told how states move.
        periodic: take the edges of the grid to meet, whatever the data look like.

    Raises:
        InvalidInput: an even size, a kernel that is not skew, states that are no fields, an
            operator that would always vanish, or fields whose edges do not meet.
    """

    size: int = 1
    isotropic: bool = False
    kernel: Any = eqx.field(default=None, converter=_nested)
    periodic: bool = False

    def __check_init__(self) -> None:
        if isinstance(self.size, bool) or self.size < 1 or self.size % 2 == 0:
            raise InvalidInput(
                f"ConvolutionalSkew: size = {self.size}; expected an odd number ≥ 1, so that the "
                "kernel has a centre about which it can be skew."
            )

    def pattern(self, event_shape: tuple[int, ...]) -> Pattern:
        axes = len(event_shape) - 1
        if not 1 <= axes <= 3:
            raise InvalidInput(
                f"ConvolutionalSkew: states have shape {event_shape}; expected (channels, *grid) "
                "with a grid of 1 to 3 dimensions. Take ConstantSkew for vectors."
            )
        channels = event_shape[0]
        pattern = kernel_pattern(channels, (self.size,) * axes, self.isotropic)
        if pattern.count == 0:
            why = (
                "K(−δ) = −K(δ) of one channel against K(−δ) = K(δ) of a symmetric kernel"
                if self.size > 1
                else "a skew matrix of one channel is the number 0"
            )
            raise InvalidInput(
                f"ConvolutionalSkew: with {channels} channel, size = {self.size} and isotropic = "
                f"{self.isotropic} the kernel always vanishes ({why}); take an odd size ≥ 3 "
                "without isotropic, or more channels."
            )
        return pattern

    def operator(
        self, free: Float[Array, " count"], summary: Summary, *, key: Key
    ) -> AbstractSkewOperator:
        tensor = self.pattern(summary.event_shape).place(free)
        return SkewKernel(Constant(tensor), summary.event_shape)

    def given(self, summary: Summary) -> np.ndarray | None:
        if self.kernel is None:
            return None
        pattern = self.pattern(summary.event_shape)
        kernel = np.asarray(self.kernel, np.float64)
        if kernel.shape != pattern.weight.shape or not np.isfinite(kernel).all():
            raise InvalidInput(
                f"ConvolutionalSkew: kernel has shape {kernel.shape}; expected finite numbers of "
                f"shape {pattern.weight.shape}."
            )
        scale = np.asarray(summary.scale)
        one = lambda values, axis: np.expand_dims(
            values, [a for a in range(kernel.ndim) if a != axis]
        )
        kernel = kernel / (one(scale, 0) * one(scale, 1))
        free = np.zeros(pattern.count)
        np.add.at(free, pattern.index.ravel(), (pattern.weight * kernel).ravel())
        gap = np.abs(pattern.weight * free[pattern.index] - kernel).max()
        if gap > 1e-6 * np.abs(kernel).max():
            symmetric = " and unchanged by rotations" if self.isotropic else ""
            raise InvalidInput(
                f"ConvolutionalSkew: the kernel is not skew{symmetric} (off by {gap:.2g}); expected "
                "K[o, i, δ] = −K[i, o, −δ]."
            )
        return free

    def check(self, data: Snapshots | Trajectories) -> None:
        self.pattern(data.event_shape)
        if not self.periodic:
            check_edges(data, "ConvolutionalSkew", "Take them as they are by periodic=True.")
