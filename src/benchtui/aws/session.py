"""The connection to AWS: clients opened when first needed, one way to send a request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from random import Random, SystemRandom
from types import TracebackType
from typing import Any, Self, TypeVar

from botocore import xform_name

from benchtui import __version__
from benchtui.aws import descriptions
from benchtui.aws.errors import RAISED_BY_SDK, UnusableAnswer, classify, to_user_error, with_retries
from benchtui.aws.failures import RETRY_READS, FailureKind
from benchtui.aws.sdk import AioConfig, AioSession, SharedCertificates, read_certificates

T = TypeVar("T")
Answer = dict[str, Any]  # as botocore parses it

CONNECT_SECONDS = 5
READ_SECONDS = 30  # between two pieces of an answer
#: Of one try in all: waiting for a free connection, credentials, request and answer.
TRY_SECONDS = 90
TRIES = 5
POOL_CONNECTIONS = 50
#: A server that repeats its paging token would be asked for ever.
MAX_PAGES = 10_000
DEFAULT_REGION = "us-east-1"
#: What the SDK raises of answers that it did not expect, beside its own errors. SyntaxError: of XML's parser.
_STUMBLES = (
    LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError, SyntaxError
)  # fmt: skip
#: Between two looks for new credentials while the old ones are said to have expired.
READ_AGAIN_AFTER = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose credentials are used."""

    account: str  # twelve digits
    arn: str


