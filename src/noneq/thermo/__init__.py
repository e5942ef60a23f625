"""What trajectories cost: work, entropy production, and exact values to compare with."""

from noneq._face import exported as _exported
from noneq.thermo import exact as exact
from noneq.thermo.audit import Audit as Audit, audit as audit
from noneq.thermo.autocorrelation import autocorrelation_time as autocorrelation_time
from noneq.thermo.chains import (
    currents as currents,
    entropy_production as entropy_production,
    mixing_time as mixing_time,
    relaxation_spectrum as relaxation_spectrum,
    self_transition as self_transition,
    stationary as stationary,
)
from noneq.thermo.cycles import (
    Cycle as Cycle,
    affinity as affinity,
    dominant_cycle as dominant_cycle,
    fundamental_cycles as fundamental_cycles,
)
from noneq.thermo.detailed_balance import (
    BalanceTest as BalanceTest,
    detailed_balance_test as detailed_balance_test,
)
from noneq.thermo.estimators.score import score_rate as score_rate
from noneq.thermo.estimators.snapshots import snapshot_rate as snapshot_rate
from noneq.thermo.estimators.variational import variational_rate as variational_rate
from noneq.thermo.learnt.residuals import (
    continuity_residual as continuity_residual,
    fokker_planck_residual as fokker_planck_residual,
    generation_entropy as generation_entropy,
)
from noneq.thermo.learnt.schedule_costs import (
    ScheduleCosts as ScheduleCosts,
    schedule_costs as schedule_costs,
)
from noneq.thermo.learnt.transport_cost import transport_bound as transport_bound
from noneq.thermo.observed_chains import (
    count_matrix as count_matrix,
    transition_matrix_from as transition_matrix_from,
)
from noneq.thermo.path_entropy import entropy_production_rate as entropy_production_rate
from noneq.thermo.work import power as power, work as work


__all__ = list(_exported(__file__))
