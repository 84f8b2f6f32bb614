import json
import re

import pytest

from benchtui.engine.offers import FIELDS

from .conftest import Cli


def test_types_are_listed_with_price_and_filtered(local_cli: Cli):
    ended = local_cli("types", "--local", "--filter", "price=0 vcpus=1")
    assert ended.returncode == 0, ended.stderr
    assert "local.1cpu" in ended.stdout
    assert "c7g.large" not in ended.stdout
    assert "filter: price=0 vcpus=1" in ended.stdout


@pytest.mark.slow
def test_types_as_json_have_money_as_text_and_say_why_a_price_is_not_known(local_cli: Cli):
    answer = json.loads(local_cli("types", "--local", "--json", "--filter", "family=local,c7gd").stdout)
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
