"""From trajectories to laws of motion, measured."""
