"""Named points of the transport product: I-CFM, OT-CFM, [SF]²M, non-gradient references, DSBM."""

from typing import ClassVar

from noneq.learning.published import Published
from noneq.methods.bridges.base import AbstractBridge
from noneq.methods.bridges.integrators import AbstractIntegrator, TransportODE, TransportSDE
from noneq.methods.bridges.linear import LinearSDE
from noneq.methods.bridges.pairs.couplings import AbstractCoupling, ExactOT, Independent, Sinkhorn
from noneq.methods.bridges.product import AbstractTransport
from noneq.methods.bridges.references.learnt import LearntReference
from noneq.methods.bridges.refresh import AbstractRefresh, Refit, Rematch
from noneq.methods.bridges.straight import Brownian, Straight


class ICFM(AbstractTransport):
    """Straight lines between independent pairs: conditional flow matching.

    Forward process:
        x_t = (1 − s) x0 + s x1 (`Straight`; ``bridge.width`` blurs it), x0 and x1 independent.
    Learnt object:
        the velocity u(x, t).
    Objective and weight:
        mean of |u − (x1 − x0)/Δ|² over uniform phases s.
    Sampling:
        the ODE dX = u dt from the snapshot before.
    Source and deviations:
        Tong et al. 2024, section 3.2 (I-CFM), with sigma = 0; Liu et al. 2023. All intervals by one
        network.

    Args and errors: those of `AbstractTransport`.
    """

    source: ClassVar[str] = "tong2024improving"

    coupling: AbstractCoupling = Independent()
    bridge: AbstractBridge = Straight()
    sampler: AbstractIntegrator = TransportODE()


class OTCFM(AbstractTransport):
    """Straight lines between pairs of exact optimal transport.

    Forward process:
        x_t = (1 − s) x0 + s x1 (`Straight`), pairs of minibatch optimal transport (`ExactOT`).
    Learnt object:
        the velocity u(x, t), nearly that of least kinetic energy.
    Objective and weight:
        mean of |u − (x1 − x0)/Δ|² over uniform phases s.
    Sampling:
        the ODE dX = u dt from the snapshot before.
    Source and deviations:
        Tong et al. 2024, section 3.2 (OT-CFM), with sigma = 0. Pairs come from a pool that is
        drawn before training; all intervals by one network.

    Args and errors: those of `AbstractTransport`.
    """

    source: ClassVar[str] = "tong2024improving"

    coupling: AbstractCoupling = ExactOT()
    bridge: AbstractBridge = Straight()
    sampler: AbstractIntegrator = TransportODE()


class SF2M(AbstractTransport):
    """The Schrödinger bridge by flow and score matching, without simulation: [SF]²M.

    Forward process:
        Brownian bridges of noise sigma between pairs of the entropic plan with kernel
        exp(−|x0 − x1|²/(2 sigma² Δ)) (`Sinkhorn`).
    Learnt object:
        the velocity u(x, t) and the score s(x, t).
    Objective and weight:
        |u − u*|² + |sigma √(s(1 − s)Δ) s + xi|², u* = (x1 − x0)/Δ + (1 − 2s)/(2s(1 − s)Δ) (x − mu).
    Sampling:
        the SDE dX = (u + sigma² s/2) dt + sigma dW; `TransportODE` as ``sampler`` for the flow.
    Source and deviations:
        Tong et al. 2024b, eq. 8–12; the score itself is learnt, and not sigma² s/2. One network
        gives both; pairs come from a pool that is drawn before training.

    Args and errors: those of `AbstractTransport`. ``bridge.sigma`` is the noise.
    """

    source: ClassVar[str] = "tong2024simulation"

    coupling: AbstractCoupling = Sinkhorn()
    bridge: AbstractBridge = Brownian()
    sampler: AbstractIntegrator = TransportSDE()


