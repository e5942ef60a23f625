"""Brownian motion in a region of any shape, reflected at its wall step by step, and its score."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.constant import Constant
from noneq.data.summary import Summary
from noneq.domains import Region
from noneq.domains.walls import Distance, bounced, innermost, returned, share_inside
from noneq.errors import InvalidInput, MissingTrait
from noneq.kinds import AbstractChecked
from noneq.nets.base import AbstractNetwork
from noneq.processes.base import AbstractDenoiser, AbstractDiffusing, AbstractPrior, Perturbed
from noneq.processes.schedules import VE, AbstractSchedule
from noneq.processes.targets import AbstractTarget


_ROUNDS = 100_000
_EDGE = 1e-4
_LAYER = 0.25


class Walls(AbstractChecked):
    """The wall of a region whose enclosing box is [−1, 1]^dim, for flattened states.

    Args:
        region: in the user's coordinates.
        event_shape: of one state there.
    """

    region: Region
    event_shape: tuple[int, ...] = eqx.field(static=True)

    @property
    def dim(self) -> int:
        """Numbers in one state."""
        return math.prod(self.event_shape)

    def __call__(self, x: Float[Array, " dim"]) -> Scalar:
        """Negative inside, in the region's own unit."""
        return self.region.distance(self._placed(x))

    def _placed(self, x: Float[Array, " dim"]) -> Array:
        return self.region.placed(jnp.reshape(x, self.event_shape))

    def gap(self, x: Float[Array, " dim"]) -> tuple[Scalar, Float[Array, " dim"]]:
        """Distance to the shape's wall to first order, > 0 inside, and its outward normal."""
        return _gap(lambda x: self.region.signed_distance(self._placed(x)), x)

    @property
    def depth(self) -> Scalar:
        """Distance of the innermost point from the nearest wall or face."""
        with jax.ensure_compile_time_eval():
            return _gap(self, innermost(self, (self.dim,), jnp.zeros(()).dtype)[0])[0]

    @property
    def share(self) -> Scalar:
        """Volume as a share of the box's, on 65 536 points: to 1e-4 in the plane, 2 % in 8-d."""
        return share_inside(self, (self.dim,), jnp.zeros(()).dtype)


def _gap(distance: Distance, x: Array) -> tuple[Scalar, Array]:
    value, slope = jax.value_and_grad(distance)(x)
    per_length = jax.lax.rsqrt(jnp.sum(slope**2) + 1e-12)
    return -value * per_length, slope * per_length


class InsidePrior(AbstractPrior):
    """The uniform law within walls: exact draws by rejection, density 1/volume."""

    walls: Walls

    def sample(self, shape: tuple[int, ...], *, key: Key) -> Array:
        n = shape[0]

        def round_(state: tuple[Array, Any, Any]) -> tuple[Array, Any, Any]:
            kept, count, i = state
            x = jax.random.uniform(jax.random.fold_in(key, i), shape, minval=-1.0, maxval=1.0)
            inside = jax.vmap(self.walls)(x) <= 0
            # The next free places; n, which is beyond the last one, drops what is not kept.
            place = jnp.where(inside, count + jnp.cumsum(inside) - 1, n)
            return kept.at[place].set(x, mode="drop"), count + jnp.sum(inside), i + 1

        unfinished = lambda state: (state[1] < n) & (state[2] < _ROUNDS)
        # What is never filled stays NaN, which callers refuse.
        start = jnp.full(shape, jnp.nan), jnp.asarray(0), jnp.asarray(0)
        return jax.lax.while_loop(unfinished, round_, start)[0]

    def log_prob(self, x: Float[Array, " dim"]) -> Scalar:
        volume = jnp.log(self.walls.share) + x.size * math.log(2.0)
        # A flow may end on the wall, which rounding puts on either side.
        return jnp.where(_gap(self.walls, x)[0] >= -_EDGE, -volume, -jnp.inf)


