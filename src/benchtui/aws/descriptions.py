"""The SDK's descriptions of the APIs, and times in answers, read in a fraction of what botocore takes.

botocore keeps the order of keys in a class of its own, which dictionaries do by themselves by now, and looks
through the folders of all 430 services before it reads one. EC2's description has 4 MB.
"""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import DataNotFoundError
from botocore.loaders import JSONFileLoader, Loader, instance_cache
from botocore.utils import parse_timestamp

from benchtui.core.garbage import collector_at_rest


def read_quickly(session: Any) -> None:
    """Give ``session`` (of botocore or aiobotocore) this way to read; where to look stays its own."""
    paths = tuple(session.get_component("data_loader").search_paths)
    session.register_component("data_loader", _loader(paths))
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=read_time)


def read_time(value: Any) -> datetime:
    """A time in an answer, of which a listing has a thousand: ISO 8601 or RFC 9110 without a search.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, str):
        with suppress(ValueError, TypeError):
            iso = value[10:11] == "T" and value.endswith("Z")
            found = datetime.fromisoformat(value) if iso else parsedate_to_datetime(value)
            if found.tzinfo is not None:
                return found
    told: datetime = parse_timestamp(value)
    return told


def read(session: Any, service: str) -> None:
    """Read what a client of ``service`` is made from, ahead of it: in a thread, where others can go on.

    Raises:
        BotoCoreError: there is no such service.
    """
    loader = session.get_component("data_loader")
    for name in ("endpoints", "partitions", "sdk-default-configuration"):
        loader.load_data(name)
    for kind in ("service-2", "endpoint-rule-set-1"):
        loader.load_service_model(service, kind)


class _JsonFiles(JSONFileLoader):  # type: ignore[misc]
    def load_file(self, file_path: str) -> Any:
        """The content of ``file_path`` with ``.json`` or ``.json.gz`` behind it; None: there is neither."""
        for ending in (".json", ".json.gz"):
            try:
                content = Path(file_path + ending).read_bytes()
            except FileNotFoundError:
                continue
            if ending == ".json.gz":
                content = gzip.decompress(content)
            # Without the garbage collector, which would look through half a million objects again and again.
            with collector_at_rest(keep=True):
                return json.loads(content)
        return None


class _Loader(Loader):  # type: ignore[misc]
    @instance_cache  # type: ignore[untyped-decorator]
    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """A description of ``service_name``, from its own folder if it has one."""
        try:
            version = api_version or self.determine_latest_version(service_name, type_name)
        except DataNotFoundError:
            return super().load_service_model(service_name, type_name, api_version)  # it says what is wrong
        model = self.load_data(f"{service_name}/{version}/{type_name}")
        self._extras_processor.process(model, self._find_extras(service_name, type_name, version))
        return model


@cache
def _loader(paths: tuple[str, ...]) -> _Loader:
    """One for all sessions that look in the same places; botocore mends it for each of them alike."""
    return _Loader(list(paths), _JsonFiles(), include_default_search_paths=False)
