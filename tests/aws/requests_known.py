"""Whether requests are what AWS's description of its APIs allows, further than botocore itself looks.

botocore refuses what lacks a required field or has one that is not described. It lets pass words that an
enumeration does not have, texts that break a pattern or are too long, and what AWS has deprecated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

#: Patterns of the descriptions are Java's; these classes are the same in Python only by other names.
_JAVA = ((r"\p{L}", r"\w"), (r"\p{N}", r"\d"), (r"\p{Z}", r"\s"), (r"\p{P}", r"\S"), (r"\p{S}", r"\S"))


def faults(operation: Any, params: dict[str, Any]) -> list[str]:
    """What is wrong with a request; empty: nothing.

    Args:
        operation: botocore's description of the operation.
        params: as they are handed to a client.
    """
    found = ["the operation is deprecated"] if operation.deprecated else []
    if operation.input_shape is not None:
        found += _faults(operation.input_shape, params, operation.name)
    return found


def _faults(shape: Any, value: Any, at: str) -> Iterator[str]:
    if shape.type_name == "structure" and isinstance(value, dict):
        for name in shape.required_members:
            if name not in value:
                yield f"{at}: {name} is required"
        for name, member in value.items():
            if name not in shape.members:
                yield f"{at}: {name} is not known"
            elif shape.members[name].metadata.get("deprecated"):
                yield f"{at}: {name} is deprecated"
            else:
                yield from _faults(shape.members[name], member, f"{at}.{name}")
    elif shape.type_name == "list" and isinstance(value, list | tuple):
        for number, member in enumerate(value):
            yield from _faults(shape.member, member, f"{at}[{number}]")
    elif shape.type_name == "map" and isinstance(value, dict):
        for key, member in value.items():
            yield from _faults(shape.key, key, f"{at} key")
            yield from _faults(shape.value, member, f"{at}.{key}")
    elif shape.type_name == "string" and isinstance(value, str):
        yield from _text_faults(shape, value, at)
    yield from _bound_faults(shape, value, at)


def _text_faults(shape: Any, value: str, at: str) -> Iterator[str]:
    # New instance types come every month, before any SDK lists them; a local cloud has types of its own.
    words = None if shape.name == "InstanceType" else getattr(shape, "enum", None)
    if words and value not in words:
        yield f"{at}: {value!r} is none of {', '.join(words[:8])} …"
    pattern = shape.metadata.get("pattern")
    if pattern is None:
        return
    for java, python in _JAVA:
        pattern = pattern.replace(java, python)
    if not re.search(f"^(?:{pattern})$", value, re.DOTALL):
        yield f"{at}: {value[:80]!r} does not match {pattern}"


def _bound_faults(shape: Any, value: Any, at: str) -> Iterator[str]:
    size = value if isinstance(value, int | float) else len(value) if hasattr(value, "__len__") else None
    if size is None or isinstance(value, bool):
        return
    for name, broken in (("min", lambda limit: size < limit), ("max", lambda limit: size > limit)):
        limit = shape.metadata.get(name)
        if limit is not None and broken(limit):
            yield f"{at}: {size} is beyond {name} {limit}"


def watched(monkeypatch: Any) -> list[str]:
    """Have every client that a `Cloud` opens from now on look at its requests; what was found so far.

    A fixture asserts at its end that it is nothing.
    """
    from benchtui.aws.session import Cloud

    found: list[str] = []
    opened = Cloud._open

    async def open_watched(self: Cloud, service: str, region: str) -> Any:
        client = await opened(self, service, region)

        def look(params: dict[str, Any], model: Any, **_rest: Any) -> None:
            found.extend(f"{service}: {fault}" for fault in faults(model, params))

        if hasattr(client.meta, "events"):
            client.meta.events.register("provide-client-params", look)
        return client

    monkeypatch.setattr(Cloud, "_open", open_watched)
    return found
