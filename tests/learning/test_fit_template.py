"""The template of gradient methods."""

import pytest

from noneq import methods
from noneq.learning.gradient import AbstractGradientMethod, HasFinish, HasPreparation
from noneq.learning.inputs import AbstractInputs


FOUND = [
    cls
    for cls in (getattr(methods, name) for name in dir(methods))
    if isinstance(cls, type) and issubclass(cls, AbstractGradientMethod)
]


def unasked(cls):
    """Steps of a class that `fit` would never take."""
    steps = (("prepare", HasPreparation), ("finish", HasFinish))
    return [name for name, trait in steps if name in dir(cls) and not issubclass(cls, trait)]


@pytest.mark.parametrize("cls", FOUND, ids=lambda cls: cls.__name__)
def test_every_step_of_a_method_is_taken(cls):
    assert not unasked(cls)


def test_a_step_without_its_trait_is_found():
    assert len(FOUND) >= 7

    class AbstractForgetful(AbstractGradientMethod):
        def prepare(self, model, rows, *, key):
            return model

    assert unasked(AbstractForgetful) == ["prepare"]


def test_inputs_keep_the_place_of_a_methods_own_arguments():
    positional = methods.FFJORD(methods.FFJORD().net, 3, 5)
    assert (positional.steps, positional.likelihood_steps) == (3, 5)
    assert issubclass(methods.FFJORD, AbstractInputs)
    assert methods.FFJORD(dequantise=0.5, time_band=2.0).optional is False
