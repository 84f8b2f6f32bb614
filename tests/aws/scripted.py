"""A cloud that answers from a script, for what no server can be made to say."""

from collections.abc import Callable
from typing import Any

from benchtui.aws.errors import to_user_error
from benchtui.aws.failures import Failure, FailureKind, kind_of_answer

Answer = dict[str, Any]


def refusal(code: str, message: str = "no", status: int = 400) -> Exception:
    """The error that a call raises when AWS answers ``code``."""
    kind = kind_of_answer(code, status)
    return to_user_error(Failure(kind, code, message, "us-east-1", "Test", status))


def no_answer() -> Exception:
    """The error that a call raises when no answer came."""
    return to_user_error(Failure(FailureKind.UNKNOWN, "ReadTimeoutError", "no answer in time", "us-east-1"))


class ScriptedCloud:
    """Stands for a `Cloud`: ``reply(operation, params)`` returns the answer or raises."""

    bucket_region = "us-east-1"
    regions: tuple[str, ...] = ("us-east-1",)

    def __init__(self, reply: Callable[[str, Answer], Answer]) -> None:
        self.reply = reply
        self.calls: list[tuple[str, Answer]] = []

    async def call(
        self, service: str, region: str, operation: str, params: Answer | None = None, **_options: Any
    ) -> Answer:
        self.calls.append((operation, params or {}))
        return self.reply(operation, params or {})

    async def pages(
        self, service: str, region: str, operation: str, params: Answer, *, item: str
    ) -> list[Answer]:
        found: list[Answer] = (await self.call(service, region, operation, params))[item]
        return found

    async def endpoint(self, service: str, region: str) -> str:
        return f"https://{service}.{region}.example"
