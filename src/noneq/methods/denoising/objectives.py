"""Which loss the denoising product follows: denoising, implicit score matching, or the bound."""

from abc import abstractmethod
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from noneq._typing import Key, Scalar
from noneq.errors import InvalidInput
from noneq.kinds import AbstractChecked
from noneq.learning.objectives import AbstractLoss, AbstractObjective
from noneq.learning.rows import dequantised, left_open
from noneq.methods.denoising.variational import VariationalLoss
from noneq.methods.denoising.walls.implicit import ImplicitLoss
from noneq.processes.base import AbstractDenoiser, AbstractFlowing, AbstractRegression
from noneq.processes.gaussian import LearntGaussian
from noneq.processes.penalties import AbstractPenalty
from noneq.processes.weights import AbstractWeight


class AbstractDenoisingObjective(AbstractChecked):
    """The factor ``objective`` of the denoising product."""

    @abstractmethod
    def check(self, method: Any) -> None:
        """Refuse a method whose other factors do not fit.

        Raises:
            InvalidInput: naming the factor.
        """

    @abstractmethod
    def check_part(self, part: AbstractFlowing) -> None:
        """Refuse a learnt part that this objective cannot train.

        Raises:
            InvalidInput: naming its process.
        """

    @abstractmethod
    def loss(self, method: Any, width: Array | None) -> AbstractObjective:
        """What training follows.

        Args:
            method: with ``weight``, ``penalty`` and ``drop_condition``.
            width: of the dequantisation noise ``(dim,)``, or None.
        """


class Denoising(AbstractDenoisingObjective):
    """The conditional value of the process (score, velocity, clean state) as regression target.

    Its mean given the noised state is the marginal value. See `DenoisingLoss`.

    Source: Vincent 2011, eq. 9.
    """

    def check(self, method: Any) -> None:
        _check_weight(self, method)

    def check_part(self, part: AbstractFlowing) -> None:
        if not isinstance(part, AbstractRegression):
            raise InvalidInput(
                f"Denoising: {type(part.process).__name__} has no conditional value to learn from; "
                "take objective=ImplicitScoreMatching()."
            )

    def loss(self, method: Any, width: Array | None) -> AbstractObjective:
        return DenoisingLoss(method.weight, method.penalty, method.drop_condition, width)


class ImplicitScoreMatching(AbstractDenoisingObjective):
    """½|s|² + div s at noised states, for processes whose kernel is not known. See `ImplicitLoss`.

    Source: Hyvärinen 2005, eq. 4.
    """

    def check(self, method: Any) -> None:
        _check_weight(self, method)
        _check_penalty(self, method)

    def check_part(self, part: AbstractFlowing) -> None:
        if not isinstance(part, AbstractDenoiser):
            raise InvalidInput(
                f"ImplicitScoreMatching: {type(part.process).__name__} has a flow and no score; take "
                "objective=Denoising()."
            )

    def loss(self, method: Any, width: Array | None) -> AbstractObjective:
        return ImplicitLoss(method.weight, method.drop_condition, width)


class LikelihoodBound(AbstractDenoisingObjective):
    """The negative variational bound, which network and schedule follow. See `VariationalLoss`.

    Args:
        steps: levels of the generative chain, 0 for the continuous limit.

    Source: Kingma et al. 2021, eq. 11–18.
    """

    steps: int = 0

    def __check_init__(self) -> None:
        if self.steps < 0:
            raise InvalidInput(f"LikelihoodBound: steps = {self.steps}; expected 0 or more.")

    def check(self, method: Any) -> None:
        name = type(method).__name__
        if not isinstance(method.process, LearntGaussian):
            raise InvalidInput(
                f"{name}: objective LikelihoodBound learns the schedule, and that of "
                f"{type(method.process).__name__} is fixed; take process=LearntGaussian(), or "
                "objective=Denoising() with weight=Likelihood()."
            )
        if method.weight is not None:
            raise InvalidInput(
                f"{name}: the bound weighs all levels itself; leave weight out (none)."
            )
        _check_penalty(self, method)

    def check_part(self, part: AbstractFlowing) -> None:
        """Any part of a `LearntGaussian` will do."""

    def loss(self, method: Any, width: Array | None) -> AbstractObjective:
        return VariationalLoss(self.steps, method.drop_condition, width)


def _check_weight(objective: AbstractDenoisingObjective, method: Any) -> None:
    if method.weight is None:
        raise InvalidInput(
            f"{type(method).__name__}: objective {type(objective).__name__} needs a weight, such as "
            "UnitNoise()."
        )


def _check_penalty(objective: AbstractDenoisingObjective, method: Any) -> None:
    if method.penalty is not None:
        raise InvalidInput(
            f"{type(method).__name__}: objective {type(objective).__name__} takes no penalty; leave "
            "it out."
        )


class DenoisingLoss(AbstractLoss):
    """Mean over tau, y and xi of weight(tau) |xi_hat − xi|², in units of the network's output.

    **Equation**: weight(tau) gain² |residual|² with the `residual` of the learnt part; of
    `Denoiser` w (alpha/sigma)² |y − D(x)|² = w (alpha c_out/sigma)² |F* − F|²,
    F* = (y − c_skip x)/c_out. Of a process of field lines y is the foot of the conditional line.
    A row is a normalised state, its time and its condition.

    Args:
        weight: law of tau and weight of its error.
        penalty: added to the mean, or None.
        drop: fraction of conditions that are hidden.
        width: of the dequantisation noise ``(dim,)``, or None.

    Source: Vincent 2011, eq. 9; Karras et al. 2022, eq. 8; Lou and Ermon 2023, eq. 8.
    """

    weight: AbstractWeight
    penalty: AbstractPenalty | None = None
    drop: float = 0.0
    width: Array | None = None

    def loss(self, model: AbstractRegression, batch: dict[str, Any], *, key: Key) -> Scalar:
        tau_key, noise_key, fill_key, drop_key, penalty_key = jax.random.split(key, 5)
        y = dequantised(batch["y"], self.width, key=fill_key)
        if self.width is not None:
            y = jax.vmap(model.process.project)(y)
        condition = left_open(batch["condition"], self.drop, key=drop_key)
        schedule, std = model.process.schedule, model.std.value
        tau = self.weight.draw(y.shape[0], schedule, std, key=tau_key)

        def one(y, tau, time, condition, noise_key):
            noised = model.process.perturb(y, tau, key=noise_key)
            error, gain = model.residual(y, noised, tau, time=time, condition=condition)
            return self.weight(tau, schedule, std) * gain**2 * jnp.mean(error**2), noised.x

        keys = jax.random.split(noise_key, y.shape[0])
        over = (0, 0, 0, None if condition is None else 0, 0)
        losses, x = jax.vmap(one, over)(y, tau, batch["time"], condition, keys)
        loss = jnp.mean(losses)
        if self.penalty is not None:
            loss += self.penalty.mean(
                model, x, tau, batch["time"], condition=condition, key=penalty_key
            )
        return loss
