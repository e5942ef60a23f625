"""A law with a mirror symmetry: the objective parts into even and odd fields, and tells neither."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from exact_mixture import ExactMixture
from noneq.data.summary import summarise
from noneq.inference import even_share
from noneq.methods import EquilibriumFlow
from noneq.methods.invariant_flows.divergences import ExactDivergence
from noneq.methods.invariant_flows.objective import InvarianceLoss
from noneq.nets import MLP, Mirrored
from noneq.nets.base import AbstractNetwork


KEY = jax.random.key(8)
SIGNS = (-1, -1, 1)
R = np.asarray(SIGNS, np.float32)


class Sum(AbstractNetwork):
    """a F(y) + b R F(R y)."""

    net: AbstractNetwork
    a: float
    b: float

    def __call__(self, x, level=None, time=None, condition=None):
        inside = lambda x: self.net(x, level, time, condition)
        return self.a * inside(x) + self.b * R * inside(R * x)


@pytest.fixture(scope="module")
def law():
    """Two lobes, each the mirror image of the other."""
    half = ExactMixture.random((3,), components=1, seed=3)
    both = lambda a, b: np.concatenate([np.asarray(a), np.asarray(b)])
    means, roots = half.means, half.roots
    return ExactMixture.of(
        np.full(2, 0.5), both(means, means * R), both(roots, R[:, None] * roots), (3,)
    )


def test_no_term_of_the_objective_couples_even_and_odd_fields(law):
    """Q(even + odd) = Q(even) + Q(odd): a score of the true law has nothing to say on the mixture."""
    half = np.asarray(law.sample(64, key=KEY))
    net = MLP(width=8, depth=2).init((3,), 3, noise=False, clock=None, label=None, key=KEY)
    objective = InvarianceLoss(ExactDivergence(), 0.2, (), 3, free=False, known=None)

    @eqx.filter_jit
    def coupling(y):
        zeros = jnp.zeros(len(y))
        batch = {"y": y, "score": jax.vmap(law.score)(y), "time_score": zeros}
        batch |= {"time": zeros, "condition": None}
        fields = [Sum(net, a, b) for a, b in ((1.0, 0.0), (0.5, 0.5), (0.5, -0.5))]
        whole, even, odd = (objective.loss(field, batch, key=KEY) for field in fields)
        return (whole - even - odd) / whole

    assert abs(coupling(np.concatenate([half, half * R]))) < 1e-5
    # The broken twin: states all of one lobe.
    one_lobe = np.where(half @ np.asarray(law.means[0] * (1 - R)) > 0, 1.0, 0.0)[:, None]
    alone = one_lobe * half + (1 - one_lobe) * half * R
    assert abs(coupling(np.concatenate([alone, alone]))) > 0.01


def test_a_mirrored_field_is_even_in_the_units_of_the_data(law):
    states = 3.0 * np.asarray(law.sample(200, key=KEY))
    states = np.concatenate([states, states * R])
    method = EquilibriumFlow(net=Mirrored(MLP(width=8, depth=2), SIGNS))
    model = method.init(summarise(nq.Snapshots(states)), key=KEY, score=law)
    assert even_share(model, states, SIGNS).value == pytest.approx(1.0, abs=1e-4)
    free = eqx.tree_at(lambda m: m.field, model, model.field.net)
    assert even_share(free, states, SIGNS).value < 0.99
