"""Service Quotas for EC2 vCPUs, and the vCPU limit of RunInstances."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .calls import Call
from .errors import Reply, error_reply, json_reply

ON_DEMAND_STANDARD = "L-1216C47A"
SPOT_STANDARD = "L-34B43A08"
GENEROUS_VCPUS = 4096.0


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota's name and the value AWS gives a new account."""

    code: str
    name: str
    aws_default: float


#: AWS's families, and L: here the types ``local.<N>cpu`` count against the same quotas, and the name says so.
_FAMILIES = "A, C, D, H, I, L, M, R, T, Z"
QUOTAS = {
    q.code: q
    for q in (
        Quota(ON_DEMAND_STANDARD, f"Running On-Demand Standard ({_FAMILIES}) instances", 5.0),
        Quota(SPOT_STANDARD, f"All Standard ({_FAMILIES}) Spot Instance Requests", 5.0),
    )
}


class Quotas:
    """Applied quota values per region; generous until a test sets them."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], float] = {}

    def value(self, code: str, region: str) -> float:
        """vCPUs. KeyError for an unknown code."""
        default = GENEROUS_VCPUS if code in QUOTAS else float("nan")
        return self._values.get((code, region), self._values.get((code, "*"), default))

    def set(self, code: str, vcpus: float, region: str = "*") -> None:
        """Set a quota in one region or in all. KeyError for an unknown code."""
        if code not in QUOTAS:
            raise KeyError(code)
        self._values[code, region] = float(vcpus)


def servicequotas_reply(call: Call, quotas: Quotas) -> Reply:
    """Answer a call of the Service Quotas API (JSON 1.1), the two EC2 quotas only."""
    request: dict[str, Any] = json.loads(call.body or b"{}")
    default = call.action in ("GetAWSDefaultServiceQuota", "ListAWSDefaultServiceQuotas")

    def row(quota: Quota) -> dict[str, Any]:
        return {
            "ServiceCode": "ec2",
            "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
            "QuotaArn": f"arn:aws:servicequotas:{call.region}:123456789012:ec2/{quota.code}",
            "QuotaCode": quota.code,
            "QuotaName": quota.name,
            "Value": quota.aws_default if default else quotas.value(quota.code, call.region),
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
            "UsageMetric": {
                "MetricNamespace": "AWS/Usage",
                "MetricName": "ResourceCount",
                "MetricDimensions": {
                    "Service": "EC2",
                    "Type": "Resource",
                    "Resource": "vCPU",
                    "Class": "Standard/OnDemand" if quota.code == ON_DEMAND_STANDARD else "Standard/Spot",
                },
                "MetricStatisticRecommendation": "Maximum",
            },
        }

    if request.get("ServiceCode") != "ec2":
        return error_reply(
            "servicequotas", "NoSuchResourceException", "The request failed: no such service", 400
        )
    if call.action in ("GetServiceQuota", "GetAWSDefaultServiceQuota"):
        found = QUOTAS.get(str(request.get("QuotaCode")))
        if found is None:
            return error_reply(
                "servicequotas", "NoSuchResourceException", "The request failed: no such quota", 400
            )
        return json_reply({"Quota": row(found)})
    if call.action in ("ListServiceQuotas", "ListAWSDefaultServiceQuotas"):
        return json_reply({"Quotas": [row(q) for q in QUOTAS.values()]})
    return error_reply(
        "servicequotas", "UnknownOperationException", f"{call.action} is not supported here", 400
    )
