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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchtui.core import keys
from benchtui.core.errors import UsageError
from benchtui.core.packaged import payloads_root
from benchtui.core.suites import Suite, parse_payload, suites_json

__all__ = ["MAX_BYTES", "Bundle", "SuiteSource", "build_bundle", "find_suite", "payloads_root"]

#: Of the files in it, before compression.
MAX_BYTES = 20 << 20
MAX_FILES = 5_000
MAX_PAYLOAD_TOML_BYTES = 256 << 10
#: Left out wherever they are: what tools leave behind, never part of a source.
IGNORED = frozenset({"__pycache__", ".git", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".DS_Store"})


@dataclass(frozen=True, slots=True)
class SuiteSource:
    """A suite and the folder it was read from."""

    suite: Suite
    folder: Path

    def with_timeout(self, seconds: float) -> SuiteSource:
        """The same suite with another time limit for its runs, in both modes."""
        modes = {
            name: mode.model_copy(
                update={
                    "timeout_seconds": float(seconds),
                    "expected_seconds": min(mode.expected_seconds, float(seconds)),
                }
            )
            for name, mode in (("quick", self.suite.modes.quick), ("full", self.suite.modes.full))
        }
        modes_changed = self.suite.modes.model_copy(update=modes)
        return SuiteSource(self.suite.model_copy(update={"modes": modes_changed}), self.folder)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle's bytes (.tar.gz) and their lower-case hex SHA-256."""

    sha256: str
    content: bytes

    @property
    def key(self) -> str:
        """Its S3 key."""
        return keys.payload_key(self.sha256)


def find_suite(name: str, own: Path | None = None) -> SuiteSource:
    """The suite ``name`` that benchtui comes with, or the one in folder ``own``.

    Raises:
        UsageError: there is none, or its payload.toml is not valid.
    """
    folder = payloads_root() / name if own is None else own.resolve()
    file = folder / "payload.toml"
    try:
        if file.stat().st_size > MAX_PAYLOAD_TOML_BYTES:
            raise UsageError(f"{file}: more than {MAX_PAYLOAD_TOML_BYTES} bytes", fix="shorten it")
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(packaged_suites())
        raise UsageError(f"suite {name}: {file}: {error}", fix=f"known suites: {known}") from error
    return SuiteSource(parse_payload(text, str(folder)), folder)


def packaged_suites() -> list[str]:
    """Names of the suites that benchtui comes with."""
    return sorted(folder.parent.name for folder in payloads_root().glob("*/payload.toml"))


def build_bundle(suites: Sequence[SuiteSource], root: Path | None = None) -> Bundle:
    """Pack the agent and ``suites``.

    Args:
        suites: in any order; no two of the same name.
        root: folder of agent and common sources; the packaged one by default.

    Raises:
        UsageError: two suites of one name, a link or special file in a folder, or more than 20 MiB.
    """
    root = root or payloads_root()
    files: dict[str, tuple[bytes, bool]] = {}
    _add_tree(files, root / "agent", "agent", suffixes=(".py",))
    files["agent/keys.py"] = (Path(keys.__file__).read_bytes(), False)
    common = root / "common"
    if common.is_dir():
        _add_tree(files, common, "suites/common")
    shared = _digest(files, "suites/common/")
    declared = {}
    for source in sorted(suites, key=lambda source: source.suite.name):
        name = source.suite.name
        if name in declared:
            raise UsageError(f"two suites have the name {name}", fix="rename one of them")
        _add_tree(files, source.folder, f"suites/{name}")
        own = _digest(files, f"suites/{name}/")
        declared[name] = source.suite.for_agent(hashlib.sha256((shared + own).encode()).hexdigest())
    files["suites.json"] = (suites_json(declared), False)
    content = _pack(files)
    return Bundle(hashlib.sha256(content).hexdigest(), content)


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


def _digest(files: dict[str, tuple[bytes, bool]], prefix: str) -> str:
    """One hash over names and contents of the files below ``prefix``."""
    listing = [
        f"{hashlib.sha256(content).hexdigest()}  {name.removeprefix(prefix)}\n"
        for name, (content, _) in sorted(files.items())
        if name.startswith(prefix)
    ]
    return hashlib.sha256("".join(listing).encode()).hexdigest()


def _pack(files: dict[str, tuple[bytes, bool]]) -> bytes:
    """A .tar.gz without a trace of when, where and by whom it was made."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0, compresslevel=9) as zipped:
        with tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for name, (content, executable) in sorted(files.items()):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                entry.mode = 0o755 if executable else 0o644
                tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
