"""Latent cycles on bars, digits and spins."""
