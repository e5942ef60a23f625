"""Metrics: distances of two ensembles per time, each beside its sampling floor."""

from noneq._face import exported as _exported
from noneq.metrics.comparison import excess as excess
from noneq.metrics.divergence import jensen_shannon as jensen_shannon
from noneq.metrics.forecast import transition_jensen_shannon as transition_jensen_shannon
from noneq.metrics.kernel_distances import energy_distance as energy_distance, mmd as mmd
from noneq.metrics.likelihood import (
    bits_per_dim as bits_per_dim,
    likelihood_consistency as likelihood_consistency,
    nll as nll,
    prior_mismatch as prior_mismatch,
)
from noneq.metrics.motion import (
    lineage_agreement as lineage_agreement,
    velocity_cosine as velocity_cosine,
)
from noneq.metrics.score_consistency import (
    curl as curl,
    score_fpe_residual as score_fpe_residual,
)
from noneq.metrics.transport import (
    sinkhorn as sinkhorn,
    sliced_w2 as sliced_w2,
    w1 as w1,
    w2 as w2,
)


__all__ = list(_exported(__file__))
