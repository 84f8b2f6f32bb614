import json
import re

import pytest

from benchtui.engine.offer_fields import FIELDS
from tests.schema_checks import exactly

from .conftest import Cli


@pytest.mark.long
def test_types_are_listed_with_price_and_filtered(local_cli: Cli):
    ended = local_cli("types", "--local", "--filter", "price=0 vcpus=1")
    assert ended.returncode == 0, ended.stderr
    assert "local.1cpu" in ended.stdout
    assert "c7g.large" not in ended.stdout
    assert "filter: price=0 vcpus=1" in ended.stdout


@pytest.mark.slow
def test_types_as_json_have_money_as_text_and_say_why_a_price_is_not_known(local_cli: Cli):
    answer = json.loads(local_cli("types", "--local", "--json", "--filter", "family=local,c7gd").stdout)
    exactly("types", answer)
    rows = {row["instance_type"]: row for row in answer["types"]}
    assert rows["local.1cpu"]["price"]["usd_per_hour"] == "0"
    assert rows["c7gd.large"]["price"] is None
    assert "no price" in rows["c7gd.large"]["price_problem"]
    assert answer["offered"] > len(rows)


def test_a_filter_that_is_none_exits_2_and_asks_no_one(cli: Cli):
    ended = cli("types", "--filter", "vcpu=2")
    assert ended.returncode == 2
    assert "did you mean vcpus?" in ended.stderr


def test_the_help_names_every_field_of_the_filter(cli: Cli):
    words = re.findall(r"\w+", cli("types", "--help").stdout.partition("fields:")[2])
    assert {field.name for field in FIELDS} <= set(words)


def test_comparable_types_are_suggested_without_a_network(cli: Cli):
    answer = json.loads(cli("types", "--offline", "--comparable", "c7i.xlarge", "--json").stdout)
    assert answer["reference"]["cores"] == 2
    sets = {found["by"]: found for found in answer["sets"]}
    assert sets["core"]["suggested_types"] == ["c7i.xlarge", "c7a.large", "c7g.large"]
    assert {row["cores"] for row in sets["core"]["types"]} == {2}
    assert {row["vcpus"] for row in sets["vcpu"]["types"]} == {4}
    text = cli("types", "--offline", "--comparable", "c7i.xlarge", "--by", "core").stdout
    assert 'types = ["c7i.xlarge", "c7a.large", "c7g.large"]' in text
    assert "prices: 9 from snapshot 2026-07-20" in text
    assert max(map(len, text.splitlines())) <= 80


def test_types_of_the_snapshot_are_sorted_by_price_per_core(cli: Cli):
    ended = cli("types", "--offline", "--sort", "price_core", "--filter", "vendor=graviton,amd vcpus=2")
    lines = ended.stdout.splitlines()
    assert lines[2].split()[0] == "c6g.large"
    assert "of us-east-1 as of 2026-07-20, filter: vendor=graviton,amd vcpus=2" in ended.stdout
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--sort price_cores", "did you mean price_core?"),
        ("--by core", "--comparable c7i.xlarge"),
        ("--offline --comparable c7i.xlarg", "did you mean c7i.xlarge?"),
        ("--comparable c7i.xlarge --sort price", "leave out --sort"),
    ],
)
def test_what_cannot_be_listed_says_what_can(cli: Cli, words: str, said: str):
    ended = cli("types", *words.split())
    assert ended.returncode == 2
    assert said in ended.stderr
