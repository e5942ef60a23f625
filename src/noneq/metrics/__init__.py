"""Metrics: distances of two ensembles per time, each beside its sampling floor."""

from noneq.metrics.comparison import excess as excess
from noneq.metrics.divergence import jensen_shannon as jensen_shannon
