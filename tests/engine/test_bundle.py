"""The bundle: the same bytes for the same files, everything the agent needs, and nothing from outside."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from benchtui.core import keys
from benchtui.core.errors import UsageError
from benchtui.engine import bundle
from benchtui.engine.bundle import build_bundle, load_suites
from benchtui.engine.packaged import payloads_root

PAYLOAD = (
    'schema = "benchtui.payload/1"\nname = "{name}"\ntitle = "t"\nversion = 1\n'
    "[modes.quick]\nexpected_seconds = 1\ntimeout_seconds = 2\n"
    '[[runs]]\nname = "r"\nargv = ["./r"]\n[metrics.m]\nunit = "s"\nhigher_is_better = false\n'
)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A suite of the user's own."""
    folder = tmp_path / "mine"
    (folder / "src").mkdir(parents=True)
    (folder / "payload.toml").write_text(PAYLOAD.format(name="mine"))
    (folder / "src/mine.c").write_text("int main(void) { return 0; }\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o700)
    return folder


def packed(folder: Path) -> tuple[str, bytes]:
    return build_bundle({"mine": load_suites({"mine": folder})["mine"]})


def entries(content: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {entry.name: entry for entry in tar.getmembers()}


def read(content: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        file = tar.extractfile(name)
        assert file is not None
        return file.read()


def test_it_is_addressed_by_its_bytes(own: Path) -> None:
    sha256, content = packed(own)
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert keys.payload_key(sha256) == f"payloads/{sha256}.tar.gz"


def test_everything_the_agent_needs_is_in_it(own: Path) -> None:
    names = set(entries(packed(own)[1]))
    agent = {f"agent/{path.name}" for path in (payloads_root() / "agent").glob("*.py")}
    assert names >= agent | {"agent/keys.py", "agent/seals.py", "suites.json"}
    assert names >= {"suites/mine/src/mine.c", "suites/mine/run.sh"}


def test_the_agents_key_grammar_is_the_launchers(own: Path) -> None:
    assert read(packed(own)[1], "agent/keys.py") == Path(keys.__file__).read_bytes()


def test_nothing_tells_when_where_and_by_whom_it_was_made(own: Path, tmp_path: Path) -> None:
    sha256, content = packed(own)
    for path in own.rglob("*"):
        os.utime(path, (1, 1))
    again = tmp_path / "elsewhere" / "mine"
    again.parent.mkdir()
    own.rename(again)
    again.joinpath("run.sh").chmod(0o755)
    assert packed(again)[0] == sha256
    for entry in entries(content).values():
        assert (entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname) == (0, 0, 0, "", "")
    assert content[4:8] == b"\0\0\0\0", "no time in the gzip header"
    assert content[3] == 0, "no name in the gzip header"


def test_another_process_packs_the_same_bytes(own: Path) -> None:
    script = (
        "import sys, pathlib\nfrom benchtui.engine.bundle import *\n"
        "print(build_bundle({'mine': load_suites({'mine': pathlib.Path(sys.argv[1])})['mine']})[0])"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    done = subprocess.run(
        [sys.executable, "-c", script, str(own)], env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == packed(own)[0]


def test_a_changed_source_is_another_bundle_and_another_source_hash(own: Path) -> None:
    first, content = packed(own)
    (own / "src/mine.c").write_text("int main(void) { return 1; }\n")
    second, changed = packed(own)
    hashes = [
        json.loads(read(c, "suites.json"))["suites"]["mine"]["source_sha256"] for c in (content, changed)
    ]
    assert first != second
    assert hashes[0] != hashes[1]


def test_executable_files_stay_executable(own: Path) -> None:
    found = entries(packed(own)[1])
    assert found["suites/mine/run.sh"].mode == 0o755
    assert found["suites/mine/src/mine.c"].mode == 0o644


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "src/mine.c", "nowhere"])
def test_a_link_is_refused_wherever_it_leads(own: Path, target: str) -> None:
    (own / "link").symlink_to(target)
    with pytest.raises(UsageError, match="mine/link: a link or special file"):
        packed(own)


def test_a_linked_folder_is_not_followed(own: Path) -> None:
    (own / "folder").symlink_to("/etc")
    with pytest.raises(UsageError, match="mine/folder: a link"):
        packed(own)


def test_a_pipe_is_refused(own: Path) -> None:
    os.mkfifo(own / "pipe")
    with pytest.raises(UsageError, match="mine/pipe"):
        packed(own)


def test_more_than_the_limit_is_refused_before_it_is_read(own: Path) -> None:
    with (own / "large").open("wb") as file:
        file.truncate(bundle.MAX_BYTES + 1)
    with pytest.raises(UsageError, match="larger than 20 MiB"):
        packed(own)


def test_what_tools_leave_behind_is_left_out(own: Path) -> None:
    sha256, _ = packed(own)
    (own / "__pycache__").mkdir()
    (own / "__pycache__/x.pyc").write_bytes(b"x")
    (own / ".git").mkdir()
    (own / ".git/config").write_text("secret")
    assert packed(own)[0] == sha256


def test_a_suite_of_the_users_cannot_take_the_name_of_one_of_ours(tmp_path: Path) -> None:
    folder = tmp_path / "stream"
    folder.mkdir()
    (folder / "payload.toml").write_text(PAYLOAD.format(name="stream"))
    with pytest.raises(UsageError, match="benchtui comes with one of this name") as refused:
        load_suites({"stream": folder})
    assert "[suites.stream]" in str(refused.value.fix)


def test_a_missing_folder_is_told_with_the_setting_to_correct(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"suite mine: .*No such file") as error:
        load_suites({"mine": tmp_path / "absent"})
    assert "[suites.mine] path" in (error.value.fix or "")


def test_the_packaged_suites_are_valid_and_stay_far_below_the_limits() -> None:
    suites = load_suites()
    assert "stream" in suites
    _, content = build_bundle(suites)
    assert len(content) < 1 << 20