class Cloud:
    """Requests to AWS, or to what AWS_ENDPOINT_URL names, with the SDK's own settings and credentials.

    Nothing is opened before the first request, and each client is kept until the end. EC2's first one takes
    150 to 280 ms, in a thread but for 30 to 80 ms in which the event loop stands (parsing JSON holds the
    interpreter's lock); another service's 5 to 50 ms, another region's 10 ms. Measured on two busy CPUs.

    Args:
        profile: of the AWS configuration files; None or empty: the SDK's own choice.
        regions: the first is where the account is asked about itself.
        bucket_region: where the bucket lies; None: the first region.
        random, sleep: chance and waiting of retries; to be replaced in tests.
        tries: per request, where it may be repeated.
        now: this machine's time, UTC, to which that of a server is compared.
    """

    def __init__(
        self,
        profile: str | None,
        regions: tuple[str, ...],
        bucket_region: str | None = None,
        *,
        random: Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        tries: int = TRIES,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.regions = regions or (DEFAULT_REGION,)
        self.bucket_region = bucket_region or self.regions[0]
        self.random = random if random is not None else SystemRandom()
        self.sleep = sleep
        self.tries = tries
        self.now = now
        self._profile = profile or None
        self._session: Any = None  # an AioSession, once there was a request
        self._clients: dict[tuple[str, str], Any] = {}
        self._signed_out_at: datetime | None = None
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()
        self.clock_offset: timedelta | None = None  # of the newest answer: its clock minus this machine's

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every client; the next request opens new ones."""
        self._clients.clear()
        await self._stack.aclose()

    async def identity(self) -> Identity:
        """Account and caller of the credentials.

        Raises:
            CloudError: an AccessError when there are none, or they have expired or are not accepted.
        """
        answer = await self.call("sts", self.regions[0], "GetCallerIdentity", expect=("Account", "Arn"))
        return Identity(account=str(answer["Account"]), arn=str(answer["Arn"]))

    async def enabled_regions(self) -> tuple[str, ...]:
        """Regions the account may use, sorted. Instances can be in no other.

        Raises:
            CloudError: EC2 did not say.
        """
        answer = await self.call(
            "ec2", self.regions[0], "DescribeRegions", {"AllRegions": False}, expect=("Regions",)
        )
        # AllRegions=False leaves the disabled ones out already; not every endpoint listens.
        enabled = [row for row in answer["Regions"] if row.get("OptInStatus") != "not-opted-in"]
        if not all(row.get("RegionName") for row in enabled):
            # One region less to look at is not what is to come of it.
            error = UnusableAnswer("a region without a RegionName")
            raise to_user_error(classify(error, region=self.regions[0], operation="DescribeRegions"))
        return tuple(sorted(row["RegionName"] for row in enabled))

    async def known_regions(self) -> tuple[str, ...]:
        """Regions of EC2 that the SDK's own description names, enabled or not, sorted. Asks no one."""
        sdk = await self._sdk()
        partition = "aws"
        with contextlib.suppress(*RAISED_BY_SDK):  # a region of one's own: that of most accounts then
            partition = await asyncio.to_thread(sdk.get_partition_for_region, self.regions[0])
        return tuple(sorted(await sdk.get_available_regions("ec2", partition_name=partition)))

    async def endpoint(self, service: str, region: str) -> str:
        """URL that requests to ``service`` in ``region`` go to. Asks no one.

        Raises:
            CloudError: the SDK's settings are not usable.
        """
        try:
            client = await self._client(service, region)
        except RAISED_BY_SDK as error:
            raise to_user_error(classify(error, region=region)) from error
        return str(client.meta.endpoint_url)

    async def call(
        self,
        service: str,
        region: str,
        operation: str,
        params: Answer | None = None,
        *,
        expect: tuple[str, ...] = (),
        subject: str | None = None,
        retry_on: AbstractSet[FailureKind] = RETRY_READS,
        read: Callable[[Answer], Awaitable[None]] | None = None,
    ) -> Answer:
        """The answer to one request, tried again while the failure's kind is in ``retry_on``.

        Args:
            service: the SDK's name, such as ``ec2``.
            region: where the request goes.
            operation: as AWS spells it: ``DescribeInstances``.
            params: of the request.
            expect: fields without which the answer is worthless; their absence is an UNKNOWN failure.
            subject: what the request is about, for the error's words.
            retry_on: kinds to try again on. Throttles and missing answers, for whatever only reads.
            read: reads a streamed body, as a part of the try and in its time.

        Raises:
            CloudError: the last failure.
        """

        async def attempt() -> Answer:
            try:
                async with asyncio.timeout(TRY_SECONDS):
                    client = await self._client(service, region)
                    answer = await _asked(client, operation, params or {})
                    for field in expect:
                        if field not in answer:
                            raise UnusableAnswer(f"the answer has no {field}")
                    if read is not None:
                        await read(answer)
                    return answer
            except (*RAISED_BY_SDK, UnusableAnswer) as error:
                failure = classify(
                    error, region=region, operation=operation, subject=subject, service=service
                )
                if failure.signed_out:
                    self._read_credentials_again()
                raise to_user_error(failure) from error

        return await with_retries(
            attempt, tries=self.tries, random=self.random, sleep=self.sleep, retry_on=retry_on
        )

    async def pages(
        self, service: str, region: str, operation: str, params: Answer, *, item: str
    ) -> list[Answer]:
        """Items of all pages of a listing that goes on by NextToken.

        Args:
            item: the field that holds the items of a page, such as ``Reservations``.

        Raises:
            CloudError: of the page that failed; nothing is returned then.
        """
        found: list[Answer] = []
        token: str | None = None
        for _ in range(MAX_PAGES):
            asked = params if token is None else {**params, "NextToken": token}
            answer = await self.call(service, region, operation, asked, expect=(item,))
            found.extend(answer[item])
            following = answer.get("NextToken") or None
            if following is None:
                return found
            if following == token:
                break
            token = following
        error = UnusableAnswer("the listing does not come to an end")
        raise to_user_error(classify(error, region=region, operation=operation))

    def _read_credentials_again(self) -> None:
        """Have the next request open a client of its own, with whatever credentials there are by then.

        The SDK reads those of a file or the environment once. The old clients are closed at the end, with
        requests of others still under way in them; so not more than once in a while.
        """
        now = self.now()
        if self._signed_out_at is None or abs(now - self._signed_out_at) >= READ_AGAIN_AFTER:
            self._signed_out_at = now
            self._clients.clear()
            self._session = None

    async def _client(self, service: str, region: str) -> Any:
        key = (service, region)
        if key not in self._clients:
            async with self._opening:
                if key not in self._clients:
                    self._clients[key] = await self._open(service, region)
        return self._clients[key]

    async def _sdk(self) -> Any:
        """The SDK's session. Its settings are read once; certificates meanwhile, in a thread."""
        if self._session is None:
            self._session = await asyncio.to_thread(AioSession, profile=self._profile)
            with contextlib.suppress(*RAISED_BY_SDK):  # no such profile: the first client says so
                descriptions.read_quickly(self._session)
            asyncio.get_running_loop().run_in_executor(None, read_certificates, self._session)
        return self._session

    async def _open(self, service: str, region: str) -> Any:
        sdk = await self._sdk()
        await asyncio.to_thread(descriptions.read, sdk, service)
        config = AioConfig(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            max_pool_connections=POOL_CONNECTIONS,
            # One attempt: all repeating is done above, where it is known what may be repeated.
            retries={"mode": "standard", "total_max_attempts": 1},
            user_agent_extra=f"benchtui/{__version__}",
            http_session_cls=SharedCertificates,
        )
        context = sdk.create_client(service, region_name=region, config=config)
        client = await self._stack.enter_async_context(context)
        client.meta.events.register_last("before-call.s3", _send_at_once)
        client.meta.events.register("response-received", self._note_time)
        return client

    def _note_time(self, response_dict: Answer | None = None, **_rest: object) -> None:
        """What an answer says of the time, also one that refuses: whole seconds, or nothing usable."""
        with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):
            at = parsedate_to_datetime(response_dict["headers"]["date"])  # type: ignore[index]
            self.clock_offset = at.astimezone(UTC) - self.now()


async def _asked(client: Any, operation: str, params: Answer) -> Answer:
    """What the SDK makes of one request's answer.

    Raises:
        UnusableAnswer: it stumbled over the answer: bytes that are no text, a number that is none, a listed
            object without its key. It has no errors of its own for these.
    """
    send = getattr(client, xform_name(operation))
    try:
        answer: Answer = await send(**params)
    except RAISED_BY_SDK:
        raise
    except _STUMBLES as error:
        raise UnusableAnswer(f"the SDK could not read the answer ({error!r})") from error
    return answer


def _send_at_once(params: Answer, **_rest: object) -> None:
    """Take out Expect: 100-continue, for which aiohttp waits for ever where a proxy drops it.

    Our objects are small: to wait for S3's permission costs more than to send one in vain.
    """
    params["headers"].pop("Expect", None)
