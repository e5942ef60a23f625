"""Laws are contracts, not numbers: their many small programs are compiled without optimisation."""

import jax
import pytest


@pytest.fixture(scope="module", autouse=True)
def compile_quickly():
    """Programs are compiled far more often here than they run."""
    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
