"""Data: ensembles of samples, their files, and a look at them."""

from noneq.data.ensembles import Snapshots as Snapshots
from noneq.data.ensembles import Trajectories as Trajectories
from noneq.data.files import read as read
from noneq.data.files import write as write
from noneq.data.summary import Summary as Summary
from noneq.data.summary import summarise as summarise
