"""What can be looked up: types, offerings, images, prices, quotas, regions."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benchtui.local.api.topology import Cpu, cores_and_threads, usable_cpus
from tests.local.api.conftest import error_code, launch, refusal_of
from tests.local.conftest import LocalCloud

CPUS = len(os.sched_getaffinity(0))


@pytest.fixture
def priced(local_api: LocalCloud) -> Iterator[LocalCloud]:
    yield local_api
    local_api.private("DELETE", "prices")


@pytest.fixture
def limited(local_api: LocalCloud) -> Iterator[LocalCloud]:
    """Quotas are set back to generous afterwards."""
    yield local_api
    local_api.private("POST", "quotas", {"values": {"L-1216C47A": 4096, "L-34B43A08": 4096}})
    local_api.private("POST", "quotas", {"values": {"L-1216C47A": 4096}, "region": "ca-central-1"})


def test_every_size_of_this_machine_is_a_type(local_api: LocalCloud) -> None:
    ec2 = local_api.boto3("ec2")
    filters = [{"Name": "instance-type", "Values": ["local.*"]}]
    rows = ec2.describe_instance_types(Filters=filters)["InstanceTypes"]
    assert {r["InstanceType"] for r in rows} == {f"local.{n}cpu" for n in range(1, CPUS + 1)}
    largest = next(r for r in rows if r["InstanceType"] == f"local.{CPUS}cpu")
    vcpus = largest["VCpuInfo"]
    siblings = {
        Path(f"/sys/devices/system/cpu/cpu{n}/topology/thread_siblings_list").read_text()
        for n in os.sched_getaffinity(0)
    }
    assert vcpus["DefaultVCpus"] == CPUS
    assert vcpus["DefaultCores"] == len(siblings)
    assert vcpus["DefaultThreadsPerCore"] == max(1, CPUS // len(siblings))
    here = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
    assert largest["ProcessorInfo"]["SupportedArchitectures"] == [here]
    total_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    assert largest["MemoryInfo"]["SizeInMiB"] == total_mib


def test_threads_of_one_core_are_taken_together(tmp_path: Path) -> None:
    for cpu, core in enumerate((0, 1, 0, 1)):  # CPUs 0 and 2 share a core, 1 and 3 the other
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "core_id").write_text(f"{core}\n")
        (folder / "physical_package_id").write_text("0\n")
    cpus = tuple(Cpu(n, (0, n % 2)) for n in (0, 2, 1, 3))
    assert cores_and_threads(cpus[:2]) == (1, 2)
    assert cores_and_threads(cpus[:3]) == (2, 2)
    assert [c.core for c in usable_cpus(tmp_path)] == sorted(c.core for c in usable_cpus(tmp_path))


def test_ec2_types_are_described_with_their_true_cores(local_api: LocalCloud) -> None:
    rows = local_api.boto3("ec2").describe_instance_types(InstanceTypes=["c7g.large", "c7i.large"])
    found = {r["InstanceType"]: r["VCpuInfo"] for r in rows["InstanceTypes"]}
    assert (found["c7g.large"]["DefaultCores"], found["c7g.large"]["DefaultThreadsPerCore"]) == (2, 1)
    assert (found["c7i.large"]["DefaultCores"], found["c7i.large"]["DefaultThreadsPerCore"]) == (1, 2)


def test_an_unknown_type_is_named(local_api: LocalCloud) -> None:
    code, message, _ = refusal_of(
        lambda: local_api.boto3("ec2").describe_instance_types(InstanceTypes=["c7g.large", "no.such"])
    )
    assert code == "InvalidInstanceType" and "[no.such]" in message


@pytest.mark.long
def test_all_types_come_in_pages(local_api: LocalCloud) -> None:
    pages = local_api.boto3("ec2").get_paginator("describe_instance_types").paginate()
    names = [t["InstanceType"] for page in pages for t in page["InstanceTypes"]]
    assert len(names) == len(set(names)) > 1300


@pytest.mark.long
def test_offerings_of_local_types_are_everywhere(local_api: LocalCloud) -> None:
    ec2 = local_api.boto3("ec2", "eu-north-1")
    filters = [{"Name": "instance-type", "Values": ["local.1*"]}]
    zones = ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=filters)
    names = {z["ZoneName"] for z in ec2.describe_availability_zones()["AvailabilityZones"]}
    assert {o["Location"] for o in zones["InstanceTypeOfferings"]} == names
    (region,) = ec2.describe_instance_type_offerings(
        Filters=[{"Name": "instance-type", "Values": ["local.1cpu"]}]
    )["InstanceTypeOfferings"]
    assert region == {"InstanceType": "local.1cpu", "Location": "eu-north-1", "LocationType": "region"}
    arm = ec2.describe_instance_type_offerings(Filters=[{"Name": "instance-type", "Values": ["c7g.*"]}])
    assert len(arm["InstanceTypeOfferings"]) > 5
    assert (
        error_code(lambda: ec2.describe_instance_type_offerings(Filters=[{"Name": "x", "Values": ["y"]}]))
        == "InvalidParameterValue"
    )


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
@pytest.mark.parametrize(
    ("parameter", "architecture", "root"),
    [
        ("/aws/service/debian/release/12/latest/amd64", "x86_64", "/dev/xvda"),
        ("/aws/service/debian/release/13/latest/arm64", "arm64", "/dev/xvda"),
        (
            "/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id",
            "arm64",
            "/dev/sda1",
        ),
        ("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.12-x86_64", "x86_64", "/dev/xvda"),
        ("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.12-arm64", "arm64", "/dev/xvda"),
    ],
)
def test_public_parameters_lead_to_images(
    local_api: LocalCloud, region: str, parameter: str, architecture: str, root: str
) -> None:
    ami = local_api.image(region, parameter)
    (image,) = local_api.boto3("ec2", region).describe_images(ImageIds=[ami])["Images"]
    assert (image["Architecture"], image["RootDeviceName"], image["State"]) == (
        architecture,
        root,
        "available",
    )
    (mapping,) = image["BlockDeviceMappings"]
    assert mapping["DeviceName"] == root
    assert mapping["Ebs"]["DeleteOnTermination"] is True and mapping["Ebs"]["VolumeSize"] == 8
    assert "local cloud" in image["Description"]


def test_parameters_can_be_read_by_path_and_in_bulk(local_api: LocalCloud) -> None:
    ssm = local_api.boto3("ssm")
    by_path = ssm.get_parameters_by_path(Path="/aws/service/debian", Recursive=True)["Parameters"]
    assert len(by_path) == 4
    bulk = ssm.get_parameters(Names=[by_path[0]["Name"], "/aws/service/debian/release/99/latest/amd64"])
    assert (len(bulk["Parameters"]), len(bulk["InvalidParameters"])) == (1, 1)
    missing = "/aws/service/debian/release/99/latest/amd64"
    assert error_code(lambda: ssm.get_parameter(Name=missing)) == "ParameterNotFound"


def products(cloud: LocalCloud, **fields: str) -> list[dict[str, Any]]:
    filters = [{"Type": "TERM_MATCH", "Field": k, "Value": v} for k, v in fields.items()]
    pages = (
        cloud.boto3("pricing")
        .get_paginator("get_products")
        .paginate(ServiceCode="AmazonEC2", Filters=filters)
    )
    return [json.loads(text) for page in pages for text in page["PriceList"]]


def usd_per_hour(product: dict[str, Any]) -> Decimal:
    (term,) = product["terms"]["OnDemand"].values()
    (dimension,) = term["priceDimensions"].values()
    assert dimension["unit"] == "Hrs"
    return Decimal(dimension["pricePerUnit"]["USD"])


LINUX = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}


def test_a_local_type_costs_nothing(local_api: LocalCloud) -> None:
    (found,) = products(local_api, instanceType="local.1cpu", regionCode="eu-west-1", **LINUX)
    assert usd_per_hour(found) == 0
    assert found["product"]["productFamily"] == "Compute Instance"
    assert found["product"]["attributes"]["location"] == "EU (Ireland)"
    assert products(local_api, instanceType="local.1cpu", operatingSystem="Windows") == []


def test_no_price_is_made_up_for_an_ec2_type(priced: LocalCloud) -> None:
    assert products(priced, instanceType="c7g.large", regionCode="us-east-1") == []
    row = {"instance_type": "c7g.large", "region": "us-east-1"}
    row |= {"usd_per_hour": "0.0725", "spot_usd_per_hour": "0.0301"}
    priced.private("POST", "prices", {"prices": [row]})
    (found,) = products(priced, instanceType="c7g.large", regionCode="us-east-1", **LINUX)
    assert usd_per_hour(found) == Decimal("0.0725")
    assert products(priced, instanceType="c7g.large", regionCode="us-west-2") == []


def test_spot_prices_of_local_types_are_zero_and_none_are_made_up(priced: LocalCloud) -> None:
    ec2 = priced.boto3("ec2")
    asked = {"ProductDescriptions": ["Linux/UNIX"], "InstanceTypes": ["local.1cpu", "c7g.large"]}
    rows = ec2.describe_spot_price_history(**asked)["SpotPriceHistory"]
    zones = {z["ZoneName"] for z in ec2.describe_availability_zones()["AvailabilityZones"]}
    assert {r["AvailabilityZone"] for r in rows} == zones and len(rows) == len(zones)
    assert {(r["InstanceType"], Decimal(r["SpotPrice"])) for r in rows} == {("local.1cpu", Decimal(0))}
    row = {"instance_type": "c7g.large", "region": "us-east-1", "spot_usd_per_hour": "0.0301"}
    priced.private("POST", "prices", {"prices": [row]})
    (found,) = ec2.describe_spot_price_history(
        InstanceTypes=["c7g.large"],
        AvailabilityZone="us-east-1b",
        ProductDescriptions=["Linux/UNIX (Amazon VPC)"],
        StartTime="2026-11-20T00:00:00Z",
    )["SpotPriceHistory"]
    assert (found["SpotPrice"], found["AvailabilityZone"]) == ("0.030100", "us-east-1b")
    assert products(priced, instanceType="c7g.large") == []


def test_pricing_is_served_where_aws_serves_it(local_api: LocalCloud) -> None:
    pricing = local_api.boto3("pricing", "eu-west-1")
    assert error_code(lambda: pricing.get_products(ServiceCode="AmazonEC2")) == "InvalidParameterException"


def test_quotas_are_generous_until_set(limited: LocalCloud) -> None:
    quotas = limited.boto3("service-quotas", "ca-central-1")
    shown = quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")["Quota"]
    assert (shown["Value"], shown["UsageMetric"]["MetricDimensions"]["Resource"]) == (4096, "vCPU")
    assert {q["QuotaCode"] for q in quotas.list_service_quotas(ServiceCode="ec2")["Quotas"]} == {
        "L-1216C47A",
        "L-34B43A08",
    }
    default = quotas.get_aws_default_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")["Quota"]
    assert default["Value"] == 5
    limited.private("POST", "quotas", {"values": {"L-1216C47A": 1}, "region": "ca-central-1"})
    assert quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")["Quota"]["Value"] == 1
    assert error_code(lambda: quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-0")) == (
        "NoSuchResourceException"
    )


def test_a_launch_over_the_quota_is_refused(limited: LocalCloud) -> None:
    limited.private("POST", "quotas", {"values": {"L-1216C47A": 2}, "region": "ca-central-1"})
    first = launch(limited, "ca-central-1")["InstanceId"]
    launch(limited, "ca-central-1", MinCount=1, MaxCount=5)
    code, message, status = refusal_of(lambda: launch(limited, "ca-central-1"))
    assert (code, status) == ("VcpuLimitExceeded", 400)
    assert "current vCPU limit of 2" in message
    launch(limited, "us-east-1")
    limited.boto3("ec2", "ca-central-1").terminate_instances(InstanceIds=[first])
    launch(limited, "ca-central-1")


def test_a_spot_launch_over_its_quota_is_refused(limited: LocalCloud) -> None:
    limited.private("POST", "quotas", {"values": {"L-34B43A08": 0}, "region": "ca-central-1"})
    market = {"MarketType": "spot"}
    assert error_code(lambda: launch(limited, "ca-central-1", InstanceMarketOptions=market)) == (
        "MaxSpotInstanceCountExceeded"
    )
    limited.private("POST", "quotas", {"values": {"L-34B43A08": 4096}, "region": "ca-central-1"})


def test_regions_tell_their_opt_in_state(local_api: LocalCloud) -> None:
    ec2 = local_api.boto3("ec2")
    enabled = ec2.describe_regions()["Regions"]
    every = ec2.describe_regions(AllRegions=True)["Regions"]
    assert {r["OptInStatus"] for r in enabled} == {"opt-in-not-required"}
    assert {r["OptInStatus"] for r in every} == {"opt-in-not-required", "not-opted-in"}
    assert len(enabled) == 17 and not any(r["RegionName"].startswith(("cn-", "us-gov-")) for r in every)
    filters = [{"Name": "opt-in-status", "Values": ["not-opted-in"]}]
    opt_in = ec2.describe_regions(AllRegions=True, Filters=filters)["Regions"]
    assert "af-south-1" in {r["RegionName"] for r in opt_in}


def test_a_region_not_opted_in_refuses(local_api: LocalCloud) -> None:
    code, _, status = refusal_of(lambda: local_api.boto3("ec2", "af-south-1").describe_instances())
    assert (code, status) == ("AuthFailure", 401)


def test_the_caller_is_a_user_of_the_account(local_api: LocalCloud) -> None:
    identity = local_api.boto3("sts").get_caller_identity()
    assert identity["Account"] == "123456789012"
    assert identity["Arn"] == "arn:aws:iam::123456789012:user/benchtui-local"
