"""What is known of models by their names: licences, nearest names, and what presets weigh."""

from __future__ import annotations

import pytest

from imgqd import modelfiles, presets
from imgqd.modelfiles import UnknownModel


@pytest.mark.parametrize(
    ("name", "licence"),
    [
        ("fast", ("MIT", True)),
        ("balanced", ("Apache-2.0", True)),
        ("best", ("Apache-2.0", True)),
        ("multilingual", ("Apache-2.0", True)),
        ("demo", ("MIT", True)),
        ("ViT-B-32/openai", ("MIT", True)),
        ("ViT-L-14/openai", ("MIT", True)),
        ("MobileCLIP2-S2/dfndr2b", ("apple-amlr", False)),
        ("MobileCLIP-B/datacompdr_lt", ("apple-amlr", False)),
        ("ViT-H-14-quickgelu/dfn5b", ("apple-amlr", False)),
        ("ViT-B-32-quickgelu/metaclip_400m", ("CC-BY-NC-4.0", False)),
        ("ViT-bigG-14-worldwide/metaclip2_worldwide", ("CC-BY-NC-4.0", False)),
        ("nllb-clip-base/v1", ("CC-BY-NC-4.0", False)),
        ("hf-hub:a/b", ("", True)),
        ("local-dir:/MobileCLIP/dfn", ("", True)),
        ("RN50/yfcc15m", ("", True)),
    ],
)
def test_a_licence_goes_by_who_made_the_weights(name: str, licence: tuple[str, bool]) -> None:
    assert presets.licence(name) == licence


def test_every_weight_of_the_makers_whose_licences_forbid_ordinary_use_is_marked() -> None:
    table, _ = modelfiles._open_clip()
    for architecture, tag in table.list_pretrained():
        maker = table.get_pretrained_cfg(architecture, tag)["hf_hub"].partition("/")[0]
        if maker in {"apple", "visheratin"}:
            assert not presets.licence(f"{architecture}/{tag}")[1], (architecture, tag)


def test_every_name_that_open_clip_lists_leads_to_weights_on_the_hub() -> None:
    pairs = modelfiles.names()[5:]
    assert len(pairs) > 150
    for name in pairs:
        repo, weights, _ = modelfiles.listed(name)
        assert repo.count("/") == 1, name
        assert weights, name


def test_the_figures_are_of_models_that_there_are() -> None:
    assert presets.FIGURES.keys() <= {*modelfiles.names()}
    assert {preset.model for preset in presets.PRESETS.values()} <= {*modelfiles.names()}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ViT-B-32/opena", "ViT-B-32 comes as openai, "),
        ("ViT-B-23/openai", "did you mean ViT-B-32/openai"),
        ("Vit-L-14/openai", "did you mean ViT-L-14/openai"),
        ("strange/name", "names look like"),
    ],
)
def test_a_name_that_no_model_has_is_answered_by_the_nearest(name: str, said: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        modelfiles.listed(name)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_misspelt_preset_is_answered_by_the_right_one() -> None:
    said = presets.nearest("fats", modelfiles.names())
    assert said == "no model is called fats: did you mean fast?"


@pytest.mark.parametrize(
    ("one", "other"), [("fast", presets.PRESETS["fast"].model), ("a/b", "a/b")]
)
def test_a_preset_and_its_model_are_the_same(one: str, other: str) -> None:
    assert presets.is_same(one, other)
    assert not presets.is_same(one, "best")


@pytest.mark.model
@pytest.mark.parametrize("name", presets.PRESETS)
def test_a_preset_weighs_what_its_architecture_has_numbers_for(name: str) -> None:
    import open_clip
    import torch
    from open_clip.model import CLIP, CustomTextCLIP

    preset = presets.PRESETS[name]
    settings = open_clip.get_model_config(preset.model.partition("/")[0])
    kind = CustomTextCLIP if settings.pop("custom_text", False) else CLIP
    with torch.device("meta"):
        made = kind(**settings)
    assert sum(one.numel() for one in made.state_dict().values()) * 4 == preset.size
    assert settings["embed_dim"] == preset.dim
