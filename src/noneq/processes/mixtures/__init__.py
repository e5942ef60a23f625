"""Scale mixtures: Gaussian noise at a random operational time."""
