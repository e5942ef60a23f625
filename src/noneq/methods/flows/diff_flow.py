"""Diffusion normalising flow: both the forward and the backward SDE are learnt."""

import math
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.data.summary import Summary
from noneq.errors import InvalidInput
from noneq.kinds import checked
from noneq.learning.forward import HasForward, drawn
from noneq.learning.inputs import AbstractInputs
from noneq.learning.method import AbstractMethod, Data, Fit, Progress, as_data
from noneq.learning.objectives import AbstractLoss
from noneq.learning.published import Published
from noneq.learning.rows import check_lattice, dequantised, fit_rows, left_open, rows
from noneq.learning.training import Training
from noneq.learning.watching import Part, told, watched
from noneq.methods.flows.blur import blurred
from noneq.methods.flows.two_way import DiffFlowModel, TwoWaySDE
from noneq.nets.base import AbstractNet
from noneq.nets.vectors.fields import MLP


_FLOOR = 1e-2
_KNOTS = 17


class PathLoss(AbstractLoss):
    """Mean of −w, the upper bound of the negative log likelihood (`TwoWaySDE.log_ratio`).

    Args:
        steps: steps of the paths.
        drop: fraction of conditions that are hidden.
        width: of the dequantisation noise ``(dim,)``, or None.

    Source: Zhang & Chen 2021, eq. 12.
    """

    steps: int
    drop: float = 0.0
    width: Array | None = None

    def loss(self, model: TwoWaySDE, batch: dict[str, Any], *, key: Key) -> Scalar:
        path_key, fill_key, drop_key = jax.random.split(key, 3)
        y = dequantised(batch["y"], self.width, key=fill_key)
        condition = left_open(batch["condition"], self.drop, key=drop_key)
        one = lambda y, time, c, key: -model.log_ratio(y, self.steps, time, c, key=key)
        over = (0, 0, None if condition is None else 0, 0)
        keys = jax.random.split(path_key, y.shape[0])
        return jnp.mean(jax.vmap(one, over)(y, batch["time"], condition, keys))


class DiffFlow(AbstractInputs, AbstractMethod, HasForward):
    """Diffusion normalising flow: the noise goes where the data need it.

    Forward process:
        learnt: dx = f(x, tau) dtau + g(tau) dW from data to N(0, I), Euler–Maruyama in K steps.
    Learnt object:
        drift f, score s and noise g of the forward SDE and of the backward one,
        dx = (f − g² s) dtau + g dW̄.
    Objective and weight:
        relative entropy of forward to backward paths, an upper bound of the negative log
        likelihood (`PathLoss`); K grows through the curriculum.
    Sampling:
        the backward chain of K steps; `log_prob` by the probability flow f − g² s/2 with exact
        divergence, `log_prob_estimate` by the bound, `dissipation` is the gap of the bound.
    Source and deviations:
        Zhang & Chen 2021, eqs. 6 to 12. f starts from the VP drift −g² x/2 and s from the
        prior's score; g is a learnt positive function of tau (their scalar noise), bounded
        below; gradients go through a checkpointed scan in place of their adjoint; the nodes are
        tau_i = (i/K)^power.

    Args:
        net: recipe of both networks.
        curriculum: steps K of the stages of training, which share ``training.steps`` evenly; the
            model uses the last.
        power: exponent of the nodes; above 1 they are dense at the data.
        noise: g at tau = 0 and at tau = 1 before training, in units of the data's scale.
        likelihood_steps: Runge–Kutta steps of `log_prob`.
        time_band, drop_condition, dequantise: as in `AbstractInputs`.
        training: settings of the gradient loop; every stage has its own warm-up and decay.

    Raises:
        InvalidInput: an empty curriculum, a stage of fewer than 1 step, or another value outside
            its range.
    """

    source: ClassVar[str] = "zhang2021diffusion"
    published: ClassVar[Published | None] = Published("DiffFlow", True, True)

    net: AbstractNet = MLP(64, 3)
    curriculum: tuple[int, ...] = (10, 30)
    power: float = 1.5
    noise: tuple[float, float] = (0.4, 2.0)
    likelihood_steps: int = 64
    training: Training = Training(steps=4000, batch=512)

    def __check_init__(self) -> None:
        good = {
            "curriculum": (
                len(self.curriculum) > 0 and min(self.curriculum) >= 1,
                "one or more numbers of steps, each at least 1",
            ),
            "power": (0 < self.power < math.inf, "a positive number"),
            "noise": (
                all(_FLOOR < value < math.inf for value in self.noise),
                f"two numbers above {_FLOOR}",
            ),
            "likelihood_steps": (self.likelihood_steps >= 1, "at least 1"),
        }
        for name, (fine, expected) in good.items():
            if not fine:
                raise InvalidInput(
                    f"DiffFlow: {name} = {getattr(self, name)}; expected {expected}."
                )

    def forward(
        self, x: Float[Array, " dim"], tau: ScalarLike
    ) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        sde = drawn(self).sde
        return sde.drift(x, tau), sde.noise(tau) * jnp.ones_like(x)

    @checked
    def init(self, summary: Summary, *, key: Key) -> DiffFlowModel:
        drift, score = (
            self.net.init_for(summary, summary.dim, noise=True, band=self.time_band, key=key)
            for key in jax.random.split(key)
        )
        first, last = (math.log(value - _FLOOR) for value in self.noise)
        sde = TwoWaySDE(drift, score, jnp.linspace(first, last, _KNOTS), _FLOOR, self.power)
        return DiffFlowModel(
            sde,
            summary,
            steps=self.curriculum[-1],
            likelihood_steps=self.likelihood_steps,
            optional=self.optional,
        )

    @checked
    @watched
    def fit(
        self,
        data: Data,
        *,
        key: Key,
        init: DiffFlowModel | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> Fit:
        """Learn from data, one stage of the curriculum after the other.

        Args: as in `AbstractMethod.fit`; the checkpoint of a stage is a folder inside
            ``checkpoint``. All stages see the same rows in the same order, so that the held-out
            part is one and the same.

        Warns:
            Blurred: the samples lie farther apart than the data.
        """
        data = as_data(data)
        check_lattice(data, self.dequantise, type(self).__name__)
        count = len(self.curriculum)
        each = max(1, self.training.steps // count)
        stage = eqx.tree_at(lambda m: m.training.steps, self, each)
        history, fits = {}, []
        for i, steps in enumerate(self.curriculum):
            fit = fit_rows(
                stage,
                data,
                lambda model, steps=steps: PathLoss(
                    steps, self.drop_condition, self.noise_width(model)
                ),
                read=lambda model, data: rows(data, model.frame.normaliser),
                part=lambda model: model.sde,
                key=key,
                init=init,
                progress=Part(
                    told(progress),
                    f"stage {i + 1} of {count}",
                    before=lambda i=i: i * each,
                    total=count * each,
                ),
                checkpoint=None if checkpoint is None else checkpoint / f"stage-{i + 1}",
            )
            init, fits = fit.model, [*fits, fit]
            fit.history["step"] = [step + i * each for step in fit.history["step"]]
            for name, column in fit.history.items():
                history[name] = history.get(name, []) + column
        last, meta = fits[-1], {"seconds": sum(fit.meta["seconds"] for fit in fits)}
        if not self.dequantise:  # else the states are not those that were learnt from
            notes = blurred(last.model, as_data(data), "DiffFlow", key=jax.random.fold_in(key, 1))
            meta |= {"warnings": notes} if notes else {}
        return Fit(last.model, history, self, last.summary, meta)
