"""Networks: fields on vector states, and the features they see."""

from noneq.nets.constant import Constant as Constant, learnable as learnable
from noneq.nets.features import harmonics as harmonics, noise_features as noise_features
from noneq.nets.fields import MLP as MLP, Clock as Clock, FieldNetwork as FieldNetwork
