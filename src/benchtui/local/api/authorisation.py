"""Whether a call is allowed: its signature, and the policies of its caller and of what it is about.

The order is AWS's: an explicit denial anywhere wins; a permission of the caller's own policies or of the
bucket's is enough within one account; a session's own policy and a boundary have to allow as well.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from moto.s3.models import s3_backends

from ..state import ACCOUNT_ID
from .calls import Call
from .errors import Reply
from .iam import needs_others, needs_s3
from .iam.conditions import Value
from .iam.documents import Caller, Document, Need, Verdict, allows_everything, verdict
from .iam.needs_ec2 import Ec2Needs
from .iam.needs_launch import LaunchNeeds
from .iam.principals import ANONYMOUS, KeyRing, Principal, role_of
from .iam.refusals import Denial, denial_reply, signature_reply
from .iam.signatures import Unverified, is_signed, verify

if TYPE_CHECKING:
    from .cloud import Cloud

LOG = logging.getLogger("benchtui.local.api")
#: Set in the environment of a request that the local cloud sends to itself; no header can set it.
INSIDE = "benchtui.inside"
#: Whoever has credentials may ask whose they are: no policy is asked.
_FREE = frozenset({"sts:GetCallerIdentity"})
_BY_ITSELF = "because no identity-based policy allows the {} action"
_BY_LIMIT = "because no session policy or permissions boundary allows the {} action"
_BY_ROLE = "because no resource-based policy allows the {} action"


class RightsUsed:
    """Which permissions were asked for by whom, and how often each was there. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], list[int]] = {}

    def note(self, caller: str, permission: str, *, allowed: bool) -> None:
        """Count one need."""
        with self._lock:
            self._counts.setdefault((caller, permission), [0, 0])[allowed] += 1

    def shown(self) -> list[dict[str, Any]]:
        """One row per caller and permission, sorted."""
        with self._lock:
            return [
                {"caller": caller, "permission": permission, "denied": denied, "allowed": allowed}
                for (caller, permission), (denied, allowed) in sorted(self._counts.items())
            ]

    def clear(self) -> None:
        """Start anew."""
        with self._lock:
            self._counts.clear()


