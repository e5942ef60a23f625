"""Laws of motion learnt from trajectories: drift and diffusion."""
