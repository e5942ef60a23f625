"""The exact law of point sets placed at random in a periodic square, under noise."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots
from noneq.domains import Torus
from noneq.errors import InvalidInput
from noneq.frames.checks import check_count
from noneq.kinds import checked
from noneq.systems.patterns import PlacedPoints
from noneq.traced import jit
from noneq.traits import AbstractModel, HasLogProb, HasScore


_TABLE = 4096


class PlacedPointsLaw(AbstractModel, HasScore, HasLogProb):
    """A set of points at any place of a periodic square, at any of many angles, each point noisy.

    **Equation**: every coordinate has von Mises noise, p(x | m) ∝ exp(κ cos(q(x − m))), q = 2π/box,
    κ = (q noise)⁻²; averaged over the shift c, which is the same for all points of a copy, and over
    the angle θ: p(x) = Π_copies mean_θ Π_d I_0(κ |Σ_i e^{iq(x_id − (R_θ m)_id)}|)/(I_0(κ)^n box^n),
    n points. Exact, smooth, and unchanged by all shifts.

    Points have labels. Of a set whose points lie many ``noise`` apart the law of points without
    labels has the same score, as long as no two of them change places.

    Args:
        system: the set and its box.
        noise: standard deviation of every coordinate.
        turns: angles, evenly spaced; the law is smooth in the angle when the farthest point moves
            by less than about noise from one to the next. Ignored if the system does not turn.

    Raises:
        InvalidInput: a noise outside (0, box/10], or no angle.
    """

    sites: Constant
    copies: int = eqx.field(static=True)
    box: float = eqx.field(static=True)
    noise: float = eqx.field(static=True)
    event_shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, system: PlacedPoints, noise: float, *, turns: int = 64):
        if not 0 < noise <= system.box / 10:
            raise InvalidInput(
                f"PlacedPointsLaw: noise = {noise}; expected a number in (0, box/10 = "
                f"{system.box / 10:g}]."
            )
        if isinstance(turns, bool) or int(turns) != turns or turns < 1:
            raise InvalidInput(f"PlacedPointsLaw: turns = {turns}; expected a whole number ≥ 1.")
        angles = np.arange(turns if system.turning else 1) * 2 * np.pi / turns
        sites = system.centred()
        c, s = np.cos(angles)[:, None], np.sin(angles)[:, None]
        row, column = sites[:, 0], sites[:, 1]
        self.sites = Constant(
            jnp.asarray(np.stack([c * row - s * column, s * row + c * column], -1))
        )
        self.copies = system.copies
        self.box = system.box
        self.noise = noise
        self.event_shape = system.event_shape

    @property
    def domain(self) -> Torus:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The periodic box."""
        return Torus(self.box)

    @property
    def concentration(self) -> float:
        """κ."""
        return (self.box / (2 * np.pi * self.noise)) ** 2

    @checked
    def log_prob(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        each = x.reshape(self.copies, 1, -1, 2) - self.sites.value
        angle = each * (2 * np.pi / self.box)
        # |Σ e^{iα}|, kept off 0, where its slope is not defined.
        total = jnp.sum(jnp.cos(angle), 2) ** 2 + jnp.sum(jnp.sin(angle), 2) ** 2
        match = jnp.sum(_log_i0(self.concentration * jnp.sqrt(total + 1e-12)), -1)
        turns, sites = self.sites.value.shape[:2]
        logs = jax.nn.logsumexp(match, axis=1) - np.log(turns)
        one = _log_i0(jnp.asarray(self.concentration, x.dtype)) + np.log(self.box)
        return jnp.sum(logs) - self.copies * sites * 2 * one

    @checked
    def score(
        self, x: Float[Array, "*event"], *, time: ScalarLike | None = None, condition: Any = None
    ) -> Float[Array, "*event"]:
        return jax.grad(self.log_prob)(x)

    @checked
    def sample(
        self, n: int, *, time: ScalarLike | None = None, condition: Any = None, key: Key
    ) -> Float[Array, "n *event"]:
        check_count(n)
        return _draws(self, int(n), key)

    @checked
    def snapshots(
        self, n: int, *, times: Sequence[float] | np.ndarray, condition: Any = None, key: Key
    ) -> Snapshots:
        frames = [
            np.asarray(self.sample(n, key=jax.random.fold_in(key, i))) for i in range(len(times))
        ]
        return Snapshots.from_frames(frames, times, domain=self.domain)

    def draw(self, key: Key) -> Float[Array, "*event"]:
        """One draw."""
        turn_key, place_key, noise_key = jax.random.split(key, 3)
        sites = self.sites.value
        which = jax.random.randint(turn_key, (self.copies,), 0, sites.shape[0])
        centres = self.box * jax.random.uniform(place_key, (self.copies, 1, 2))
        each = centres + sites[which]
        # Inverse distribution function of the von Mises law, from a table.
        grid = np.linspace(-np.pi, np.pi, _TABLE)
        density = np.exp(self.concentration * (np.cos(grid) - 1))
        steps = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
        rank = jax.random.uniform(noise_key, each.shape)
        noise = jnp.interp(rank, jnp.asarray(steps / steps[-1]), jnp.asarray(grid))
        moved = each + noise * (self.box / (2 * np.pi))
        return self.domain.project(moved.reshape(self.event_shape))


@jit
def _draws(law: PlacedPointsLaw, n: int, key: Key) -> Float[Array, "n *event"]:
    return jax.vmap(law.draw)(jax.random.split(key, n))


def _log_i0(u: Array) -> Array:
    return jnp.log(jax.scipy.special.i0e(u)) + u
