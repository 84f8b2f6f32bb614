"""Credentials that expire while benchtui is at work: what is said, and that a new sign-in is enough."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from aiobotocore.credentials import AioSSOProvider

from benchtui.aws import session
from benchtui.aws.errors import CloudError
from benchtui.aws.session import Cloud

from .wire import Server, Writer, write

START = "https://d-0123456789.awsapps.com/start"
WHO = (
    "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/{0}</Arn>"
    "<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)
EXPIRED = (
    "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>The security token included in the request is "
    "expired</Message></Error></ErrorResponse>"
)


async def no_sleep(_seconds: float) -> None:
    pass


class HandClock:
    """A time that goes on when told."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def now(self) -> datetime:
        return self.at


def open_cloud(profile: str, clock: HandClock) -> Cloud:
    return Cloud(profile, ("us-east-1",), random=Random(1), sleep=no_sleep, tries=2, now=clock.now)


def accept(server: Server, accepted: dict[str, str]) -> None:
    """Answer by the access key of the signature: its owner's name, or that it has expired."""

    async def serve(head: str, _body: bytes, writer: Writer) -> None:
        if "/federation/credentials" in head:
            write(writer, json.dumps({"roleCredentials": accepted_role(accepted)}))
            return
        key = head.partition("Credential=")[2].partition("/")[0]
        if key in accepted:
            write(writer, WHO.format(accepted[key]))
        else:
            write(writer, EXPIRED, 403)

    server.answers = [serve]


def accepted_role(accepted: dict[str, str]) -> dict[str, object]:
    """What IAM Identity Center hands out to whoever has a token."""
    ends = int((datetime.now(UTC) + timedelta(hours=1)).timestamp() * 1000)
    key = next(iter(accepted))
    return {"accessKeyId": key, "secretAccessKey": "s", "sessionToken": "t", "expiration": ends}


async def test_keys_of_a_file_are_read_again_once_they_have_expired(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "credentials"
    file.write_text("[work]\naws_access_key_id = OLD\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    clock = HandClock()
    accept(server, {"OLD": "before"})
    async with open_cloud("work", clock) as cloud:
        assert (await cloud.identity()).arn.endswith("before")
        accept(server, {"NEW": "after"})
        with pytest.raises(CloudError) as raised:
            await cloud.identity()
        assert raised.value.failure.signed_out
        assert "sign in again" in str(raised.value.fix)
        with pytest.raises(CloudError):
            await cloud.identity()  # nobody has signed in yet
        file.write_text("[work]\naws_access_key_id = NEW\naws_secret_access_key = s\n")
        clock.at += session.READ_AGAIN_AFTER
        with pytest.raises(CloudError):
            await cloud.identity()  # by the old ones, once more
        assert (await cloud.identity()).arn.endswith("after")


async def test_a_sign_in_to_identity_center_is_noticed(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its token lies in a file that `aws sso login` writes anew; no process needs to be started again."""
    config = tmp_path / "config"
    config.write_text(
        f"[profile work]\nsso_start_url = {START}\nsso_region = us-east-1\nsso_account_id = 123456789012\n"
        "sso_role_name = hpc\nregion = us-east-1\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    # botocore looks where the home was when it was imported.
    monkeypatch.setattr(AioSSOProvider, "_SSO_TOKEN_CACHE_DIR", str(tmp_path / "cache"))
    cache = tmp_path / "cache" / f"{hashlib.sha1(START.encode()).hexdigest()}.json"
    cache.parent.mkdir()

    def sign_in(ends: datetime) -> None:
        content = {
            "startUrl": START,
            "region": "us-east-1",
            "accessToken": "token",
            "expiresAt": ends.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        cache.write_text(json.dumps(content))

    accept(server, {"FROM-SSO": "hpc"})
    now = datetime.now(UTC)
    sign_in(now - timedelta(minutes=1))
    async with open_cloud("work", HandClock()) as cloud:
        with pytest.raises(CloudError) as raised:
            await cloud.identity()
        assert raised.value.failure.signed_out, raised.value
        assert "aws sso login" in str(raised.value.fix)
        sign_in(now + timedelta(hours=8))
        assert (await cloud.identity()).arn.endswith("hpc")


async def test_clients_are_not_opened_anew_for_every_refusal(server: Server) -> None:
    clock = HandClock()
    accept(server, {})
    async with Cloud(None, ("us-east-1",), random=Random(1), sleep=no_sleep, tries=1, now=clock.now) as cloud:
        opened = 0
        original = cloud._open

        async def counted(service: str, region: str) -> object:
            nonlocal opened
            opened += 1
            return await original(service, region)

        cloud._open = counted  # type: ignore[method-assign]
        for _ in range(5):
            with pytest.raises(CloudError):
                await cloud.identity()
        assert opened == 2, "the first, and one after the first refusal"
