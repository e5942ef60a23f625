"""Stream flow: the least deforming velocity among those that keep a law by their form."""

from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar
from noneq.calculus import check_exact
from noneq.constant import Constant
from noneq.data.ensembles import Snapshots, Trajectories
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.loop import Training
from noneq.learning.method import AbstractMethod, Data, Fit, Progress
from noneq.learning.objectives import AbstractLoss
from noneq.learning.rows import train_part
from noneq.learning.watching import watched
from noneq.methods.denoising.free import curl_free
from noneq.methods.denoising.frozen_noise import FrozenNoise
from noneq.methods.invariant_flows.data_checks import few_snapshots
from noneq.methods.invariant_flows.score import check_score, copied, kept_law, many_times
from noneq.methods.invariant_flows.stages import Second, two_stages
from noneq.methods.invariant_flows.stream_flow_model import StreamFlowModel, stream
from noneq.nets.base import AbstractNet, AbstractNetwork
from noneq.nets.inputs import clock_of, label_of
from noneq.nets.vectors.fourier import FourierMLP
from noneq.traced import jit
from noneq.traits import AbstractModel


_TOGETHER = 2**16


class StreamFlow(AbstractMethod):
    """A velocity that keeps the law of snapshots exactly, and deforms as little as that allows.

    Forward process:
        none; a fitted score of p, the law of the data after noise of ``noise`` standard
        deviations, is given or trained first.
    Learnt object:
        a skew matrix field A(x); v = A s + div A has p v_i = Σ_j ∂_j(A_ij p) and hence
        div(p v) = 0 for every A.
    Objective and weight:
        ⟨‖S‖²_F⟩/⟨|v|²/dim⟩ over p, S the symmetric part of the Jacobian of v, in units of the data's
        standard deviation: no weight balances it against the law.
    Sampling:
        as `EquilibriumFlow`.
    Source and deviations:
        the aim is that of Zhang and Levin 2025; their learnt v keeps p up to its residual, which
        grows along paths, this one up to the curl of the score (a `Gradient` network has none). The
        mean square of all components together is 1, not that of each.

    Of data at several times the law of each time is kept by that time's v. On a line v = 0.

    Args:
        net: recipe of the entries of A above its diagonal.
        score: trains the score if none is given; its network should be a `Gradient`.
        noise: standard deviation of the noise over that of the data, for scores that know noise
            levels.
        time_band: as in `ScoreMatching`.
        training: settings of the gradient loop.

    Raises:
        InvalidInput: noise that is not positive.
    """

    source: ClassVar[str] = "zhang2025equilibrium"

    net: AbstractNet = FourierMLP()
    score: AbstractMethod = eqx.field(default_factory=curl_free)
    noise: float = 0.15
    time_band: float | None = None
    training: Training = Training(steps=3000, batch=1024, rate=5e-3)

    def __check_init__(self) -> None:
        if not 0 < self.noise < float("inf"):
            raise InvalidInput(f"StreamFlow: noise = {self.noise}; expected a positive ratio.")

    @checked
    def init(
        self, summary: Summary, *, key: Key, score: AbstractModel | None = None
    ) -> StreamFlowModel:
        net_key, score_key = jax.random.split(key)
        if score is None:
            score = self.score.init(summary, key=score_key)
        check_score(score, summary.event_shape, "StreamFlow")
        check_exact(summary.dim)
        field = self.net.init(
            summary.event_shape,
            max(1, summary.dim * (summary.dim - 1) // 2),
            noise=False,
            clock=clock_of(summary, self.time_band),
            label=label_of(summary),
            key=net_key,
        )
        return StreamFlowModel(field, kept_law(score, self.noise), summary)

    @checked
    @watched
    def fit(
        self,
        data: Data,
        *,
        key: Key,
        score: AbstractModel | None = None,
        init: StreamFlowModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """Learn a velocity from data.

        Args:
            data: states of one law, or snapshots of several times.
            score: a fitted model of the data with the trait `HasScore`; None trains ``self.score``
                (or takes that of ``init``).

        Raises:
            InvalidInput: discrete data, states with walls, numbers on a line of one time, more than
                64 dimensions, or a score of other states.
            MissingTrait: a score model without a score.

        Warns:
            FewSnapshots: fewer than 100 snapshots per dimension.
        """

        def prepare(data: Snapshots | Trajectories, summary: Summary):
            check_exact(summary.dim)
            return few_snapshots(data, "StreamFlow"), None

        def field(start: Second):
            model, flat = start.model, start.data.snapshots()
            if init is not None:
                model = eqx.tree_at(lambda m: m.law, init, model.law)
            rows = copied(model.law, model.frame.normaliser, flat)
            rows = _curved(model, rows, many_times(flat), start.keys[0])
            model, history = train_part(
                model,
                lambda model: model.field,
                DeformationLoss(),
                rows,
                self.training,
                key=start.keys[1],
                progress=start.progress,
                checkpoint=start.checkpoint,
            )
            model = eqx.tree_at(lambda m: m.size, model, Constant(_size(model, rows)))
            return model, history, {}

        return two_stages(
            self, data, prepare, field,
            key=key, score=score, init=init, progress=progress, checkpoint=checkpoint,
        )  # fmt: skip


class DeformationLoss(AbstractLoss):
    """⟨‖S‖²_F⟩/⟨|v|²/dim⟩ of v = A s + div A.

    A row is a normalised state ``y``, the score ``s`` and its Jacobian ``slope`` there, with which
    v and its first derivatives at y are exact.
    """

    def loss(self, model: AbstractNetwork, batch: dict[str, Any], *, key: Key) -> Scalar:
        def one(row: dict[str, Any]) -> tuple[Scalar, Scalar]:
            value = lambda y: _row_velocity(model, row, y)
            v, push = jax.linearize(value, row["y"])
            jacobian = jax.vmap(push, out_axes=1)(jnp.eye(v.size, dtype=v.dtype))
            return jnp.sum((jacobian + jacobian.T) ** 2) / 4, jnp.mean(v**2)

        deformation, square = jax.vmap(one)(batch)
        return jnp.mean(deformation) / (jnp.mean(square) + 1e-12)


def _row_velocity(
    model: AbstractNetwork, row: dict[str, Any], y: Float[Array, " dim"]
) -> Float[Array, " dim"]:
    """A s + div A near the state of a row."""
    s = row["score"] + row["slope"] @ (y - row["y"])
    return stream(lambda y: model(y, None, row["time"], row["condition"]), y, s)


@jit
def _curved(model: StreamFlowModel, rows: dict[str, Any], moving: bool, key: Key) -> dict[str, Any]:
    """Rows of states of the law, with the score and its Jacobian."""
    law, normaliser = model.law, model.frame.normaliser

    def one(args: tuple[dict[str, Any], Key]) -> tuple[Array, Array, Array]:
        row, key = args
        time, y = (row["time"] if moving else None), row["y"]
        if isinstance(law, FrozenNoise):
            y = normaliser.forward(law.noised(normaliser.inverse(y), key=key))

        def score(y: Array) -> Array:
            s = model.score(normaliser.inverse(y), time=time, condition=row["condition"])
            return jnp.ravel(s) * normaliser.scale.value

        s, push = jax.linearize(score, y)
        return y, s, jax.vmap(push, out_axes=1)(jnp.eye(y.size, dtype=y.dtype))

    n, dim = rows["y"].shape
    together = max(1, min(n, _TOGETHER // dim**2))
    keys = jax.random.split(key, n)
    y, s, slope = jax.lax.map(one, (rows, keys), batch_size=together)
    return rows | {"y": y, "score": s, "slope": slope}


@jit
def _size(model: StreamFlowModel, rows: dict[str, Any]) -> Scalar:
    """Root mean square of the field over all rows."""
    n, dim = rows["y"].shape
    square = lambda row: jnp.mean(_row_velocity(model.field, row, row["y"]) ** 2)
    squares = jax.lax.map(square, rows, batch_size=max(1, min(n, _TOGETHER // dim**2)))
    return jnp.sqrt(jnp.mean(squares) + 1e-24)
