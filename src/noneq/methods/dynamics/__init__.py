"""Laws of motion learnt from trajectories."""
