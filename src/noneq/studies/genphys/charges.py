"""Two unequal charges in the exact Yukawa field: which handling of the source keeps their weights."""

import warnings
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.errors import InvalidInput
from noneq.methods.denoising.empirical import EmpiricalDenoiser
from noneq.processes.base import AbstractPrior, AbstractProcess
from noneq.processes.mixtures.reach import PriorTooNarrow
from noneq.processes.mixtures.scale_mixture import AbstractScaleMixture, ScaleMixture
from noneq.processes.mixtures.screened import Screened
from noneq.processes.mixtures.subordinators import InverseGaussian
from noneq.processes.schedules import Karras
from noneq.samplers.birth_weights import AbstractHandling, Branching, Ignored, Resampling, Weights
from noneq.samplers.births import Sourced, Weighted
from noneq.samplers.ode import Heun
from noneq.traits import HasBirths, HasNoisyVelocity


HANDLINGS: dict[str, AbstractHandling | None] = {
    "source_free": None,
    "weights": Weights(),
    "resampling": Resampling(),
    "branching": Branching(),
    "ignored": Ignored(),
}
"""By the names of the rows; the source-free velocity has nothing to handle."""

_LEFT, _RIGHT = -1.6, 0.4
"""Charges at ∓1, seen from their mean: .2 on the left, .8 on the right."""
_RUNS = 10


class Charges(NamedTuple):
    """What came back.

    Attributes:
        weight: of the smaller charge, .2 if all is right.
        stderr: of it, over independent runs.
        effective: the smallest effective part of the particles on the way, mean over the runs.
    """

    weight: float
    stderr: float
    effective: float


class MarginalPrior(AbstractPrior):
    """The exact law at tau = 1 of the data of an oracle: one of its points, noised."""

    oracle: EmpiricalDenoiser

    def sample(self, shape: tuple[int, ...], *, key: Key) -> Array:
        choice_key, noise_key = jax.random.split(key)
        y = jax.random.choice(choice_key, self.oracle.points.value, shape[:1])
        keys = jax.random.split(noise_key, shape[0])
        perturb = self.oracle.process.perturb
        return jax.vmap(lambda y, key: perturb(y, 1.0, key=key).x)(y, keys)

    def log_prob(self, x: Float[Array, "*event"]) -> Scalar:
        return self.oracle.log_prob(x, 1.0)


class FromMarginal(HasNoisyVelocity, HasBirths):
    """An oracle that samplers start from its exact law at tau = 1, not from the kernel about 0."""

    oracle: EmpiricalDenoiser
    process: AbstractProcess

    @property
    def prior(self) -> MarginalPrior:
        """Its law at tau = 1."""
        return MarginalPrior(self.oracle)

    def noisy_velocity(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Array:
        return self.oracle.noisy_velocity(x, tau)

    def birth(
        self, x: Array, tau: ScalarLike, *, time: ScalarLike | None = None, condition: Any = None
    ) -> Scalar:
        return self.oracle.birth(x, tau)


def charges(process: AbstractScaleMixture) -> EmpiricalDenoiser:
    """The exact field of charges .8 and .2 at a distance of 2 in the plane, about their mean."""
    return EmpiricalDenoiser(jnp.asarray([[_RIGHT, 0.0]] * 4 + [[_LEFT, 0.0]]), process)


def two_charges(
    mass: float,
    top: float,
    handling: str,
    *,
    n: int = 20_000,
    key: Key,
    steps: int = 64,
    centred: bool = False,
) -> Charges:
    """The weight of the smaller of two charges after sampling from z_max = ``top``.

    Particles start from the exact law at z_max, or from the ``centred`` kernel about the mean of
    the charges, as a model's do: then the weight also has the error of that prior, about which a
    warning (`PriorTooNarrow`) speaks.

    Args:
        mass: m.
        top: z_max.
        handling: one of `HANDLINGS`.
        n: particles, in ten independent runs of n/10.
        steps: of Heun.
        centred: where particles start.

    Raises:
        InvalidInput: another handling, or fewer than 100 particles.
    """
    if handling not in HANDLINGS or n < 10 * _RUNS:
        raise InvalidInput(
            f"two_charges: handling = {handling!r}, n = {n}; expected one of {', '.join(HANDLINGS)} "
            f"and at least {10 * _RUNS} particles."
        )
    law = InverseGaussian(mass)
    schedule = Karras(sigma_max=float(law.level(top)))
    kind = HANDLINGS[handling]
    process = (ScaleMixture if kind is None else Screened)(law=law, schedule=schedule)
    with warnings.catch_warnings():
        if not centred:
            warnings.simplefilter("ignore", PriorTooNarrow)
        oracle = charges(process)
    model = oracle if centred else FromMarginal(oracle, process)
    sampler = Heun(steps=steps) if kind is None else Sourced(handling=kind, steps=steps)
    found = np.asarray(
        [_run(sampler, model, n // _RUNS, key) for key in jax.random.split(key, _RUNS)], np.float64
    )
    jax.effects_barrier()
    weight, effective = found.mean(0)
    return Charges(weight, found[:, 0].std(ddof=1) / np.sqrt(_RUNS), effective)


@eqx.filter_jit
def _run(
    sampler: Heun | Sourced, model: EmpiricalDenoiser | FromMarginal, n: int, key: Key
) -> tuple[Scalar, Scalar]:
    ask: dict[str, Any] = {"time": None, "condition": None, "key": key}
    if isinstance(sampler, Sourced):
        end = sampler.weighted(model, (n, 2), **ask)
    else:
        x = sampler(model, (n, 2), **ask)
        end = Weighted(x, jnp.zeros(n), jnp.ones(()))
    left = end.x[:, 0] < (_LEFT + _RIGHT) / 2
    return jax.nn.softmax(end.log_weights) @ left, end.effective
