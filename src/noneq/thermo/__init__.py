"""What trajectories cost: work, entropy production, and exact values to compare with."""

from noneq._face import exported as _exported, face as _face
from noneq.thermo import exact as exact
from noneq.thermo.agreement import Agreement as Agreement
from noneq.thermo.autocorrelation import autocorrelation_time as autocorrelation_time
from noneq.thermo.chains import (
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
from noneq.thermo.detailed_balance import detailed_balance_test as detailed_balance_test
from noneq.thermo.estimates import entropy_production as entropy_production
from noneq.thermo.estimators.force_current import force_current_rate as force_current_rate
from noneq.thermo.estimators.gaussian import gaussian_rate as gaussian_rate
from noneq.thermo.estimators.neighbours import neighbour_rate as neighbour_rate
from noneq.thermo.estimators.spectral import (
    EntropySpectrum as EntropySpectrum,
    entropy_spectrum as entropy_spectrum,
    spectral_rate as spectral_rate,
)
from noneq.thermo.estimators.uncertainty import uncertainty_bound as uncertainty_bound
from noneq.thermo.fields.decompositions import (
    HousekeepingExcess as HousekeepingExcess,
    LandscapeFlux as LandscapeFlux,
    housekeeping_excess as housekeeping_excess,
    landscape_flux as landscape_flux,
)
from noneq.thermo.fields.local_currents import (
    LocalCurrents as LocalCurrents,
    currents as currents,
    local_entropy_production as local_entropy_production,
)
from noneq.thermo.observed_chains import (
    count_matrix as count_matrix,
    transition_matrix_from as transition_matrix_from,
)
from noneq.thermo.path_entropy import system_rate as system_rate
from noneq.thermo.reversal.equilibrium_test import verdict as verdict
from noneq.thermo.reversal.verdict_line import (
    BalanceTest as BalanceTest,
    CurrentTest as CurrentTest,
    Verdict as Verdict,
)
from noneq.thermo.work import power as power, work as work


__all__ = list(_exported(__file__))
# Names of the last release.
__getattr__, _ = _face(
    __name__,
    __file__,
    {
        "entropy_production_rate": (
            "noneq.thermo.path_entropy",
            "system_rate",
            "entropy_production(data, system=…, method='system')",
        )
    },
)
