"""Latent cycles: Markov chains whose latent steps break detailed balance."""
