"""Requests over real connections to a server that answers as told."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from random import Random

import pytest

from benchtui.aws import session
from benchtui.aws.errors import CloudError, FailureKind
from benchtui.aws.failures import RETRY_REFUSED
from benchtui.aws.session import Cloud
from benchtui.core.errors import AccessError

from .wire import Server, Writer, write

REGIONS = (
    '<?xml version="1.0"?><DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
    "<regionInfo>{}</regionInfo></DescribeRegionsResponse>"
)
REGION = "<item><regionName>{}</regionName><optInStatus>{}</optInStatus></item>"
ERROR = (
    "<Response><Errors><Error><Code>{}</Code><Message>no</Message></Error></Errors>"
    "<RequestID>1</RequestID></Response>"
)


async def no_sleep(_seconds: float) -> None:
    pass


def open_cloud(tries: int = 3, profile: str | None = None) -> Cloud:
    return Cloud(profile, ("us-east-1",), random=Random(1), sleep=no_sleep, tries=tries)


async def failure_of(cloud: Cloud) -> CloudError:
    async with cloud:
        with pytest.raises(CloudError) as raised:
            await cloud.enabled_regions()
    return raised.value


async def test_enabled_regions_leave_out_those_not_opted_in(server: Server) -> None:
    rows = [("us-east-1", "opt-in-not-required"), ("af-south-1", "not-opted-in"), ("ap-east-1", "opted-in")]
    server.says(REGIONS.format("".join(REGION.format(*row) for row in rows)))
    async with open_cloud() as cloud:
        assert await cloud.enabled_regions() == ("ap-east-1", "us-east-1")
    head, _ = server.requests[0]
    assert "benchtui/" in head


@pytest.mark.parametrize(("date", "offset_s"), [("Sat, 28 Nov 2026 18:20:00 GMT", 1200), ("yesterday", None)])
async def test_an_answer_tells_the_time_also_when_it_refuses(
    server: Server, date: str, offset_s: int | None
) -> None:
    async def refuse(_head: str, _body: bytes, writer: Writer) -> None:
        writer.write(f"HTTP/1.1 403 No\r\nDate: {date}\r\n".encode())
        body = ERROR.format("RequestExpired").encode()
        writer.write(b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    server.answers.append(refuse)
    cloud = open_cloud()
    cloud.now = lambda: datetime(2026, 11, 28, 18, 0, tzinfo=UTC)
    await failure_of(cloud)
    told = cloud.clock_offset
    assert (None if told is None else told.total_seconds()) == offset_s


async def test_a_throttle_and_a_server_error_are_tried_again(server: Server) -> None:
    server.says((ERROR.format("RequestLimitExceeded"), 503), (ERROR.format("InternalError"), 500))
    server.says(REGIONS.format(REGION.format("us-east-1", "opted-in")))
    async with open_cloud() as cloud:
        assert await cloud.enabled_regions() == ("us-east-1",)
    assert len(server.requests) == 3


async def test_the_sdk_itself_repeats_nothing(server: Server) -> None:
    server.says((ERROR.format("InternalError"), 500))
    assert (await failure_of(open_cloud(tries=1))).failure.kind is FailureKind.UNKNOWN
    assert len(server.requests) == 1


async def test_a_refusal_is_not_tried_again(server: Server) -> None:
    server.says((ERROR.format("UnauthorizedOperation"), 403))
    error = await failure_of(open_cloud())
    assert isinstance(error, AccessError)
    assert error.failure.kind is FailureKind.DENIED
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        REGIONS.format(REGION.format("us-east-1", "opted-in"))[:-40],  # truncated
        "<html><body>It works!</body></html>",  # a captive portal
        "",
        "not XML at all",
    ],
)
async def test_an_answer_that_cannot_be_read_is_unknown_and_never_empty(server: Server, body: str) -> None:
    server.says(body)
    assert (await failure_of(open_cloud())).failure.kind is FailureKind.UNKNOWN
    assert len(server.requests) == 3


async def test_a_cut_connection_is_unknown_and_tried_again(server: Server) -> None:
    async def cut(_head: str, _body: bytes, writer: Writer) -> None:
        writer.transport.abort()

    async def half(_head: str, _body: bytes, writer: Writer) -> None:
        write(writer, "<half", length=5000)

    server.answers += [cut, half]
    server.says(REGIONS.format(REGION.format("us-east-1", "opted-in")))
    async with open_cloud() as cloud:
        assert await cloud.enabled_regions() == ("us-east-1",)


async def test_a_lost_answer_to_a_launch_is_not_repeated_here(server: Server) -> None:
    async def cut(_head: str, _body: bytes, writer: Writer) -> None:
        writer.transport.abort()

    server.answers.append(cut)
    async with open_cloud() as cloud:
        with pytest.raises(CloudError) as raised:
            params = {"MinCount": 1, "MaxCount": 1}
            await cloud.call("ec2", "us-east-1", "RunInstances", params, retry_on=RETRY_REFUSED)
    assert raised.value.failure.kind is FailureKind.UNKNOWN
    assert len(server.requests) == 1


async def test_a_server_that_never_answers_is_given_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_head: str, _body: bytes, _writer: Writer) -> None:
        await asyncio.sleep(30)

    server.answers.append(hang)
    monkeypatch.setattr(session, "TRY_SECONDS", 0.5)
    error = await failure_of(open_cloud(tries=1))
    assert (error.failure.kind, error.failure.code) == (FailureKind.UNKNOWN, "TimeoutError")


async def test_no_connection_is_unknown(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    error = await failure_of(open_cloud())
    assert error.failure.kind is FailureKind.UNKNOWN
    assert error.fix is not None
    assert "AWS_ENDPOINT_URL" in error.fix


async def test_without_credentials_the_way_to_sign_in_is_told(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    error = await failure_of(open_cloud())
    assert isinstance(error, AccessError)
    assert error.failure.code == "NoCredentialsError"
    assert error.fix is not None
    assert "[aws] profile" in error.fix


async def test_a_profile_that_does_not_exist_is_told(server: Server) -> None:
    error = await failure_of(open_cloud(profile="lab"))
    assert isinstance(error, AccessError)
    assert error.failure.code == "ProfileNotFound"
    with pytest.raises(AccessError):
        await open_cloud(profile="lab").endpoint("pricing", "us-east-1")


async def test_pages_are_put_together(server: Server) -> None:
    page = "<DescribeVpcsResponse><vpcSet><item><vpcId>{}</vpcId></item></vpcSet>{}</DescribeVpcsResponse>"
    server.says(page.format("vpc-1", "<nextToken>2</nextToken>"), page.format("vpc-2", ""))
    async with open_cloud() as cloud:
        rows = await cloud.pages("ec2", "us-east-1", "DescribeVpcs", {}, item="Vpcs")
    assert [row["VpcId"] for row in rows] == ["vpc-1", "vpc-2"]
    assert b"NextToken=2" in server.requests[1][1]


async def test_a_failure_on_a_later_page_is_a_failure_of_the_whole(server: Server) -> None:
    page = "<DescribeVpcsResponse><vpcSet/><nextToken>2</nextToken></DescribeVpcsResponse>"
    server.says(page, (ERROR.format("UnauthorizedOperation"), 403))
    async with open_cloud() as cloud:
        with pytest.raises(CloudError):
            await cloud.pages("ec2", "us-east-1", "DescribeVpcs", {}, item="Vpcs")


async def test_a_listing_without_end_is_given_up(server: Server) -> None:
    server.says("<DescribeVpcsResponse><vpcSet/><nextToken>2</nextToken></DescribeVpcsResponse>")
    async with open_cloud() as cloud:
        with pytest.raises(CloudError) as raised:
            await cloud.pages("ec2", "us-east-1", "DescribeVpcs", {}, item="Vpcs")
    assert raised.value.failure.kind is FailureKind.UNKNOWN
    assert len(server.requests) == 2


async def test_many_requests_share_one_client(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.says(REGIONS.format(REGION.format("us-east-1", "opted-in")))
    opened: list[tuple[str, str]] = []
    really_open = Cloud._open

    async def count(self: Cloud, service: str, region: str) -> object:
        opened.append((service, region))
        return await really_open(self, service, region)

    monkeypatch.setattr(Cloud, "_open", count)
    async with open_cloud() as cloud:
        await asyncio.gather(*(cloud.enabled_regions() for _ in range(20)))
    assert opened == [("ec2", "us-east-1")]


async def test_a_request_can_be_cancelled(server: Server) -> None:
    started = asyncio.Event()

    async def hang(_head: str, _body: bytes, _writer: Writer) -> None:
        started.set()
        await asyncio.sleep(30)

    server.answers.append(hang)
    async with open_cloud() as cloud:
        task = asyncio.create_task(cloud.enabled_regions())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(server.requests) == 1


def test_kinds_of_failures_can_be_named_without_an_sdk() -> None:
    code = "import benchtui.aws.failures, benchtui.aws.snapshot, sys; print('botocore' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "False\n"
