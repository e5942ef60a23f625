"""Light Schrödinger bridges, potentials of mixtures."""
