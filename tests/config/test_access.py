"""`[aws]`, read in haste: as the whole configuration would have it, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchtui.config import access
from benchtui.config.access import Access, quick_access
from benchtui.config.load import load
from benchtui.config.problems import ConfigError
from benchtui.config.schema import AwsSection
from benchtui.config.sources import Flag

OTHER = '[aws]\nprofile = "work"\nregions = ["eu-west-1", "us-west-2"]\nbucket = "somebodys-bench"\n'


def environ(tmp_path: Path, **variables: str) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), **variables}


def write(tmp_path: Path, text: str, name: str = "benchtui.toml") -> None:
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def test_it_knows_the_keys_of_the_schema():
    assert frozenset(AwsSection.model_fields) == access.KEYS
    assert Access.of(AwsSection()) == Access()


@pytest.mark.parametrize(
    ("file", "variables", "flags"),
    [
        ("", {}, {}),
        (OTHER, {}, {}),
        (OTHER, {"BENCHTUI_AWS_REGIONS": " us-east-2, eu-west-3,"}, {}),
        (OTHER, {"BENCHTUI_AWS_PROFILE": ""}, {}),
        (OTHER, {"BENCHTUI_AWS_BUCKET": "bucket-of-mine"}, {"aws.bucket": Flag("--bucket", "flag-bucket")}),
        (OTHER, {}, {"aws.regions": Flag("--region", "ap-south-1,eu-west-1")}),
        (OTHER, {}, {"aws.profile": Flag("--profile", "x"), "plan.seed": Flag("--seed", 1)}),
        ('[aws]\ninstance_profile = "mine"\nsubnet = "subnet-1"\n', {"AWS_REGION": "eu-north-1"}, {}),
        ("", {"AWS_DEFAULT_REGION": "eu-north-1", "AWS_REGION": "us-west-1"}, {}),
        ("\ufeff" + OTHER.replace("\n", "\r\n"), {}, {}),
    ],
)
def test_it_says_what_the_whole_configuration_says(tmp_path, file, variables, flags):
    mine = "home/.config/benchtui/config.toml"
    write(tmp_path, '[aws]\nprofile = "users"\nbucket = "users-bucket"\n', mine)
    write(tmp_path, file)
    given = environ(tmp_path, **variables)
    found = quick_access(None, given, flags, tmp_path)
    assert found == Access.of(load(None, given, flags, tmp_path).config.aws)


def test_the_regions_of_the_profile_count_where_no_source_names_any(tmp_path):
    write(tmp_path, "[profile work]\nregion = eu-central-1\n", "home/.aws/config")
    found = quick_access(None, environ(tmp_path, AWS_PROFILE="work"), {}, tmp_path)
    assert found == Access(regions=("eu-central-1",))


@pytest.mark.parametrize(
    "elsewhere",
    ['[plan]\ntypes = ["nonsense"]\n', "[safety]\nbudget_usd = -1\n", "[nothing]\nlike = 'it'\n", "a = 1\n"],
)
def test_a_mistake_elsewhere_keeps_nobody_from_killing(tmp_path, elsewhere):
    write(tmp_path, elsewhere + OTHER)
    given = environ(tmp_path, BENCHTUI_PLAN_TYPES="?", BENCHTUI_NO_SUCH="1")
    with pytest.raises(ConfigError):
        load(None, given, {}, tmp_path)
    assert quick_access(None, given, {}, tmp_path) == Access(
        "work", ("eu-west-1", "us-west-2"), "somebodys-bench"
    )


@pytest.mark.parametrize(
    "text",
    [
        "[aws\n",
        "aws = 1\n",
        "[aws]\nregion = 'us-east-1'\n",
        "[aws]\nregions = 'us-east-1'\n",
        "[aws]\nregions = []\n",
        "[aws]\nregions = ['Frankfurt']\n",
        "[aws]\nregions = ['us-east-1', 'us-east-1']\n",
        "[aws]\nregions = [1]\n",
        "[aws]\nprofile = 1\n",
        "[aws]\nbucket = 'Not A Bucket'\n",
        "#" + "x" * (1 << 20) + "\n",
    ],
)
def test_what_is_wrong_with_the_account_is_left_to_whoever_can_say_it(tmp_path, text):
    write(tmp_path, text)
    assert quick_access(None, environ(tmp_path), {}, tmp_path) is None
    with pytest.raises(ConfigError):
        load(None, environ(tmp_path), {}, tmp_path)


@pytest.mark.parametrize(
    "variables",
    [
        {"BENCHTUI_AWS_REGION": "us-east-1"},
        {"BENCHTUI_AWS_regions": "us-east-1"},
        {"BENCHTUI_AWS_REGIONS": "x"},
        {"BENCHTUI_AWS_BUCKET": "?"},
        {"AWS_REGION": "?"},
    ],
)
def test_so_is_what_is_wrong_in_the_environment(tmp_path, variables):
    given = environ(tmp_path, **variables)
    assert quick_access(None, given, {}, tmp_path) is None
    with pytest.raises(ConfigError):
        load(None, given, {}, tmp_path)


def test_a_file_that_was_named_has_to_be_there(tmp_path):
    assert quick_access(Path("none.toml"), environ(tmp_path), {}, tmp_path) is None
    write(tmp_path, OTHER, "mine.toml")
    found = quick_access(Path("mine.toml"), environ(tmp_path), {}, tmp_path)
    assert found is not None
    assert found.profile == "work"
