"""A server that answers over real connections exactly as told, also with what no real one would say."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

Writer = asyncio.StreamWriter
Serve = Callable[[str, bytes, Writer], Awaitable[None]]


def write(writer: Writer, body: str, status: int = 200, length: int | None = None) -> None:
    data = body.encode()
    size = len(data) if length is None else length
    head = f"HTTP/1.1 {status} Said\r\nContent-Type: text/xml\r\nContent-Length: {size}\r\n"
    writer.write(head.encode() + b"Connection: close\r\n\r\n" + data)


class Server:
    """Answers each request by the next of ``answers``, the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[Serve] = []
        self.requests: list[tuple[str, bytes]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            size = next(
                (int(x.split(":")[1]) for x in head.split("\r\n") if x.lower().startswith("content-length")),
                0,
            )
            body = await reader.readexactly(size)
            self.requests.append((head, body))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            await answer(head, body, writer)
            await writer.drain()
        writer.close()

    def says(self, *answers: str | tuple[str, int]) -> None:
        for answer in answers:
            body, status = answer if isinstance(answer, tuple) else (answer, 200)
            self.answers.append(self._saying(body, status))

    @staticmethod
    def _saying(body: str, status: int) -> Serve:
        async def serve(_head: str, _body: bytes, writer: Writer) -> None:
            write(writer, body, status)

        return serve
