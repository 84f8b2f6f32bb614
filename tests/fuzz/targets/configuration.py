"""What a person wrote, or was sent by someone: config.toml and payload.toml."""

from __future__ import annotations

from pathlib import Path

from benchtui.config.access import Access, quick_access
from benchtui.config.load import load, render_origins
from benchtui.config.problems import ConfigError
from benchtui.core.errors import UsageError
from benchtui.core.suites import parse_payload
from tests.fuzz.target import FOLDER, Target

ROOT = Path(__file__).parents[3]
_FILE = FOLDER / "hostile.toml"


def read_config(content: bytes) -> None:
    """As every command reads it, and as a kill does, which must not come to another account."""
    _FILE.write_bytes(content)
    environ = {"HOME": str(FOLDER)}
    quick = quick_access(_FILE, environ, {}, FOLDER)
    loaded = load(_FILE, environ, {}, FOLDER)
    assert quick in (None, Access.of(loaded.config.aws))
    for row in render_origins(loaded):
        row.value.encode()


def config_seeds() -> list[bytes]:
    """The example, whole and by section, and forms that TOML knows."""
    example = (ROOT / "config.example.toml").read_bytes()
    sections = [b"[" + part for part in example.split(b"\n[")[1:]]
    return [
        example,
        *sections,
        b'[plan]\ntypes = ["c7g.large"]\nreplicates = 3\n[[plan.include]]\ntype = "c7i.large"\n',
        b'[safety]\nbudget_usd = 1e3\nmax_runtime = "4h"\n[prices.on_demand]\n"us-east-1/c7g.large" = 0.07\n',
        b'[suites.own]\npath = "./own"\n[instance]\ntags = { a = "b" }\nimage = { x86_64 = "ami-1" }\n',
        b"a = [[[1, 0x2, 0o7, 1_000, 1e6, inf, nan, 1979-05-27T07:32:00Z]]]\nb.c.'d' = '''x'''\n",
    ]


def read_payload(content: bytes) -> None:
    """A suite of the user's own, which its folder may have from anywhere."""
    text = content.decode("utf-8")
    suite = parse_payload(text, "payloads/stream")
    suite.setup_seconds("quick")


def payload_seeds() -> list[bytes]:
    """The suites that come with benchtui."""
    return [path.read_bytes() for path in sorted((ROOT / "payloads").glob("*/payload.toml"))]


TARGETS = (
    Target("config", read_config, config_seeds, (ConfigError,), "hostile.toml"),
    # Whoever reads the file decodes it and says so of one that is no text.
    Target("payload", read_payload, payload_seeds, (UsageError, UnicodeDecodeError)),
)
