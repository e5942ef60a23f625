"""What the laws need to know of a class beyond its defaults: one line each."""

import dataclasses
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

import noneq as nq
from noneq.data.summary import summarise
from noneq.domains import Box
from noneq.methods import AbstractMethod, BridgeMatching, Fit, PFGMpp, ScoreMatching
from noneq.methods.bridges.product import AbstractTransport
from noneq.methods.denoising.product import AbstractDenoising
from noneq.spec import override
from noneq.spec.names import modules
from noneq.systems import AbstractGradient


class Trap(AbstractGradient):
    """A harmonic trap of any dimension."""

    dim: int = 2
    beta: float = 2.0

    @property
    def event_shape(self):
        return (self.dim,)

    @property
    def domain(self):
        return Box(-6.0, 6.0)

    @property
    def time_step(self):
        return 0.01

    def initial(self, key) -> Float[Array, " dim"]:
        return jax.random.normal(key, (self.dim,)) / jnp.sqrt(self.beta)

    def potential(self, t, x):
        return jnp.sum(x**2) / 2


# Fields of a class that depend on the data's dimension.
FIELDS: dict[str, Any] = {
    "OracleBoltzmann": lambda dim: {"system": Trap(dim=dim)},
    # Near the data the field is 1/gamma of its size: at 5 a few steps leave spikes that no grid sees.
    "PFGMPublished": lambda dim: {"gamma": 1.0},
    "ReflectedDiffusion": lambda dim: {"domain": Box(-8.0, 8.0)},
}

# What makes any method small; names that a method does not have are left out.
TINY = {
    "net.width": 16,
    "net.depth": 1,
    "training.steps": 4,
    "training.batch": 16,
    "sampler.steps": 24,
    "score.net.net.width": 16,
    "score.net.net.depth": 1,
    "score.net.width": 16,
    "score.net.depth": 1,
    "score.training.steps": 4,
    "score.training.batch": 16,
    "score.sampler.steps": 24,
    "score.time_band": 1.0,
    "time_band": 1.0,
    "cells": 8,
    "curriculum": (2, 3),
    "couplings": 2,
    "components": 3,
    "objective.chains": 16,
    "annealing.levels": 12,
    "pool": 48,
    "bridge.net.width": 16,
    "bridge.net.depth": 1,
    "bridge.training.steps": 4,
    "bridge.training.batch": 16,
    "bridge.steps": 2,
}


DISCRETE = (
    "Autoregressive",
    "BinaryLatentCycle",
    "Hopfield",
    "LatentCycle",
    "MixtureEM",
    "RBM",
)
"""Methods for discrete states."""

ONE_LAW = ("GeneralisedLangevin", "OnsagerDynamics", "PairDrift", "PolynomialFlow")
"""Methods that few data can be fitted by (one time, one coordinate, particles); their own tests
hold their laws."""

METHODS = {
    name: cls for name, cls in modules("methods", AbstractMethod).items() if name not in ONE_LAW
}
CONTINUOUS = tuple(name for name in METHODS if name not in DISCRETE)
PRESETS = {
    name
    for name, cls in METHODS.items()
    if (issubclass(cls, AbstractDenoising) and cls not in (ScoreMatching, PFGMpp))
    or (issubclass(cls, AbstractTransport) and cls is not BridgeMatching)
}
"""They set defaults of one product and no more: few of it stand for all in the gate."""
TRANSPORTS = tuple(
    name for name, cls in METHODS.items() if cls.__module__.split(".")[2] == "bridges"
)
"""Methods that need two snapshots."""


def cases(names, keep=None):
    """The names as parameters; slow are the presets, or all that are not kept."""
    late = PRESETS if keep is None else set(names) - set(keep)
    return [pytest.param(name, marks=pytest.mark.slow) if name in late else name for name in names]


def bits(n: int = 24, seed: int = 0) -> nq.Snapshots:
    """Four bits at one time; the last is the first one, mostly."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 2, (n, 4)).astype(np.float32)
    values[: 2 * n // 3, 3] = values[: 2 * n // 3, 0]
    return nq.Snapshots(values, domain=nq.Discrete(2))


def has_field(obj: Any, path: str) -> bool:
    name, _, rest = path.partition(".")
    if name not in {field.name for field in dataclasses.fields(obj)}:
        return False
    return not rest or has_field(getattr(obj, name), rest)


def tiny(cls: type[AbstractMethod], dim: int = 2, **changes: Any) -> AbstractMethod:
    """The method with a small network and few steps."""
    method = cls(**FIELDS.get(cls.__name__, lambda dim: {})(dim))
    settings = TINY | {name.replace("__", "."): value for name, value in changes.items()}
    return override(method, {k: v for k, v in settings.items() if has_field(method, k)})


def paths(dim: int = 2, n: int = 24, seed: int = 0) -> nq.Trajectories:
    """A few smooth random paths at three uneven times."""
    rng = np.random.default_rng(seed)
    values = np.cumsum(rng.normal(size=(n, 3, dim)), axis=1).astype(np.float32)
    return nq.Trajectories(values, [0.0, 0.5, 2.0])


class World(NamedTuple):
    """Data that a method fits, a time to sample at, and the shape of one state."""

    data: Callable[[], Any]
    time: float | None
    shape: tuple[int, ...]


WORLDS = {
    name: World(bits, None, (4,)) if name in DISCRETE else World(paths, 0.5, (2,))
    for name in METHODS
}


@cache
def fitted(name: str) -> Fit:
    """The tiny method of this name, fitted once in a process."""
    return tiny(METHODS[name]).fit(WORLDS[name].data(), key=jax.random.key(7))


def having(names: Iterable[str], *traits: type) -> list[str]:
    """The names of methods whose models have one of the traits; nothing is fitted."""
    return [name for name in names if isinstance(untrained(name), traits)]


@cache
def untrained(name: str) -> Any:
    """The structure of a method's model, without arrays."""
    init = tiny(METHODS[name]).init
    return eqx.filter_eval_shape(init, summarise(WORLDS[name].data()), key=jax.random.key(0))
