"""payload.toml: what it may say, and how an error in it is told."""

from __future__ import annotations

import json

import pytest

from benchtui.core.errors import UsageError
from benchtui.core.suites import parse_payload, suites_json

GOOD = """
schema = "benchtui.payload/1"
name = "mine"
title = "My own"
version = 3

[packages]
debian = ["gcc", "libfftw3-dev"]

[build]
commands = [["gcc", "-O3", "mine.c", "-o", "mine"]]
binary = "mine"
sources = ["mine.c", "../common/common.h"]

[modes.quick]
expected_seconds = 5
timeout_seconds = 60
params = { n = 1000 }

[modes.full]
expected_seconds = 50
timeout_seconds = 600
params = { n = 100000 }

[[runs]]
name = "main"
argv = ["./mine", "--n", "{n}"]
env = { OMP_NUM_THREADS = "2" }

[metrics."speed.all"]
unit = "GB/s"
higher_is_better = true
min = 0.1
max = 1000

[verification]
checks = ["residual"]
"""


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def headlined(metric: str) -> str:
    return changed("version = 3", f'version = 3\nheadlines = ["{metric}"]')


def armed(keys: str, command: str = '["clang", "mine.c"]') -> str:
    return GOOD + f"[arms.clang]\n{keys}\n[arms.clang.build]\ncommands = [{command}]\nexpected_seconds = 4\n"


def quick(keys: str) -> str:
    return changed("timeout_seconds = 60\n", f"timeout_seconds = 60\n{keys}\n")


def test_a_complete_one() -> None:
    suite = parse_payload(GOOD, "payloads/mine")
    assert (suite.name, suite.version, suite.folder) == ("mine", 3, "payloads/mine")
    assert suite.modes["full"].params == {"n": 100000}
    assert suite.metrics["speed.all"].min == 0.1


