"""References that are learnt from velocities."""