class OUBridge(AbstractTransport):
    """The Schrödinger bridge of a linear reference that need not be in equilibrium.

    Forward process:
        bridges of dX = A (X − m) dt + sigma dW (`LinearSDE`) between pairs of the entropic plan for
        −log of its transition density.
    Learnt object:
        what is added to A (x − m) for the velocity u(x, t), and the score s(x, t).
    Objective and weight:
        |u − u*|² + |spread (s − s*)|² with the conditional values of `LinearSDE`.
    Sampling:
        the SDE dX = (u + sigma² s/2) dt + sigma dW from the snapshot before.
    Source and deviations:
        Zhang and Stumpf 2025. Over an interval Δ the reference is A Δ, sigma² Δ. If A is not given it
        starts at zero and is fitted to the drift along the paths found so far, between ``rounds``
        of training (`Refit`), from the snapshots alone.

    Args and errors: those of `AbstractTransport`. ``bridge.A``, ``bridge.centre`` and
    ``bridge.sigma`` are the reference; ``rounds`` above 1 refit A.
    """

    source: ClassVar[str] = "zhang2025learning"

    coupling: AbstractCoupling = Sinkhorn()
    bridge: AbstractBridge = LinearSDE()
    sampler: AbstractIntegrator = TransportSDE()
    refresh: AbstractRefresh | None = Refit()


class CurlyFM(AbstractTransport):
    """The bridge that deviates least from a drift learnt from velocities, which may turn.

    Forward process:
        bridges of dX = f(X, t) dt + sigma dW (`LearntReference`), f learnt first from velocities of the
        samples or from the steps of trajectories, between pairs of the entropic plan for −log of
        its transition density.
    Learnt object:
        what is added to f for the velocity u(x, t), and the score s(x, t).
    Objective and weight:
        |f − velocity|² over the samples, then |u − u*|² + |spread (s − s*)|² with the conditional
        values of `LearntReference`.
    Sampling:
        the ODE dX = u dt from the snapshot before; `TransportSDE` as ``sampler`` for the SDE.
    Source and deviations:
        Petrović et al. 2025. There a network gives the path between two states, without noise; here
        the path is that of the reference linearised about its own motion, with noise, and passages
        are drawn before training.

    Args and errors: those of `AbstractTransport`. ``bridge.sigma`` is the noise, ``bridge.training``
    that of f; ``fit(data, velocities=…)``.
    """

    source: ClassVar[str] = "petrovic2025curly"

    coupling: AbstractCoupling = Sinkhorn()
    bridge: AbstractBridge = LearntReference()
    sampler: AbstractIntegrator = TransportODE()


class DSBM(AbstractTransport):
    """Diffusion Schrödinger bridge matching: bridge matching and simulation in turn.

    Forward process:
        Brownian bridges of noise sigma between pairs: in the first round of the coupling (IMF) or of
        the reference (IPF, ``refresh.first="reference"``), later of the model's own paths from the
        data, backward and forward in turn (`Rematch`).
    Learnt object:
        the velocity u(x, t) and the score s(x, t), hence the drifts forward u + sigma² s/2 and
        backward u − sigma² s/2.
    Objective and weight:
        |u − u*|² + |sigma √(s(1 − s)Δ) s + xi|² in every round: the Markovian projection.
    Sampling:
        the SDE dX = (u + sigma² s/2) dt + sigma dW from the snapshot before.
    Source and deviations:
        Shi et al. 2023, algorithm 1. One network of velocity and score in place of two of the
        drifts (the same projection in other coordinates); pairs of a round are simulated once.

    Args and errors: those of `AbstractTransport`. ``bridge.sigma`` is the noise, ``rounds`` half
    iterations.
    """

    source: ClassVar[str] = "shi2023diffusion"
    published: ClassVar[Published | None] = Published("DSBM", True, True)

    coupling: AbstractCoupling = Independent()
    bridge: AbstractBridge = Brownian()
    sampler: AbstractIntegrator = TransportSDE()
    rounds: int = 8
    refresh: AbstractRefresh | None = Rematch()
