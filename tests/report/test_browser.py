"""The report in a real browser: headless Chromium over its debugging protocol, without any network.

Needs Debian's chromium package; without it the test is skipped and says so.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import struct
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchtui.report.html_page import render_html
from benchtui.report.report_record import report_fields
from benchtui.report.subject import Subject
from benchtui.report.writing import report_of

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for name in NAMES if (found := shutil.which(name))), None)
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--disable-default-apps", "--disable-dev-shm-usage", "--remote-debugging-port=0",
)  # fmt: skip
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium (Debian: apt-get install chromium)"),
]


class Tab:
    """One page of a browser, spoken to over a WebSocket (RFC 6455) by the standard library alone."""

    def __init__(self, url: str) -> None:
        host, _, path = url.removeprefix("ws://").partition("/")
        name, _, port = host.partition(":")
        self.events: list[dict[str, Any]] = []
        self._number = 0
        self._socket = socket.create_connection((name, int(port)), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._file = self._socket.makefile("rb")
        while self._file.readline().strip():
            pass

    def __call__(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method and wait for its answer; what happens meanwhile is kept in ``events``."""
        self._number += 1
        self._send({"id": self._number, "method": method, "params": parameters})
        while True:
            message = self._receive()
            if message.get("id") == self._number:
                assert "error" not in message, message
                found = message["result"]
                assert isinstance(found, dict)
                return found
            self.events.append(message)

    def value(self, expression: str) -> Any:
        """What an expression is in the page."""
        answer = self("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        code = {"Tab": 9, "Enter": 13, " ": 32}[key]
        text = {"Enter": "\r", " ": " "}.get(key, "")
        common = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code}
        self("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **common)
        self("Input.dispatchKeyEvent", type="keyUp", **common)

    def _send(self, message: dict[str, Any]) -> None:
        body, mask = json.dumps(message).encode(), os.urandom(4)
        size = len(body)
        head = b"\x81" + (bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size))
        self._socket.sendall(head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(body)))

    def _receive(self) -> dict[str, Any]:
        body = b""
        while True:
            first, second = self._file.read(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack(">H", self._file.read(2))
            elif size == 127:
                (size,) = struct.unpack(">Q", self._file.read(8))
            body += self._file.read(size)
            if first & 0x80:
                found = json.loads(body)
                assert isinstance(found, dict)
                return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a browser's debugging port."""
    profile = tmp_path_factory.mktemp("chromium")
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"HOME": str(profile)}
    )
    try:
        port = profile / "DevToolsActivePort"
        deadline = time.monotonic() + 60
        while not port.exists() or not port.read_text().strip():
            assert process.poll() is None, "chromium ended at once"
            assert time.monotonic() < deadline, "chromium did not open its port"
            time.sleep(0.1)
        yield f"127.0.0.1:{port.read_text().split()[0]}"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


Open = Callable[..., Tab]


