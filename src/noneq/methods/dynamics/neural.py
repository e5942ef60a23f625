"""Drift and diffusion as networks: an ensemble with error bars."""

import time as clock
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.constant import Constant
from noneq.data.ensembles import Trajectories
from noneq.data.summary import Summary, summarise
from noneq.errors import InvalidInput
from noneq.frames.frame import Frame
from noneq.inference.drift.residuals import residual_checks
from noneq.kinds import checked
from noneq.learning.method import AbstractMethod, Data, Fit, Progress, check_init
from noneq.learning.objectives import AbstractLoss
from noneq.learning.rows import train_part
from noneq.learning.training import Training
from noneq.learning.watching import watched
from noneq.methods.dynamics.intervals import check_moves
from noneq.methods.dynamics.linear_drift import check_paths
from noneq.methods.dynamics.model import AbstractDynamics, Record
from noneq.nets.base import AbstractNet, AbstractNetwork
from noneq.nets.vectors.fields import MLP
from noneq.statistics.increments import increments
from noneq.traits import HasDriftError


class Members(eqx.Module):
    """Networks of the normalised state, one beside the other; each gives f and L of its own.

    Attributes:
        nets: K networks to dim + dim (dim + 1)/2 numbers.
        rate, spread: units of f and of B, per coordinate.
        dim: numbers in a state.
    """

    nets: tuple[AbstractNetwork, ...]
    rate: Constant
    spread: Constant
    dim: int = eqx.field(static=True)

    def each(self, y: Float[Array, " dim"]) -> tuple[Array, Array]:
        """f ``(K, dim)`` and lower triangular L ``(K, dim, dim)``, in these units."""
        parts = [self.split(net(y)) for net in self.nets]
        return jnp.stack([f for f, _ in parts]), jnp.stack([root for _, root in parts])

    def split(self, out: Float[Array, " numbers"]) -> tuple[Array, Array]:
        """f and L of one network's numbers; the diagonal of L is positive, and 1 at the start."""
        rows, columns = np.tril_indices(self.dim)
        rest = out[self.dim :]
        lower = jnp.zeros((self.dim, self.dim), out.dtype).at[rows, columns].set(rest)
        soft = jnp.exp(jnp.clip(jnp.diag(lower), -6.0, 6.0))
        return out[: self.dim], jnp.tril(lower, -1) + jnp.diag(soft)


class StepLoss(AbstractLoss):
    """Mean negative log-likelihood of Euler–Maruyama steps, in units of the members.

    **Equation**: ½|L^{-1}(z − f √dt)|² + log det L, z = Δx/(spread √dt), f √dt in the same unit. Each
    member weighs the rows by exponential weights of its own, a Bayesian bootstrap.
    """

    def loss(self, model: Members, batch: dict[str, Any], *, key: Key) -> Scalar:
        def one(y, z, root_dt, weights):
            drift, root = model.each(y)
            gap = z - drift * model.rate.value / model.spread.value * root_dt
            solved = jax.vmap(lambda l, g: jax.scipy.linalg.solve_triangular(l, g, lower=True))
            square = jnp.sum(solved(root, gap) ** 2, axis=1) / 2
            volume = jnp.sum(jnp.log(jnp.diagonal(root, axis1=1, axis2=2)), axis=1)
            return jnp.mean(weights * (square + volume))

        rows = (batch["y"], batch["z"], batch["root_dt"], batch["weights"])
        return jnp.mean(jax.vmap(one)(*rows))


class NeuralDriftModel(AbstractDynamics, HasDriftError):
    """Mean drift and mean diffusivity of an ensemble of networks."""

    frame: Frame
    record: Record
    members: Members

    def field(self, x: Float[Array, " dim"]) -> Float[Array, " dim"]:
        drifts, _ = self.members.each(self._normalised(x))
        return jnp.mean(drifts, axis=0) * self.members.rate.value

    def root(self, x: Float[Array, " dim"]) -> Float[Array, "dim noises"]:
        _, roots = self.members.each(self._normalised(x))
        mean = jnp.mean(roots @ jnp.swapaxes(roots, 1, 2), axis=0)
        return self.members.spread.value[:, None] * jnp.linalg.cholesky(mean)

    @checked
    def drift_stderr(self, x: Float[Array, "*event"]) -> Float[Array, "*event"]:
        """Standard deviation of f over the members, at one state."""
        x = jnp.asarray(x)
        drifts, _ = self.members.each(self._normalised(self._seen(x)))
        return (jnp.std(drifts, axis=0, ddof=1) * self.members.rate.value).reshape(x.shape)

    def _normalised(self, x: Array) -> Array:
        return self.frame.normaliser.forward(x.reshape(self.event_shape))


