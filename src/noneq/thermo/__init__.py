"""What trajectories cost: work, entropy production, and exact values to compare with."""

from noneq._face import exported as _exported, face as _face
from noneq.thermo import exact as exact, units as units
from noneq.thermo.agreement import Agreement as Agreement
from noneq.thermo.audit import Audit as Audit, audit as audit
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
from noneq.thermo.estimators.cycles import cycle_bound as cycle_bound
from noneq.thermo.estimators.force_current import force_current_rate as force_current_rate
from noneq.thermo.estimators.frequencies import (
    FrequencySpectrum as FrequencySpectrum,
    frequency_spectrum as frequency_spectrum,
)
from noneq.thermo.estimators.gaussian import gaussian_rate as gaussian_rate
from noneq.thermo.estimators.hidden import hidden_path_rate as hidden_path_rate
from noneq.thermo.estimators.neighbours import neighbour_rate as neighbour_rate
from noneq.thermo.estimators.plug_in import plug_in_rate as plug_in_rate
from noneq.thermo.estimators.score import score_rate as score_rate
from noneq.thermo.estimators.snapshots import snapshot_rate as snapshot_rate
from noneq.thermo.estimators.spectral import (
    EntropySpectrum as EntropySpectrum,
    entropy_spectrum as entropy_spectrum,
    spectral_rate as spectral_rate,
)
from noneq.thermo.estimators.uncertainty import uncertainty_bound as uncertainty_bound
from noneq.thermo.estimators.variational import variational_rate as variational_rate
from noneq.thermo.estimators.waiting_times import waiting_time_bound as waiting_time_bound
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
from noneq.thermo.free_energies.bounds import (
    current_bound as current_bound,
    speed_limit as speed_limit,
)
from noneq.thermo.free_energies.diagnostics import (
    WorkDiagnostics as WorkDiagnostics,
    work_diagnostics as work_diagnostics,
)
from noneq.thermo.free_energies.fluctuation_theorems import (
    TheoremTest as TheoremTest,
    crooks_test as crooks_test,
    integral_fluctuation_test as integral_fluctuation_test,
)
from noneq.thermo.free_energies.free_energy import free_energy as free_energy
from noneq.thermo.free_energies.many_states import mbar as mbar, state_energies as state_energies
from noneq.thermo.free_energies.over_time import free_energy_over_time as free_energy_over_time
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
from noneq.thermo.path_entropy import system_rate as system_rate
from noneq.thermo.reversal.equilibrium_test import verdict as verdict
from noneq.thermo.reversal.verdict_line import (
    BalanceTest as BalanceTest,
    CurrentTest as CurrentTest,
    Verdict as Verdict,
)
from noneq.thermo.tweezers.calibration import (
    Calibration as Calibration,
    trap_calibration as trap_calibration,
)
from noneq.thermo.tweezers.force_extension import Pulls as Pulls, pulling_work as pulling_work
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
