from decimal import Decimal
from pathlib import Path

import pytest

from benchtui.config.load import Flag, load, render_origins
from benchtui.config.problems import ConfigError


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def user_file(home, text):
    file = home / ".config" / "benchtui" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def loaded(home, cwd, *, file=None, flags=None, **environ):
    return load(file, {"HOME": str(home), **environ}, flags or {}, cwd)


def problems(home, cwd, **arguments):
    with pytest.raises(ConfigError) as caught:
        loaded(home, cwd, **arguments)
    return caught.value


def test_defaults_hold_without_any_source(home, tmp_path):
    found = loaded(home, tmp_path)
    assert found.config.safety.max_runtime == 14400
    assert found.config.safety.emergency_grace == 3600
    assert found.config.safety.budget_usd == Decimal("5.00")
    assert found.config.aws.regions == ("us-east-1",)
    assert set(map(str, found.origins.values())) == {"default"}


def test_each_source_beats_the_ones_below_it(home, tmp_path):
    user_file(home, "[plan]\nreplicates = 5\nmode = 'full'\nname = 'user'\n[watch]\npoll_seconds = 7\n")
    (tmp_path / "benchtui.toml").write_text("[plan]\nreplicates = 6\nmode = 'quick'\nname = 'project'\n")
    found = loaded(
        home,
        tmp_path,
        BENCHTUI_PLAN_REPLICATES="7",
        BENCHTUI_PLAN_NAME="environment",
        flags={"plan.replicates": Flag("--replicates", 8)},
    )
    plan = found.config.plan
    assert (plan.replicates, plan.name, plan.mode) == (8, "environment", "quick")
    assert found.config.watch.poll_seconds == 7
    assert str(found.origins["plan.replicates"]) == "--replicates"
    assert str(found.origins["plan.name"]) == "BENCHTUI_PLAN_NAME"
    assert str(found.origins["plan.mode"]) == f"{tmp_path}/benchtui.toml:3"
    assert str(found.origins["watch.poll_seconds"]) == f"{home}/.config/benchtui/config.toml:6"
    assert str(found.origins["plan.suites"]) == "default"


def test_a_named_file_takes_the_place_of_the_project_file(home, tmp_path):
    (tmp_path / "benchtui.toml").write_text("[plan]\nname = 'project'\n")
    (tmp_path / "other.toml").write_text("[watch]\npoll_seconds = 1\n")
    found = loaded(home, tmp_path, file=Path("other.toml"))
    assert found.config.plan.name == ""
    assert found.files == (tmp_path / "other.toml",)


def test_open_tables_are_merged_entry_by_entry_and_lists_are_replaced(home, tmp_path):
    user_file(
        home,
        '[instance.tags]\nteam = "hpc"\n'
        '[prices.on_demand]\n"c7g.large" = 0.06\n'
        '[plan]\nsuites = ["hpl", "fftw"]\n',
    )
    (tmp_path / "benchtui.toml").write_text(
        '[instance.tags]\nowner = "x"\n'
        '[prices.on_demand]\n"us-west-2/c7g.large" = "0.05"\n'
        '[plan]\nsuites = ["stream"]\n'
    )
    config = loaded(home, tmp_path).config
    assert config.instance.tags == {"team": "hpc", "owner": "x"}
    assert config.prices.on_demand == {"c7g.large": Decimal("0.06"), "us-west-2/c7g.large": Decimal("0.05")}
    assert config.plan.suites == ("stream",)


def test_a_table_of_images_replaces_the_whole_other_one(home, tmp_path):
    user_file(home, '[instance]\nimage = {x86_64 = "ami-01", arm64 = "ami-02"}\n')
    (tmp_path / "benchtui.toml").write_text('[instance]\nimage = {x86_64 = "ami-03"}\n')
    image = loaded(home, tmp_path).config.instance.image
    assert (image.x86_64, image.arm64) == ("ami-03", "")


def test_money_never_passes_through_a_float(home, tmp_path):
    (tmp_path / "benchtui.toml").write_text(
        "[safety]\nbudget_usd = 0.1\n[prices.on_demand]\n'c7g.large' = 0.07249999999999999\n"
    )
    config = loaded(home, tmp_path).config
    assert config.safety.budget_usd == Decimal("0.1")
    assert str(config.prices.on_demand["c7g.large"]) == "0.07249999999999999"


def test_lists_in_the_environment_are_comma_separated(home, tmp_path):
    found = loaded(
        home, tmp_path, BENCHTUI_PLAN_TYPES="c7g.large, c7i.large,", BENCHTUI_SAFETY_MAX_RUNTIME="90m"
    )
    assert found.config.plan.types == ("c7g.large", "c7i.large")
    assert found.config.safety.max_runtime == 5400


