"""Controls of least cost, against the Riccati equation and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

import noneq as nq
from noneq.control import (
    AdjointMatching,
    Controlled,
    ControlProblem,
    EndRegion,
    PathIntegralControl,
    certificate,
    lqg,
)
from noneq.control.adjoint_matching import _targets
from noneq.control.chain import run
from noneq.errors import InvalidInput, WrongType
from noneq.methods.dynamics.libraries import Polynomials
from noneq.nets import MLP
from noneq.simulation.ensemble import own_solver
from noneq.systems import Diffusion, Linear, Underdamped


def line(start=0.0):
    """dX = −X dt + √2 dW from one state."""
    return Linear(((1.0,),), ((1.0,),), start_mean=(start,), start_covariance=((0.0,),))


ROTATING = Linear(start_mean=(1.0, 0.0), start_covariance=((0.0, 0.0), (0.0, 0.0)))
PLANE = ControlProblem(ROTATING, 1.0, "x**2 + y**2", "2*x**2 + 2*(y - 1)**2", steps=20)


def test_riccati_is_the_free_energy_of_uncontrolled_paths():
    """−ln E e^{−2(X−1)²} over a Gaussian X."""
    exact = lqg(ControlProblem(line(0.5), 1.0, final="2*(x - 1)**2"), steps=1000)
    mean, variance = 0.5 * np.exp(-1), 1 - np.exp(-2)
    inside = 2 * (mean - 1) ** 2 / (1 + 4 * variance) + np.log(1 + 4 * variance) / 2
    assert exact.cost([0.5]) == pytest.approx(inside, rel=3e-3)


def test_cost_of_the_exact_control_is_the_exact_cost(key):
    exact = lqg(PLANE)
    found = certificate(PLANE, exact.control, n=20_000, key=key)
    assert abs(found.cost.z(exact.cost([1.0, 0.0]))) < 5
    idle = certificate(PLANE, lambda t, x: jnp.zeros(2), n=20_000, key=key)
    assert idle.cost.value > found.cost.value + 10 * found.cost.stderr
    # The same number from both: it does not depend on the control.
    gap = idle.least_cost.value - found.least_cost.value
    assert abs(gap) < 5 * np.hypot(idle.least_cost.stderr, found.least_cost.stderr)
    assert found.effective_share > 3 * idle.effective_share


def test_log_weights_of_the_optimum_vary_by_the_time_step_only(key):
    variances = []
    for steps in (10, 40):
        problem = ControlProblem(line(), 1.0, "x**2", "(x - 1)**2", steps=steps)
        found = certificate(problem, lqg(problem).control, n=5000, key=key)
        variances.append(float(found.log_weight_variance.value))
    assert 2.5 < variances[0] / variances[1] < 6


def test_targets_of_adjoint_matching_average_to_the_exact_control(key):
    """The exact control is a fixed point: E[−Bᵀã | x] = −K x − k, by regression."""
    exact = lqg(PLANE)
    starts = jax.random.normal(key, (20_000, 2))
    chain = run(PLANE, exact.control, starts, key, True)
    times = jnp.asarray(PLANE.times[:-1], jnp.float32)
    targets = _targets(PLANE, chain.end, (times, chain.states, chain.noise, chain.controls))
    for k in (0, 10, 19):
        design = np.column_stack([np.ones(20_000), np.asarray(chain.states[k])])
        found, rest, *_ = np.linalg.lstsq(design, np.asarray(targets[k]), rcond=None)
        truth = -np.column_stack([exact.offsets[k], exact.gains[k]]).T
        spread = np.sqrt(np.diag(np.linalg.inv(design.T @ design)))[:, None]
        errors = spread * np.sqrt(rest / 20_000)
        assert np.abs((found - truth) / errors).max() < 5.5


@pytest.fixture(scope="module")
def by_weights():
    return PathIntegralControl(rounds=6, paths=1000, knots=5).fit(problem=PLANE, key=0)


def test_path_integrals_find_the_linear_feedback(by_weights, key):
    least = lqg(PLANE).cost([1.0, 0.0])
    ours = certificate(PLANE, by_weights.model, n=5000, key=key)
    best = certificate(PLANE, lqg(PLANE).control, n=5000, key=key)
    assert abs(np.mean(ours.costs - best.costs)) < 0.01 * least


def test_a_saved_control_is_loaded_and_simulated(by_weights, key, tmp_path):
    nq.save(by_weights, tmp_path / "run")
    again = nq.load(tmp_path / "run").model
    times = [0.0, 0.5, 1.0]
    ours = by_weights.model.sample_paths(8, times=times, key=key)
    np.testing.assert_array_equal(ours.values, again.sample_paths(8, times=times, key=key).values)
    assert again.problem == PLANE
    paths = nq.simulate(again.system, times, n=8, key=key)
    assert paths.values.shape == (8, 3, 2)
    assert paths.names == ROTATING.names
    with pytest.raises(InvalidInput, match="reaches from 0 to 1"):
        again.sample(3, time=2.0, key=key)


@pytest.fixture(scope="module")
def by_network():
    training = nq.Training(steps=80, batch=64, rate=2e-2, ema=0.9)
    method = AdjointMatching(net=MLP(width=8, depth=1), points=4, training=training)
    return method.fit(problem=PLANE, key=0)


def test_adjoint_matching_comes_near_the_optimum(by_network, key, tmp_path):
    least = lqg(PLANE).cost([1.0, 0.0])
    ours = certificate(PLANE, by_network.model, n=5000, key=key)
    best = certificate(PLANE, lqg(PLANE).control, n=5000, key=key)
    excess = np.mean(ours.costs - best.costs)
    assert -0.005 * least < excess < 0.1 * least
    nq.save(by_network, tmp_path / "run")
    x = jnp.asarray([0.3, -0.2])
    again = nq.load(tmp_path / "run").model
    np.testing.assert_array_equal(again.drift(0.4, x), by_network.model.drift(0.4, x))


def test_weights_give_a_tail_under_any_control(key):
    """A clumsy push finds P(X > 2.5) of the chain; without it one path in a hundred does."""
    problem = ControlProblem(line(), 1.0, final=EndRegion("x > 2.5"), steps=20)
    found = certificate(problem, lambda t, x: jnp.asarray([2.0 * t]), n=20_000, key=key)
    h = problem.step
    spread = np.sqrt(2 * h * np.sum((1 - h) ** (2 * np.arange(20))))
    assert abs(found.probability.z(norm.sf(2.5 / spread))) < 5
    assert found.probability.stderr < 0.05 * found.probability.value
    assert (found.ends[found.weights > 0, 0] > 2.5).all()
    with pytest.raises(InvalidInput, match="none of 50 controlled paths"):
        certificate(problem, lambda t, x: jnp.asarray([-9.0]), n=50, key=key)


def test_controlled_is_the_system_with_a_push():
    wave = Underdamped(lambda x: x[0] ** 2 / 2, friction=0.5, initial=[1.0], time_step=0.01)
    pushed = Controlled(wave, lambda t, x: jnp.asarray([3.0]))
    x = jnp.asarray([1.0, 2.0])
    more = pushed.drift(0.0, x) - wave.drift(0.0, x)
    np.testing.assert_allclose(more, [0.0, 3.0 * np.sqrt(2 * 0.5)], rtol=1e-6)
    assert type(own_solver(pushed)).__name__ == "StochasticHeun"
    assert pushed.names == wave.names


def test_a_fitted_drift_is_steered(key):
    paths = nq.simulate(line(), np.arange(0, 2, 0.1), n=200, key=key)
    fit = nq.methods.DriftRegression(library=Polynomials(1)).fit(paths, key=key)
    problem = ControlProblem(fit.model, 1.0, final="2*(x - 1)**2", steps=20)
    assert lqg(problem).cost([0.0]) == pytest.approx(
        lqg(ControlProblem(line(), 1.0, final="2*(x - 1)**2", steps=20)).cost([0.0]), rel=0.1
    )


WAVE = Underdamped(lambda x: x[0] ** 2 / 2, initial=[1.0], time_step=0.1)
WRONG = {
    "has no noise, through": lambda: ControlProblem(Diffusion(lambda x: -x, 0.0, initial=[1.0])),
    "x of Underdamped has no noise": lambda: ControlProblem(WAVE, along=("x",)),
    "no coordinate 'y'": lambda: ControlProblem(line(), along=("y",)),
    "unknown coordinate 'z'": lambda: ControlProblem(line(), final="z**2"),
    "horizon = -1": lambda: ControlProblem(line(), -1.0),
    "gives the shape": lambda: ControlProblem(line(), final=lambda x: x),
    "is no inequality": lambda: ControlProblem(line(), final=EndRegion("x + 1")),
    "width = 0": lambda: EndRegion("x > 1", width=0.0),
    "is not quadratic": lambda: lqg(ControlProblem(line(), final="x**4")),
    "is not linear": lambda: lqg(
        ControlProblem(Diffusion(lambda x: -(x**3), 1.0, initial=[1.0]), final="x**2")
    ),
    "say what the control": lambda: PathIntegralControl().fit(key=0),
    "points = 0": lambda: AdjointMatching(points=0),
}


@pytest.mark.parametrize("message", WRONG)
def test_bad_input_is_one_line(message):
    with pytest.raises((InvalidInput, WrongType), match=message) as caught:
        WRONG[message]()
    assert "\n" not in str(caught.value)


def test_a_push_in_some_directions_leaves_the_others(key):
    problem = ControlProblem(ROTATING, 1.0, "x**2", "y**2", along=("x",), steps=10)
    chain = run(problem, lambda t, x: jnp.ones(2), jnp.ones((3, 2)), key, True)
    assert (np.asarray(chain.controls)[..., 1] == 0).all()
    whole = ControlProblem(ROTATING, 1.0, "x**2", "y**2", steps=10)
    assert lqg(problem).cost([1.0, 0.0]) > lqg(whole).cost([1.0, 0.0])
    with pytest.raises(InvalidInput, match="leaves out a direction"):
        PathIntegralControl().fit(problem=problem, key=0)


@pytest.mark.slow
def test_learnt_costs_are_within_half_a_per_cent(key):
    from noneq.studies.control.lqg import LQGCell, TailCell

    rows = {(r.method, r.metric): r.value for r in LQGCell(method="AdjointMatching")(key).rows}
    ratio = rows["AdjointMatching", "cost"] / rows["optimal", "cost"]
    assert abs(ratio - 1) < 0.005
    tail = {r.metric: r.value for r in TailCell()(key).rows if r.method == "AdjointMatching"}
    assert tail["effective_share"] > 0.5
    assert abs(tail["z"]) < 5
