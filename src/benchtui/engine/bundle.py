"""The payload bundle: agent, key grammar and the chosen suites in one archive, addressed by its SHA-256.

Equal inputs give equal bytes, so a bundle is uploaded once, whatever machine builds it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from benchtui.core import keys, seals
from benchtui.core.errors import UsageError
from benchtui.core.suites import Suite, parse_payload, suites_json
from benchtui.engine.packaged import payloads_root

#: Of the files in it, before compression.
MAX_BYTES = 20 << 20
MAX_FILES = 5_000
MAX_PAYLOAD_TOML_BYTES = 256 << 10
#: Left out wherever they are: what tools leave behind, never part of a source.
IGNORED = frozenset({"__pycache__", ".git", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".DS_Store"})


def load_suites(
    own: Mapping[str, Path] | None = None, only: Collection[str] | None = None
) -> dict[str, Suite]:
    """Every suite there is, by name: those benchtui comes with, and the user's ``own`` folders.

    With ``only`` the others are not read; all are if one of ``only`` does not exist, to be told beside it.

    Raises:
        UsageError: a folder has no valid payload.toml (names file and key), or takes the name of a suite that
            benchtui comes with: figures of two programs would stand in one column.
    """
    folders = {file.parent.name: file.parent for file in payloads_root().glob("*/payload.toml")}
    for name, folder in (own or {}).items():
        if folders.setdefault(name, folder).resolve() != folder.resolve():
            raise UsageError(
                f"suite {name}: benchtui comes with one of this name",
                fix=f"rename the folder, its `name` and [suites.{name}]",
            )
    if only is not None and folders.keys() >= set(only):
        folders = {name: folders[name] for name in only}
    return {name: _load(name, folder) for name, folder in sorted(folders.items())}


def _load(name: str, folder: Path) -> Suite:
    file = folder / "payload.toml"
    try:
        if file.stat().st_size > MAX_PAYLOAD_TOML_BYTES:
            raise UsageError(f"{file}: more than {MAX_PAYLOAD_TOML_BYTES} bytes", fix="shorten it")
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise UsageError(
            f"suite {name}: {file}: {reason}", fix=f"correct [suites.{name}] path: a folder with payload.toml"
        ) from error
    suite = parse_payload(text, str(folder))
    if suite.name != name:
        raise UsageError(
            f"suite {name}: {file} declares the suite {suite.name!r}", fix="use one name for both"
        )
    return suite


def build_bundle(suites: Mapping[str, Suite], root: Path | None = None) -> tuple[str, bytes]:
    """Pack the agent and ``suites``; lower-case hex SHA-256 and bytes of the .tar.gz.

    Args:
        suites: by name, as :func:`load_suites` gives them.
        root: folder of agent and common sources; the packaged one by default.

    Raises:
        UsageError: a link or special file in a folder, or more than 20 MiB.
    """
    root = root or payloads_root()
    files: dict[str, tuple[bytes, bool]] = {}
    _add_tree(files, root / "agent", "agent", suffixes=(".py",))
    for shared_with_agent in (Path(keys.__file__), Path(seals.__file__)):
        files[f"agent/{shared_with_agent.name}"] = (shared_with_agent.read_bytes(), False)
    if (root / "common").is_dir():
        _add_tree(files, root / "common", "suites/common")
    shared = digest_of(files, "suites/common/")
    declared = {}
    for name, suite in sorted(suites.items()):
        _add_tree(files, Path(suite.folder), f"suites/{name}")
        own = digest_of(files, f"suites/{name}/")
        declared[name] = suite.for_agent(hashlib.sha256((shared + own).encode()).hexdigest())
    files["suites.json"] = (suites_json(declared), False)
    content = _pack(files)
    return hashlib.sha256(content).hexdigest(), content


def _add_tree(
    files: dict[str, tuple[bytes, bool]], folder: Path, prefix: str, suffixes: tuple[str, ...] = ()
) -> None:
    """Read a folder's files (bytes, executable) into ``files`` below ``prefix``."""
    total = sum(len(content) for content, _ in files.values())
    for path in _walk(folder):
        status = path.lstat()
        if suffixes and path.suffix not in suffixes:
            continue
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(
                f"{path}: a link or special file cannot be in a bundle", fix="put a plain file in its place"
            )
        total += status.st_size
        if total > MAX_BYTES or len(files) >= MAX_FILES:
            raise UsageError(
                f"{folder}: the bundle would be larger than {MAX_BYTES >> 20} MiB or {MAX_FILES} files",
                fix="let the suite's build commands fetch or generate what is large",
            )
        name = f"{prefix}/{path.relative_to(folder).as_posix()}"
        files[name] = (path.read_bytes(), bool(status.st_mode & stat.S_IXUSR))


def _walk(folder: Path) -> Iterable[Path]:
    """Everything below ``folder`` that is no folder; links are not followed."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name in IGNORED:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        else:
            yield Path(entry.path)


def digest_of(files: dict[str, tuple[bytes, bool]], prefix: str) -> str:
    """One hash over names and contents of the files below ``prefix``: what a result calls its source."""
    listing = [
        f"{hashlib.sha256(content).hexdigest()}  {name.removeprefix(prefix)}\n"
        for name, (content, _) in sorted(files.items())
        if name.startswith(prefix)
    ]
    return hashlib.sha256("".join(listing).encode()).hexdigest()


def _pack(files: dict[str, tuple[bytes, bool]]) -> bytes:
    """A .tar.gz without a trace of when, where and by whom it was made."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0, compresslevel=9) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name, (content, executable) in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o755 if executable else 0o644
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
