"""The one way this package changes moto, whose inner parts are private and pinned to one version."""

from __future__ import annotations


def replace(owner: type, name: str, new: object) -> None:
    """Replace an attribute of one of moto's classes.

    Raises RuntimeError when the class has no such attribute: then this moto is not the one we were written
    for, and going on would quietly serve its own behaviour.
    """
    if not hasattr(owner, name):
        raise RuntimeError(f"this moto has no {owner.__name__}.{name}: install the version benchtui pins")
    setattr(owner, name, new)
