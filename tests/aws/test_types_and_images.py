from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benchtui.aws.errors import CloudError, FailureKind
from benchtui.aws.images import PARAMETERS, BlockDevice, Image, resolve_image
from benchtui.aws.prices import prices
from benchtui.aws.session import Cloud
from benchtui.aws.types import instance_types, offerings
from benchtui.core.catalogue import InstanceType, Missing, Price

from .conftest import REGION, Private
from .scripted import Answer, ScriptedCloud, no_answer, refusal

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


async def test_topology_is_what_ec2_says_not_what_the_name_suggests(cloud: Cloud) -> None:
    found = await instance_types(cloud, REGION, ["c7g.large", "c7i.large", "c7a.large", "c7g.large"])
    assert {name: (t.arch, t.vcpus, t.cores, t.threads_per_core) for name, t in found.items()} == {
        "c7g.large": ("arm64", 2, 2, 1),
        "c7i.large": ("x86_64", 2, 1, 2),
        "c7a.large": ("x86_64", 2, 2, 1),
    }
    assert found["c7i.large"].memory_mib == 4096
    assert found["c7i.large"].manufacturer == "Intel"


async def test_unknown_types_are_absent_and_spoil_no_other(cloud: Cloud) -> None:
    found = await instance_types(cloud, REGION, ["nope.large", "local.1cpu", "also.nope", "c7g.large"])
    assert set(found) == {"local.1cpu", "c7g.large"}
    assert await instance_types(cloud, REGION, ["nope.large"]) == {}
    assert await instance_types(cloud, REGION, []) == {}


async def test_offerings_are_zones_by_type(cloud: Cloud) -> None:
    found = await offerings(cloud, REGION, ["c7g.large", "nope.large"])
    assert set(found) == {"c7g.large"}
    assert found["c7g.large"] == tuple(sorted(found["c7g.large"]))
    assert all(zone.startswith(REGION) for zone in found["c7g.large"])


async def test_types_that_cannot_be_asked_for_are_an_error(cloud: Cloud, fault: Private) -> None:
    fault(service="ec2", status=403)
    for ask in (instance_types(cloud, REGION, ["c7g.large"]), offerings(cloud, REGION, ["c7g.large"])):
        with pytest.raises(CloudError):
            await ask


class Ec2(ScriptedCloud):
    """DescribeInstanceTypes that knows types of the form real.N and may not say which it does not know."""

    def __init__(self, *, named: bool) -> None:
        super().__init__(self._describe)
        self.named = named

    def _describe(self, _operation: str, params: Answer) -> Answer:
        asked = params["InstanceTypes"]
        assert len(asked) <= 100
        unknown = [name for name in asked if not name.startswith("real.")]
        if unknown:
            said = f"The following supplied instance types do not exist: [{', '.join(unknown)}]"
            raise refusal("InvalidInstanceType", said if self.named else "no")
        return {"InstanceTypes": [described(name) for name in asked]}


def described(name: str, **fields: Any) -> Answer:
    return {
        "InstanceType": name,
        "ProcessorInfo": {"SupportedArchitectures": ["i386", "x86_64"]},
        "VCpuInfo": {"DefaultVCpus": 8, "DefaultCores": 4, "DefaultThreadsPerCore": 2},
        "MemoryInfo": {"SizeInMiB": 16384},
    } | fields


@pytest.mark.parametrize("named", [True, False])
async def test_many_types_with_unknown_ones_among_them(named: bool) -> None:
    names = [f"{'fake' if number % 50 == 7 else 'real'}.{number}" for number in range(250)]
    cloud: Any = Ec2(named=named)
    found = await instance_types(cloud, REGION, names)
    assert list(found) == [name for name in names if name.startswith("real.")]
    assert len(cloud.calls) == (6 if named else pytest.approx(70, abs=20))


@pytest.mark.parametrize(
    "row",
    [
        described("mac2.metal", ProcessorInfo={"SupportedArchitectures": ["arm64_mac"]}),
        described("t1.micro", ProcessorInfo={"SupportedArchitectures": ["i386"]}),
        described("x.y", VCpuInfo={}),
        described("x.y", MemoryInfo={}),
        {},
    ],
)
async def test_what_benchtui_cannot_run_on_is_absent(row: Answer) -> None:
    cloud: Any = ScriptedCloud(lambda _operation, _params: {"InstanceTypes": [row]})
    assert await instance_types(cloud, REGION, ["x.y"]) == {}


async def test_cores_that_are_not_told_follow_from_threads() -> None:
    row = described("old.metal", VCpuInfo={"DefaultVCpus": 72})
    cloud: Any = ScriptedCloud(lambda _operation, _params: {"InstanceTypes": [row]})
    found = await instance_types(cloud, REGION, ["old.metal"])
    assert found == {"old.metal": InstanceType("old.metal", "x86_64", 72, 72, 1, 16384)}


