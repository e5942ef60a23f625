"""The free point of the transport product."""

from typing import ClassVar

from noneq.methods.bridges.base import AbstractBridge
from noneq.methods.bridges.integrators import AbstractIntegrator, TransportODE
from noneq.methods.bridges.pairs.couplings import AbstractCoupling, ExactOT
from noneq.methods.bridges.product import AbstractTransport
from noneq.methods.bridges.straight import Brownian


class BridgeMatching(AbstractTransport):
    """Transport between snapshots by any coupling and any bridge.

    Forward process:
        in physical time, from each snapshot to the next: pairs of the coupling, joined by the
        bridge (`Straight`, `Brownian`, `LinearSDE`, or one of your own).
    Learnt object:
        the velocity u(x, t) of the continuity equation; for a bridge with noise also the score, hence
        the SDE dX = (u + sigma² s/2) dt + sigma dW.
    Objective and weight:
        mean square errors of the conditional velocity and of the conditional score times its
        spread (`MatchingLoss`), uniform phases, every interval equally often.
    Sampling:
        the ODE or the SDE from training states of the snapshot before, forward or backward;
        `log_prob` by the ODE with exact divergence.
    Source and deviations:
        Albergo et al. 2023; Tong et al. 2024. One network for all intervals; phases are drawn in
        strata; with noise they keep 0.001 from either end.

    Args and errors: those of `AbstractTransport`.
    """

    source: ClassVar[str] = "albergo2023stochastic"

    coupling: AbstractCoupling = ExactOT()
    bridge: AbstractBridge = Brownian()
    sampler: AbstractIntegrator = TransportODE()
