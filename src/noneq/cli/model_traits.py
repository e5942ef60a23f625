"""What the models of a method can do, read off a model that is built but never computed."""

from collections.abc import Callable

import equinox as eqx
import jax
import numpy as np

from noneq.data.ensembles import Trajectories
from noneq.data.summary import Summary, summarise
from noneq.domains import AbstractDomain, Box, Free
from noneq.errors import InvalidInput
from noneq.learning.method import AbstractMethod


DOMAINS = (Free(), Box(-2.0, 2.0))
"""Where the states live that a method is tried on: some methods need walls."""


def traits_of(method: Callable[[], AbstractMethod]) -> list[str]:
    """Traits of the model that the method's ``init`` returns with default settings.

    Raises:
        InvalidInput: it accepts none of the small data sets that it is tried on.
    """
    recipe = method()
    shapes = (((2,), DOMAINS[0]), ((2,), DOMAINS[1]), ((1,), DOMAINS[0]), ((3, 2), DOMAINS[0]))
    for shape, domain in shapes:
        summary = _summary(shape, domain)
        try:
            model = eqx.filter_eval_shape(
                lambda summary=summary: recipe.init(summary, key=jax.random.key(0))
            )
        except InvalidInput:
            continue
        ours = (base for base in type(model).__mro__ if base.__module__.startswith("noneq."))
        return [base.__name__ for base in ours if base.__name__.startswith("Has")]
    raise InvalidInput(
        f"{type(recipe).__name__} builds no model for states on a line, in the plane or of particles."
    )


def _summary(shape: tuple[int, ...], domain: AbstractDomain) -> Summary:
    """Of a few paths of states of this shape."""
    values = np.linspace(-1.0, 1.0, 6 * int(np.prod(shape))).reshape(3, 2, *shape)
    return summarise(Trajectories(values, [0.0, 1.0], domain=domain))
