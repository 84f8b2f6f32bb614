"""Events of the engine in words, one line each: for stderr and for the Events pane."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchtui.engine.events import Event

Fields = Mapping[str, Any]


def words(event: Event) -> str | None:
    """The line for ``event``; None for what only programs want to know."""
    speak = _WORDS.get(event.type)
    try:
        said = speak(event.fields) if speak else None
    except (KeyError, TypeError):
        # The teller is in the middle of a launch: words that do not fit must not be what stops it.
        said = f"{event.type}: " + ", ".join(f"{name} {value}" for name, value in event.fields.items())
    return None if said is None else f"{event.at:%H:%M:%SZ} {said}"


def _state(fields: Fields) -> str | None:
    if fields["state"] == fields.get("before"):
        return None  # progress within a state
    suite = f" {fields['suite']}" if fields.get("suite") and fields["state"] == "RUNNING" else ""
    reason = f": {fields['reason']}" if fields.get("reason") else ""
    return f"{fields['job']} {fields['state']}{suite}{reason}"


def _declined(fields: Fields) -> str:
    fix = f"\n  fix: {fields['fix']}" if fields.get("fix") else ""
    return f"{fields['job']} declined: {fields['reason']}{fix}"


def _wave(fields: Fields) -> str:
    jobs = "1 job" if fields["jobs"] == 1 else f"{fields['jobs']} jobs"
    return (
        f"{fields['region']}: wave {fields['wave']} of {fields['of']} begins: {jobs}, {fields['vcpus']} vCPU"
    )


def _waiting(fields: Fields) -> str:
    used = "all" if fields.get("in_use") is None else str(fields["in_use"])
    of = "" if fields.get("quota") is None else f" of {fields['quota']}"
    return f"{fields['job']} waits for {fields['vcpus']} vCPU in {fields['region']}: {used}{of} are in use"


def _retry(fields: Fields) -> str:
    zone = (
        f" in {fields['zone'] or fields.get('region')}" if fields.get("zone") or fields.get("region") else ""
    )
    return f"{fields['job']} refused{zone}, attempt {fields['attempt']}: {fields['reason']}"


def _kill(fields: Fields) -> str | None:
    if not fields["asked"]:
        return None
    return f"{fields['region']}: terminating {', '.join(fields['asked'])}"


def _ended(fields: Fields) -> str:
    reason = fields.get("instance_state_reason")
    return f"{fields['job']} instance gone{f' ({reason})' if reason else ''}"


def _schedule(fields: Fields) -> str:
    if not fields["armed"]:
        return f"{fields['region']}: no schedule ends what is left of the run: {fields['why']}"
    return f"{fields['region']}: a schedule ends what is left of the run at {fields['at']}"


def _budget(fields: Fields) -> str:
    spent = f"{fields['spent_usd']} of {fields['budget_usd']} USD (est.)"
    if fields["percent"] >= 100:
        return f"BUDGET: all of it is spent, {spent}: whoever launched the run ends it"
    return f"budget: {fields['percent']} % is spent, {spent}"


_WORDS: Mapping[str, Callable[[Fields], str | None]] = {
    "image": lambda f: f"image {f['name']} is {f['image_id']} ({f['arch']})",
    "wave": _wave,
    "waiting": _waiting,
    "schedule": _schedule,
    "budget": _budget,
    "released": lambda f: f"{f['job']}: {f['usd']} USD spent, {f['held_usd']} USD no longer held",
    "launched": lambda f: f"{f['job']} launched as {f['instance_id']} in {f['zone']}",
    "declined": _declined,
    "retry": _retry,
    "state": _state,
    "result": lambda f: f"{f['job']} {f['suite']}: the result is in the bucket",
    "ended": _ended,
    "alarm": lambda f: f"ALARM {f['job']}: {f['text']}",
    "stale": lambda f: f"{f['source']} does not answer: {f['error']}",
    "recovered": lambda f: f"{f['source']} answers again",
    "note": lambda f: f"{f['job']}: {f['text']}" if f.get("job") else str(f["text"]),
    "kill": _kill,
    "sweep": lambda f: f"{f['region']}: sweep {f['clean']} is clean",
}
