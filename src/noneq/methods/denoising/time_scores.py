"""∂_t log p of laws that move."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from noneq._typing import Scalar, ScalarLike
from noneq.calculus import check_exact
from noneq.errors import MissingTrait
from noneq.kinds import checked
from noneq.methods.denoising.flow_law import AbstractFlowLaw
from noneq.methods.denoising.frozen_noise import FrozenNoise
from noneq.samplers.likelihood import flow_log_prob, probability_flow
from noneq.traits import AbstractModel, HasLogProb


_STEPS = 24


def check_time_score(law: AbstractModel, name: str) -> None:
    """Refuse a law whose log density is unknown.

    Raises:
        MissingTrait: neither `HasLogProb` nor a noise level of a law reached by a flow.
        InvalidInput: more than 64 numbers in a state.
    """
    if isinstance(law, FrozenNoise) and isinstance(law.model, AbstractFlowLaw):
        check_exact(law.model.frame.dim)
    elif not isinstance(law, HasLogProb):
        raise MissingTrait(
            f"{name}: the law moves and {type(law).__name__} cannot tell its log density; give a "
            "score with HasLogProb, as ScoreMatching fits it, or the states of one time."
        )


def time_score(
    law: AbstractModel, x: Float[Array, "*event"], time: ScalarLike, condition: Any = None
) -> Scalar:
    """∂_t log p(x | t, condition), by forward differentiation of the log density.

    The density of a noise level is found by the probability flow from that level on. Its prior has
    mean 0 whatever the law's, which leaves an error of about the speed of the mean over the largest
    noise.

    Args:
        law: what `check_time_score` lets pass.
    """

    @checked
    def log_prob(time: ScalarLike) -> Scalar:
        if isinstance(law, FrozenNoise) and isinstance(law.model, AbstractFlowLaw):
            return noised_log_prob(law, law.model, x, time, condition)
        assert isinstance(law, HasLogProb)
        return law.log_prob(x, time=time, condition=condition)

    time = jnp.asarray(time, dtype=float)
    return jax.jvp(log_prob, (time,), (jnp.ones_like(time),))[1]


def noised_log_prob(
    law: FrozenNoise,
    model: AbstractFlowLaw,
    x: Float[Array, "*event"],
    time: ScalarLike | None,
    condition: Any,
) -> Scalar:
    """log p_tau(x) in nats, by the probability flow from tau to 1."""
    y, time, condition = model.frame.enter(x, time, condition)
    field = probability_flow(model.denoiser, time=time, condition=condition)
    left = 1.0 - law.tau
    # The clock of the solve runs over what is left of the noise clock.
    rest = lambda y, s: left * field(y, 1.0 - left * (1.0 - s))
    value = flow_log_prob(rest, model.denoiser.prior.log_prob, y, _STEPS)
    return value - model.normaliser.log_volume(x)
