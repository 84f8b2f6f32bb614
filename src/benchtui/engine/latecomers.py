"""Ends an instance whose launch was overtaken by a kill.

A kill proves that nothing lives by looking twice. A request that left before its mark was there can come to
EC2 after it looked for the last time, and only whoever sent that request knows of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchtui.aws.termination import terminate
from benchtui.core.states import InstanceView

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud
    from benchtui.engine.clock import Clock

#: EC2 may not know an instance yet that it has just launched; after this many seconds it is asked again.
ASK_AGAIN = (1, 2, 4, 8, 16)


async def end_latecomer(cloud: Cloud, clock: Clock, view: InstanceView) -> str:
    """End an instance that this process has just launched; in words, what came of it."""
    for seconds in ASK_AGAIN:
        answer = await terminate(cloud, view.region, [view.instance_id])
        if view.instance_id in answer.accepted:
            return f"{view.instance_id} was launched while the run was killed; it is ended"
        await clock.sleep(seconds)
    failure = answer.failures[view.instance_id]
    return f"{view.instance_id} was launched while the run was killed and is not ended: {failure.code}"
