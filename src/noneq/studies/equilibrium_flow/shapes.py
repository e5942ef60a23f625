"""Equilibrium flow on sets in the plane: is the law kept, at once and after long paths?"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key
from noneq.data.ensembles import Snapshots
from noneq.learning.method import AbstractMethod
from noneq.methods.denoising.frozen_noise import FrozenNoise, noised_states
from noneq.methods.invariant_flows.base import AbstractInvariantFlow
from noneq.metrics import mmd
from noneq.runs.rows import Row, row_of
from noneq.studies.base import AbstractCell, Outcome
from noneq.systems.base import AbstractSystem
from noneq.systems.plane_laws import Annulus, TwoPeaks
from noneq.systems.shapes import Moons


SHAPES: dict[str, AbstractSystem] = {
    "two_peaks": TwoPeaks(),
    "ring": Annulus(),
    "two_moons": Moons(),
}
TIMES = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0)
_PAIRS = 8


class ShapeCell(AbstractCell):
    """A velocity from snapshots of a set in the plane, and how its law fares under it.

    Args:
        shape: of `SHAPES`.
        label: of the rows.
        method: what is fitted.
        snapshots: training states.
        points: states that are pushed along the flow, in Runge–Kutta steps of ``step``.
    """

    shape: str
    label: str
    method: AbstractMethod
    snapshots: int = 20_000
    points: int = 10_000
    step: float = 0.05
    replicate: int = 0

    @property
    def case(self) -> str:
        """The set."""
        return self.shape

    @property
    def method_name(self) -> str:
        """The label."""
        return self.label

    def __call__(self, key: Key) -> Outcome:
        data_key, fit_key, path_key, floor_key, noise_key = jax.random.split(key, 5)
        train = Snapshots(np.asarray(drawn(SHAPES[self.shape], self.snapshots, data_key)))
        model = self.method.fit(train, key=fit_key).model
        fresh = lambda i: self._noised(model, jax.random.fold_in(floor_key, i))
        start, reference = fresh(0), fresh(1)
        residual = model.invariance_residual(start, key=noise_key)
        rows = [row_of(self.case, self.method_name, "invariance_residual", residual)]
        paths = model.sample_paths(
            self.points, times=TIMES, start=start, step=self.step, key=path_key
        )
        pushed = [mmd(paths.values[:, i], reference) for i in range(len(TIMES))]
        pairs = [mmd(fresh(2 * i + 2), fresh(2 * i + 3)).value for i in range(_PAIRS)]
        # Unbiased estimates scatter about 0: their size is the root mean square.
        floor = float(np.sqrt(np.mean(np.square(pairs))))
        last = pushed[-1]
        rows.append(
            Row(
                self.case, self.method_name, "mmd2_after_100",
                float(last.value), float(last.stderr), floor,
            )
        )  # fmt: skip
        side = np.linspace(-3.0, 3.0, 25)
        scale, shift = train.values.std(0), train.values.mean(0)
        grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2) * scale + shift
        arrays = {
            "points": start[:2000].astype(np.float32),
            "pushed": paths.values[:2000, -1].astype(np.float32),
            "grid": grid.astype(np.float32),
            "velocity": np.asarray(velocities(model, jnp.asarray(grid))),
            "mmd2": np.asarray([float(m.value) for m in pushed]),
            "mmd2_error": np.asarray([float(m.stderr) for m in pushed]),
            "floor": np.asarray(floor),
        }
        return Outcome(tuple(rows), arrays if self.replicate == 0 else {})

    def _noised(self, model: AbstractInvariantFlow, key: Key) -> Float[np.ndarray, "n 2"]:
        """Fresh draws of the true set, after the noise of the law."""
        draw_key, noise_key = jax.random.split(key)
        law = model.law
        assert isinstance(law, FrozenNoise)
        fresh = drawn(SHAPES[self.shape], self.points, draw_key)
        return np.asarray(noised_states(law, fresh, key=noise_key))


@eqx.filter_jit
def drawn(system: AbstractSystem, n: int, key: Key) -> Float[Array, "n *event"]:
    """n states of a system."""
    return jax.vmap(system.initial)(jax.random.split(key, n))


@eqx.filter_jit
def velocities(
    model: AbstractInvariantFlow, x: Float[Array, "n *event"]
) -> Float[Array, "n *event"]:
    """v at many states."""
    return jax.vmap(model.velocity)(x)
