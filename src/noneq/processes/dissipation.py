"""Entropy production as a penalty of training: fits that dissipate less."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from noneq._typing import Key, Scalar, ScalarLike
from noneq.calculus import directions
from noneq.errors import InvalidInput
from noneq.processes.penalties import AbstractPenalty


class HasDissipation(eqx.Module):
    """A learnt part with a motion in physical time, whose entropy production can be told."""

    @abstractmethod
    def dissipation(
        self,
        x: Float[Array, " dim"],
        tau: ScalarLike,
        time: Any,
        condition: Any,
        along: Float[Array, "k dim"],
    ) -> Scalar:
        """What a state of training adds to the entropy production of one interval, in nats.

        Args:
            x: state of training.
            tau: its clock: of noise, or the phase between two snapshots.
            time: physical time.
            condition: what the network is told beside.
            along: `noneq.calculus.directions` for divergences.
        """


class EntropyProduction(AbstractPenalty):
    """Makes dissipation dear: of dynamics that fit alike, the fit is drawn to the cheaper ones.

    **Equation**: strength · Σ, Σ = Δ ⟨vᵀ D⁻¹ v⟩ the entropy production over an interval Δ (the mean
    one between snapshots, or the lag of a transition), in nats. A transport (`BridgeMatching` and its
    points) has the local mean velocity v itself, D = sigma²/2. `Transition` has the drift f of a
    step, and for states of a law p, by parts,

        ⟨vᵀ D⁻¹ v⟩ = ⟨fᵀ D⁻¹ f + 2 div f⟩ + ⟨∇ log pᵀ D ∇ log p⟩,

    whose last term does not depend on the fit and is left out: least for f = D ∇ log p, the
    equilibrium dynamics with the law of the data.

    Without limit the fit becomes one that does not move (a transport) or is in equilibrium (a
    transition). `noneq.runs.dissipation_frontier` draws the way there.

    Args:
        strength: loss for a nat.
        every: one in so many states of a batch bears the penalty.
        probes: Rademacher probes of the divergence above 16 dimensions.

    Raises:
        InvalidInput: a negative strength, or fewer than one state or probe.

    Source: for f, Hyvärinen 2005, eq. 4, read as thermodynamics.
    """

    strength: float = 0.1
    every: int = 1
    probes: int = 1

    def __check_init__(self) -> None:
        if not 0 <= self.strength < float("inf"):
            raise InvalidInput(
                f"EntropyProduction: strength = {self.strength}; expected a number ≥ 0."
            )
        if self.every < 1 or self.probes < 1:
            raise InvalidInput(
                f"EntropyProduction: every = {self.every}, probes = {self.probes}; expected at "
                "least 1."
            )

    def __call__(
        self,
        model: Any,
        x: Float[Array, " dim"],
        tau: ScalarLike,
        time: Any,
        *,
        condition: Any = None,
        key: Key,
    ) -> Scalar:
        along = directions(x.size, probes=self.probes, key=key)
        return self.strength * model.dissipation(x, tau, time, condition, along)
