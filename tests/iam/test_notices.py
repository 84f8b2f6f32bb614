"""A notice by SNS: taken to a subscriber with exactly the right to publish, told of where that is missing."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from .world import Outcome, World, configured


@dataclass
class Subscriber:
    """An HTTP endpoint that is subscribed to a topic of its own."""

    topic: str
    got: list[dict[str, Any]] = field(default_factory=list)  # what SNS has posted


@pytest.fixture
def subscriber(world: World) -> Iterator[Subscriber]:
    got: list[dict[str, Any]] = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sns = world.client("sns", world.admin)
    topic = sns.create_topic(Name=f"notices-{uuid.uuid4().hex[:8]}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"http://127.0.0.1:{server.server_port}/")
    yield Subscriber(topic, got)
    server.shutdown()
    server.server_close()


def notify(world: World, topic: str, *allowed: str) -> Outcome:
    """`benchtui notify` of someone who may publish to these topics and do nothing else."""
    rows = [{"Effect": "Allow", "Action": "sns:Publish", "Resource": list(allowed)}] if allowed else []
    keys = world.user({"Version": "2012-10-17", "Statement": rows}, label=uuid.uuid4().hex)
    config = f'{configured()}[notify]\nsns_topic = "{topic}"\n'
    return world.benchtui(keys, "notify", "--json", config=config, home=f"home-{uuid.uuid4().hex[:8]}")


@pytest.mark.long
def test_a_notice_reaches_the_subscriber_with_the_right_to_publish_alone(
    world: World, subscriber: Subscriber
) -> None:
    done = notify(world, subscriber.topic, subscriber.topic)
    assert done.code == 0, done.said
    assert json.loads(done.out)["sent"] == [{"way": "sns", "ok": True, "why": None}]
    (posted,) = [one for one in subscriber.got if one["Type"] == "Notification"]
    assert posted["TopicArn"] == subscriber.topic
    assert posted["Subject"] == "benchtui trial"
    text, _, record = posted["Message"].partition("\n\n")
    assert text == "benchtui: this is a trial; notices arrive here"
    assert json.loads(record)["text"] == text


@pytest.mark.parametrize("elsewhere", [False, True], ids=["without the right", "with that on another topic"])
def test_without_the_right_it_arrives_nowhere_and_the_action_is_named(
    world: World, subscriber: Subscriber, elsewhere: bool
) -> None:
    done = notify(world, subscriber.topic, *([f"{subscriber.topic}-2"] if elsewhere else []))
    assert done.code == 1, done.said
    (sent,) = json.loads(done.out)["sent"]
    assert (sent["way"], sent["ok"]) == ("sns", False)
    assert "sns:Publish" in sent["why"] and subscriber.topic in sent["why"]
    assert [one for one in subscriber.got if one["Type"] == "Notification"] == []
