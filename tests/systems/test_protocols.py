"""Protocols and what they drive: limits at jumps, tracing, text, and refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import noneq as nq
from noneq.errors import InvalidInput
from noneq.spec import from_toml, to_toml
from noneq.systems import (
    BreathingTrap,
    DoubleWell,
    DraggedTrap,
    Driven,
    DrivenLangevin,
    FunctionProtocol,
    Protocol,
    Swirl,
)
from noneq.systems.protocols import sides


JUMPS = Protocol((0.0, 0.0, 0.4, 0.4, 1.0, 1.0), (0.0, 1.0, 2.0, 5.0, 4.0, 3.0))
STEPS = Protocol((0.0, 0.3, 1.0), (1.0, 2.0, 5.0), between="constant")
TEXT = FunctionProtocol("1 + 3*t^2", initial_value=0.0, final_value=9.0)


@pytest.mark.parametrize(
    ("protocol", "times", "after", "before"),
    [
        (JUMPS, [-1, 0, 0.2, 0.4, 0.7, 1, 2], [0, 1, 1.5, 5, 4.5, 3, 3], [0, 0, 1.5, 2, 4.5, 4, 3]),
        (STEPS, [-1, 0, 0.3, 0.5, 1, 2], [1, 1, 2, 2, 5, 5], [1, 1, 1, 2, 2, 5]),
        (TEXT, [-1, 0, 0.5, 1, 2], [0, 1, 1.75, 9, 9], [0, 0, 1.75, 4, 9]),
    ],
    ids=["jumps", "steps", "text"],
)
def test_values_on_both_sides_of_jumps(protocol, times, after, before):
    times = np.asarray(times, float)
    np.testing.assert_allclose(sides(protocol, times), (after, before), rtol=1e-5)
    # Backwards the sides change places.
    back = protocol.backward()
    np.testing.assert_allclose(sides(back, 1 - times), (before, after), rtol=1e-5)
    assert back.backward() is protocol
    np.testing.assert_allclose(back.jumps, [1 - t for t in protocol.jumps[::-1]])
    assert from_toml(to_toml(protocol)) == protocol
    assert from_toml(to_toml(back)) == back


def test_mirrored_jumps_keep_their_side_in_single_precision():
    for time in np.linspace(0.01, 0.99, 9).tolist():
        back = Protocol((0.0, time, time, 1.0), (1.0, 1.0, 2.0, 2.0)).backward()
        at = back.jumps[0]
        assert (float(back.before(at)), float(back(at))) == (2.0, 1.0)


def test_the_values_may_be_traced():
    """d/dv of (v0 + (v1 − v0)/4)²: what an optimisation of protocols asks for."""
    value = lambda v: Protocol((0.0, 1.0), v)(0.25) ** 2
    np.testing.assert_allclose(jax.grad(value)(jnp.array([1.0, 3.0])), [2.25, 0.75], rtol=1e-6)
    energy = lambda v: BreathingTrap(Protocol((0.0, 1.0), v)).potential(0.25, jnp.array([2.0]))
    np.testing.assert_allclose(jax.grad(energy)(jnp.array([1.0, 3.0])), [1.5, 0.5], rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Protocol((0.0, 1.0), (1.0,)), "2 times and 1 values"),
        (lambda: Protocol((1.0, 0.0), (1.0, 2.0)), "not fall"),
        (lambda: Protocol((0.0, 1.0, 1.0, 1.0), (0.0, 1.0, 2.0, 3.0)), "stands three times"),
        (lambda: Protocol((0.0, 1.0), (1.0, float("inf"))), "not all finite"),
        (lambda: FunctionProtocol("1 + z"), "unknown coordinate 'z'"),
        (lambda: FunctionProtocol("1/t"), "not all finite"),
        (lambda: FunctionProtocol(np.random.rand), "cannot be traced"),
        (lambda: FunctionProtocol(lambda t: jnp.stack([t, t])), "expected one number"),
        (lambda: FunctionProtocol(breaks=(2.0,)), "rising finite times"),
        (lambda: Driven(parameter="height"), "can be driven are barrier, start"),
        (lambda: Driven(parameter="start"), "enters neither its potential nor its force"),
        (lambda: Driven(protocol=Protocol((0.0, 1.0), (1.0, -1.0))), "barrier = -1.0; it must be"),
        (lambda: Driven(Swirl(), parameter="beta"), "can be driven are q"),
        (lambda: Driven(equilibration=-1.0), "must be 0 or positive"),
        (lambda: DraggedTrap(stiffness=-1.0), "stiffness = -1.0; it must be > 0"),
        (lambda: BreathingTrap(Protocol((0.0, 1.0), (0.0, 1.0))), "stiffness at the start"),
        (lambda: DrivenLangevin(lambda x: x[0], Protocol(), initial=[0.0]), "must take"),
        (lambda: DrivenLangevin(lambda x, k: x[0], Protocol(), initial=[0.0]), "does not enter"),
        (lambda: DrivenLangevin(lambda x, k: k * x, Protocol(), initial=[0.0]), "the shape"),
    ],
)
def test_what_is_no_protocol_or_cannot_be_driven(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


def test_driven_systems_are_those_they_drive():
    """At every time the forces are those of the system with the number at its value."""
    driven = Driven(DoubleWell(), Protocol((0.0, 1.0), (1.0, 3.0)))
    own = DrivenLangevin(
        lambda x, height: height * (x[0] ** 2 - 1) ** 2,
        driven.protocol,
        beta=3.0,
        initial=[-1.0],
        time_step=0.001,
    )
    x = jnp.array([0.6])
    for system in (driven, own):
        np.testing.assert_allclose(
            system.drift(0.5, x), DoubleWell(barrier=2.0).drift(0.0, x), rtol=1e-5
        )
    swirled = Driven(Swirl(), Protocol((0.0, 1.0), (0.0, 2.0)), "q")
    state = jnp.array([0.6, 0.3])
    np.testing.assert_allclose(swirled.drift(0.5, state), Swirl(q=1.0).drift(0.0, state), rtol=1e-5)
    assert driven.time_step == DoubleWell(barrier=3.0).time_step


@pytest.mark.stat
def test_starts_relax_at_the_first_value():
    """Boltzmann's ⟨x²⟩ after some relaxation times; without them all start at −1."""
    shallow = Driven(
        DoubleWell(beta=1.0, barrier=0.3), Protocol((0.0, 0.0), (0.3, 2.0)), "barrier", 12.0
    )
    start = nq.simulate(shallow, [0.0], n=1500, seed=3).values[:, 0, 0].astype(float)
    grid = np.linspace(-4, 4, 4001)
    weight = np.exp(-0.3 * (grid**2 - 1) ** 2)
    second = np.sum(weight * grid**2) / weight.sum()
    error = np.std(start**2) / np.sqrt(start.size)
    assert abs(np.mean(start**2) - second) < 5 * error
    assert abs(1.0 - second) > 0
    assert abs(start.mean()) < 5 * start.std() / np.sqrt(start.size)