class NeuralDrift(AbstractMethod):
    """Any smooth drift, and noise that depends on the state: dX = f(X) dt + B(X) dW.

    Forward process:
        the motion itself; no noise is added.
    Learnt object:
        K networks of f and of a lower triangular L, B = L times a unit; D = mean of B Bᵀ/2.
    Objective and weight:
        the likelihood of Euler–Maruyama steps; each network weighs the steps by exponential numbers
        of its own (Bayesian bootstrap), so that their spread is an error bar.
    Sampling:
        Euler–Maruyama paths of the mean drift and the mean diffusivity.
    Source and deviations:
        Lakshminarayanan et al. 2017 for the ensemble; errors of order dt, no measurement noise.

    Args:
        members: number of networks.
        net: a network of the state.
        training: settings of the gradient loop.

    Raises:
        InvalidInput: fewer than 2 members or more than 64.
        WrongType: data without paths.
    """

    source: ClassVar[str] = "lakshminarayanan2017simple"

    members: int = 4
    net: AbstractNet = MLP(width=48, depth=2)
    training: Training = Training(steps=3000, batch=1024, rate=3e-3, ema=0.99)

    def __check_init__(self) -> None:
        if not 2 <= self.members <= 64:
            raise InvalidInput(f"NeuralDrift: members = {self.members}; expected 2 to 64.")

    @checked
    def init(self, summary: Summary, *, key: Key) -> NeuralDriftModel:
        if summary.condition_dim:
            raise InvalidInput(
                "NeuralDrift: a condition has no place in a law of motion; fit the trajectories of "
                "each condition by themselves."
            )
        dim = summary.dim
        make = lambda key: self.net.init(
            summary.event_shape, dim + dim * (dim + 1) // 2, noise=False, clock=None, label=None,
            key=key,
        )  # fmt: skip
        nets = tuple(make(k) for k in jax.random.split(key, self.members))
        one = Constant(jnp.ones(dim))
        return NeuralDriftModel(Frame(summary), Record(summary), Members(nets, one, one, dim))  # pyright: ignore[reportCallIssue]

    @checked
    @watched
    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: NeuralDriftModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        began = clock.monotonic()
        paths = check_paths(self, data)
        split_key, init_key, weight_key, train_key = jax.random.split(key, 4)
        held = None
        if self.training.patience:
            paths, held = paths.split(1 - self.training.held_out, key=split_key)
        summary = summarise(paths)
        check_init(self, init, summary, lambda model: model.members.nets)
        model = self.init(summary, key=init_key) if init is None else init
        check_moves("NeuralDrift", paths)
        model = _measured(model, paths)
        draw = lambda rows: jax.random.exponential(weight_key, (rows, self.members))
        model, history = train_part(
            model,
            lambda model: model.members,
            StepLoss(),
            _rows(model, paths, draw),
            self.training,
            key=train_key,
            held_out=None if held is None else _rows(model, held, draw),
            progress=progress,
            checkpoint=checkpoint,
        )
        checks = residual_checks(model, paths)
        meta = {
            "seconds": clock.monotonic() - began,
            "residuals": checks.lines,
            "residual_curves": checks.curves,
        }
        return Fit(model, history, self, summary, meta)


def _measured(model: NeuralDriftModel, data: Trajectories) -> NeuralDriftModel:
    """Units: the noise of a step, and the drift that a linear relaxation would have."""
    found = increments(data)
    root = np.sqrt(found.dt)[:, None]
    spread = np.sqrt(((found.move / root) ** 2).mean(0))
    spread = np.where(spread > 0, spread, max(float(spread.max()), 1e-30) * 1e-3)
    scale = np.broadcast_to(
        np.asarray(model.frame.normaliser.scale.value, np.float64), spread.shape
    )
    # In a steady state the drift of an OU process has the size spread²/(2 scale).
    rate = np.minimum(spread**2 / (2 * scale), spread / np.sqrt(found.dt.mean()))
    parts = (jnp.asarray(rate, jnp.float32), jnp.asarray(spread, jnp.float32))
    return eqx.tree_at(
        lambda m: (m.members.rate.value, m.members.spread.value, m.record),
        model,
        (*parts, model.record.of(data)),
    )


def _rows(model: NeuralDriftModel, data: Trajectories, draw: Any) -> dict[str, Any]:
    """One row per increment: state, displacement in units of the noise, √dt, weights."""
    found = increments(data)
    root = np.sqrt(found.dt)[:, None]
    states = found.start.reshape(-1, *data.event_shape)
    return {
        "y": model.frame.normaliser.host(states),
        "z": (found.move / root / np.asarray(model.members.spread.value)).astype(np.float32),
        "root_dt": root.astype(np.float32)[:, 0],
        "weights": np.asarray(draw(len(root)), np.float32),
    }
