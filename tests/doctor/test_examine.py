"""Checks run side by side; what one needs decides, and none hides another."""

from __future__ import annotations

import asyncio

from benchtui.core.errors import BenchtuiError, ExitCode
from benchtui.engine.doctor.examine import Progress, examine
from benchtui.engine.doctor.finding import Check, Said, Status, fail, ok, warn


class Places:
    """What the runner needs of a subject."""

    regions = ("us-east-1", "eu-west-1")
    launch_regions = ("us-east-1",)
    closed = False

    async def close(self) -> None:
        self.closed = True


def says(said: Said | Exception, name: str = "one", **options) -> Check:
    async def work(_subject, _region):
        if isinstance(said, Exception):
            raise said
        return said

    return Check(name, "about it", work, **options)


async def asked(*checks: Check, told=lambda _: None):
    subject = Places()
    diagnosis = await examine(subject, checks, told)  # type: ignore[arg-type]
    assert subject.closed
    return diagnosis


async def test_a_failing_check_hides_no_other_and_makes_exit_code_3():
    found = await asked(says(fail("f", "m", "x"), "a"), says(ok("fine"), "b"), says(warn("w", "m"), "c"))
    assert [each.status for each in found.findings] == [Status.FAIL, Status.OK, Status.WARN]
    assert found.exit_code is ExitCode.DENIED
    assert found.findings[0].fix == "x"


async def test_warnings_and_unknown_lines_alone_are_no_failure():
    found = await asked(says(warn("w", "m"), "a"), says(BenchtuiError("no answer", "ask again"), "b"))
    assert found.exit_code is ExitCode.OK
    assert found.findings[1].status is Status.UNKNOWN
    assert found.findings[1].fix == "ask again"


async def test_what_builds_on_a_failure_names_the_first_cause():
    found = await asked(
        says(fail("f", "m"), "a"),
        says(ok("never asked"), "b", needs=("a",)),
        says(ok("never asked"), "c", needs=("b",)),
    )
    assert [each.needs for each in found.findings] == [None, "a", "a"]
    assert [each.found for each in found.findings[1:]] == ["needs a", "needs a"]


async def test_a_warning_stops_nothing_that_builds_on_it():
    found = await asked(says(warn("w", "m"), "a"), says(ok("asked"), "b", needs=("a",)))
    assert found.findings[1].status is Status.OK


async def test_a_defect_of_a_check_is_an_unknown_line():
    found = await asked(says(ZeroDivisionError("boom"), "a"), says(ok("fine"), "b"))
    assert "ZeroDivisionError: boom" in found.findings[0].found
    assert found.findings[1].status is Status.OK


async def test_a_check_that_takes_too_long_is_unknown_and_the_others_are_told_before():
    told: list[Progress] = []

    async def for_ever(_subject, _region):
        await asyncio.sleep(60)
        return ok("never")

    slow = Check("slow", "about", for_ever, seconds=0.05)
    found = await asked(slow, says(ok("fine"), "b"), told=told.append)
    assert found.findings[0].status is Status.UNKNOWN
    assert [each.finding.check for each in told] == ["b", "slow"]
    assert told[0].asking == ("slow",)


async def test_regional_checks_need_their_own_region():
    async def region(_subject, place):
        return ok("answers") if place == "us-east-1" else fail("silent", "m")

    found = await asked(
        Check("region", "about", region, everywhere=True),
        says(ok("asked"), "types", needs=("region",), regional=True),
    )
    assert [(each.check, each.where, each.status) for each in found.findings] == [
        ("region", "us-east-1", Status.OK),
        ("region", "eu-west-1", Status.FAIL),
        ("types", "us-east-1", Status.OK),
    ]
