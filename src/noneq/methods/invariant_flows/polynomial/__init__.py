"""Polynomial laws of motion in closed form."""
