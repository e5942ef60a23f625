"""Rare events whose probability is known: the systems, the sets, and the exact values."""

import math
from abc import abstractmethod
from typing import Any

import jax.numpy as jnp
import numpy as np

from noneq.inference.rare import BlackBox
from noneq.kinds import AbstractChecked
from noneq.studies.rare_events import exact
from noneq.systems import Diffusion, DoubleWell, Linear


class AbstractEvent(AbstractChecked):
    """A system, a start, and sets that paths reach or avoid."""

    @property
    @abstractmethod
    def case(self) -> str:
        """Name in the rows."""

    @property
    @abstractmethod
    def system(self) -> Any:
        """In continuous time."""

    @property
    @abstractmethod
    def asked(self) -> dict[str, Any]:
        """Arguments of `splitting`: sets, horizon, start."""

    @property
    @abstractmethod
    def steps(self) -> tuple[float, float]:
        """Steps of the simulation in continuous time, and of the black box."""

    @abstractmethod
    def drift(self, x: np.ndarray) -> np.ndarray:
        """f of states (n, dim), for the black box."""

    @property
    @abstractmethod
    def noise(self) -> float:
        """σ."""

    @abstractmethod
    def exact(self, step: float | None) -> float:
        """The probability: of a chain of such steps, or in continuous time (None)."""

    def black_box(self) -> BlackBox:
        """Euler–Maruyama steps, in NumPy."""
        h = self.steps[1]

        def step(t: np.ndarray, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
            return x + h * self.drift(x) + self.noise * math.sqrt(h) * rng.normal(size=x.shape)

        return BlackBox(step, self.asked["start"], time_step=h)


class OuMax(AbstractEvent):
    """Largest value of dX = −X dt + √2 dW from 0 within a time of 10.

    Args:
        a: to be exceeded.
    """

    a: float

    @property
    def case(self) -> str:
        return f"ou_max:a={self.a:g}"

    @property
    def system(self) -> Any:
        return Linear(A=((1.0,),), D=((1.0,),))

    @property
    def asked(self) -> dict[str, Any]:
        return {"target": f"x > {self.a:g}", "horizon": 10.0, "start": [0.0]}

    @property
    def steps(self) -> tuple[float, float]:
        return 0.01, 0.01

    def drift(self, x: np.ndarray) -> np.ndarray:
        return -x

    @property
    def noise(self) -> float:
        return math.sqrt(2)

    def exact(self, step: float | None) -> float:
        if step is None:
            return exact.hitting_by(self.drift, self.noise, self.a, 10.0, 0.0)
        return exact.chain_hitting_by(self.drift, self.noise, step, self.a, 10.0, 0.0)


class WellCrossing(AbstractEvent):
    """From −0.9 to the right minimum before the left one, in V = (x² − 1)².

    Args:
        beta: inverse temperature.
    """

    beta: float = 5.0

    @property
    def case(self) -> str:
        return f"double_well:beta={self.beta:g}"

    @property
    def system(self) -> Any:
        return DoubleWell(beta=self.beta)

    @property
    def asked(self) -> dict[str, Any]:
        return {"target": "x > 1", "avoid": "x < -1", "start": [-0.9]}

    @property
    def steps(self) -> tuple[float, float]:
        return 0.001, 0.01

    def drift(self, x: np.ndarray) -> np.ndarray:
        return -4 * x * (x**2 - 1)

    @property
    def noise(self) -> float:
        return math.sqrt(2 / self.beta)

    def exact(self, step: float | None) -> float:
        if step is None:
            return exact.hitting_before(lambda x: (x**2 - 1) ** 2, self.beta, -0.9)
        return exact.chain_hitting_before(self.drift, self.noise, step, -0.9)


class PlaneWell(AbstractEvent):
    """From (−1, 0) into a disc around (1, 0) in V = x⁴/4 − x²/2 + y², within a time.

    Args:
        eps: dX = −∇V dt + √eps dW.
        horizon: the time.
    """

    eps: float
    horizon: float

    @property
    def case(self) -> str:
        return f"double_well_2d:eps={self.eps:g},T={self.horizon:g}"

    @property
    def system(self) -> Any:
        drift = lambda x: jnp.stack([x[0] - x[0] ** 3, -2 * x[1]])
        return Diffusion(drift, self.noise, initial=[-1.0, 0.0], time_step=0.01)

    @property
    def asked(self) -> dict[str, Any]:
        # The set that 8 d² = ln(1/0.9) of pyTAMS's score 0.95 makes.
        radius = _RADIUS
        return {
            "target": f"hypot(x - 1, y) < {radius:.5f}", "horizon": self.horizon, "start": [-1.0, 0.0],
        }  # fmt: skip

    @property
    def steps(self) -> tuple[float, float]:
        return 0.005, 0.01

    def drift(self, x: np.ndarray) -> np.ndarray:
        return np.stack([x[:, 0] - x[:, 0] ** 3, -2 * x[:, 1]], axis=1)

    @property
    def noise(self) -> float:
        return math.sqrt(self.eps)

    def exact(self, step: float | None) -> float:
        drifts = (lambda x: x - x**3), (lambda y: -2 * y)
        disc = (1.0, 0.0, _RADIUS)
        return exact.plane_hitting_by(
            drifts, self.noise, disc, self.horizon, (-1.0, 0.0), step=step
        )


_RADIUS = math.sqrt(math.log(1 / 0.9) / 8)
