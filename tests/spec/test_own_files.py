"""Classes in a user's own file: what is refused, with the thing and the cure in one line."""

import sys

import pytest

from noneq.errors import InvalidInput
from noneq.learning.method import AbstractMethod
from noneq.spec.names import find, kind_of


WHOLE = """
from noneq.methods import AbstractMethod

class Mine(AbstractMethod):
    source = "noneq"
    def init(self, summary, *, key): ...
    def fit(self, data, *, key, init=None, progress=None, checkpoint=None): ...
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A user's folder; what it imports is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        return lambda cls: find(f"{name}:{cls}", base=AbstractMethod, trust=True)

    yield write
    for name in set(sys.modules) - before:
        if name.startswith("own_"):
            del sys.modules[name]


def refusal(call):
    with pytest.raises(InvalidInput) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_whole_class_is_found(own):
    assert own("own_whole", WHOLE)("Mine").__name__ == "Mine"


@pytest.mark.parametrize("inside", [False, True])
def test_its_name_leads_back_to_its_file(own, tmp_path, inside):
    """In another process too, wherever the file lies; folders may have any name."""
    place = "own_folder" if inside else f"{tmp_path}/own.v1"
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / "own_far.py").write_text(WHOLE)
    before = set(sys.modules)
    kind = kind_of(find(f"{place}/own_far.py:Mine", base=AbstractMethod, trust=True))
    for name in set(sys.modules) - before:
        del sys.modules[name]
    assert find(kind, base=AbstractMethod, trust=True).__name__ == "Mine"


@pytest.mark.parametrize("missing", ["source = ", "def init", "def fit"])
def test_missing_members_are_named(own, missing):
    text = "\n".join(line for line in WHOLE.splitlines() if missing not in line)
    name = missing.split()[-1] if "def" in missing else "source"
    message = refusal(lambda: own(f"own_without_{name}", text)("Mine"))
    assert f"lacks {name};" in message
    assert "AbstractMethod" in message


def test_a_name_used_twice_is_refused(own):
    text = WHOLE + WHOLE.split("\n\n", 1)[1]
    message = refusal(lambda: own("own_twice", text)("Mine"))
    assert "defines Mine twice, in lines 4 and" in message


def test_neighbours_are_imported_and_a_circle_is_named(own):
    own("own_part", "from noneq.methods import AbstractMethod")
    assert own("own_whole_of_two", WHOLE + "\nimport own_part\n")("Mine")
    own("own_b", "from own_a import Mine")
    message = refusal(lambda: own("own_a", "from own_b import Mine" + WHOLE)("Mine"))
    assert "own_a" in message
    assert "circular import" in message


@pytest.mark.parametrize("form", ["{folder}/again.py", "../home.v2/again", "./again.py", "again"])
def test_a_file_is_found_again_by_another_process(tmp_path, monkeypatch, form):
    """By the name that a spec keeps, in which dots stand for slashes, also where folders have dots."""
    folder = tmp_path / "home.v2"
    folder.mkdir()
    (folder / "again.py").write_text("class Mine: pass\n")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    kind = kind_of(find(f"{form.format(folder=folder)}:Mine", base=object, trust=True))
    monkeypatch.delitem(sys.modules, kind.partition(":")[0])  # what another process starts with
    again = find(kind, base=object, trust=True)
    assert kind_of(again) == kind
    monkeypatch.delitem(sys.modules, kind.partition(":")[0])
    (folder / "again.py").unlink()
    with pytest.raises(InvalidInput, match="cannot import"):
        find(kind, base=object, trust=True)
