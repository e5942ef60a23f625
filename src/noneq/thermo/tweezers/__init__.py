"""Optical tweezers: the trap from its power spectrum, work from force and extension."""
