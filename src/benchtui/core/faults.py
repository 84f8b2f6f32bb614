"""User data with one fault in it, for a drill: the templates of every instance, and a marked line more.

What the line does is said on the instance's console, so that nobody takes a drill for an accident.
"""

from __future__ import annotations

from dataclasses import replace

from benchtui.core.drills import Loss
from benchtui.core.userdata import Templates

#: The line of the script before which its timers are armed and after which it needs the network.
_ARMED = "cd $W || echo"
_MARK = "benchtui drill, on purpose:"
_HUNG = f'echo "{_MARK} user data hangs"; sleep 86400\n'
#: The agent, and the shell that would power off when the agent has ended.
_KILLED = (
    "(until [ -s $r/agent.pid ]; do sleep 1; done; sleep 5; "
    f'echo "{_MARK} agent and shell are killed"; kill -9 $(cat $r/agent.pid) $$) &\n'
)
_UNARMED_HOOK = f'echo "{_MARK} nothing is armed"; exit 0\n'
_UNARMED_SCRIPT = "sleep 86400\n"


def faulty(templates: Templates, loss: Loss) -> Templates:
    """The templates with the fault by which ``loss`` comes about; a launcher that is gone needs none.

    Raises:
        ValueError: the templates have no place for it: they have changed and this has not.
    """
    if loss is Loss.LAUNCHER_GONE:
        return templates
    if loss is Loss.SCHEDULE_ONLY:
        hook, script = (
            _after_first_line(text, line)
            for text, line in ((templates.boothook, _UNARMED_HOOK), (templates.script, _UNARMED_SCRIPT))
        )
        return replace(templates, boothook=hook, script=script)
    line = _HUNG if loss is Loss.HUNG else _KILLED
    before, marker, after = templates.script.partition(f"\n{_ARMED}")
    if not marker:
        raise ValueError(f"user data has no line {_ARMED!r}")
    return replace(templates, script=f"{before}\n{line}{marker[1:]}{after}")


def _after_first_line(text: str, line: str) -> str:
    first, end, rest = text.partition("\n")
    if not first.startswith("#!") or not end:
        raise ValueError("user data does not begin with its interpreter")
    return f"{first}\n{line}{rest}"
