"""Waves: telegraph processes and damped waves."""
