"""User data is read as cloud-init reads it."""

from __future__ import annotations

import base64
import gzip

from benchtui.local.host.userdata import Part, parse

MIME = """Content-Type: multipart/mixed; boundary="=b="
MIME-Version: 1.0

--=b=
Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/sh
echo script
--=b=
Content-Type: text/cloud-boothook

#!/bin/sh
echo hook
--=b=
Content-Type: text/cloud-config

packages: [hello]
--=b=--
"""


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def test_boothooks_come_before_scripts_whatever_their_place() -> None:
    found = parse(encoded(MIME))
    assert [part.stage for part in found.parts] == ["boothook", "script"]
    assert found.parts[0].body.startswith(b"#!/bin/sh\necho hook")


def test_cloud_config_is_named_as_not_run() -> None:
    assert "text/cloud-config" in parse(encoded(MIME)).ignored[0]


def test_a_plain_script_is_a_script_byte_for_byte() -> None:
    text = "#!/bin/sh\nprintf 'Müll\\0'\n"
    assert parse(encoded(text)).parts == (Part("script", text.encode()),)


def test_a_boothook_by_its_first_line() -> None:
    assert parse(encoded("#cloud-boothook\n#!/bin/sh\ntrue\n")).parts == (
        Part("boothook", b"#!/bin/sh\ntrue\n"),
    )


def test_what_is_no_user_data_runs_nothing_and_says_why() -> None:
    for broken in (
        "%%%",
        encoded(gzip.compress(b"#!/bin/sh")),
        encoded("hello"),
        encoded("#cloud-config\nx: 1"),
    ):
        found = parse(broken)
        assert found.parts == ()
        assert found.ignored


def test_no_user_data_is_nothing_to_do() -> None:
    assert parse("") == parse(None)
    assert parse(None).parts == parse(None).ignored == ()
