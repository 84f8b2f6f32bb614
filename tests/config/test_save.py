import difflib
import os
import stat
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.config.form import edited
from benchtui.config.load import load
from benchtui.config.save import SaveError, save
from benchtui.config.schema import Config

from .test_form import CONFIGS

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"


def loaded(file):
    return load(file, {"HOME": str(file.parent / "nobody")}, {}, file.parent).config


def changed(config, **texts):
    new = edited(config, {key.replace("__", "."): text for key, text in texts.items()})
    assert isinstance(new, Config), new
    return new


@pytest.fixture
def file(tmp_path):
    return tmp_path / "benchtui.toml"


def saved_in_place(file, text, **texts):
    file.write_bytes(text.encode())
    before = loaded(file)
    after = changed(before, **texts)
    save(after, file, before=before, loaded_from=file)
    assert loaded(file) == after
    return file.read_bytes().decode()


@pytest.mark.long
@given(CONFIGS)
@settings(deadline=None, max_examples=60)
def test_a_new_file_loads_as_what_was_saved(config):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "new.toml"
        save(config, file, before=Config(), loaded_from=None)
        assert loaded(file) == config


@pytest.mark.long
@given(CONFIGS)
@settings(deadline=None, max_examples=60)
def test_the_example_changed_in_place_loads_as_what_was_saved_and_keeps_every_comment(config):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "example.toml"
        file.write_text(EXAMPLE.read_text())
        before = loaded(file)
        after = before.model_copy(
            update={
                "plan": before.plan.model_copy(update=dict(config.plan)),
                "aws": config.aws,
                "safety": before.safety.model_copy(
                    update={key: getattr(config.safety, key) for key in ("budget_usd", "max_runtime")}
                ),
            }
        )
        save(after, file, before=before, loaded_from=file)
        assert loaded(file) == after
        kept = [line for line in EXAMPLE.read_text().splitlines() if line.startswith("#")]
        assert [line for line in kept if line not in file.read_text().splitlines()] == []


VALUES = st.dictionaries(
    st.sampled_from(["plan__name", "plan__types", "plan__replicates", "plan__seed", "safety__budget_usd"]),
    st.integers(1, 99),
)
FORMS = {
    "plan__name": "run {}",
    "plan__types": "c7g.large, m{}.large",
    "plan__replicates": "{}",
    "plan__seed": "{}",
    "safety__budget_usd": "{}.50",
}
LINES = st.lists(
    st.sampled_from(
        ["# [plan]", "", '  # types = ["x"]', "#=", '# """', "# 'k = [", "\t# »ü«"],
    ),
    max_size=4,
)


@pytest.mark.long
@given(st.lists(LINES, min_size=8, max_size=8), VALUES, st.sampled_from(["\n", "\r\n"]))
@settings(deadline=None, max_examples=150)
def test_any_comments_anywhere_survive_and_only_lines_of_changed_keys_differ(comments, values, newline):
    parts = [
        ["[watch]", "poll_seconds = 2 # [plan]"],
        ["[plan]"],
        ["types = ['c7g.large'] # types = []"],
        ["replicates = 2"],
        ['name = "a # b"'],
        ["[safety] # budget"],
        ["budget_usd = 3"],
        ["[prices.on_demand]", '"c7g.large" = 0.07'],
    ]
    lines = [line for above, part in zip(comments, parts, strict=True) for line in (*above, *part)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "f.toml"
        text = newline.join([*lines, ""])
        texts = {key: FORMS[key].format(number) for key, number in values.items()}
        after = saved_in_place(file, text, **texts).split(newline)
    assert not any("\r" in line or "\n" in line for line in after)
    gone = [line[2:] for line in difflib.ndiff([*lines, ""], after) if line.startswith("- ")]
    keys = {key.split("__")[1] for key in texts}
    assert all(line.split(" ")[0] in keys for line in gone)


def test_only_the_value_changes(file):
    text = '# mine\n[plan]\n  types = ["c7g.large"]   # Graviton\nreplicates=2\n\n# end\n'
    assert saved_in_place(file, text, plan__types="c7i.large c7a.large") == (
        '# mine\n[plan]\n  types = ["c7i.large", "c7a.large"]   # Graviton\nreplicates=2\n\n# end\n'
    )


def test_a_value_with_comments_inside_stays_above_as_a_comment(file):
    text = '[plan]\ntypes = [\n  "c7g.large", # Graviton\n]\nreplicates = 2\n'
    assert saved_in_place(file, text, plan__types="c7i.large") == (
        '[plan]\n# types = [\n#   "c7g.large", # Graviton\n# ]\ntypes = ["c7i.large"]\nreplicates = 2\n'
    )


def test_an_unset_seed_becomes_a_comment(file):
    text = '[plan]\ntypes = ["c7g.large"]\nseed = 5 # the one of the paper\n'
    assert saved_in_place(file, text, plan__seed="").endswith("\n# seed = 5 # the one of the paper\n")


def test_a_new_key_comes_behind_the_last_of_its_table_and_a_new_table_at_the_end(file):
    text = '[plan]\ntypes = ["c7g.large"] # t\n\n# watch it\n[watch]\npoll_seconds = 2'
    assert saved_in_place(file, text, plan__replicates="5", safety__budget_usd="2.50") == (
        '[plan]\ntypes = ["c7g.large"] # t\nreplicates = 5\n\n# watch it\n[watch]\npoll_seconds = 2\n'
        "\n[safety]\nbudget_usd = 2.50\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        'plan.types = ["c7g.large"]\nplan.replicates = 2\n',
        'plan = { types = ["c7g.large"], replicates = 2 }\n',
    ],
)
def test_dotted_keys_and_inline_tables_are_changed_or_refused_never_spoiled(file, text):
    assert "replicates = 4" in saved_in_place(file, text, plan__replicates="4")
    file.write_text(text)
    before = loaded(file)
    after = changed(before, plan__seed="9")
    with pytest.raises(SaveError, match="cannot be changed in place"):
        save(after, file, before=before, loaded_from=file)
    assert file.read_text() == text
    other = file.with_name("other.toml")
    save(after, other, before=before, loaded_from=file)
    assert loaded(other) == after


