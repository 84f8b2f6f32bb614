"""Client tokens: the name under which EC2 launches one instance at most."""

from __future__ import annotations

import hashlib

MAX_LENGTH = 64  # ASCII characters, EC2 developer guide, "Ensuring idempotency in Amazon EC2 API requests"


def client_token(run: str, job: str, attempt: int, region: str, zone: str | None, instance_type: str) -> str:
    """The client token of one launch, 64 hexadecimal characters.

    The same launch always has the same token, so repeating a request whose answer was lost cannot launch
    a second instance. All that changes where or what is launched is part of it: with other parameters the
    same token is refused, and in another zone it does not protect (it is zonal).

    Args:
        run, job: ids.
        attempt: from 1; a new one only when the instance of the last is known to be gone or not launched.
        region, zone: where; zone None when EC2 chooses it.
        instance_type: what.
    """
    parts = (run, job, str(attempt), region, zone or "", instance_type)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
