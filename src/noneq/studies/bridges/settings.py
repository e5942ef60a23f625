"""Settings of the methods that the study of bridges puts to its problems."""

import dataclasses
from typing import Any

from noneq.learning.method import AbstractMethod
from noneq.learning.training import Training
from noneq.methods.bridges.closed.displacement import DisplacementInterpolation
from noneq.methods.bridges.closed.plug_in import PlugInGaussian
from noneq.methods.bridges.integrators import TransportSDE
from noneq.methods.bridges.light.recipe import LightSB, LightSBM
from noneq.methods.bridges.linear import LinearSDE
from noneq.methods.bridges.others.action import ActionMatching
from noneq.methods.bridges.others.half_bridges import DSB
from noneq.methods.bridges.pairs.couplings import ExactOT, Sinkhorn
from noneq.methods.bridges.pairs.growth import PlanGrowth
from noneq.methods.bridges.pairs.unbalanced import Unbalanced
from noneq.methods.bridges.presets import DSBM, ICFM, OTCFM, SF2M, OUBridge
from noneq.methods.bridges.refresh import Rematch
from noneq.methods.bridges.straight import Brownian
from noneq.nets import MLP
from noneq.studies.bridges.linear import LinearProblem


Methods = dict[str, AbstractMethod]
"""By the name of their rows."""


def brownian(steps: int) -> Methods:
    """Bridges of Brownian motion with noise 1, by twenty steps."""
    training = Training(steps=steps // 4, batch=256, rate=1e-3)
    matching: dict[str, Any] = {
        "net": MLP(width=64, depth=2),
        "training": training,
        "bridge": Brownian(sigma=1.0),
        "sampler": TransportSDE(steps=20),
    }
    # The affine part is all of this bridge, so that little is left to learn in a round.
    rounds: dict[str, Any] = matching | {
        "rounds": 6,
        "training": dataclasses.replace(training, steps=steps // 20),
    }
    return {
        "PlugInGaussian": PlugInGaussian(bridge=LinearSDE(sigma=1.0)),
        "LightSB": LightSB(components=1, sigma=1.0),
        "SF2M": SF2M(coupling=Sinkhorn(), **matching),
        "DSB": DSB(
            net=MLP(width=128, depth=2),
            bridge=Brownian(sigma=1.0),
            sampler=TransportSDE(steps=20),
            pool=262_144,
            training=Training(steps=steps // 5, batch=128, rate=1e-3),
        ),
        "DSBM(IMF)": DSBM(**rounds),
        "DSBM(IMF, network alone)": DSBM(affine=False, **rounds),
        "DSBM(IPF)": DSBM(refresh=Rematch(first="reference"), **rounds),
    }


def linear(problem: LinearProblem, few_steps: int) -> Methods:
    """The reference that is known, and a Brownian one."""
    reference = problem.reference()
    common: dict[str, Any] = {
        "net": MLP(width=64, depth=3),
        "training": Training(steps=few_steps, batch=64),
        "coupling": Sinkhorn(batch=None),
    }
    turning = LinearSDE(A=reference.A, centre=reference.centre, sigma=1.0)
    return {
        "PlugInGaussian": PlugInGaussian(bridge=turning),
        "OUBridge": OUBridge(bridge=turning, **common),
        "SF2M": SF2M(bridge=Brownian(sigma=1.0), **common),
    }


def genes(few_steps: int) -> Methods:
    """A reference that is refitted from the snapshots, and a Brownian one; the noise is known."""
    common: dict[str, Any] = {
        "net": MLP(width=64, depth=3),
        "training": Training(steps=few_steps, batch=64),
        "coupling": Sinkhorn(batch=None),
    }
    return {
        "DisplacementInterpolation": DisplacementInterpolation(),
        "OUBridge": OUBridge(bridge=LinearSDE(sigma=0.1), rounds=5, **common),
        "SF2M": SF2M(bridge=Brownian(sigma=0.1), **common),
    }


def entropic(dim: int, epsilon: float, steps: int) -> Methods:
    """Solvers of entropic transport."""
    sigma = epsilon**0.5
    matching: dict[str, Any] = {
        "bridge": Brownian(sigma=sigma),
        "net": MLP(width=128, depth=3),
        "training": Training(steps=steps // 2, batch=256),
    }
    light: dict[str, Any] = {
        "components": 10,
        "full": True,
        "sigma": sigma,
        "training": Training(steps=steps // 2, batch=128, rate=3e-3),
    }
    found: Methods = {
        "LightSB": LightSB(**light),
        "LightSBM(minibatch)": LightSBM(**light),
    }
    if dim <= 16:
        rounds: dict[str, Any] = matching | {
            "rounds": 6,
            "training": Training(steps=steps // 10, batch=256),
        }
        found |= {"SF2M": SF2M(**matching), "DSBM(IMF)": DSBM(**rounds)}
    return found


def growing(few_steps: int) -> Methods:
    """With and without growth, at the same noise."""
    common: dict[str, Any] = {
        "bridge": Brownian(sigma=0.5),
        "net": MLP(width=64, depth=3),
        "training": Training(steps=few_steps, batch=256),
    }
    growing = SF2M(coupling=Unbalanced(), growth=PlanGrowth(), **common)
    return {"SF2M(Unbalanced)": growing, "SF2M": SF2M(**common)}


def known_noise(sigma: float, steps: int) -> Methods:
    """Brownian bridges of the system's own noise."""
    net, training = MLP(width=64, depth=3), Training(steps=steps, batch=512)
    return {"SF2M": SF2M(bridge=Brownian(sigma=sigma), net=net, training=training)}


def flows(steps: int) -> dict[str, Any]:
    """Flow matching and its relatives, at the settings of the papers."""
    common: dict[str, Any] = {
        "net": MLP(width=64, depth=3),
        "training": Training(steps=steps, batch=512),
    }
    return {
        "ICFM": ICFM(**common),
        "OTCFM": OTCFM(coupling=ExactOT(), **common),
        "ActionMatching": ActionMatching(**common),
        "SF2M": SF2M(**common),
    }


def over_days(steps: int) -> Methods:
    """Flows on pairs of large batches, which shrink the clouds least; what needs no network."""
    known = flows(steps)
    settings: dict[str, Any] = {"net": known["OTCFM"].net, "training": known["OTCFM"].training}
    return {
        "OTCFM": OTCFM(coupling=ExactOT(batch=2048), pool=16_384, **settings),
        "SF2M": known["SF2M"],
        "DisplacementInterpolation": DisplacementInterpolation(),
        "LightSB": LightSB(components=50),
    }
