"""config.example.toml and the schema say the same."""

import ast
import inspect
import re
import tomllib
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import BaseModel

from benchtui.config.load import load
from benchtui.config.schema import Config, Exclude, ImageIds, Include, RegionSection, SuiteSection
from benchtui.config.settings import settings

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
_SECTION = re.compile(r"(?:# )?\[([a-z0-9_.-]+)\]$")
_SETTING = re.compile(r"(?:# )?([a-z0-9_]+|\"[^\"]+\") = (.+)$")


def entries():
    """(section, key, value text, comment above) of each setting line, commented out or not."""
    section, comment = "", []
    for line in EXAMPLE.read_text().splitlines():
        header, setting = _SECTION.fullmatch(line), _SETTING.fullmatch(line)
        if header:
            section = header[1]
        elif setting:
            yield section, setting[1], setting[2], " ".join(comment)
        elif line.startswith("# "):
            comment.append(line[2:])
            continue
        if not (setting and line.startswith("# ")):
            comment = []


def schema_names():
    names = {(str(section), str(key)) for section, key in settings()}
    names -= {("prices", "on_demand"), ("prices", "spot_max")}  # tables of their own in the file
    names |= {("regions.eu-west-1", key) for key in RegionSection.model_fields}
    return names | {("suites.mine", key) for key in SuiteSection.model_fields}


def test_names_exactly_the_keys_of_the_schema():
    own = ("prices.on_demand", "prices.spot_max")
    shown = {(section, key) for section, key, *_ in entries() if section not in own}
    assert shown == schema_names()


def test_shows_the_inner_keys_of_tables_too():
    text = EXAMPLE.read_text()
    for model in (Include, Exclude, ImageIds):
        for key in model.model_fields:
            assert re.search(rf"[{{,] {key} = ", text), key


def test_states_the_schemas_default_of_every_setting():
    missing, seen = [], set()
    for section, key, _value, comment in entries():
        path = (section, key)
        if path not in settings() or path in seen:
            continue
        seen.add(path)
        default = settings()[path].default
        stated = re.search(r"Default: (.+?)$", comment)
        if stated is None:
            missing.append(path)
            continue
        given = tomllib.loads(f"[{section}]\n{key} = {stated[1]}", parse_float=Decimal)
        config = Config.model_validate(given)
        assert getattr(getattr(config, section), key) == default, path
    # Neither has one: a new seed each run, no cap over the runs of a day.
    assert missing == [("plan", "seed"), ("safety", "daily_budget_usd")]


def test_values_that_stand_in_it_are_valid_even_those_commented_out():
    for section, key, value, _comment in entries():
        text = f"[{section}]\n{key} = {value}"
        Config.model_validate(tomllib.loads(text, parse_float=Decimal))


def test_loads_as_it_stands_and_is_ready_for_this_machine(tmp_path):
    config = load(EXAMPLE, {"HOME": str(tmp_path)}, {}, tmp_path).config
    assert config.plan.types == ("local.1cpu", "local.2cpu")
    assert (config.plan.replicates, config.plan.suites, config.plan.mode) == (2, ("stream",), "quick")


@pytest.mark.parametrize("model", [Config, Include, Exclude, ImageIds, RegionSection, SuiteSection])
def test_every_field_has_a_docstring(model):
    sections = [field.annotation for field in model.model_fields.values()] if model is Config else [model]
    for section in sections:
        if isinstance(section, type) and issubclass(section, BaseModel):
            assert set(section.model_fields) == documented(section)


def documented(section):
    """Names of the fields that a docstring follows."""
    (body,) = ast.parse(inspect.getsource(section)).body
    return {
        field.target.id
        for field, text in pairwise(body.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and str(text.value.value).strip()
    }
