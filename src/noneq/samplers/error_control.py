"""Ordinary differential equations by Tsitouras' method with error control (diffrax)."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from noneq._typing import Scalar, ScalarLike


def tsitouras(
    rate: Callable[[Any, ScalarLike], Any],
    state: Any,
    start: float,
    end: float,
    *,
    rtol: Scalar | float,
    atol: Scalar | float,
    max_steps: int,
    longest: Scalar | float | None = None,
) -> Any:
    """The state at ``end`` of d state/dt = rate(state, t), NaN where more than ``max_steps`` are needed.

    Args:
        rate: of states, arrays or trees of arrays.
        state: at ``start``.
        start, end: times, in either order.
        rtol, atol: tolerances of the root mean square of the state.
        max_steps: most steps, those that are refused among them.
        longest: step; None leaves it to the error.

    Source: Tsitouras 2011; Kidger 2021.
    """
    import diffrax

    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, y, _: rate(y, t)),
        diffrax.Tsit5(),
        start,
        end,
        None,
        state,
        stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol, dtmax=longest),
        max_steps=max_steps,
        adjoint=diffrax.DirectAdjoint(),
        throw=False,
    )
    # throw=True would defeat the compilation cache; failure travels as NaN instead.
    fine = solution.result == diffrax.RESULTS.successful
    return jax.tree.map(lambda a: jnp.where(fine, a[-1], jnp.nan), solution.ys)