def test_the_least_one() -> None:
    text = (
        'schema = "benchtui.payload/1"\nname = "mine"\ntitle = "t"\nversion = "a"\n'
        "[modes.quick]\nexpected_seconds = 1\ntimeout_seconds = 2\n"
        '[[runs]]\nname = "r"\nargv = ["./r"]\n[metrics.m]\nunit = "s"\nhigher_is_better = false\n'
    )
    suite = parse_payload(text, "mine")
    assert (suite.build.commands, suite.verification.checks) == ([], [])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (changed("title", "titel"), "mine/payload.toml: title: Field required"),
        (changed("title", "titel"), "titel: Extra inputs are not permitted"),
        (changed("unit =", "units ="), "metrics.speed.all.units"),
        (changed("min = 0.1", "min = 2000"), "metrics.speed.all: min is not less than max"),
        (changed("min = 0.1", "min = nan"), "metrics.speed.all.min"),
        (changed("timeout_seconds = 60\n", "timeout_seconds = 1\n"), "modes.quick: timeout_seconds is less"),
        (changed("expected_seconds = 5\n", "expected_seconds = 0\n"), "modes.quick.expected_seconds"),
        (changed('"{n}"', '"{m}"'), "modes.quick.params: {m} is used and has no value"),
        (changed('name = "mine"', 'name = "Mine"'), "name: not a suite name"),
        (changed('name = "mine"', 'name = "common"'), "name: 'common' is a name benchtui needs itself"),
        (changed('binary = "mine"', 'binary = "/bin/sh"'), "build.binary: must be a path inside"),
        (changed('binary = "mine"', 'binary = "../x"'), "build.binary: must be a path inside"),
        (changed('argv = ["./mine", "--n", "{n}"]', "argv = []"), "runs.0.argv"),
        (changed('debian = ["gcc"', 'debian = ["-o Dpkg::x"'), "packages.debian.0"),
        (changed("benchtui.payload/1", "benchtui.payload/2"), "schema: is 'benchtui.payload/2'"),
        (GOOD + '[[runs]]\nname = "main"\nargv = ["x"]\n', "two have the name 'main'"),
        (GOOD.replace("[packages]", 'folder = "/etc"\n[packages]'), "folder: is no key"),
        ("schema = ", "not TOML"),
        (headlined("speed.one"), "headlines: 'speed.one' is no metric"),
        (GOOD + '[verification.of]\n"*.one" = ["x"]\n', "verification.of: '*.one' fits no metric"),
        (armed('runs = ["other"]'), "arms.clang.runs: 'other' is no run"),
        (armed('modes = ["slow"]'), "arms.clang.modes: 'slow' is no mode"),
        (armed("", command='["cc", "{level}"]'), "modes.quick.params: {level} is used"),
        (changed('name = "main"', 'name = "main"\nmodes = ["full"]'), "modes.quick: no run belongs to it"),
        (changed('debian = ["gcc"', '"debian:" = ["gcc"'), "packages.debian:"),
        (changed("max = 1000", 'normalises = "core"'), "metrics.speed.all.normalises"),
        (quick("precision = 0.02"), "modes.quick: precision needs budget_seconds"),
        (quick("measuring_share = 0.9"), "modes.quick: measuring_share needs budget_seconds"),
        (quick("budget_seconds = 61"), "modes.quick: budget_seconds is more than timeout_seconds"),
        (quick("budget_seconds = 9\nprecision = 1"), "modes.quick.precision"),
        (quick("floor = 0"), "modes.quick.floor"),
    ],
)
def test_an_error_names_file_and_key(text: str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_payload(text, "suites/mine")
    assert "suites/mine/payload.toml" in error.value.what
    assert told in error.value.what


def test_an_arm_is_built_beside_the_suite_and_counts_where_it_belongs() -> None:
    suite = parse_payload(armed('modes = ["full"]\nruns = ["main"]\nenv = { N = "{n}" }'), "mine")
    assert (suite.setup_seconds("quick"), suite.setup_seconds("full")) == (8, 12)
    assert suite.for_agent("ab" * 32)["arms"]["clang"]["build"]["commands"] == [["clang", "mine.c"]]


def test_repetition_is_for_the_agent_to_do() -> None:
    keys = "budget_seconds = 20\nfloor = 3\nprecision = 0.02\nmeasuring_share = 0.9"
    given = parse_payload(quick(keys), "mine").for_agent("ab" * 32)["modes"]
    assert {"budget_seconds": 20, "floor": 3, "precision": 0.02, "measuring_share": 0.9}.items() <= given[
        "quick"
    ].items()
    assert (given["full"]["budget_seconds"], given["full"]["floor"]) == (None, 5)


def test_checks_of_metrics_and_packages_of_versions_reach_the_agent() -> None:
    text = changed("[build]", '"debian:13" = ["gcc", "libfftw3-dev", "libm"]\n[build]')
    given = parse_payload(text + '[verification.of]\n"*.all" = ["team"]\n', "mine").for_agent("ab" * 32)
    assert given["checks_of"] == {"*.all": ["team"]}
    assert given["packages"]["debian:13"][-1] == "libm"


def test_all_errors_are_told_at_once() -> None:
    text = changed("unit =", "units =").replace("title", "titel")
    with pytest.raises(UsageError) as error:
        parse_payload(text, "mine")
    assert len(error.value.what.splitlines()) == 4


def test_the_name_is_the_folders() -> None:
    with pytest.raises(UsageError, match="not the name of its folder"):
        parse_payload(GOOD, "other")


def test_what_the_agent_gets_is_plain_json() -> None:
    suite = parse_payload(GOOD, "mine")
    told = json.loads(suites_json({"mine": suite.for_agent("ab" * 32)}))
    assert told["schema"] == "benchtui.suites/1"
    mine = told["suites"]["mine"]
    assert mine["checks"] == ["residual"]
    assert mine["source_sha256"] == "ab" * 32
    assert mine["build"]["timeout_seconds"] == 900
    assert mine["runs"] == [
        {
            "name": "main",
            "argv": ["./mine", "--n", "{n}"],
            "env": {"OMP_NUM_THREADS": "2"},
            "modes": None,
            "repeat": True,
        }
    ]
    assert "folder" not in mine, "where it lay on the launcher's machine is nobody's business"
