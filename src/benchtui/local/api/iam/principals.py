"""Who calls: the user or session behind an access key, with the policies that apply to it."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import dataclass
from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from ...state import ACCOUNT_ID
from .documents import Caller, Document
from .signatures import Secret


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls.

    Attributes:
        arn: as GetCallerIdentity says it and as refusals name it; ``anonymous`` for an unsigned request.
        kind: ``User``, ``AssumedRole`` or ``Anonymous``, as aws:PrincipalType has it.
        principal_arn: as aws:PrincipalArn has it: of a session that of its role.
        policies: of the identity.
        limits: each of which has to allow a call as well: a session's own policy, a boundary.
        user_name: of a user.
    """

    arn: str
    kind: str
    principal_arn: str
    policies: tuple[Document, ...] = ()
    limits: tuple[tuple[Document, ...], ...] = ()
    user_name: str | None = None

    @property
    def caller(self) -> Caller:
        """For comparing with Principal elements."""
        if self.kind == "Anonymous":
            return Caller()
        account = {f"arn:aws:iam::{ACCOUNT_ID}:root", ACCOUNT_ID}
        return Caller(frozenset({self.arn, self.principal_arn}), frozenset(account))


ANONYMOUS = Principal("anonymous", "Anonymous", "anonymous")


class KeyRing:
    """Access keys of users and sessions, as moto's tables have them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, Any] = {}
        self._seen = 0

    def secret_of(self, access_key_id: str) -> Secret | None:
        """What belongs to an access key; None for one that is not known, or not active."""
        session = self._session(access_key_id)
        if session is not None:
            expires = session.expiration.replace(tzinfo=dt.UTC).timestamp()  # moto's times are naive UTC
            return Secret(session.secret_access_key, session.session_token, expires)
        key = _user_key(access_key_id)
        return Secret(key.secret_access_key) if key is not None and key.status == "Active" else None

    def principal(self, access_key_id: str) -> Principal | None:
        """Who has an access key; None for one that is not known."""
        session = self._session(access_key_id)
        if session is not None:
            return _of_session(session)
        key = _user_key(access_key_id)
        user = None if key is None else _iam().users.get(key.user_name)
        return None if user is None else _of_user(user)

    def _session(self, access_key_id: str) -> Any:
        """moto keeps sessions in a list that only grows; looked through once."""
        listed = sts_backends[ACCOUNT_ID]["aws"].assumed_roles
        with self._lock:
            for session in listed[self._seen :]:
                self._sessions[session.access_key_id] = session
                self._seen += 1
            return self._sessions.get(access_key_id)


def _iam() -> Any:
    return iam_backends[ACCOUNT_ID]["aws"]


def role_of(arn: str) -> Any:
    """The role of an ARN, as moto has it; None if there is none."""
    name = arn.rpartition("/")[2]
    found = next((role for role in list(_iam().roles.values()) if role.name == name), None)
    return found if found is not None and found.arn == arn else None


def _user_key(access_key_id: str) -> Any:
    return next(
        (
            key
            for user in list(_iam().users.values())
            for key in user.access_keys
            if key.access_key_id == access_key_id
        ),
        None,
    )


def named(arn: str) -> Principal | None:
    """The user or role of an ARN, as it would call; None if there is none."""
    user = next((user for user in list(_iam().users.values()) if user.arn == arn), None)
    if user is not None:
        return _of_user(user)
    role = role_of(arn)
    return None if role is None else Principal(arn, "Role", arn, _policies(role), _boundary(role))


def _of_user(user: Any) -> Principal:
    groups = [group for group in list(_iam().groups.values()) if user in group.users]
    policies = tuple(document for owner in (user, *groups) for document in _policies(owner))
    return Principal(user.arn, "User", user.arn, policies, _boundary(user), user.name)


def _of_session(session: Any) -> Principal:
    role = role_of(session.role_arn)
    own = ((Document.read(session.policy),),) if session.policy else ()
    policies = () if role is None else _policies(role)
    limits = own if role is None else own + _boundary(role)
    return Principal(session.arn, "AssumedRole", session.role_arn, policies, limits)


def _policies(owner: Any) -> tuple[Document, ...]:
    """Inline and attached policies of a user, group or role."""
    inline = tuple(Document.read(text) for text in list(owner.policies.values()))
    return inline + tuple(_managed(policy) for policy in list(owner.managed_policies.values()))


def _managed(policy: Any) -> Document:
    """A managed policy's version in force."""
    versions = {version.version_id: version.document for version in policy.versions}
    return Document.read(versions[policy.default_version_id])


def _boundary(owner: Any) -> tuple[tuple[Document, ...], ...]:
    arn = getattr(owner, "permissions_boundary_arn", None)
    if not arn:
        return ()
    policy = _iam().managed_policies.get(arn)
    # A boundary that is gone allows nothing.
    return ((_managed(policy) if policy is not None else Document(()),),)
