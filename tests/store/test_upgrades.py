"""Tables of older runs as this version would write them."""

import pytest

import noneq as nq
from noneq.methods import VDM, EquilibriumFlow, LikelihoodBound, ScoreMatching
from noneq.methods.denoising.free import curl_free
from noneq.nets import MLP
from noneq.processes import LearntGaussian
from noneq.spec import from_dict, to_dict
from noneq.store.upgrades import upgraded, upgraded_spec


def test_a_small_denoiser_is_score_matching_also_within_a_flow():
    assert from_dict(upgraded_spec({"kind": "SmallDenoiser"})) == curl_free()
    given = {"kind": "SmallDenoiser", "net": {"kind": "MLP", "width": 4}, "drop_condition": 0.5}
    assert from_dict(upgraded_spec(given)) == ScoreMatching(
        net=MLP(width=4), drop_condition=0.5, training=curl_free().training
    )
    flow = upgraded_spec({"kind": "EquilibriumFlow", "score": {"kind": "SmallDenoiser"}})
    assert from_dict(flow) == EquilibriumFlow()


def test_the_settings_of_vdm_go_to_its_factors():
    old = {"kind": "VDM", "gamma_min": -9.0, "schedule_width": 8, "discrete_steps": 20}
    assert from_dict(upgraded_spec(old)) == VDM(
        process=LearntGaussian(gamma_min=-9.0, width=8), objective=LikelihoodBound(20)
    )
    assert from_dict(upgraded_spec({"kind": "VDM"})) == VDM()


def test_tables_of_today_stay():
    for method in (VDM(), ScoreMatching(), EquilibriumFlow()):
        assert upgraded_spec(to_dict(method)) == to_dict(method)


def test_an_outline_gets_the_class_of_today():
    old = {"kind": "noneq.models.field_lines_model:FieldLinesModel", "fields": {"a": [1]}}
    kind = "noneq.methods.denoising.flow_law:FlowLaw"
    assert upgraded(old) == {"kind": kind, "fields": {"a": [1]}}


def test_an_outline_gets_the_fields_that_were_added():
    kind = "noneq.frames.frame:Asked"
    new = dict.fromkeys(("low", "high", "names", "categories"), {"tuple": []})
    old = {"kind": kind, "fields": {"levels": {"tuple": []}, "optional": False}}
    assert upgraded(old)["fields"] == old["fields"] | new
    today = {
        "kind": kind,
        "fields": old["fields"] | dict.fromkeys(new, {"tuple": [1.0]}),
    }
    assert upgraded(today) == today


def test_old_names_warn_and_work():
    with pytest.warns(DeprecationWarning, match=r"is now ScoreMatching\(net=Gradient"):
        small = nq.methods.SmallDenoiser
    assert small(drop_condition=0.5).net == curl_free().net
    with pytest.warns(DeprecationWarning, match="is now FlowLaw"):
        assert nq.models.FieldLinesModel is nq.models.FlowLaw
    assert "SmallDenoiser" not in dir(nq.methods)
