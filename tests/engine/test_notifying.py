"""Notices: what is told, by which way; nothing is stopped or betrayed by one that does not arrive."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchtui.config.schema import NotifySection
from benchtui.core import notices
from benchtui.core.notices import Notice, Occasion
from benchtui.engine.clock import SystemClock
from benchtui.engine.events import Event
from benchtui.engine.notifying import Notifier
from benchtui.engine.webhook import WebhookError, check_address

AT = datetime(2026, 11, 24, 2, 15, 33, tzinfo=UTC)
RUN = "20261124-021533-k3f7"


@dataclass
class Receiver:
    """A webhook's other end."""

    url: str = ""
    status: list[int] = field(default_factory=list)  # of the next answers; then 200
    got: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    seen = Receiver()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.got.append(json.loads(body))
            status = seen.status.pop(0) if seen.status else 200
            self.send_response(status)
            if status == 302:
                self.send_header("Location", seen.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    seen.url = f"http://127.0.0.1:{server.server_port}/secret-path"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield seen
    server.shutdown()
    server.server_close()


class QuickClock(SystemClock):
    """Does not wait between two tries."""

    async def sleep(self, seconds: float) -> None:
        return None


def notifier(settings: NotifySection, said: list[Event], environ: dict[str, str] | None = None) -> Notifier:
    cloud: Any = None  # no way of these asks AWS
    return Notifier(settings, cloud, QuickClock(), said.append, environ or {})


def notice(text: str = "something happened") -> Notice:
    return Notice(Occasion.RUN_DONE, AT, text, RUN, {"measured": 4})


async def test_a_webhook_gets_the_record(receiver: Receiver) -> None:
    way = notifier(NotifySection(webhook_env="HOOK"), [], {"HOOK": receiver.url})
    assert [sent.ok for sent in await way.send(notice())] == [True]
    assert receiver.got == [
        {
            "v": 1,
            "type": "notice",
            "ts": "2026-11-24T02:15:33.000Z",
            "occasion": "run-done",
            "run": RUN,
            "text": "something happened",
            "fields": {"measured": 4},
        }
    ]


async def test_a_webhook_that_is_busy_is_asked_again_and_one_that_refuses_is_not(receiver: Receiver) -> None:
    way = notifier(NotifySection(webhook_env="HOOK"), [], {"HOOK": receiver.url})
    receiver.status = [503, 429]
    assert [sent.ok for sent in await way.send(notice())] == [True]
    assert len(receiver.got) == 3
    receiver.status = [404]
    (sent,) = await way.send(notice())
    assert sent.why == "127.0.0.1 answered 404"
    assert len(receiver.got) == 4


async def test_no_redirect_is_followed(receiver: Receiver) -> None:
    way = notifier(NotifySection(webhook_env="HOOK"), [], {"HOOK": receiver.url})
    receiver.status = [302]
    (sent,) = await way.send(notice())
    assert sent.why == "127.0.0.1 answered 302"
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    "url", ["http://hooks.example.com/T0/secret", "ftp://x/y", "", "file:///etc/passwd", "https://"]
)
def test_only_https_leaves_this_machine_and_no_error_tells_the_address(url: str) -> None:
    with pytest.raises(WebhookError) as caught:
        check_address(url)
    assert "secret" not in str(caught.value)
    assert check_address("https://hooks.example.com/T0/secret") == "hooks.example.com"


async def test_what_does_not_arrive_is_told_without_the_address_and_stops_nothing() -> None:
    said: list[Event] = []
    hook = "https://no-such-host.invalid/T0/secret"
    way = notifier(NotifySection(webhook_env="HOOK", command=("/no/such/program",)), said, {"HOOK": hook})
    way.tell(notice())
    await way.close()
    texts = [event.fields["text"] for event in said]
    assert len(texts) == 2
    assert all(event.type == "note" and event.fields["run"] == RUN for event in said)
    assert any("webhook: no-such-host.invalid: " in text for text in texts)
    assert any("command: /no/such/program: No such file or directory" in text for text in texts)
    assert "secret" not in " ".join(texts)


async def test_an_address_that_is_not_set_is_named() -> None:
    (sent,) = await notifier(NotifySection(webhook_env="HOOK"), []).send(notice())
    assert sent.why == "HOOK, which [notify] webhook_env names, is not set"


async def test_a_command_reads_the_record(tmp_path: Path) -> None:
    code = "import os, sys; open(sys.argv[1], 'w').write(os.environ['NOTICE_OCCASION'] + sys.stdin.read())"
    target = tmp_path / "told"
    way = notifier(NotifySection(command=(sys.executable, "-c", code, str(target))), [])
    assert [sent.ok for sent in await way.send(notice("a\nb\x1b[31m"))] == [True]
    occasion, _, body = target.read_text().partition("{")
    assert occasion == "run-done"
    assert json.loads("{" + body)["text"] == "a b\ufffd[31m"


async def test_a_command_that_fails_or_hangs_is_told() -> None:
    failing = notifier(NotifySection(command=("false",)), [])
    assert [sent.why for sent in await failing.send(notice())] == ["false ended with 1"]
    hanging = notifier(NotifySection(command=("sleep", "60"), timeout=1), [])
    assert [sent.why for sent in await hanging.send(notice())] == ["sleep took longer than 1 s"]


async def test_only_the_occasions_that_were_chosen_each_once(receiver: Receiver) -> None:
    said: list[Event] = []
    settings = NotifySection(webhook_env="HOOK", on=("budget",))
    way = notifier(settings, said, {"HOOK": receiver.url})
    heard: list[Event] = []
    emit = way.hearing(heard.append)
    fields = {"run": RUN, "percent": 80, "spent_usd": "4.00", "budget_usd": "5.00"}
    for event in (Event("budget", AT, fields), Event("budget", AT, fields), Event("note", AT, {"text": "x"})):
        emit(event)
    way.tell(notice())
    await way.close()
    assert len(heard) == 3
    assert [got["text"] for got in receiver.got] == [
        f"{RUN}: 80 % of the budget is spent, 4.00 of 5.00 USD (est.)"
    ]


def test_the_head_of_a_mail_fits_what_sns_takes() -> None:
    told = notices.kill_unproven("run", "ü" * 200, AT, (), "benchtui kill --all")
    assert len(told.subject) <= 99
    assert told.subject.isascii()
    assert told.subject.startswith("benchtui kill-incomplete")
    assert "a region that could not be listed" in told.text


async def test_a_confirmed_regression_is_told_with_its_words(receiver: Receiver) -> None:
    way = notifier(NotifySection(webhook_env="HOOK"), [], {"HOOK": receiver.url})
    way.tell(notices.regression_confirmed(RUN, AT, "c7g.large stream/triad.all 4.1 % lower"))
    await way.close()
    assert [got["occasion"] for got in receiver.got] == ["regression"]
    assert receiver.got[0]["text"] == f"regression confirmed by {RUN}: c7g.large stream/triad.all 4.1 % lower"
