"""A local cloud of the tests' own: a real daemon in a temporary directory, on a free port."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from benchtui.local import daemon
from benchtui.local.options import LocalOptions
from benchtui.local.state import LocalState

#: Enabled in accounts that are asked about all their regions: each costs a kill some thirty requests.
FEW_REGIONS = ("us-east-1", "us-east-2", "us-west-2", "eu-west-1", "eu-west-2", "eu-north-1")
DEBIAN_12 = "/aws/service/debian/release/12/latest/amd64"


@cache
def client(
    service: str, region: str, endpoint: str, retries: int, access_key_id: str, secret: str, token: str | None
) -> Any:
    """A client, made once: each has to read the whole description of its service."""
    session = boto3.session.Session(access_key_id, secret, token, region_name=region)
    config = Config(
        retries={"total_max_attempts": retries, "mode": "standard"},
        connect_timeout=5,
        read_timeout=20,
        max_pool_connections=50,
    )
    return session.client(service, endpoint_url=endpoint, config=config)


@dataclass(frozen=True)
class LocalCloud:
    """A running local cloud."""

    state: LocalState
    state_dir: Path

    @property
    def endpoint(self) -> str:
        return self.state.endpoint

    @property
    def token(self) -> str:
        return self.state.token

    @property
    def environment(self) -> dict[str, str]:
        """The SDK's variables only; merge them into an environment without other AWS_ variables."""
        return daemon.environment(self.state)

    @property
    def bucket(self) -> str:
        return "benchtui-123456789012-us-east-1"

    def boto3(self, service: str, region: str = "us-east-1", *, retries: int = 1, **keys: Any) -> Any:
        """An independent client; one attempt by default, so that a test sees every error."""
        access_key_id = keys.get("access_key_id", self.state.access_key_id)
        secret = keys.get("secret_access_key", self.state.secret_access_key)
        return client(
            service, region, self.endpoint, retries, access_key_id, secret, keys.get("session_token")
        )

    def private(self, method: str, route: str, content: Any = None) -> Any:
        """Call a private route with the token; urllib.error.HTTPError for a refusal."""
        return daemon.request(self.state, method, route, content)

    def advance_clock(self, seconds: float) -> None:
        """Set the cloud's clock forward instead of waiting."""
        self.private("POST", "clock", {"advance_s": seconds})

    def image(self, region: str = "us-east-1", parameter: str = DEBIAN_12) -> str:
        return str(self.boto3("ssm", region).get_parameter(Name=parameter)["Parameter"]["Value"])

    def own_image(self, region: str = "us-east-1") -> str:
        """Debian 12 in this machine's architecture."""
        arch = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
        return self.image(region, f"/aws/service/debian/release/12/latest/{arch}")


Start = Callable[..., LocalCloud]


@pytest.fixture(scope="session")
def start_local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start local clouds by LocalOptions; the same options give the same one."""
    running: dict[str, LocalCloud] = {}

    def start(**options: Any) -> LocalCloud:
        name = json.dumps(options, sort_keys=True, default=str)
        if name not in running:
            directory = options.pop("state_dir", None) or tmp_path_factory.mktemp("local-cloud")
            state = daemon.up(LocalOptions(state_dir=directory, **options))
            running[name] = LocalCloud(state, directory)
        return running[name]

    yield start
    with ThreadPoolExecutor(max(1, len(running))) as pool:
        list(pool.map(lambda cloud: daemon.down(cloud.state_dir), running.values()))


@pytest.fixture(scope="session")
def local_api(start_local_cloud: Start) -> LocalCloud:
    """The API alone: instances run by themselves and execute nothing."""
    return start_local_cloud(host=False)


@pytest.fixture(scope="session")
def local_cloud(request: pytest.FixtureRequest, start_local_cloud: Start) -> LocalCloud:
    """The whole local cloud with its instance host.

    Other options by `@pytest.mark.parametrize("local_cloud", [{"oversubscribe": True}], indirect=True)`.
    """
    return start_local_cloud(**getattr(request, "param", {}))


@pytest.fixture
def http_status() -> Callable[..., int]:
    """Status of a plain HTTP request, errors included."""

    def ask(
        url: str, method: str = "GET", headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> int:
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, data=body, method=method, headers=headers or {}), timeout=10
            ) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as refusal:
            return refusal.code

    return ask