class Confined(AbstractDiffusing):
    """Brownian motion in a `Region`, whose enclosing box the normaliser makes [−1, 1]^dim.

    **Equation**: ``steps`` times x ← x + sigma xi/√steps along a billiard path, which keeps the
    uniform law exactly. There is no closed kernel: `perturb` gives states without scores.

    Args:
        walls: of the region.
        schedule: noise levels in units of half the box, with alpha = 1 (`VE` or `Karras`).
        steps: of the walk; partitions much thinner than sigma/√steps are not seen by it.

    Raises:
        InvalidInput: a schedule that shrinks the state, or fewer than one step.

    Source: Lou and Ermon 2023, section 3; Polyak and Gryazina 2014 (`bounced`).
    """

    walls: Walls
    schedule: AbstractSchedule = VE(0.01, 3.0)
    steps: int = 32

    def __check_init__(self) -> None:
        if self.steps < 1:
            raise InvalidInput(f"Confined: steps = {self.steps}; expected at least 1.")

    def perturb(self, y: Float[Array, " dim"], tau: ScalarLike, *, key: Key) -> Perturbed:
        _, sigma = self.schedule(tau)
        kicks = jax.random.normal(key, (self.steps, *y.shape), y.dtype)

        def step(x: Array, kick: Array) -> tuple[Array, None]:
            return bounced(self.walls, x, sigma / math.sqrt(self.steps) * kick), None

        return Perturbed(jax.lax.scan(step, y, kicks)[0], None, None, None)

    def log_kernel(
        self, x: Float[Array, " dim"], y: Float[Array, " dim"], tau: ScalarLike
    ) -> Scalar:
        """Refused.

        Raises:
            MissingTrait: always; only boxes have a closed kernel.
        """
        raise MissingTrait(
            "Confined: Brownian motion in a region has no closed kernel log p(x | y); only the "
            "domain Box has (Reflected)."
        )

    def prior(self, std: ScalarLike) -> InsidePrior:
        return InsidePrior(self.walls)

    def project(self, x: Float[Array, " dim"]) -> Float[Array, " dim"]:
        return returned(self.walls, x, innermost(self.walls, x.shape, x.dtype)[0])

    def learnt(
        self, net: AbstractNetwork, summary: Summary, target: AbstractTarget, *, key: Key
    ) -> "ConfinedScore":
        return ConfinedScore(net=net, std=Constant(jnp.asarray(summary.std)), process=self)


class ConfinedScore(AbstractDenoiser):
    """s(x, tau) = ∇ log p_tau in a region of the box [−1, 1]^dim, with n·s = 0 at its wall.

    **Equation**: s = e^{−π² sigma²/8 dim}/sigma · [F − (1 − h)(F·n) n], h = tanh(gap/width), with
    the outward normal n and the distance to the shape's wall ``gap``. The width of the layer is
    sigma, and at most a quarter of the region's depth, so that h is 1 where normals of opposite
    walls meet. The first factor bounds the score once the law is nearly uniform: no mode of a
    convex region decays slower (Payne and Weinberger 1960).

    The faces of the enclosing box are walls as well, with factors D_i = tanh((1 − x_i²)/2 width).
    In general s = (I + Σ_walls (1/h − 1) n nᵀ)^{−1} F, which is smooth also in corners between
    walls and loses at each wall the normal component only. Velocity dx/dtau = −g² s/2.

    All functions take one state. ``time`` is physical, ``tau`` the noise clock.

    Source: Lou and Ermon 2023, section 4.2; deviation: the factor follows the noise level and
    leaves the tangential components alone.
    """

    net: AbstractNetwork
    std: Constant
    process: Confined  # pyright: ignore[reportIncompatibleVariableOverride]

    def noisy_score(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        _, sigma = self.process.schedule(tau)
        # Standard deviation of the noised state, which ends as that of the box's uniform law.
        width = jnp.sqrt(self.std.value**2 + sigma**2 / (1 + 3 * sigma**2))
        raw = self.net(x / width, jnp.log(sigma) / 4, time, condition)
        gap, normal = self.process.walls.gap(x)
        layer = jnp.minimum(sigma, _LAYER * self.process.walls.depth)
        free, faces = jnp.tanh(gap / layer), jnp.tanh((1 - x**2) / (2 * layer))
        # Sherman and Morrison's formula, times free; the small number counts where a face touches
        # the shape.
        across = (1 - free) / (free + (1 - free) * jnp.sum(faces * normal**2) + 1e-6)
        kept = faces * (raw - across * jnp.sum(faces * normal * raw) * normal)
        return jnp.exp(-(jnp.pi**2) * sigma**2 / (8 * x.size)) / sigma * kept

    def noisy_velocity(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        score = self.noisy_score(x, tau, time=time, condition=condition)
        return self.process.velocity(x, tau, score)
