"""EC2's notice that it takes a spot instance back: two minutes before it does, in the instance's metadata."""

from __future__ import annotations

import json
import threading
from typing import Callable, Optional

from imds import Imds, ImdsUnavailable

#: EC2 User Guide, "Spot Instance interruption notices": to be looked for every 5 seconds.
PERIOD_S = 5.0
LIFE_CYCLE = "meta-data/instance-life-cycle"
NOTICE = "meta-data/spot/instance-action"
#: First word of the reason, as the census has it.
RECLAIMED = "reclaimed"


class ReclaimWatch:
    """The thread that looks for the notice; on an instance that is not of the spot market it ends at once."""

    def __init__(
        self,
        on_notice: Callable[[str], None],
        say: Callable[[str], None],
        imds: Optional[Imds] = None,
        period_s: float = PERIOD_S,
    ) -> None:
        # One short try each: the next look is the next try.
        self._imds = imds or Imds(timeout_s=2, attempts=1)
        self._on_notice, self._say, self._period_s = on_notice, say, period_s
        self._over = threading.Event()
        self._spot: Optional[bool] = None  # None: not known yet
        self._thread = threading.Thread(target=self._watch, name="reclaim", daemon=True)

    def start(self) -> None:
        """Look from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; returns at once."""
        self._over.set()

    def look(self) -> bool:
        """One look; whether there is nothing more to look for. Does not raise."""
        try:
            if self._spot is None:
                self._spot = (self._imds.get(LIFE_CYCLE) or "").strip() == "spot"
            if not self._spot:
                return True
            text = self._imds.get(NOTICE)
        except ImdsUnavailable:
            return False
        if text is None:
            return False
        self._on_notice(reason_of(text))
        return True

    def _watch(self) -> None:
        while not self._over.is_set():
            try:
                if self.look():
                    return
            except Exception as error:  # a thread that dies must not take the notice with it
                self._say("spot notice: {!r}".format(error))
            self._over.wait(self._period_s)


def reason_of(text: str) -> str:
    """The notice as a reason: ``reclaimed: EC2 takes this spot instance back at 08:22:00Z``."""
    try:
        at = str(json.loads(text)["time"])[:40]
    except (ValueError, KeyError, TypeError):
        at = ""
    when = " at {}".format(at) if at else ", and does not say when"
    return "{}: EC2 takes this spot instance back{}".format(RECLAIMED, when)
