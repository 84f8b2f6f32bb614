import tomllib

import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from benchtui.config.lines import holds_comment, key_lines, places

DOCUMENT = '''\
# comment with [a] = "b"
top = 1

[plan]
name = """
several [lines]
x = 1
"""
types = [ # comment ]
  "c7g.large",
  'c7i.large',
]
include = [
  { type = "a.b", suite = "stream" },
  { type = "c.d" },
]

[[rule]]
a = 1
[[rule]]
a = 2
[rule.deep]
b = 3

[prices.on_demand]
"c7g.large" = 0.07 # note
plain.key = 1979-05-27T07:32:00Z
'quoted "x"'.y = [[1, 2], [3]]
'''


def test_every_key_has_the_line_it_stands_on():
    tomllib.loads(DOCUMENT)
    lines = key_lines(DOCUMENT)
    assert lines["top",] == 2
    assert lines["plan",] == 4
    assert lines["plan", "name"] == 5
    assert lines["plan", "types"] == 9
    assert lines["plan", "types", 1] == 11
    assert lines["plan", "include", 0, "suite"] == 14
    assert lines["plan", "include", 1, "type"] == 15
    assert lines["rule", 0, "a"] == 19
    assert lines["rule", 1, "a"] == 21
    assert lines["rule", 1, "deep", "b"] == 23
    assert lines["prices", "on_demand", "c7g.large"] == 26
    assert lines["prices", "on_demand", "plain", "key"] == 27
    assert lines["prices", "on_demand", 'quoted "x"', "y", 1, 0] == 28


def test_strings_that_look_like_toml_move_nothing():
    text = "a = \"x = 1 # no\"\nb = '''\n[c]\n'''\nd = \"quote \\\" ] }\"\ne = 5\n"
    tomllib.loads(text)
    assert key_lines(text) == {("a",): 1, ("b",): 2, ("d",): 5, ("e",): 6}


def _paths(value, path=()):
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from _paths(part, (*path, key))


_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)
_TREE = st.dictionaries(
    _TEXT,
    st.recursive(
        st.integers() | st.booleans() | _TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
        max_leaves=12,
    ),
    max_size=5,
)


@given(_TREE)
def test_finds_exactly_the_paths_of_any_document(tree):
    text = tomli_w.dumps(tree)
    assert set(key_lines(text)) == set(_paths(tomllib.loads(text)))


def test_places_are_those_of_keys_values_and_ends_of_tables():
    found = places(DOCUMENT)
    start, end = found.pairs["prices", "on_demand", "c7g.large"]
    assert DOCUMENT[start:end] == '"c7g.large" = 0.07'
    start, end = found.values["plan", "types"]
    assert DOCUMENT[start:end].startswith("[ # comment ]")
    assert DOCUMENT[start:end].endswith("]")
    end = found.table_ends["plan",]
    assert DOCUMENT[:end].endswith('  { type = "c.d" },\n]')
    assert ("prices",) not in found.table_ends


def test_comments_inside_a_value_are_told_from_strings():
    assert holds_comment('[ "a", # b\n]')
    assert not holds_comment("[ \"a # b\", '#' ]")
