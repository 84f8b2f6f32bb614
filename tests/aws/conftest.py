"""The local cloud without its instance host: the API alone, which the tests of this folder ask."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from random import Random
from typing import Any

import pytest

from benchtui.aws.session import Cloud
from benchtui.local.daemon import down, environment, up
from benchtui.local.options import LocalOptions
from benchtui.local.state import LocalState

from .requests_known import watched
from .wire import Server

REGION = "us-east-1"
BUCKET = "benchtui-123456789012-us-east-1"


@pytest.fixture(scope="package")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalState]:
    """A running API, shared by the tests of this folder: each uses a run of its own."""
    state_dir = tmp_path_factory.mktemp("local")
    # It ends itself soon even if this process is killed.
    yield up(LocalOptions(host=False, oversubscribe=True, idle_minutes=5, state_dir=state_dir))
    down(state_dir)


@pytest.fixture
async def cloud(api: LocalState, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cloud]:
    """A connection to it that waits for nothing between tries."""
    for name, value in environment(api).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)

    async def no_sleep(_seconds: float) -> None:
        pass

    async with Cloud(None, (REGION,), random=Random(1), sleep=no_sleep) as cloud:
        yield cloud


@pytest.fixture(autouse=True)
def requests_are_allowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every request that a test sends is one that AWS's own description allows."""
    found = watched(monkeypatch)
    yield
    assert found == []


Private = Callable[..., Any]


@pytest.fixture
def private(api: LocalState) -> Private:
    """Asks a private route: ``private("POST", "faults", service="ec2", …)``."""

    def ask(method: str, route: str, **fields: Any) -> Any:
        request = urllib.request.Request(
            f"{api.endpoint}/_benchtui/{route}",
            method=method,
            data=json.dumps(fields).encode() if fields else None,
            headers={"X-Benchtui-Token": api.token, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    return ask


@pytest.fixture
def fault(private: Private) -> Iterator[Private]:
    """Adds a fault rule; all are removed after the test. ``fault.hits()`` is in the route ``faults``."""

    def add(**rule: Any) -> Any:
        return private("POST", "faults", **rule)

    yield add
    private("DELETE", "faults")


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    async with listening:
        yield server
