"""Priors of flows: their values, what they do to a fit, and what they refuse."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gaussian_laws import Relaxing
from noneq import store
from noneq.data import Snapshots, Trajectories
from noneq.data.summary import summarise
from noneq.domains import Free
from noneq.errors import InvalidInput, MissingTrait, WrongType
from noneq.frames.frame import Frame
from noneq.learning.loop import Training
from noneq.methods import Conserved, EquilibriumFlow, ObservedTransitions, ScoreMatching, Sparsity
from noneq.methods.invariant_flows.transitions import pairs_of
from noneq.models import Expression
from noneq.nets import MLP, LocalNet, SetNet
from noneq.systems.base import AbstractODE


KEY = jax.random.key(5)
QUICK = Training(steps=300, batch=256, rate=5e-3)
TINY = Training(steps=3, batch=32)


class Shear(AbstractODE):
    """dx/dt = rate (y, 0)."""

    rate: float = 1.0
    dim: int = 2

    @property
    def event_shape(self):
        return (self.dim,)

    @property
    def domain(self):
        return Free()

    @property
    def time_step(self):
        return 0.01

    def initial(self, key):
        return jax.random.normal(key, self.event_shape)

    def drift(self, t, x):
        return self.rate * jnp.zeros_like(x).at[0].set(x[1])


def law(dim: int) -> Relaxing:
    return Relaxing.of((0.0,) * dim)


def states(dim: int, n: int = 2000) -> np.ndarray:
    return np.asarray(law(dim).sample(n, key=KEY))


def batch(y: np.ndarray) -> dict:
    return {"y": jnp.asarray(y), "time": jnp.zeros(len(y)), "condition": None}


def test_sparsity_is_the_group_norm_of_the_jacobian() -> None:
    matrix = np.random.default_rng(0).normal(size=(3, 3))
    term = Sparsity(0.6).on(Frame(summarise(Snapshots(states(3)))))
    value = term(lambda y, t, c: jnp.asarray(matrix) @ y, batch(states(3, 50)), key=KEY)
    assert float(value) == pytest.approx(0.6 / 3 * np.abs(matrix).sum(), rel=1e-4)


@pytest.mark.slow
def test_sparsity_decouples_pairs_of_coordinates() -> None:
    def couplings(terms: tuple) -> float:
        method = EquilibriumFlow(net=MLP(32, 2), terms=terms, training=QUICK)
        model = method.fit(states(4), key=KEY, score=law(4)).model
        jacobians = jax.vmap(jax.jacfwd(model.velocity))(jnp.asarray(states(4, 200)))
        size = np.sort(np.sqrt(np.mean(np.asarray(jacobians) ** 2, axis=0)).ravel())
        return float(size[:-4].sum() / size.sum())

    assert couplings((Sparsity(1.0),)) < 0.6 * couplings(())


@pytest.mark.slow
def test_a_conserved_quantity_is_kept_in_the_units_of_the_data() -> None:
    scale = np.array([100.0, 1.0, 0.1])
    data = Snapshots(states(3) * scale, names=("a", "b", "c"))

    class Scaled(Relaxing):
        def score(self, x, *, time=None, condition=None):
            return -x / jnp.asarray(scale) ** 2

    def changes(terms: tuple) -> float:
        method = EquilibriumFlow(net=MLP(32, 2), terms=terms, training=QUICK)
        model = method.fit(data, key=KEY, score=Scaled.of((0.0,) * 3)).model
        v = np.asarray(jax.vmap(model.velocity)(jnp.asarray(data.values[:500]))) / scale
        return float(
            np.mean((v @ np.array([1.0, -1.0, 1.0])) ** 2) / np.mean(np.sum(v**2, axis=1) * 3)
        )

    assert changes((Conserved("a/100 - b + 10*c"),)) < 0.02
    assert changes(()) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_a_few_transitions_fix_direction_and_speed(direction: float) -> None:
    angle = 0.8 * direction
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    start = states(2)[:30]
    pairs = Trajectories(np.stack([start, start @ turn.T], axis=1), [0.0, 0.25])
    method = EquilibriumFlow(net=MLP(32, 2), training=QUICK)
    model = method.fit(states(2), key=KEY, score=law(2), transitions=pairs).model
    x = states(2, 300)
    v = np.asarray(jax.vmap(model.velocity)(jnp.asarray(x)))
    wanted = angle / 0.25 * np.stack([-x[:, 1], x[:, 0]], axis=1)
    assert np.mean((v - wanted) ** 2) < 0.02 * np.mean(wanted**2)


def test_what_is_known_is_kept_and_the_rest_is_learnt() -> None:
    method = EquilibriumFlow(net=MLP(32, 2), symmetry=0.05, training=QUICK)
    model = method.fit(states(2), key=KEY, score=law(2), known=Shear(rate=3.0)).model
    # Of the linear fields that repair 3 y ∂_x, −3/2 (y, x) has the least ‖S‖ of the rest; a rotation
    # beside it is free.
    x = states(2, 500)
    v = np.asarray(jax.vmap(model.velocity)(jnp.asarray(x)))
    matrix = np.linalg.lstsq(x, v)[0].T
    assert np.abs(matrix + matrix.T).max() < 0.2
    assert abs(matrix[0, 1] - matrix[1, 0]) > 1.0
    assert np.mean((v - x @ matrix.T) ** 2) < 0.02 * np.mean(v**2)
    rest = matrix - 3 * np.eye(2, k=1)
    assert np.abs((rest + rest.T) / 2 - [[0, -1.5], [-1.5, 0]]).max() < 0.2


@pytest.mark.slow
def test_a_fit_with_a_known_motion_survives_the_disk(tmp_path) -> None:
    score = ScoreMatching(net=MLP(8, 2), training=TINY).fit(states(2), key=KEY).model
    turning = EquilibriumFlow(net=MLP(8, 2), training=TINY).fit(states(2), key=KEY, score=score)
    method = EquilibriumFlow(net=MLP(8, 2), terms=(Sparsity(),), training=TINY)
    fit = method.fit(states(2), key=KEY, score=score, known=turning.model)
    store.save(fit, tmp_path / "run")
    loaded = store.load(tmp_path / "run").model
    assert eqx.tree_equal(loaded, fit.model)
    x = jnp.asarray([0.3, -0.4])
    assert np.allclose(loaded.velocity(x), fit.model.velocity(x))
    again = method.fit(states(2), key=KEY, init=fit.model)
    assert eqx.tree_equal(again.model.known, turning.model)


@pytest.mark.slow
def test_permuting_particles_permutes_the_velocity() -> None:
    data = np.random.default_rng(1).normal(size=(400, 3, 2)) * np.array([1.0, 2.0, 3.0])[:, None]
    score = ScoreMatching(net=SetNet(16, 1), training=TINY).fit(data, key=KEY).model
    fit = EquilibriumFlow(net=SetNet(16, 1), training=TINY).fit(data, key=KEY, score=score)
    x = jnp.asarray(data[0])
    for order in itertools.permutations(range(3)):
        index = np.array(order)
        np.testing.assert_allclose(
            fit.model.velocity(x[index]), fit.model.velocity(x)[index], rtol=1e-4, atol=1e-5
        )


@pytest.mark.slow
def test_shifting_a_field_shifts_the_velocity() -> None:
    data = np.random.default_rng(1).normal(size=(400, 2, 9))
    score = ScoreMatching(net=LocalNet(8), training=TINY).fit(data, key=KEY).model
    fit = EquilibriumFlow(net=LocalNet(8), training=TINY).fit(data, key=KEY, score=score)
    x = jnp.asarray(data[0])
    for by in (1, 4):
        np.testing.assert_allclose(
            fit.model.velocity(jnp.roll(x, by, 1)),
            jnp.roll(fit.model.velocity(x), by, 1),
            rtol=1e-4,
            atol=1e-5,
        )


def test_expressions_are_read_and_not_run() -> None:
    x = jnp.asarray([0.5, -2.0])
    expression = Expression("x^2/2 - 3*sin(y)*x + exp(-y) + pi", ("x", "y"))
    wanted = 0.125 - 1.5 * np.sin(-2.0) + np.exp(2.0) + np.pi
    assert float(expression(x)) == pytest.approx(wanted, rel=1e-5)
    assert float(Expression("1/x**2", ("x", "y"))(x)) == pytest.approx(4.0)
    for text, match in (
        ("z + x", "coordinate 'z'"),
        ("__import__('os')", "cannot stand|unknown function"),
        ("x.real", "cannot stand"),
        ("x**y", "exponent"),
        ("x**99", "exponent"),
        ("sinh(x)", "unknown function"),
        ("x +", "cannot read"),
        ("3 + 4", "no coordinate"),
        ("x < y", "cannot stand"),
        ("+" * 100 + "x", "nested"),
        ("x" * 3000, "characters"),
    ):
        with pytest.raises(InvalidInput, match=match):
            Expression(text, ("x", "y"))


def test_bad_priors_are_refused_in_one_line() -> None:
    fit = lambda method=EquilibriumFlow(training=TINY), **kw: method.fit(  # noqa: B008
        states(2), key=KEY, score=law(2), **kw
    )
    for make in (
        lambda: Sparsity(0.0),
        lambda: Conserved("x", -1.0),
        lambda: ObservedTransitions(0.0),
    ):
        with pytest.raises(InvalidInput, match="weight"):
            make()
    with pytest.raises(InvalidInput, match="steps"):
        ObservedTransitions(1.0, 0)
    with pytest.raises(InvalidInput, match="coordinate 'z'"):
        fit(EquilibriumFlow(terms=(Conserved("z"),), training=TINY))
    with pytest.raises(WrongType, match="Trajectories"):
        pairs_of(states(2), Frame(summarise(Snapshots(states(2)))).normaliser, "test")
    with pytest.raises(InvalidInput, match="shape"):
        fit(transitions=Trajectories(np.ones((2, 2, 3)), [0.0, 1.0]))
    with pytest.raises(InvalidInput, match="no state moves"):
        fit(transitions=Trajectories(np.ones((2, 2, 2)), [0.0, 1.0]))
    with pytest.raises(InvalidInput, match="two observed times"):
        fit(transitions=Trajectories(np.ones((2, 1, 2)), [0.0]))
    with pytest.raises(MissingTrait, match="no motion"):
        fit(known=law(2))
    with pytest.raises(InvalidInput, match="known moves states"):
        fit(known=Shear(dim=3))