def test_all_problems_of_all_sources_at_once_with_line_reason_and_nearest_key(home, tmp_path):
    (tmp_path / "benchtui.toml").write_text(
        "[plan]\n"
        'types = ["c7g.large", "C7i"]\n'
        "replicats = 3\n"
        'mode = "quik"\n'
        "include = [\n"
        '  {type = "c8g.large"},\n'
        '  {tipe = "c8g.large"},\n'
        "]\n"
        "[safety]\n"
        "budget_usd = -1\n"
        'max_runtime = "4 parsecs"\n'
        "launch_tries = true\n"
        "[saftey]\n"
        "x = 1\n"
        "[aws]\n"
        "budget_usd = 3\n"
    )
    error = problems(
        home, tmp_path, BENCHTUI_WATCH_POL_SECONDS="1", flags={"plan.replicates": Flag("--replicates", 0)}
    )
    file = f"{tmp_path}/benchtui.toml"
    assert error.exit_code == 2
    assert [str(problem) for problem in error.problems] == [
        "BENCHTUI_WATCH_POL_SECONDS: names no setting (did you mean BENCHTUI_WATCH_POLL_SECONDS?)",
        f"{file}:2: plan.types[1]: 'C7i' is not an instance type: expected a name like c7g.large",
        f"{file}:3: plan.replicats: unknown key (did you mean plan.replicates?)",
        f"{file}:4: plan.mode: must be one of quick, full, not 'quik' (did you mean quick?)",
        f"{file}:7: plan.include[1].type: is missing",
        f"{file}:7: plan.include[1].tipe: unknown key (did you mean plan.include[1].type?)",
        f"{file}:10: safety.budget_usd: must be at least 0, not -1",
        f'{file}:11: safety.max_runtime: must be a duration such as "4h", "30m" or 90 (seconds),'
        " not '4 parsecs'",
        f"{file}:12: safety.launch_tries: must be a whole number",
        f"{file}:13: saftey: unknown section (did you mean safety?)",
        f"{file}:16: aws.budget_usd: unknown key (did you mean safety.budget_usd?)",
        "--replicates: plan.replicates: must be at least 1, not 0",
    ]


def test_a_syntax_error_names_line_and_column_and_hides_no_other_file(home, tmp_path):
    user_file(home, "[plan]\nfoo = 1\n")
    (tmp_path / "benchtui.toml").write_text("[plan]\nreplicates 3\n")
    error = problems(home, tmp_path)
    assert "benchtui.toml:2: not valid TOML: Expected '=' after a key in a key/value pair (column 12)" in str(
        error
    )
    assert "config.toml:2: plan.foo: unknown key" in str(error)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[plan]\nname = 3\n", "plan.name: must be text in quotes, not 3"),
        ("[plan]\ntypes = 'c7g.large'\n", "plan.types: must be a list"),
        ("[plan]\ntypes = ['c7g.large', 'c7g.large']\n", "names c7g.large more than once"),
        ('[plan]\nname = "a\\u001b[2J"\n', "plan.name: has characters that cannot be shown"),
        ("[plan]\nexclude = [{}]\n", "plan.exclude[0]: needs type, suite or both"),
        ("plan = 3\n", "plan: must be a table, not 3"),
        ("[aws]\nregions = []\n", "aws.regions: needs at least one region"),
        ("[aws]\nregions = ['us-east-1a']\n", "is not a region"),
        ("[aws]\nbucket = 'No_Bucket'\n", "is not a bucket name"),
        ("[instance]\nimage = 'debian12'\n", "did you mean debian-12?"),
        ("[instance]\nimage = {x86_64 = 'nope'}\n", "'nope' is not an AMI id"),
        (
            "[instance]\nimage = {x86 = 'ami-01'}\n",
            "instance.image.x86: unknown key (did you mean instance.image.x86_64?)",
        ),
        ("[instance.tags]\nName = 'x'\n", "'Name' is set by benchtui or AWS"),
        ("[instance.tags]\n'benchtui:run' = 'x'\n", "is set by benchtui or AWS"),
        ("[prices.on_demand]\nc7g.large = 0.07\n", 'write the type in quotes: "c7g.large"'),
        ("[prices.on_demand]\n'us-east-9x/c7g.large' = 0.07\n", "is not a region"),
        ("[prices]\nipv4_hour = 'free'\n", "must be an amount of money"),
        ("[safety]\nbudget_usd = true\n", "must be an amount of money"),
        ("[safety]\nbudget_usd = inf\n", "safety.budget_usd"),
        ("[safety]\nmax_runtime = '13h'\n", "safety.max_runtime: must be at most 43200"),
        (
            "[safety]\nemergency_grace = '1m'\n",
            "safety.emergency_grace: must be at least 80 (seconds), not 60: so",
        ),
        ("[suites.mine]\npth = 'x'\n", "suites.mine.pth: unknown key (did you mean suites.mine.path?)"),
        ("[suites.'../x']\npath = 'x'\n", "is not a suite name"),
        ("[watch]\npoll_seconds = nan\n", "watch.poll_seconds"),
    ],
)
def test_says_in_plain_words_what_is_wrong(home, tmp_path, text, message):
    (tmp_path / "benchtui.toml").write_text(text)
    error = problems(home, tmp_path)
    assert len(error.problems) == 1
    assert message in str(error)


