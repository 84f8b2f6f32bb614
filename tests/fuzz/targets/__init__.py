"""Every target, by name."""

from __future__ import annotations

from tests.fuzz.target import Target
from tests.fuzz.targets import answers, archives, configuration, documents, files, keys, prices

TARGETS: dict[str, Target] = {
    target.name: target
    for part in (configuration, keys, documents, archives, files, prices, answers)
    for target in part.TARGETS
}
