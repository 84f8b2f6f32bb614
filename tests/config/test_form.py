from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.config.form import KEYS, edited, field_text, problems_by_key
from benchtui.config.schema import AwsSection, Config, PlanSection, SafetySection

TYPE_NAMES = st.from_regex(r"[a-z][a-z0-9]{1,4}\.[a-z0-9]{1,6}", fullmatch=True)
PLANS = st.builds(
    PlanSection,
    name=st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=30),
    types=st.lists(TYPE_NAMES, unique=True, max_size=12).map(tuple),
    suites=st.lists(st.sampled_from(["stream", "hpl", "fftw", "my_own"]), unique=True).map(tuple),
    replicates=st.integers(1, 100),
    mode=st.sampled_from(["quick", "full"]),
    seed=st.none() | st.integers(0, 2**53 - 1),
)
REGIONS = st.sampled_from(["us-east-1", "eu-west-3", "ap-southeast-2"])
SAFETIES = st.builds(
    SafetySection,
    max_runtime=st.integers(1, 43200),
    budget_usd=st.decimals(0, 1_000_000, allow_nan=False, allow_infinity=False),
)
CONFIGS = st.builds(
    Config,
    plan=PLANS,
    aws=st.builds(AwsSection, regions=st.lists(REGIONS, min_size=1, unique=True).map(tuple)),
    safety=SAFETIES,
)


@pytest.mark.long
@given(CONFIGS)
def test_every_field_reads_back_what_it_shows(config):
    shown = {key: field_text(config, key) for key in KEYS}
    assert edited(Config(), shown) == config


def test_lists_are_separated_by_commas_or_blanks():
    config = edited(Config(), {"plan.types": "c7g.large c7i.large,\nc7a.large,"})
    assert isinstance(config, Config)
    assert config.plan.types == ("c7g.large", "c7i.large", "c7a.large")


def test_an_empty_seed_is_no_seed():
    before = Config(plan=PlanSection(seed=7))
    config = edited(before, {"plan.seed": " "})
    assert isinstance(config, Config)
    assert config.plan.seed is None


@pytest.mark.parametrize(
    ("key", "text", "says"),
    [
        ("plan.replicates", "many", "must be a whole number, not 'many'"),
        ("plan.replicates", "", "must be a whole number"),
        ("plan.replicates", "0", "must be at least 1"),
        ("plan.types", "c7g.large, C7G", "'C7G' is not an instance type"),
        ("plan.types", "c7g.large c7g.large", "more than once"),
        ("plan.mode", "quik", "did you mean quick?"),
        ("plan.seed", "-1", "must be at least 0"),
        ("aws.regions", "", "needs at least one region"),
        ("safety.budget_usd", "five", "must be an amount of money"),
        ("safety.budget_usd", "NaN", "finite"),
        ("safety.max_runtime", "4 hours", 'must be a duration such as "4h"'),
        ("safety.max_runtime", "", "must be a duration"),
    ],
)
def test_a_wrong_text_is_said_in_the_words_of_the_configuration(key, text, says):
    problems = edited(Config(), {key: text})
    assert isinstance(problems, tuple)
    assert list(problems_by_key(problems)) == [key]
    assert says in problems_by_key(problems)[key]


def test_several_wrong_fields_are_said_at_once():
    problems = edited(Config(), {"plan.replicates": "x", "safety.budget_usd": "y"})
    assert isinstance(problems, tuple)
    assert set(problems_by_key(problems)) == {"plan.replicates", "safety.budget_usd"}


def test_what_is_not_in_the_form_stays():
    before = Config(
        safety=SafetySection(emergency_grace=90), prices={"on_demand": {"c7g.large": Decimal("0.07")}}
    )
    config = edited(before, {"safety.budget_usd": "$2.50"})
    assert isinstance(config, Config)
    assert config.safety.budget_usd == Decimal("2.50")
    assert (config.safety.emergency_grace, config.prices) == (90, before.prices)


def test_tables_have_no_text():
    with pytest.raises(KeyError):
        edited(Config(), {"plan.include": ""})
