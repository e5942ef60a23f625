"""Everything here runs in double precision; call ``pytest tests/x64`` on its own."""

import jax
import pytest


def pytest_collection_modifyitems(config, items):
    here = [item for item in items if "x64" in item.path.parts]
    if len(here) < len(items):
        for item in here:
            item.add_marker(pytest.mark.skip(reason="needs its own call: pytest tests/x64"))
    elif here:
        jax.config.update("jax_enable_x64", True)