def test_nothing_edited_writes_the_same_bytes(file):
    text = "\N{BYTE ORDER MARK}# a\r\n[plan]\r\ntypes = ['c7g.large']\r\n"
    assert saved_in_place(file, text) == text


def test_another_file_is_never_overwritten(file):
    for make in (lambda: file.write_text("# mine\n"), lambda: file.symlink_to("nowhere")):
        make()
        with pytest.raises(SaveError, match="exists"):
            save(Config(), file, before=Config(), loaded_from=None)
        with pytest.raises(SaveError, match="exists"):
            save(Config(), file, before=Config(), loaded_from=EXAMPLE)
        file.unlink()


def test_values_of_flags_and_environment_are_not_written_unless_edited(file):
    file.write_text('[plan]\ntypes = ["c7g.large"]\n')
    config = load(file, {"HOME": "/", "BENCHTUI_SAFETY_BUDGET_USD": "9"}, {}, file.parent).config
    save(changed(config, plan__replicates="4"), file, before=config, loaded_from=file)
    assert file.read_text() == '[plan]\ntypes = ["c7g.large"]\nreplicates = 4\n'


def test_what_others_wrote_into_the_file_meanwhile_stays(file):
    file.write_text('[plan]\ntypes = ["c7g.large"]\n')
    before = loaded(file)
    file.write_text('[plan]\ntypes = ["c7g.large"]\nname = "new"\n')
    save(changed(before, plan__replicates="4"), file, before=before, loaded_from=file)
    assert (loaded(file).plan.name, loaded(file).plan.replicates) == ("new", 4)


def test_mode_stays_and_a_link_stays_a_link(tmp_path):
    file, link = tmp_path / "real.toml", tmp_path / "link.toml"
    file.write_text('[plan]\ntypes = ["c7g.large"]\n')
    file.chmod(0o640)
    link.symlink_to(file)
    before = loaded(link)
    save(changed(before, plan__replicates="4"), link, before=before, loaded_from=link)
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert loaded(file).plan.replicates == 4
    assert sorted(os.listdir(tmp_path)) == ["link.toml", "real.toml"]


def test_a_file_that_cannot_be_written_is_named_with_the_reason(tmp_path):
    with pytest.raises(SaveError, match=r"nowhere/x\.toml: cannot be written: No such file or directory"):
        save(Config(), tmp_path / "nowhere" / "x.toml", before=Config(), loaded_from=None)
    name = tmp_path / ("x" * 300)
    with pytest.raises(SaveError, match="File name too long"):
        save(Config(), name, before=Config(), loaded_from=None)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"[plan", "no longer valid TOML"), (b"\xff", "no longer UTF-8"), (None, "No such file")],
)
def test_a_file_that_was_spoiled_meanwhile_stays_as_it_is(file, content, says):
    file.write_text('[plan]\ntypes = ["c7g.large"]\n')
    before = loaded(file)
    file.unlink() if content is None else file.write_bytes(content)
    target = file if content is not None else file.with_name("other.toml")
    with pytest.raises(SaveError, match=says):
        save(before, target, before=before, loaded_from=file)
    assert content is None or file.read_bytes() == content


def test_a_copy_elsewhere_is_refused_where_paths_of_suites_would_break(file, tmp_path):
    file.write_text('[suites.mine]\npath = "mine"\n')
    before, folder = loaded(file), tmp_path / "sub"
    folder.mkdir()
    with pytest.raises(SaveError, match="relative to itself: mine"):
        save(before, folder / "x.toml", before=before, loaded_from=file)
    save(before, tmp_path / "x.toml", before=before, loaded_from=file)
    assert loaded(tmp_path / "x.toml") == before


def test_money_stays_exact(file):
    text = saved_in_place(file, "[safety]\nbudget_usd = 3\n", safety__budget_usd="0.00000000001")
    assert text == "[safety]\nbudget_usd = 0.00000000001\n"
    assert loaded(file).safety.budget_usd == Decimal("1E-11")
