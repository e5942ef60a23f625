"""Arrays that belong to a model but are measured, not learnt."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array

from noneq.traced import is_setting


class Constant(eqx.Module):
    """Wraps an array of a model (normaliser, grid, stored samples) that training leaves alone."""

    value: Array


def learnable(model: Any) -> Any:
    """Tree of booleans: True at the floating-point arrays outside every `Constant`.

    Numbers of settings are no arrays, and stay none where `noneq.traced.jit` traces them.
    """

    def mark(node: Any) -> Any:
        if isinstance(node, Constant):
            return jax.tree.map(lambda _: False, node)
        return eqx.is_inexact_array(node) and not is_setting(node)

    return jax.tree.map(mark, model, is_leaf=lambda node: isinstance(node, Constant))