class Authorisation:
    """Decides on every call. Thread-safe."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.keys = KeyRing()
        self.used = RightsUsed()
        self._ec2 = Ec2Needs(cloud)
        self._launch = LaunchNeeds(self._ec2)

    def refusal(self, call: Call, environ: dict[str, Any]) -> Reply | None:
        """The answer to a call that is not signed as it should be, or not allowed; None for one that is."""
        if not environ.get(INSIDE):
            try:
                self._verify(call, environ)
            except Unverified as problem:
                LOG.info("%s.%s: %s %s", call.service, call.action, problem.reason, problem.detail)
                return signature_reply(call.service or "sts", problem)
        return self.denial_reply(call, environ)

    def denial_reply(self, call: Call, environ: dict[str, Any]) -> Reply | None:
        """The answer to a call that is not allowed, whoever signed it; None for one that is."""
        denial = self.denial(call, environ)
        return None if denial is None else denial_reply(call.service, denial)

    def denial(self, call: Call, environ: dict[str, Any]) -> Denial | None:
        """Why a call is not allowed; None for one that is."""
        principal = self._principal(call)
        action = f"{call.service}:{call.action}"
        if action in _FREE and principal is not ANONYMOUS:
            return None
        if action == "sts:AssumeRole":
            return self._taking_on(call, environ, principal)
        needs = self._needs(call, environ)
        if needs is None:
            return self._unknown(call, principal, action)
        about = self._about(call, environ, principal)
        for need in needs:
            denial = self._decide(replace(need, context={**about, **need.context}), principal, call)
            if denial is not None:
                self.used.note(principal.arn, need.permission, allowed=False)
                return denial
        for need in needs:
            self.used.note(principal.arn, need.permission, allowed=True)
        return None

    def hides_absence(self, call: Call, environ: dict[str, Any]) -> bool:
        """Whether the caller may not list the bucket: S3 then answers 403, not 404, for a missing object."""
        listing = replace(call, action="ListObjectsV2", query={}, parameters={"Bucket": call.bucket})
        principal = self._principal(call)
        need = needs_s3.listing_need(listing, environ)
        about = self._about(listing, environ, principal)
        need = replace(need, context={**about, **need.context})
        return self._decide(need, principal, listing) is not None

    def _verify(self, call: Call, environ: dict[str, Any]) -> None:
        if is_signed(environ):
            verify(environ, call.body, call.service, self.keys.secret_of)
        elif call.service != "s3":
            raise Unverified("missing")

    def _principal(self, call: Call) -> Principal:
        principal = self.keys.principal(call.access_key_id) if call.access_key_id else ANONYMOUS
        return principal or ANONYMOUS

    def _needs(self, call: Call, environ: dict[str, Any]) -> list[Need] | None:
        if call.service == "ec2":
            with self.cloud.lock:
                return self._launch.of(call) if call.action == "RunInstances" else self._ec2.of(call)
        if call.service == "s3":
            return needs_s3.needs_of(call, environ)
        by_service = {
            "iam": needs_others.iam_needs,
            "scheduler": needs_others.scheduler_needs,
            "ssm": needs_others.ssm_needs,
            "servicequotas": needs_others.quota_needs,
            "sns": needs_others.topic_needs,
        }
        needs = by_service[call.service](call) if call.service in by_service else None
        action = f"{call.service}:{call.action}"
        return [Need(action, "*", {})] if needs is None and action in needs_others.ANYTHING else needs

    def _about(self, call: Call, environ: dict[str, Any], principal: Principal) -> dict[str, Value]:
        """The condition keys that every request has."""
        now = time.time()
        tls = environ.get("wsgi.url_scheme") == "https" or self.cloud.loopback_is_tls
        context: dict[str, Value] = {
            "aws:securetransport": "true" if tls else "false",
            "aws:requestedregion": call.region,
            "aws:currenttime": f"{dt.datetime.fromtimestamp(now, tz=dt.UTC):%Y-%m-%dT%H:%M:%SZ}",
            "aws:epochtime": str(int(now)),
            "aws:principaltype": principal.kind,
        }
        if principal is not ANONYMOUS:
            context |= {"aws:principalarn": principal.principal_arn, "aws:principalaccount": ACCOUNT_ID}
        if principal.user_name is not None:
            context["aws:username"] = principal.user_name
        if call.service == "ec2":
            context["ec2:region"] = call.region
        if call.service == "s3" and tls:
            context["s3:tlsversion"] = "1.3"
        return context

    def _decide(self, need: Need, principal: Principal, call: Call) -> Denial | None:
        """What the policies say about one need."""
        bucket = _bucket_policy(call.bucket)
        by_bucket = Verdict.SILENT if bucket is None else verdict((bucket,), need, principal.caller)
        by_itself = verdict(principal.policies, need)
        by_limits = [verdict(limit, need) for limit in principal.limits]
        if Verdict.DENIED in (by_itself, *by_limits):
            return _denial(principal, need, "with an explicit deny in an identity-based policy")
        if by_bucket is Verdict.DENIED:
            return _denial(principal, need, "with an explicit deny in a resource-based policy")
        if by_bucket is Verdict.ALLOWED and principal is ANONYMOUS and _is_closed(call.bucket):
            by_bucket = Verdict.SILENT
        if Verdict.ALLOWED not in (by_itself, by_bucket):
            return _denial(principal, need, _BY_ITSELF)
        if Verdict.SILENT in by_limits:
            return _denial(principal, need, _BY_LIMIT)
        return None

    def _unknown(self, call: Call, principal: Principal, action: str) -> Denial | None:
        """A call that is not known here is for those alone to whom all is allowed, by whatever name."""
        closed = call.bucket and _bucket_policy(call.bucket) is not None
        if allows_everything(principal.policies) and not principal.limits and not closed:
            return None
        LOG.warning("%s is not known here, so it is denied to %s", action, principal.arn)
        return Denial(principal.arn, action, "*", "because the local cloud does not know what it needs")

    def _taking_on(self, call: Call, environ: dict[str, Any], principal: Principal) -> Denial | None:
        """AssumeRole: the role's policy has to allow it; one that names the account leaves it to its own."""
        need = needs_others.role_need(call)
        role = None if need is None else role_of(need.resource)
        if need is None or role is None:
            return Denial(principal.arn, "sts:AssumeRole", call.parameters.get("RoleArn", "*"), "")
        need = replace(need, context={**self._about(call, environ, principal), **need.context})
        trust = (Document.read(role.assume_role_policy_document),)
        by_role = verdict(trust, need, principal.caller)
        if by_role is Verdict.SILENT:
            caller = Caller(principal.caller.names | principal.caller.account_names)
            if verdict(trust, need, caller) is not Verdict.ALLOWED:
                return _denial(principal, need, _BY_ROLE)
            return self._decide(need, principal, call)
        by_itself = verdict(principal.policies, need)
        if Verdict.DENIED in (by_role, by_itself):
            return _denial(principal, need, "with an explicit deny")
        return None


def assumable(role_arn: str, service: str) -> bool:
    """Whether a service of this account may take the role on; False for one that does not exist."""
    role = role_of(role_arn)
    if role is None:
        return False
    need = Need("sts:AssumeRole", role_arn, {"aws:sourceaccount": ACCOUNT_ID})
    trust = Document.read(role.assume_role_policy_document)
    return verdict((trust,), need, Caller(service=service)) is Verdict.ALLOWED


def _denial(principal: Principal, need: Need, because: str) -> Denial:
    return Denial(principal.arn, need.permission, need.resource, because.format(need.permission))


def _bucket(name: str) -> Any:
    return s3_backends[ACCOUNT_ID]["aws"].buckets.get(name) if name else None


def _bucket_policy(name: str) -> Document | None:
    bucket = _bucket(name)
    return None if bucket is None or not bucket.policy else Document.read(bucket.policy)


def _is_closed(name: str) -> bool:
    """Whether what the bucket's policy allows to everybody is not meant for the public."""
    block = getattr(_bucket(name), "public_access_block", None)
    return bool(block) and str(getattr(block, "restrict_public_buckets", "")).lower() == "true"
