"""Data: ensembles of samples, their files, and a look at them."""

from noneq.data.ensembles import Snapshots as Snapshots, Trajectories as Trajectories
from noneq.data.summary import Summary as Summary, summarise as summarise