@pytest.fixture
def opened(browser: str, subject: Subject, tmp_path: Path) -> Open:
    """The report in a new tab."""
    page = tmp_path / "report.html"
    page.write_text(render_html(report_of(subject), report_fields(subject)), encoding="utf-8")

    def tab(width: int = 1200, *, dark: bool = False) -> Tab:
        request = urllib.request.Request(f"http://{browser}/json/new?about:blank", method="PUT")
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = Tab(json.load(answer)["webSocketDebuggerUrl"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            found(f"{domain}.enable")
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        found("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        found("Emulation.setEmulatedMedia", features=[scheme])
        found("Page.navigate", url=page.as_uri())
        deadline = time.monotonic() + 60
        while found.value("document.readyState") != "complete" or found.value("location.protocol") != "file:":
            assert time.monotonic() < deadline, "the page was not loaded"
            time.sleep(0.1)
        return found

    return tab


def test_no_request_leaves_the_page_and_nothing_is_wrong_on_the_console(opened: Open):
    tab = opened()
    tab.value("new Promise(done => setTimeout(done, 1500))")
    sent = [one["params"] for one in tab.events if one["method"] == "Network.requestWillBeSent"]
    asked = [one["request"]["url"] for one in sent]
    outside = [url for url in asked if not url.startswith(("file:", "data:"))]
    assert outside == []
    assert any(url.startswith("file:") for url in asked)
    wrong = [
        one["params"]
        for one in tab.events
        if one["method"] in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    ]
    assert wrong == []


def test_the_policy_refuses_what_a_slipped_text_could_try(opened: Open):
    tab = opened()
    refused = tab.value(
        """new Promise(done => {
          const seen = [];
          addEventListener('securitypolicyviolation', e => seen.push(e.effectiveDirective));
          const image = new Image(); image.src = 'http://127.0.0.1:9/x.png'; document.body.append(image);
          const script = document.createElement('script'); script.textContent = 'window.owned = 1';
          document.body.append(script);
          document.body.insertAdjacentHTML('beforeend', '<p onclick="1" style="color:red">x</p>');
          fetch('http://127.0.0.1:9/').catch(() => {});
          setTimeout(() => done([seen, typeof window.owned]), 800);
        })"""
    )
    assert {"img-src", "script-src-elem", "connect-src", "style-src-attr"} <= set(refused[0])
    assert refused[1] == "undefined"


TABLE = "document.querySelector('#suite-stream table')"
COLUMN = f"[...{TABLE}.tBodies[0].rows].map(row => row.cells[2].textContent)"


def test_tables_sort_by_keyboard_and_say_so(opened: Open):
    tab = opened()
    tab.value(f"{TABLE}.tHead.rows[0].cells[1].querySelector('button').focus()")
    tab.press("Tab")
    assert tab.value("document.activeElement.textContent") == "GB/s"
    before = tab.value(COLUMN)
    tab.press("Enter")
    rising = tab.value(COLUMN)
    assert rising == sorted(rising, key=float)
    assert tab.value(f"{TABLE}.tHead.rows[0].cells[2].getAttribute('aria-sort')") == "ascending"
    assert "sorted by GB/s, ascending" in tab.value("document.getElementById('said').textContent")
    tab.press(" ")
    falling = tab.value(COLUMN)
    assert falling == rising[::-1]
    assert sorted(before) == sorted(falling)
    assert tab.value(f"{TABLE}.tHead.rows[0].cells[2].getAttribute('aria-sort')") == "descending"
    assert tab.value("document.querySelectorAll('th[aria-sort=descending]').length") == 1


def test_what_is_not_known_stays_last_whichever_way_it_is_sorted(opened: Open):
    tab = opened()
    table = "document.querySelector('#suite-hpl table')"
    column = f"[...{table}.tBodies[0].rows].map(row => row.cells[2].textContent)"
    for _ in range(2):
        tab.value(f"{table}.tHead.rows[0].cells[2].querySelector('button').click()")
        found = tab.value(column)
        assert found[-1] == "–"
        assert "–" not in found[:-1]


@pytest.mark.parametrize("width", [400, 900, 1600])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_fits_its_width_and_can_be_read(opened: Open, width: int, dark: bool):
    tab = opened(width, dark=dark)
    assert tab.value("document.documentElement.scrollWidth") <= width
    scales = tab.value(SCALES)
    assert len(scales) == tab.value("document.querySelectorAll('figure').length")
    assert min(scales) >= 0.8
    worst = tab.value(CONTRAST)
    assert worst[0] >= 4.5, worst


#: How much each chart that is shown is scaled.
SCALES = """[...document.querySelectorAll('svg')]
  .map(s => [s.getBoundingClientRect().width, s.viewBox.baseVal.width])
  .filter(([shown]) => shown).map(([shown, drawn]) => shown / drawn)"""
#: The least contrast of any text with what is behind it (WCAG 2, relative luminance), and that text.
CONTRAST = """(() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const linear = v => v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
  const ground = node => {
    for (let at = node; at; at = at.parentElement) {
      const c = parse(getComputedStyle(at).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  let worst = [99, ''];
  const texts = 'p,li,td,th,dt,dd,h1,h2,h3,span,summary,a,caption,button,svg text';
  for (const node of document.querySelectorAll(texts)) {
    if (!node.textContent.trim() || !node.getClientRects().length) continue;
    const style = getComputedStyle(node);
    const colour = node.namespaceURI.includes('svg') ? style.fill : style.color;
    const a = light(parse(colour)), b = light(ground(node));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < worst[0]) worst = [ratio, node.textContent.slice(0, 40), String(node.className)];
  }
  return worst;
})()"""


def test_print_opens_what_is_folded(opened: Open):
    tab = opened()
    assert tab.value("document.querySelectorAll('details:not([open])').length") > 0
    tab("Page.printToPDF", printBackground=True)
    assert tab.value("document.querySelectorAll('details:not([open])').length") == 0
