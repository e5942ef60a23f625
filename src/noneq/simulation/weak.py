"""Schemes whose increments are random bits: right laws, no Brownian paths."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import ScalarLike
from noneq.errors import InvalidInput
from noneq.simulation.increments import AbstractIncrements, FourPoint, TwoPoint
from noneq.simulation.solvers import AbstractSolver, EulerMaruyama
from noneq.systems.base import AbstractDiffusion


class WeakEuler(AbstractSolver):
    """The simplified weak Euler scheme, Itô: weak order 1, for any noise.

    **Equation**: x + f(t, x) h + B(t, x) √h ξ with ξ = ±1, one random bit a number.

    Laws at each time, averages and their changes are as right as those of `EulerMaruyama`; the
    increments of a single step are not Gaussian, and a path does not follow a Brownian path. Take
    it for samples at times many steps apart, not for what happens within a few steps: entropy
    production from single steps, first passages, work along paths.

    Source: Kloeden and Platen 1992, eq. 14.1.3.
    """

    needs_noise: ClassVar[bool] = True
    increments: ClassVar[AbstractIncrements] = TwoPoint()

    def check(self, system: AbstractDiffusion, t: float, states: Float[Array, "m *event"]) -> None:
        """Nothing to refuse."""

    def step(
        self,
        system: AbstractDiffusion,
        t: ScalarLike,
        x: Float[Array, "*event"],
        h: ScalarLike,
        noise: Float[Array, "*noise"] | None,
    ) -> Float[Array, "*event"]:
        """One step."""
        return EulerMaruyama().step(system, t, x, h, noise)


class WeakPlaten(AbstractSolver):
    """Platen's explicit scheme, Itô: weak order 2, for additive noise and for diagonal noise B_i(t, x_i).

    **Equation**: y = x + f h + B √h ξ, z± = x + f h ± B √h (all at t, x), then
    x + ½[f + f(t+h, y)] h + ¼[B(t+h, z₊) + B(t+h, z₋) + 2B] √h ξ
    + ¼[B(t+h, z₊) − B(t+h, z₋)] √h (ξ² − 1), with ξ of four values, three random bits a number.
    For additive noise this is Heun's step.

    Of laws only, like `WeakEuler`. Walls lower the order, here as in all schemes that project.

    Source: Kloeden and Platen 1992, eq. 15.1.1 and, for diagonal noise, 15.1.3.
    """

    needs_noise: ClassVar[bool] = True
    increments: ClassVar[AbstractIncrements] = FourPoint()

    def check(self, system: AbstractDiffusion, t: float, states: Float[Array, "m *event"]) -> None:
        """Refuse noise of a coordinate that depends on another one."""
        slopes = np.asarray(jax.vmap(jax.jacfwd(system.diffusion, argnums=1), (None, 0))(t, states))
        event, dim = states.shape[1:], states[0].size
        shape = slopes.shape[1 : slopes.ndim - len(event)]
        others = slopes.any()
        if shape == event or (shape == () and dim == 1):
            others = np.any(slopes.reshape(-1, dim, dim) * (1 - np.eye(dim)))
        if others:
            raise InvalidInput(
                f"WeakPlaten: the noise of a coordinate of {type(system).__name__} depends on other "
                "coordinates, or is a matrix that depends on the state; it takes additive noise and "
                "diagonal noise B_i(t, x_i). Use WeakEuler() or EulerMaruyama()."
            )

    def step(
        self,
        system: AbstractDiffusion,
        t: ScalarLike,
        x: Float[Array, "*event"],
        h: ScalarLike,
        noise: Float[Array, "*noise"] | None,
    ) -> Float[Array, "*event"]:
        """One step."""
        f, b, root = system.drift(t, x), system.diffusion(t, x), jnp.sqrt(h)
        xi, ahead = jnp.zeros_like(x) if noise is None else noise, x + h * f
        if b.shape not in ((), x.shape):
            y = ahead + root * (b @ xi)
            later = system.diffusion(t + h, y)
            return x + h / 2 * (f + system.drift(t + h, y)) + root / 2 * ((b + later) @ xi)
        up, down = (system.diffusion(t + h, ahead + sign * root * b) for sign in (1, -1))
        slope = system.drift(t + h, ahead + root * b * xi)
        kick = (up + down + 2 * b) * xi + (up - down) * (xi**2 - 1)
        return x + h / 2 * (f + slope) + root / 4 * kick
