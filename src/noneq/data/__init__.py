"""Data: ensembles of samples, their files, and a look at them."""

from noneq._face import exported as _exported
from noneq.data.ensembles import Snapshots as Snapshots, Trajectories as Trajectories
from noneq.data.files import read as read, write as write
from noneq.data.formats.mapped import mapped as mapped
from noneq.data.lazy.ensemble import LazyEnsemble as LazyEnsemble
from noneq.data.summary import Summary as Summary, summarise as summarise


__all__ = list(_exported(__file__))