def test_a_missing_named_file_is_an_error_and_a_missing_project_file_is_none(home, tmp_path):
    assert "no.toml: there is no such file" in str(problems(home, tmp_path, file=Path("no.toml")))
    assert loaded(home, tmp_path).files == ()


def test_files_that_are_no_text_are_refused(home, tmp_path):
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8 text" in str(problems(home, tmp_path, file=Path("x.toml")))
    (tmp_path / "x.toml").write_bytes(b"#" * (2 << 20))
    assert "larger than 1 MiB" in str(problems(home, tmp_path, file=Path("x.toml")))
    (tmp_path / "folder").mkdir()
    assert "cannot be read" in str(problems(home, tmp_path, file=Path("folder")))


def test_tables_cannot_be_set_in_the_environment(home, tmp_path):
    error = problems(home, tmp_path, BENCHTUI_INSTANCE_TAGS="a=b", BENCHTUI_PLAN_INCLUDE="x")
    assert [problem.key for problem in error.problems] == ["instance.tags", "plan.include"]


def test_variables_of_the_program_itself_and_of_others_are_no_settings(home, tmp_path):
    loaded(home, tmp_path, BENCHTUI_CPUS="2", BENCHTUI_MEMORY_BYTES="1", BENCHMARK="x", PLAN_NAME="y")


def test_the_sdks_region_counts_where_no_source_names_one(home, tmp_path):
    (home / ".aws").mkdir()
    (home / ".aws" / "config").write_text(
        "[default]\nregion = eu-west-3\n[profile lab]\nregion = eu-north-1\n"
    )
    assert loaded(home, tmp_path).config.aws.regions == ("eu-west-3",)
    assert loaded(home, tmp_path, AWS_PROFILE="lab").config.aws.regions == ("eu-north-1",)
    assert loaded(home, tmp_path, BENCHTUI_AWS_PROFILE="lab").config.aws.regions == ("eu-north-1",)
    both = loaded(home, tmp_path, AWS_REGION="us-west-1", AWS_DEFAULT_REGION="us-west-2")
    assert both.config.aws.regions == ("us-west-2",)
    assert str(both.origins["aws.regions"]) == "AWS_DEFAULT_REGION"
    own = loaded(home, tmp_path, AWS_DEFAULT_REGION="us-west-2", BENCHTUI_AWS_REGIONS="ap-south-1")
    assert own.config.aws.regions == ("ap-south-1",)


def test_a_region_of_the_sdk_that_is_none_is_named_with_its_source(home, tmp_path):
    assert "AWS_REGION: aws.regions[0]: 'moon' is not a region" in str(
        problems(home, tmp_path, AWS_REGION="moon")
    )


def test_a_broken_aws_file_is_the_sdks_business(home, tmp_path):
    (home / ".aws").mkdir()
    (home / ".aws" / "config").write_bytes(b"\xff region")
    assert loaded(home, tmp_path).config.aws.regions == ("us-east-1",)


def test_a_suites_path_is_relative_to_the_file_that_names_it(home, tmp_path):
    user_file(home, "[suites.mine]\npath = 'm'\n[suites.yours]\npath = '~/y'\n")
    found = loaded(home, tmp_path)
    assert found.config.suites["mine"].path == home / ".config" / "benchtui" / "m"
    assert found.config.suites["yours"].path == home / "y"
    assert str(found.origins["suites.mine.path"]).endswith("config.toml:2")
    assert str(found.origins["suites.mine.timeout"]) == "default"


def test_show_lists_every_value_with_its_origin(home, tmp_path):
    (tmp_path / "benchtui.toml").write_text(
        "[prices.on_demand]\n'c7g.large' = 0.06\n[suites.stream]\ntimeout = 600\n"
    )
    rows = {row.key: row for row in render_origins(loaded(home, tmp_path))}
    assert rows["safety.max_runtime"].value == '"4h"'
    assert rows["safety.max_runtime"].origin == "default"
    assert rows['prices.on_demand."c7g.large"'].value == "0.06"
    assert rows['prices.on_demand."c7g.large"'].origin == f"{tmp_path}/benchtui.toml:2"
    assert rows["suites.stream.timeout"].value == '"10m"'
    assert rows["plan.seed"].value == "–"


def test_the_configuration_goes_into_json_with_money_as_text(home, tmp_path):
    body = loaded(home, tmp_path).config.model_dump(mode="json")
    assert body["safety"]["budget_usd"] == "5.00"


def test_the_project_file_is_told_from_the_users_own(home, tmp_path):
    user_file(home, "[plan]\nreplicates = 4\n")
    assert loaded(home, tmp_path).project_file is None
    file = tmp_path / "benchtui.toml"
    file.write_text("")
    assert loaded(home, tmp_path).project_file == file
    other = tmp_path / "other.toml"
    other.write_text("")
    assert loaded(home, tmp_path, file=other).project_file == other
