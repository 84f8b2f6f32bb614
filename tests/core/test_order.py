import itertools
import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.order import interleaved


def groups_of(sizes):
    return {f"t{n}": [f"t{n}-{i}" for i in range(size)] for n, size in enumerate(sizes)}


def group(member):
    return member.rsplit("-", 1)[0]


def neighbours(order):
    return sum(group(a) == group(b) for a, b in itertools.pairwise(order))


SIZES = st.lists(st.integers(0, 12), max_size=8)


@given(SIZES, st.integers(0, 2**53))
def test_no_two_of_a_group_are_adjacent_exactly_where_that_is_possible(sizes, seed):
    groups = groups_of(sizes)
    order = interleaved(groups, random.Random(seed))
    assert sorted(order) == sorted(member for members in groups.values() for member in members)
    total, largest = sum(sizes), max(sizes, default=0)
    if largest <= (total + 1) // 2:
        assert neighbours(order) == 0
    else:
        # The largest group needs a separator in each of its gaps; the rest of the gaps stay neighbours.
        assert neighbours(order) == largest - 1 - (total - largest)


@given(SIZES, st.integers(0, 2**53))
def test_the_seed_alone_decides_the_order(sizes, seed):
    groups = groups_of(sizes)
    assert interleaved(groups, random.Random(seed)) == interleaved(groups, random.Random(seed))


def test_every_type_and_every_replicate_comes_first_about_equally_often():
    groups = groups_of([3, 3, 3])
    orders = [interleaved(groups, random.Random(seed)) for seed in range(900)]
    first = Counter(order[0] for order in orders)
    assert len(first) == 9
    assert min(first.values()) > 60  # 100 expected, fixed seeds
    assert len({tuple(order) for order in orders}) > 300


def test_where_neighbours_cannot_be_avoided_the_others_are_spread_at_random():
    groups = groups_of([6, 1])
    places = Counter(interleaved(groups, random.Random(seed)).index("t1-0") for seed in range(300))
    assert set(places) == {1, 2, 3, 4, 5}
