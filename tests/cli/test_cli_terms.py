"""Drift and diffusion, derived and published, in `noneq list methods` and `noneq cite`."""

import pytest


def test_list_methods_as_data(noneq):
    entries = {e["name"]: e for e in noneq("list", "methods", "--json").json["methods"]}
    pair = lambda name: (entries[name]["drift"], entries[name]["diffusion"])
    assert pair("DDPM") == (True, True)
    assert pair("SMLD") == (False, True)
    assert pair("FlowPP") == (True, False)
    assert pair("BoltzmannField") == (None, None)
    assert entries["DDPM"]["published"] == {"drift": False, "diffusion": True}
    assert entries["EDM"]["published"] is None
    assert "variance preserving" in entries["DDPM"]["differs"]
    assert entries["SMLD"]["differs"] == ""


def test_list_methods_for_people(noneq):
    out = noneq("list", "methods").out
    row = {line.split("│")[1].strip(): line for line in out.splitlines() if "│" in line}
    cells = lambda name: [cell.strip() for cell in row[name].split("│")[4:7]]
    assert cells("DDPM")[:2] == ["✓", "✓"]
    assert cells("DDPM")[2][:-1] == "– / ✓ "
    assert cells("SMLD") == ["–", "✓", "– / ✓"]
    assert cells("FFJORD") == ["✓", "–", ""]
    number = cells("DDPM")[2][-1]
    assert f"\n{number} DDPM: published without drift, but dx = " in out
    notes = [line[2:].split(":")[0] for line in out.splitlines() if line[:1] in set("¹²³⁴⁵⁶⁷⁸⁹")]
    assert set(notes) >= {"DDPM", "ReflectedDiffusion", "VDM"}
    assert not set(notes) & {"SMLD", "ScoreSDE", "FlowPP", "DiffFlow"}
    assert "published" not in noneq("list", "systems").out


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("DDPM", ["−g² x/2", "drift ✓, diffusion ✓", "– / ✓, which differs"]),
        ("FlowPP", ["drift ✓, diffusion –", "✓ / –."]),
        ("OracleBoltzmann", ["no process", "drift –, diffusion –."]),
    ],
)
def test_cite_adds_a_comment_that_bibtex_skips(noneq, name, parts):
    done = noneq("cite", name)
    *entry, comment = done.out.splitlines()
    assert (entry[0][0], entry[-1]) == ("@", "}")
    assert comment.startswith(f"% {name}: ")
    assert "@" not in comment
    assert all(part in comment for part in parts), comment
    assert all("%" not in text for text in noneq("cite", name, "--json").json.values())


def test_a_key_has_no_comment(noneq):
    assert "%" not in noneq("cite", "ho2020denoising").out
