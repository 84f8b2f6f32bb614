"""What EC2 has shown of instances, region by region: it may answer with what was true a while ago.

An answer can be older than the one before it. What has ended does not live again, and an instance that was
listed is not gone because one answer leaves it out: EC2 lists it as terminated for about an hour.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from benchtui.core.states import VISIBILITY, InstanceView


@dataclass(frozen=True, slots=True)
class _Shown:
    view: InstanceView
    at: datetime  # when it was last listed


class Shown:
    """The instances of one region, as far as EC2 has shown them."""

    def __init__(self) -> None:
        self._by_id: dict[str, _Shown] = {}

    def merged(self, listed: Iterable[InstanceView], at: datetime) -> tuple[InstanceView, ...]:
        """The instances as they are known after EC2 listed ``listed`` at ``at``, in the order of launch.

        One that lives and is left out stays for as long as EC2 may be behind; one that has ended stays.
        """
        for view in listed:
            before = self._by_id.get(view.instance_id)
            if before is None or view.ending or not before.view.ending:
                self._by_id[view.instance_id] = _Shown(view, at)
        self._by_id = {
            name: shown
            for name, shown in self._by_id.items()
            if shown.view.ending or at - shown.at < VISIBILITY
        }
        views = (shown.view for shown in self._by_id.values())
        return tuple(sorted(views, key=lambda view: (view.launched_at, view.instance_id)))
