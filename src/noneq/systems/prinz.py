"""The rotating five-well system."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.domains import Box
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.systems.base import AbstractGradient, HasEntropyProduction
from noneq.systems.one_state import of_state
from noneq.systems.rotating_frame import mean_power


_BARRIER = 12.0
"""kT by which the walls must lie above the ring for the form without walls: e^-12 = 6e-6."""


class Prinz(AbstractGradient, HasEntropyProduction):
    """Wells on a ring that turn about the origin, inside a reflecting box.

    **Equation**: V(t, x) = cos(s θ − ω t) + κ (r − r0 − a sin 2πνt)^p, ω = drive · π/2,
    dX = −∇V dt + √(2/beta) dW on [−w, w]², uniform start.

    The position paper prints p = 1 (a cone without a ring; see `literal`); its evident parent,
    deeptime's quintuple well, has p = 2, the default here.

    Args:
        drive: multiplies the paper's rotation ω = π/2; 0 is equilibrium.
        wells: number of wells s.
        beta: inverse temperature 1/kT.
        radius: r0 of the ring.
        stiffness: κ of the ring.
        exponent: p, 2 or 1.
        breathing: amplitude a of the ring's oscillation.
        breathing_rate: its frequency ν in cycles per unit time.
        half_width: w of the box.

    Raises:
        InvalidInput: wells < 1, exponent other than 1 or 2, or a beta, stiffness, radius or
            half_width that is not positive.

    Source: Beyond Equilibrium, Appendix D, eq. 30.
    """

    drive: float = 1.0
    wells: int = 5
    beta: float = 10.0
    radius: float = 0.5
    stiffness: float = 10.0
    exponent: int = 2
    breathing: float = 0.0
    breathing_rate: float = 1.0
    half_width: float = 1.0

    def __check_init__(self) -> None:
        for name in ("beta", "radius", "stiffness", "half_width"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise InvalidInput(f"Prinz: {name} = {value}; it must be finite and > 0.")
        for name in ("drive", "breathing", "breathing_rate"):
            if not np.isfinite(getattr(self, name)):
                raise InvalidInput(f"Prinz: {name} = {getattr(self, name)}; it must be finite.")
        if self.exponent not in (1, 2):
            raise InvalidInput(
                f"Prinz: exponent = {self.exponent}; use 2 (ring) or 1 (the cone as printed)."
            )
        if self.wells < 1 or int(self.wells) != self.wells:
            raise InvalidInput(f"Prinz: wells = {self.wells}; expected a whole number ≥ 1.")
        widest = self.radius + abs(self.breathing)
        if self.exponent == 2 and widest >= self.half_width:
            raise InvalidInput(
                f"Prinz: the ring reaches r = {widest:g}, beyond the walls at ±{self.half_width:g}; "
                f"set half_width above it, e.g. {widest + 0.5:g}."
            )

    @classmethod
    def literal(cls) -> "Prinz":
        """The potential exactly as printed, linear in r: all mass within r ≈ 0.02."""
        warnings.warn(
            "Prinz.literal: the printed potential is a cone whose core needs steps below 1e-6; "
            "Prinz() has the ring of the evident parent system.",
            stacklevel=2,
        )
        return cls(exponent=1)

    @classmethod
    def quintuple(cls) -> "Prinz":
        """The breathing five wells of deeptime: 10 (r − 3/2 − ½ sin 2πt)², beta = 5."""
        return cls(beta=5.0, radius=1.5, breathing=0.5, half_width=2.5)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(2,)."""
        return (2,)

    @property
    def domain(self) -> Box:
        """The reflecting box [−w, w]²."""
        return Box(-self.half_width, self.half_width)

    @property
    def time_step(self) -> float:
        """0.05 / (largest curvature where the mass is)."""
        if self.exponent == 1:
            nearest = 2.0 / (self.beta * self.stiffness)
        else:
            nearest = max(self.radius - abs(self.breathing), 0.1 * self.radius)
        return 0.05 / max(2.0 * self.stiffness, self.wells**2 / nearest**2)

    @property
    def angular_frequency(self) -> float:
        """ω in radians of s·θ per unit time; the wells turn at ω/s."""
        return self.drive * np.pi / 2

    @checked
    def initial(self, key: Key) -> Float[Array, "2"]:
        """Uniform in the box."""
        return jax.random.uniform(key, (2,), minval=-self.half_width, maxval=self.half_width)

    @of_state
    def potential(self, t: ScalarLike, x: Float[Array, "2"]) -> Scalar:
        """V(t, x); cos(s θ − φ) as Re(u^s e^{−iφ}), u = z/|z|, with zero gradient at the origin."""
        squared = jnp.sum(x**2)
        outside = squared > 1e-12
        r = jnp.sqrt(jnp.where(outside, squared, 1.0))
        unit = x / r
        real, imag = unit[0], unit[1]
        for _ in range(self.wells - 1):
            real, imag = real * unit[0] - imag * unit[1], real * unit[1] + imag * unit[0]
        phase = self.angular_frequency * t
        angular = real * jnp.cos(phase) + imag * jnp.sin(phase)
        ring = self.radius + self.breathing * jnp.sin(2 * np.pi * self.breathing_rate * t)
        radial = lambda r: self.stiffness * (r - ring) ** self.exponent
        return jnp.where(outside, angular + radial(r), radial(0.0))

    def entropy_production_rate(self) -> float:
        """Power of the rotation over kT, exact in the co-rotating frame.

        Neglects the walls, which the mass must not reach: e^{−beta κ (w − r0)²} ≤ 1e-5.

        Raises:
            InvalidInput: a breathing or literal (exponent 1) ring, for which it is not known, or
                walls that the mass reaches.
        """
        if self.breathing or self.exponent != 2:
            raise InvalidInput(
                "Prinz: the exact entropy production is known for breathing = 0 and exponent = 2 "
                "only; measure it with noneq.thermo.entropy_production."
            )
        # The angular part is the same at the walls as on the ring.
        barrier = self.beta * self.stiffness * (self.half_width - self.radius) ** 2
        if barrier < _BARRIER:
            raise InvalidInput(
                f"Prinz: the walls at ±{self.half_width:g} are only {barrier:.1f} kT above the ring of "
                f"radius {self.radius:g}, and the exact value knows no walls; set half_width = "
                f"{self.radius + np.sqrt(_BARRIER / (self.beta * self.stiffness)):.3g} or more, or "
                "measure it with noneq.thermo.entropy_production."
            )
        power = mean_power(
            wells=self.wells,
            frequency=self.angular_frequency,
            radius=self.radius,
            stiffness=self.stiffness,
            beta=self.beta,
        )
        return self.beta * power
