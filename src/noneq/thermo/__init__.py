"""What trajectories cost: work, entropy production, and exact values to compare with."""

from noneq._face import exported as _exported
from noneq.thermo import exact as exact
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
from noneq.thermo.estimators.force_current import force_current_rate as force_current_rate
from noneq.thermo.estimators.gaussian import gaussian_rate as gaussian_rate
from noneq.thermo.estimators.spectral import (
    EntropySpectrum as EntropySpectrum,
    entropy_spectrum as entropy_spectrum,
    spectral_rate as spectral_rate,
)
from noneq.thermo.estimators.uncertainty import uncertainty_bound as uncertainty_bound
from noneq.thermo.observed_chains import (
    count_matrix as count_matrix,
    transition_matrix_from as transition_matrix_from,
)
from noneq.thermo.path_entropy import entropy_production_rate as entropy_production_rate
from noneq.thermo.work import power as power, work as work


__all__ = list(_exported(__file__))
