"""The book of money: what it holds, what it has paid, what fits; whatever order and nonsense it is given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.budget import (
    LEASE,
    LISTED,
    Book,
    Entry,
    EntryKind,
    ReservationDocument,
    book_of,
)
from benchtui.core.document_fields import parse_document, to_json
from benchtui.core.errors import InvalidDocumentError
from benchtui.core.money import reached

RUN = "20261124-135100-k3f7"
T0 = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
JOBS = ("c7g.large-1", "c7g.large-2", "c7i.large-1")
usd = st.decimals(0, 100, places=6)


def said(kind: EntryKind, job: str = JOBS[0], amount: str | Decimal = "1", **fields: object):
    wanted = {"run": RUN, "entry": kind, "job": job, "usd": amount, "launcher": "a", "at": T0}
    return ReservationDocument(**(wanted | fields))


def entries(*documents: ReservationDocument) -> list[Entry]:
    return [Entry(number, T0, document) for number, document in enumerate(documents, 1)]


def test_a_reservation_is_held_until_what_it_has_cost_takes_its_place():
    held = book_of(entries(said(EntryKind.RESERVED, amount="0.38")))
    assert (held.held_usd, held.paid_usd, held.committed_usd) == (Decimal("0.38"), 0, Decimal("0.38"))
    ended = said(EntryKind.RELEASED, amount="0.02", instance_id="i-1")
    book = book_of(entries(said(EntryKind.RESERVED, amount="0.38"), ended))
    assert (book.held_usd, book.paid_usd) == (0, Decimal("0.02"))
    assert book.ended == {JOBS[0]}
    assert book.reserved == {JOBS[0]: Decimal("0.38")}


def test_what_was_given_back_without_an_instance_can_be_reserved_again():
    book = book_of(entries(said(EntryKind.RESERVED), said(EntryKind.RELEASED, amount="0")))
    assert not book.held
    assert not book.ended
    again = book_of(
        entries(said(EntryKind.RESERVED), said(EntryKind.RELEASED, amount="0"), said(EntryKind.RESERVED))
    )
    assert list(again.held) == [JOBS[0]]


def test_the_last_cent_fits_and_the_next_millionth_does_not():
    book = book_of(entries(said(EntryKind.RESERVED, amount="4.00")))
    assert book.fits(Decimal("1.00"), Decimal(5))
    assert not book.fits(Decimal("1.000001"), Decimal(5))


def test_the_launcher_that_took_it_last_has_it_for_a_lease():
    first, second = said(EntryKind.RESERVED), said(EntryKind.TAKEN, launcher="b")
    book = book_of([Entry(1, T0, first), Entry(2, T0 + LEASE, second)])
    holding = book.held[JOBS[0]]
    assert holding.launcher == "b"
    assert holding.leased(T0 + LEASE + LEASE - timedelta(seconds=1))
    assert not holding.leased(T0 + LEASE + LEASE)


def test_how_long_it_has_been_held_and_by_whom_is_known_from_the_first_entry_on():
    taken = [said(EntryKind.RESERVED), said(EntryKind.TAKEN, launcher="b"), said(EntryKind.TAKEN)]
    book = book_of([Entry(n, T0 + n * LEASE, each) for n, each in enumerate(taken, 1)])
    holding = book.held[JOBS[0]]
    assert (holding.since, holding.begun) == (T0 + 3 * LEASE, T0 + LEASE)
    assert holding.holders == {"a", "b"}
    assert not holding.forgotten(T0 + LEASE + LISTED - timedelta(seconds=1))
    assert holding.forgotten(T0 + LEASE + LISTED)
    again = [*taken, said(EntryKind.RELEASED, amount="0"), said(EntryKind.RESERVED, launcher="c")]
    book = book_of([Entry(n, T0 + n * LEASE, each) for n, each in enumerate(again, 1)])
    assert (book.held[JOBS[0]].begun, book.held[JOBS[0]].holders) == (T0 + 5 * LEASE, {"c"})


@pytest.mark.parametrize("numbers", [(2,), (1, 3), (1, 1)])
def test_a_book_with_a_missing_or_a_double_entry_is_none(numbers: tuple[int, ...]):
    with pytest.raises(ValueError, match="does not follow"):
        book_of([Entry(number, T0, said(EntryKind.RESERVED)) for number in numbers])


@given(
    st.lists(
        st.tuples(st.sampled_from(EntryKind), st.sampled_from(JOBS), usd, st.booleans()),
        max_size=12,
    ),
    st.randoms(),
)
def test_whatever_is_in_it_no_cost_is_lost_and_the_order_of_reading_is_irrelevant(rows, rng):
    listed = entries(
        *(said(kind, job, amount, instance_id="i-1" if seen else None) for kind, job, amount, seen in rows)
    )
    book = book_of(listed)
    shuffled = list(listed)
    rng.shuffle(shuffled)
    assert book_of(shuffled) == book
    released = sum((each.said.usd for each in listed if each.said.entry is EntryKind.RELEASED), Decimal(0))
    assert book.paid_usd == released
    for job in JOBS:
        mine = [each for each in listed if each.said.job == job]
        if mine and mine[-1].said.entry is not EntryKind.RELEASED:
            assert book.held[job].usd >= mine[-1].said.usd
        else:
            assert job not in book.held


def test_an_entry_survives_the_bucket_and_a_newer_one_is_refused():
    document = said(EntryKind.RELEASED, amount="0.012345", ended_at=T0, reason="seen terminated")
    body = to_json(document)
    assert parse_document(ReservationDocument, body, "x") == document
    with pytest.raises(InvalidDocumentError, match="newer"):
        parse_document(ReservationDocument, body.replace(b"reservation/1", b"reservation/2"), "x")


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity", "1e10"])
def test_an_amount_that_is_none_is_refused(amount: str):
    body = to_json(said(EntryKind.RESERVED)).replace(b'"usd": "1"', f'"usd": "{amount}"'.encode())
    assert amount.encode() in body
    with pytest.raises(InvalidDocumentError, match="usd"):
        parse_document(ReservationDocument, body, "x")


@pytest.mark.parametrize(
    ("spent", "budget", "percent"),
    [
        ("0", "5", 0),
        ("0", "0", 0),
        ("2.499999", "5", 0),
        ("2.5", "5", 50),
        ("3.999999", "5", 50),
        ("4", "5", 80),
        ("4.999999", "5", 80),
        ("5", "5", 100),
        ("9", "5", 100),
        ("0.000001", "0", 100),
    ],
)
def test_how_far_the_budget_is_used(spent: str, budget: str, percent: int):
    assert reached(Decimal(spent), Decimal(budget)) == percent


def test_an_empty_book_holds_nothing():
    assert (Book().committed_usd, Book().left_usd(Decimal(5))) == (0, 5)
