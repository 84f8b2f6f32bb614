"""Tags that a bucket is given as it is made, which moto leaves out, and that end with it, which it keeps."""

from __future__ import annotations

from xml.etree import ElementTree

from moto.s3.models import s3_backends

from ..state import ACCOUNT_ID
from .calls import Call


def tags_at_creation(call: Call) -> dict[str, str]:
    """The tags in the body of a CreateBucket; none where it has none, or is no XML."""
    if call.action != "CreateBucket" or not call.body:
        return {}
    try:
        root = ElementTree.fromstring(call.body)  # noqa: S314  (its parser expands no entities from outside)
    except ElementTree.ParseError:
        return {}
    found: dict[str, str] = {}
    for element in root.iter():
        if element.tag.rpartition("}")[2] == "Tag":
            fields = {field.tag.rpartition("}")[2]: field.text or "" for field in element}
            found[fields.get("Key", "")] = fields.get("Value", "")
    return found


def keep(call: Call) -> None:
    """Give a bucket that was just made its tags, and take those of one that was just deleted away."""
    backend = s3_backends[ACCOUNT_ID]["aws"]
    tags = tags_at_creation(call)
    if tags:
        backend.put_bucket_tagging(call.bucket, tags)
    elif call.action == "DeleteBucket":
        backend.tagger.delete_all_tags_for_resource(f"arn:aws:s3:::{call.bucket}")
