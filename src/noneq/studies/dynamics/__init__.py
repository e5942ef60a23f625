"""Laws of motion from trajectories, against truths and peers."""
