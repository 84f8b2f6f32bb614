"""A cloud whose requests end before the network: botocore builds, checks and reads all, over given bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from benchtui.aws.session import Cloud

#: What is answered: status, headers, body.
Wire = tuple[int, dict[str, str], bytes]
Reply = Callable[[str, str, dict[str, Any]], Wire]  # service, operation, parameters
_ANYWHERE = Config(retries={"mode": "standard", "total_max_attempts": 1})


class _Raw(io.BytesIO):
    """A body as urllib3 would give it."""

    def stream(self, **_options: Any) -> Any:
        while chunk := self.read(65536):
            yield chunk


class _Client:
    """A client of botocore with methods to be awaited."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.meta = client.meta

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        async def send(**params: Any) -> Any:
            return method(**params)

        return send


class StubbedCloud(Cloud):
    """A `Cloud` that is answered by ``reply``, and repeats nothing."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(None, ("us-east-1",), random=Random(1), tries=1)
        self.reply = reply
        self.sent: list[tuple[str, str, dict[str, Any]]] = []

    async def _client(self, service: str, region: str) -> Any:
        client = _opened(service, region)
        _ASKED[client.meta.service_model.service_name, region] = self
        return _Client(client)

    def noted(self, params: dict[str, Any], model: Any) -> None:
        """A request is about to be built."""
        self.sent.append((model.service_model.service_name, model.name, params))

    def answered(self, url: str) -> AWSResponse:
        """It would be sent now."""
        status, headers, body = self.reply(*self.sent[-1])
        return AWSResponse(url, status, headers, _Raw(body))


#: Who asks by a client now: clients take long to make, and are shared.
_ASKED: dict[tuple[str, str], StubbedCloud] = {}


@cache
def _opened(service: str, region: str) -> Any:
    session = botocore.session.Session()
    session.set_credentials("key", "secret")
    client = session.create_client(service, region_name=region, config=_ANYWHERE)
    at = client.meta.service_model.service_name, region

    def note(params: dict[str, Any], model: Any, **_rest: Any) -> None:
        _ASKED[at].noted(params, model)

    def answer(request: Any, **_rest: Any) -> AWSResponse:
        return _ASKED[at].answered(request.url)

    client.meta.events.register_first("provide-client-params", note)
    client.meta.events.register_first("before-send", answer)
    return client
