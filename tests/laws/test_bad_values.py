"""No public entry fails other than by one clear line, whatever it is given."""

import json
import subprocess
import sys
from pathlib import Path

import jax
import pytest
from bad_values import escapes
from entries import ROOMS, few

from noneq.annotations import described
from noneq.errors import WrongType
from noneq.kinds import as_key
from noneq.systems import AbstractSystem, Prinz


def test_one_entry_of_each_room():
    assert [wrong for entry in few() for wrong in escapes(entry)] == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("room", ROOMS)
def test_every_entry(room):
    command = [sys.executable, Path(__file__).with_name("sweep.py"), room]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["tried"] > 30
    assert found["escapes"] == []


def test_a_seed_is_a_key():
    assert as_key(3) == jax.random.key(3)
    assert as_key(jax.random.PRNGKey(3)) == jax.random.key(3)


@pytest.mark.parametrize("wrong", [True, 1.5, "a", None, 2**64])
def test_what_is_no_key(wrong):
    with pytest.raises(WrongType, match="as its seed"):
        as_key(wrong)


def test_classes_have_their_article():
    assert described(AbstractSystem | Prinz | None) == "an AbstractSystem or a Prinz or none"
