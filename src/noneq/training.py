"""Settings of the gradient loop: the public name of `noneq.learning.loop.Training`."""

from noneq.learning.loop import Training as Training
