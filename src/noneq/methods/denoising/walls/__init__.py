"""Denoising between walls: reflected and confined processes."""
