"""What dynamics are like, measured on paths, fields and fitted models."""

from noneq._face import exported as _exported
from noneq.inference.boundedness import bounded_fraction as bounded_fraction
from noneq.inference.causal.counterfactual import (
    Counterfactual as Counterfactual,
    counterfactual as counterfactual,
)
from noneq.inference.causal.graph import (
    CausalGraph as CausalGraph,
    causal_graph as causal_graph,
    score_matrix as score_matrix,
)
from noneq.inference.clusters import (
    ClusterTracks as ClusterTracks,
    cluster_tracks as cluster_tracks,
)
from noneq.inference.collective import (
    clustering as clustering,
    contact_rate as contact_rate,
    mean_squared_displacement as mean_squared_displacement,
    pair_correlation as pair_correlation,
    polarisation as polarisation,
)
from noneq.inference.displacement import (
    displacement as displacement,
    displacement_cosine as displacement_cosine,
)
from noneq.inference.drift.order import MotionKind as MotionKind, motion_kind as motion_kind
from noneq.inference.drift.residuals import (
    ResidualChecks as ResidualChecks,
    residual_checks as residual_checks,
)
from noneq.inference.fates import Fates as Fates, fate_probabilities as fate_probabilities
from noneq.inference.fields import field_cosine as field_cosine
from noneq.inference.identifiability import (
    Identifiability as Identifiability,
    Likeness as Likeness,
    identifiability as identifiability,
)
from noneq.inference.kinetic import kinetic_cost as kinetic_cost
from noneq.inference.lyapunov import (
    LyapunovSpectrum as LyapunovSpectrum,
    lyapunov_spectrum as lyapunov_spectrum,
)
from noneq.inference.memory.anomalous import (
    AnomalousExponent as AnomalousExponent,
    anomalous_exponent as anomalous_exponent,
)
from noneq.inference.memory.beyond_one_frame import (
    MemoryTest as MemoryTest,
    memory_test as memory_test,
)
from noneq.inference.memory.delays import (
    DelayedResponse as DelayedResponse,
    delayed_response as delayed_response,
)
from noneq.inference.memory.volterra import (
    VolterraKernel as VolterraKernel,
    volterra_inversion as volterra_inversion,
    volterra_kernel as volterra_kernel,
)
from noneq.inference.motion import helmholtz_split as helmholtz_split
from noneq.inference.rare import (
    BlackBox as BlackBox,
    RareEvent as RareEvent,
    TimeAverage as TimeAverage,
    TransitionRate as TransitionRate,
    cloning as cloning,
    forward_flux as forward_flux,
    scaled_cumulants as scaled_cumulants,
    splitting as splitting,
    transition_rate as transition_rate,
    weighted_ensemble as weighted_ensemble,
)
from noneq.inference.rare.committor.grid import (
    grid_committor as grid_committor,
    grid_passage_time as grid_passage_time,
)
from noneq.inference.rare.committor.grid_functions import (
    GridCommittor as GridCommittor,
    GridFunction as GridFunction,
    HittingProbability as HittingProbability,
)
from noneq.inference.rare.committor.horizon import hitting_probability as hitting_probability
from noneq.inference.rare.committor.network import NetworkCommittor as NetworkCommittor
from noneq.inference.rare.committor.rates import (
    GridTransitions as GridTransitions,
    grid_transitions as grid_transitions,
)
from noneq.inference.rare.committor.shooting import (
    CommittorCheck as CommittorCheck,
    committor_check as committor_check,
    shooting_committor as shooting_committor,
)
from noneq.inference.rare.committor.variational import (
    variational_committor as variational_committor,
)
from noneq.inference.rare.conditioned import (
    ConditionedPaths as ConditionedPaths,
    conditioned_paths as conditioned_paths,
)
from noneq.inference.rare.doob import DoobTransform as DoobTransform
from noneq.inference.rare.doob_score import score_transform as score_transform
from noneq.inference.rare.extremes import (
    ExtremeLaw as ExtremeLaw,
    block_maxima as block_maxima,
    extreme_law as extreme_law,
    return_time as return_time,
)
from noneq.inference.rare.instanton import Instanton as Instanton, minimum_action as minimum_action
from noneq.inference.rare.passages import passage_time as passage_time
from noneq.inference.rare.reactive import (
    ReactivePaths as ReactivePaths,
    reactive_paths as reactive_paths,
)
from noneq.inference.regions import (
    cluster_regions as cluster_regions,
    half_space as half_space,
    nearest_regions as nearest_regions,
)
from noneq.inference.surrogates import phase_shuffled as phase_shuffled
from noneq.inference.symmetry import even_share as even_share
from noneq.inference.tracks import Tracks as Tracks, field_tracks as field_tracks


__all__ = list(_exported(__file__))
