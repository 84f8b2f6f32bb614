"""One mechanism at a time: user data without the others, and without the agent, whose end powers off too."""

from __future__ import annotations

import re
from dataclasses import replace

from benchtui.core.userdata import Templates

#: Lines of the templates by what they arm; the last two belong to the agent.
SCRIPT = {
    "hard-stop": r"^later @hard_s@ .*\n",
    "locked": r"^setsid \$y -IS - (.*\n)+?E\n",
    "timer": r"^on @off_s@ .*\n",
    "shutdown": r"^t shutdown .*\n",
    "stop": r"^on @max_s@ .*\n",
    "word": r"^later @word_s@ .*\n",
}
BOOTHOOK = {
    "panic": r"^for x in panic=(.*\n)+?done\n",
    "boot-guard": r"^cat >\$u (.*\n)+?E\nln .*\n",
    "softdog": r"^m=@softdog_margin@\n",
}
#: A reset alone ends nothing: what resets is proven with the boot guard, which powers the next boot off.
TOGETHER = {"panic": ("panic", "boot-guard"), "softdog": ("softdog", "boot-guard")}
MECHANISMS = ("shutdown", "timer", "hard-stop", "locked", "softdog", "panic")
#: Where user data would fetch the agent, its fault comes about; nothing else happens any more.
END = r"^read -r BENCHTUI_T0 (.*\n)+"
FAULT = "echo $$ >$r/agent.pid\nsetsid sh /run/proof.fault &\nsleep infinity\n"


def alone(templates: Templates, mechanism: str) -> Templates:
    """The templates with nothing armed but ``mechanism``.

    Raises:
        ValueError: a line is not there: the templates have changed and this has not.
    """
    kept = TOGETHER.get(mechanism, (mechanism,))
    script, boothook = templates.script, templates.boothook
    for name, line in SCRIPT.items():
        script = script if name in kept else _without(script, name, line)
    for name, line in BOOTHOOK.items():
        instead = "m=0\n" if name == "softdog" else ""
        boothook = boothook if name in kept else _without(boothook, name, line, instead)
    return replace(templates, boothook=boothook, script=_without(script, "the agent", END, FAULT))


def _without(text: str, name: str, line: str, instead: str = "") -> str:
    left, found = re.subn(line, lambda _: instead, text, count=1, flags=re.M)
    if not found:
        raise ValueError(f"user data has no line that arms {name}")
    return left
