"""How a fitted transport moves states through physical time: by its ODE or by its SDE."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, ScalarLike
from noneq.calculus import runge_kutta_step
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.methods.bridges.matching import AbstractTransportField


class AbstractIntegrator(AbstractChecked):
    """The sampler of a transport: states at one time to states at a later or an earlier one.

    Args:
        steps: over a mean interval of the snapshots.
        likelihood_steps: Runge–Kutta steps of `log_prob`, whatever the time.
    """

    steps: eqx.AbstractVar[int]
    likelihood_steps: eqx.AbstractVar[int]

    def __check_init__(self) -> None:
        for name in ("steps", "likelihood_steps"):
            if getattr(self, name) < 1:
                raise InvalidInput(
                    f"{type(self).__name__}: {name} = {getattr(self, name)}; expected at least 1."
                )

    @abstractmethod
    def check(self, field: AbstractTransportField) -> None:
        """Refuse a field that lacks what the integrator needs.

        Raises:
            InvalidInput: naming the other integrator.
        """

    @abstractmethod
    def __call__(
        self,
        field: AbstractTransportField,
        x: Float[Array, "n dim"],
        start: ScalarLike,
        end: ScalarLike,
        steps: int,
        *,
        condition: Any,
        key: Key,
    ) -> Float[Array, "n dim"]:
        """The states at ``end`` after ``steps`` equal steps; backwards if it lies before ``start``."""


class TransportODE(AbstractIntegrator):
    """dX = velocity dt by the classical Runge–Kutta method.

    Args:
        steps: over a mean interval, four evaluations each.
        likelihood_steps: Runge–Kutta steps of `log_prob`.
    """

    steps: int = 25
    likelihood_steps: int = 32

    def check(self, field: AbstractTransportField) -> None:
        """Every field has a flow."""

    def __call__(
        self,
        field: AbstractTransportField,
        x: Float[Array, "n dim"],
        start: ScalarLike,
        end: ScalarLike,
        steps: int,
        *,
        condition: Any,
        key: Key,
    ) -> Float[Array, "n dim"]:
        h = (end - start) / steps
        own = None if condition is None or condition.ndim == 1 else 0
        rate = lambda x, t: jax.vmap(lambda x, c: field(x, t, c)[0], (0, own))(x, condition)
        step = lambda x, i: (runge_kutta_step(rate, x, start + i * h, h)[0], None)
        return jax.lax.scan(step, x, jnp.arange(steps))[0]


class TransportSDE(AbstractIntegrator):
    """dX = (velocity ± sigma² score/2) dt + sigma dW by Euler–Maruyama, + forward and − backward.

    Args:
        steps: over a mean interval, one evaluation each.
        likelihood_steps: Runge–Kutta steps of `log_prob`, which is that of the ODE.

    Source: Anderson 1982; Tong et al. 2024b, eq. 5.
    """

    steps: int = 100
    likelihood_steps: int = 32

    def check(self, field: AbstractTransportField) -> None:
        if not field.stochastic:
            raise InvalidInput(
                "TransportSDE: a bridge without noise has no SDE; take TransportODE(), or "
                "bridge=Brownian()."
            )

    def __call__(
        self,
        field: AbstractTransportField,
        x: Float[Array, "n dim"],
        start: ScalarLike,
        end: ScalarLike,
        steps: int,
        *,
        condition: Any,
        key: Key,
    ) -> Float[Array, "n dim"]:
        h = (end - start) / steps
        own = None if condition is None or condition.ndim == 1 else 0
        kick = field.diffusion() * jnp.sqrt(jnp.abs(h))

        one = lambda x, time, condition: field.turned(x, time, condition, jnp.sign(h))

        def step(x: Array, i: Array) -> tuple[Array, None]:
            drift = jax.vmap(one, (0, None, own))(x, start + i * h, condition)
            xi = jax.random.normal(jax.random.fold_in(key, i), x.shape, x.dtype)
            return x + h * drift + kick * xi, None

        return jax.lax.scan(step, x, jnp.arange(steps))[0]