@pytest.mark.long
@pytest.mark.parametrize("arch", ["x86_64", "arm64"])
@pytest.mark.parametrize("name", sorted(PARAMETERS))
async def test_every_image_has_a_parameter_per_architecture(cloud: Cloud, name: str, arch: str) -> None:
    image = await resolve_image(cloud, REGION, name, arch)
    assert image.arch == arch
    assert image.image_id.startswith("ami-")
    assert image.root_device in {device.device_name for device in image.block_devices}
    assert image.root_gib > 0
    assert image.parameter is not None
    by_id = await resolve_image(cloud, REGION, image.image_id, arch)
    assert by_id == replace(image, parameter=None)


@pytest.mark.parametrize(
    ("image", "arch", "kind", "said"),
    [
        ("debian-11", "x86_64", FailureKind.INVALID, "images are al2023, debian-12"),
        ("debian-12", "riscv64", FailureKind.INVALID, "riscv64"),
        ("ami-00000000000000000", "x86_64", FailureKind.MISSING, "ami-00000000000000000"),
    ],
)
async def test_an_image_that_is_not_there_is_told(
    cloud: Cloud, image: str, arch: str, kind: FailureKind, said: str
) -> None:
    with pytest.raises(CloudError) as raised:
        await resolve_image(cloud, REGION, image, arch)
    assert raised.value.failure.kind is kind
    assert said in raised.value.what
    assert raised.value.fix is not None
    assert "[instance] image" in raised.value.fix


async def test_an_image_of_another_architecture_is_refused(cloud: Cloud) -> None:
    arm = await resolve_image(cloud, REGION, "debian-12", "arm64")
    with pytest.raises(CloudError) as raised:
        await resolve_image(cloud, REGION, arm.image_id, "x86_64")
    assert "is an image for arm64, the instance type is x86_64" in raised.value.what
    assert "[instance.image]" in str(raised.value.fix)


async def test_a_parameter_that_leads_nowhere_is_missing() -> None:
    def reply(operation: str, _params: Answer) -> Answer:
        return {"Parameter": {"Value": "ami-1"}} if operation == "GetParameter" else {"Images": []}

    cloud: Any = ScriptedCloud(reply)
    with pytest.raises(CloudError) as raised:
        await resolve_image(cloud, REGION, "debian-12", "arm64")
    assert raised.value.failure.kind is FailureKind.MISSING


async def test_ephemeral_disks_of_an_image_are_no_volumes() -> None:
    row = {
        "ImageId": "ami-1",
        "Name": "two",
        "Architecture": "arm64",
        "RootDeviceName": "/dev/xvda",
        "BlockDeviceMappings": [
            {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}},
            {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"},
        ],
    }
    cloud: Any = ScriptedCloud(lambda _operation, _params: {"Images": [row]})
    image = await resolve_image(cloud, REGION, "ami-1", "arm64")
    assert image == Image("ami-1", "two", "arm64", "/dev/xvda", (BlockDevice("/dev/xvda", 8),))
    row["BlockDeviceMappings"] = []
    with pytest.raises(CloudError, match="no EBS root volume"):
        await resolve_image(cloud, REGION, "ami-1", "arm64")


@pytest.mark.long
async def test_prices_of_a_real_server(cloud: Cloud, private: Private, tmp_path: Path) -> None:
    row = {"instance_type": "c7a.large", "region": REGION, "usd_per_hour": "0.10264"}
    private("POST", "prices", prices=[row])
    cache = tmp_path / "prices.json"
    names = ["local.1cpu", "c7a.large", "c7g.large"]
    found = await prices(cloud, REGION, names, now=NOW, cache_file=cache)
    assert found["local.1cpu"] == Price(Decimal(0), "pricing-api", NOW, REGION)
    assert found["c7a.large"] == Price(Decimal("0.10264"), "pricing-api", NOW, REGION)
    assert isinstance(found["c7g.large"], Missing)
    private("DELETE", "prices")
    assert (await prices(cloud, REGION, names[:2], now=NOW, cache_file=cache)) == {
        name: found[name] for name in names[:2]
    }


async def test_prices_are_unknown_when_the_pricing_api_does_not_answer() -> None:
    def silent(_operation: str, _params: Answer) -> Answer:
        raise no_answer()

    cloud: Any = ScriptedCloud(silent)
    (missing,) = (await prices(cloud, REGION, ["c7g.large"], now=NOW)).values()
    assert isinstance(missing, Missing)
    assert "no answer in time" in missing.reason
