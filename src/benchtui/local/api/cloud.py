"""Everything the local cloud knows beyond moto's own tables."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from ..options import LocalOptions
from .clock import Clock
from .faults import FaultTable
from .idempotency import LaunchTokens
from .instance_types import LocalType, local_types
from .lifecycle import Lifecycle, Timings
from .prices import PriceList
from .quotas import Quotas
from .spot_requests import SpotRequest


@dataclass
class Cloud:
    """State of one local cloud. `lock` guards EC2's state: hold it while reading or changing instances."""

    options: LocalOptions
    clock: Clock = field(default_factory=Clock)
    lock: threading.RLock = field(default_factory=threading.RLock)
    types: dict[str, LocalType] = field(default_factory=local_types)
    tokens: LaunchTokens = field(default_factory=LaunchTokens)
    quotas: Quotas = field(default_factory=Quotas)
    prices: PriceList = field(default_factory=PriceList)
    faults: FaultTable = field(default_factory=FaultTable)
    spot_requests: dict[str, SpotRequest] = field(default_factory=dict)
    after_jump: list[Callable[[], None]] = field(default_factory=list)  # told when the clock was set forward
    loopback_is_tls: bool = True  # for aws:SecureTransport: nobody listens on this machine's own loopback
    lifecycle: Lifecycle = field(init=False)

    def __post_init__(self) -> None:
        self.lifecycle = Lifecycle(self.clock, Timings(kept_s=self.options.terminated_kept_s))

    def hosted(self, instance_type: str) -> bool:
        """Whether the instance host will run an instance of this type."""
        return self.options.host and instance_type in self.types
