"""Which quota counts an instance type, and what it says."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from benchtui.aws.errors import CloudError
from benchtui.aws.quotas import Market, VcpuQuota, families_named, family_of, in_use, vcpu_quotas
from benchtui.core.catalogue import Missing

from .scripted import Answer, ScriptedCloud, refusal

REGION = "us-east-1"
STANDARD, STANDARD_SPOT = "L-1216C47A", "L-34B43A08"


def quota(code: str, name: str, value: object = 32.0) -> Answer:
    return {"QuotaCode": code, "QuotaName": name, "Value": value}


@pytest.mark.parametrize(
    ("instance_type", "family"),
    [
        ("c7gn.large", "c"),
        ("m8azn.12xlarge", "m"),
        ("im4gn.large", "i"),
        ("is4gen.medium", "i"),
        ("hpc7a.96xlarge", "hpc"),
        ("inf2.xlarge", "inf"),
        ("trn1n.32xlarge", "trn"),
        ("vt1.3xlarge", "vt"),
        ("gr6.4xlarge", "gr"),
        ("x8aedz.large", "x"),
        ("u-6tb1.metal", "u"),
        ("u7i-12tb.224xlarge", "u"),
        ("t4g.nano", "t"),
    ],
)
def test_family_by_which_a_type_is_counted(instance_type: str, family: str):
    assert family_of(instance_type) == family


@pytest.mark.parametrize(
    ("group", "families"),
    [
        ("Standard (A, C, D)", ("a", "c", "d")),
        ("G and VT", ("g", "vt")),
        ("HPC", ("hpc",)),
        ("High Memory", ("u",)),
    ],
)
def test_families_in_the_name_of_a_group(group: str, families: tuple[str, ...]):
    assert families_named(group) == families


async def test_types_of_one_group_share_a_quota_that_is_asked_for_once():
    cloud: Any = ScriptedCloud(lambda _op, params: {"Quota": quota(params["QuotaCode"], "n")})
    found = await vcpu_quotas(cloud, REGION, ["c7g.large", "m7i.large", "hpc7a.96xlarge"])
    assert [params["QuotaCode"] for _, params in cloud.calls] == [STANDARD, "L-F7808C92"]
    assert (
        found["c7g.large"]
        == found["m7i.large"]
        == VcpuQuota(REGION, Market.ON_DEMAND, STANDARD, "n", Decimal(32))
    )
    assert found["hpc7a.96xlarge"] != found["c7g.large"]


async def test_spot_has_quotas_of_its_own():
    cloud: Any = ScriptedCloud(lambda _op, params: {"Quota": quota(params["QuotaCode"], "n")})
    found = await vcpu_quotas(cloud, REGION, ["c7g.large"], Market.SPOT)
    assert isinstance(found["c7g.large"], VcpuQuota)
    assert found["c7g.large"].code == STANDARD_SPOT


async def test_a_quota_that_was_never_changed_has_the_default():
    def reply(operation: str, params: Answer) -> Answer:
        if operation == "GetServiceQuota":
            raise refusal("NoSuchResourceException")
        return {"Quota": quota(params["QuotaCode"], "n", 5)}

    cloud: Any = ScriptedCloud(reply)
    found = (await vcpu_quotas(cloud, REGION, ["c7g.large"]))["c7g.large"]
    assert isinstance(found, VcpuQuota)
    assert found.vcpus == 5


async def test_a_family_newer_than_this_program_is_found_by_the_name_of_its_quota():
    rows = [
        quota("L-0", "All Zz Spot Instance Requests"),
        quota("L-1", "Running On-Demand Qq instances"),
        quota("L-2", "Running Dedicated q9 Hosts"),
    ]
    cloud: Any = ScriptedCloud(lambda _op, _params: {"Quotas": rows})
    found = (await vcpu_quotas(cloud, REGION, ["q9.large"]))["q9.large"]
    assert isinstance(found, Missing)
    rows[1] = quota("L-1", "Running On-Demand Q instances")
    found = (await vcpu_quotas(cloud, REGION, ["q9.large"]))["q9.large"]
    assert isinstance(found, VcpuQuota)
    assert found.code == "L-1"


@pytest.mark.parametrize("value", [None, True, -1, "32", 1e12, float("nan")])
async def test_a_value_that_is_none_is_no_quota(value: object):
    cloud: Any = ScriptedCloud(lambda _op, params: {"Quota": quota(params["QuotaCode"], "n", value)})
    assert isinstance((await vcpu_quotas(cloud, REGION, ["c7g.large"]))["c7g.large"], Missing)


async def test_service_quotas_that_does_not_answer_is_an_error():
    def reply(_operation: str, _params: Answer) -> Answer:
        raise refusal("AccessDeniedException")

    cloud: Any = ScriptedCloud(reply)
    with pytest.raises(CloudError):
        await vcpu_quotas(cloud, REGION, ["c7g.large"])


def test_what_a_quota_counts_of_what_is_in_use():
    name = "Running On-Demand Standard (A, C, D, H, I, L, M, R, T, Z) instances"
    standard = VcpuQuota(REGION, Market.ON_DEMAND, STANDARD, name, Decimal(32))
    used = {
        ("c", Market.ON_DEMAND): 4,
        ("l", Market.ON_DEMAND): 2,
        ("hpc", Market.ON_DEMAND): 96,
        ("c", Market.SPOT): 8,
    }
    assert in_use(standard, used) == 6


def test_the_command_that_asks_for_more_names_code_value_and_region():
    asked = VcpuQuota(REGION, Market.ON_DEMAND, STANDARD, "n", Decimal(5)).request(64)
    assert f"--quota-code {STANDARD} --desired-value 64 --region {REGION}" in asked
