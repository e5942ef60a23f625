"""Settings of the gradient loop: the public name of `noneq.learning.training.Training`."""

from noneq.learning.training import Training as Training
