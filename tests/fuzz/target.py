"""What a target is."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
_KEPT = tempfile.TemporaryDirectory(prefix="benchtui-fuzz-")  # until the process ends
#: For files of which a target's reader wants the path.
FOLDER = Path(_KEPT.name)


@dataclass(frozen=True)
class Target:
    """A reader of untrusted bytes.

    Attributes:
        name: of the target and of its folder below ``corpus/``.
        read: reads bytes as benchtui does; whatever it raises beside ``refuses`` is a finding.
        seeds: bytes that it reads without objection, or nearly, to begin from.
        refuses: the errors by which it may refuse them.
        named: what such an error has to say, so that its reader knows which object is meant.
        tree: whether the bytes are JSON, whose tree is worth changing as well as its bytes.
    """

    name: str
    read: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]
    refuses: tuple[type[Exception], ...] = ()
    named: str = ""
    tree: bool = False

    def attempt(self, content: bytes) -> bool:
        """Read ``content``; whether it was accepted.

        Raises:
            AssertionError: it was refused by an error that does not name the object.
            Exception: whatever the reader raised that it may not.
        """
        try:
            self.read(content)
        except self.refuses as error:
            said = str(error)
            assert self.named in said, f"{said!r} does not name {self.named!r}"
            assert len(said) < 100_000, "a message without an end"
            return False
        return True

    def found(self) -> list[bytes]:
        """Cases that were found once, from the corpus."""
        return [path.read_bytes() for path in sorted((CORPUS / self.name).glob("*"))]


def name_of(content: bytes) -> str:
    """The name of a case in the corpus."""
    return hashlib.sha256(content).hexdigest()[:16]
