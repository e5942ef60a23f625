"""The logit of a mixture-of-logistics distribution function, its slope and its inverse."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


_MOST_STEPS = 100


def mixture_logit(
    x: Float[Array, "*batch"],
    logits: Float[Array, "*batch components"],
    means: Float[Array, "*batch components"],
    log_scales: Float[Array, "*batch components"],
) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
    """logit F(x) and the log of its slope, F = Σ_j π_j sigmoid((x − μ_j) e^{−s_j}).

    **Equation**: logit F = log F − log(1 − F); log slope = log f − log F − log(1 − F), each by
    logsumexp of log-sigmoids.

    In a tail f and 1 − F (or F) vanish together, so that their quotient is summed as
    Σ_j w_j sigmoid(±z_j) e^{−s_j} with w the weights of the components in that tail; a
    difference of the two logarithms would round there.

    Args:
        logits: log π up to a constant.
        means, log_scales: μ and s, in units of x.

    Source: Ho et al. 2019, section 3.2.
    """
    z = (x[..., None] - means) * jnp.exp(-log_scales)
    soft = jnp.log1p(jnp.exp(-jnp.abs(z)))
    below, above = jnp.minimum(z, 0) - soft, jnp.minimum(-z, 0) - soft
    weights = jax.nn.log_softmax(logits)
    log_f, share_below = _sum(weights + below)
    log_g, share_above = _sum(weights + above)
    value = log_f - log_g
    up = value > 0
    tail = jnp.where(up[..., None], share_above + below, share_below + above) - log_scales
    return value, _sum(tail)[0] - jnp.where(up, log_f, log_g)


def _sum(terms: Array) -> tuple[Array, Array]:
    """logsumexp over the last axis and the log share of each term, free of cancellation."""
    top = jax.lax.stop_gradient(terms.max(axis=-1, keepdims=True))
    shifted = terms - top
    rest = jnp.log(jnp.sum(jnp.exp(shifted), axis=-1, keepdims=True))
    return (top + rest)[..., 0], shifted - rest


@jax.custom_jvp
def mixture_logit_inverse(
    value: Float[Array, "*batch"],
    logits: Float[Array, "*batch components"],
    means: Float[Array, "*batch components"],
    log_scales: Float[Array, "*batch components"],
) -> Float[Array, "*batch"]:
    """The x at which `mixture_logit` has this value, differentiable in all arguments.

    Bisection between min_j and max_j of μ_j + value·e^{s_j}, where the mixture lies below and
    above every single component, with Newton's step wherever that one stays inside and at
    least halves the last step. The gradient is that of the implicit function.
    """
    alone = means + value[..., None] * jnp.exp(log_scales)
    low, high = alone.min(axis=-1), alone.max(axis=-1)
    # A few units in the last place are what the logit itself is computed to.
    tolerance = 2 * jnp.finfo(value.dtype).eps * (1 + jnp.abs(value))

    def body(state: tuple) -> tuple:
        count, x, low, high, step, _ = state
        reached, log_slope = mixture_logit(x, logits, means, log_scales)
        gap = reached - value
        low, high = jnp.where(gap < 0, x, low), jnp.where(gap > 0, x, high)
        move = -gap * jnp.exp(-log_slope)
        newton = x + move
        good = (newton >= low) & (newton <= high) & (2 * jnp.abs(move) <= jnp.abs(step))
        done = jnp.abs(gap) <= tolerance
        new = jnp.where(good, newton, jnp.where(done, x, (low + high) / 2))
        done = done | (new == x)
        return count + 1, new, low, high, new - x, jnp.all(done)

    state = (0, (low + high) / 2, low, high, high - low, jnp.asarray(False))
    return jax.lax.while_loop(lambda s: ~s[-1] & (s[0] < _MOST_STEPS), body, state)[1]


@mixture_logit_inverse.defjvp
def _implicit(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    """dx = (dv − Σ ∂_θ logit F dθ)/slope."""
    x = mixture_logit_inverse(*primals)
    at_x = lambda *parameters: mixture_logit(x, *parameters)
    (_, log_slope), (moved, _) = jax.jvp(at_x, primals[1:], tangents[1:])
    return x, (tangents[0] - moved) * jnp.exp(-log_slope)
