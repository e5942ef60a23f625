"""Sequential Monte Carlo: draws from the cold end of a ladder of laws."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from noneq._typing import Key
from noneq.samplers.annealing import AbstractAnnealing
from noneq.samplers.birth_weights import systematic


def resampled(
    laws: AbstractAnnealing, betas: Float[Array, " levels"], *, particles: int, key: Key
) -> PyTree:
    """Particles of f_1/Z_1: annealed chains, copied in proportion to their weights on the way.

    **Equation**: at each level log w += log f_{b_k}(x) − log f_{b_{k−1}}(x); systematic
    resampling where the effective sample size (Σ w)²/Σ w² is below half the particles, and at
    the last level always; then the chain of beta = b_k. Modes get their weights from w, whether
    or not the chains go from one to another. Averages are those of f_1/Z_1 up to O(1/particles);
    copies part again only by the chain's moves.

    Args:
        laws: the ladder.
        betas: rising from 0 to 1.
        particles: side by side; with few of them weights cannot act.

    Returns:
        states, leading axis ``particles``, of equal weight.

    Source: Del Moral, Doucet and Jasra 2006, section 3.3.2.
    """
    start_key, move_key = jax.random.split(key)

    def step(carry: tuple, level: tuple) -> tuple[tuple, None]:
        state, log_weight = carry
        low, high, key = level
        pick_key, move_key = jax.random.split(key)
        log_weight += jax.vmap(lambda x: laws.gain(x, low, high))(state)
        share = 1 / (particles * jnp.sum(jax.nn.softmax(log_weight) ** 2))
        again = (share < 0.5) | (high >= 1)
        chosen = systematic(log_weight, particles, key=pick_key)
        index = jnp.where(again, chosen, jnp.arange(particles))
        state = jax.tree.map(lambda a: a[index], state)
        keys = jax.random.split(move_key, particles)
        state = jax.vmap(lambda x, key: laws.move(x, high, key=key))(state, keys)
        return (state, jnp.where(again, 0.0, log_weight)), None

    state = jax.vmap(lambda key: laws.start(key=key))(jax.random.split(start_key, particles))
    levels = (betas[:-1], betas[1:], jax.random.split(move_key, betas.size - 1))
    return jax.lax.scan(step, (state, jnp.zeros(particles, betas.dtype)), levels)[0][0]
