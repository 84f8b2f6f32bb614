from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.local.api.conftest import described, error_code, launch, refusal_of
from tests.local.conftest import LocalCloud


def test_tags_reach_instance_volume_and_network_interface(local_api: LocalCloud) -> None:
    kinds = ("instance", "volume", "network-interface")
    specs = [{"ResourceType": k, "Tags": [{"Key": "kind", "Value": k}]} for k in kinds]
    shown = described(local_api, launch(local_api, TagSpecifications=specs)["InstanceId"])
    ec2 = local_api.boto3("ec2")
    volume = shown["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    interface = shown["NetworkInterfaces"][0]["NetworkInterfaceId"]
    assert shown["Tags"] == [{"Key": "kind", "Value": "instance"}]
    assert ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Tags"] == [
        {"Key": "kind", "Value": "volume"}
    ]
    found = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][0]
    assert found["TagSet"] == [{"Key": "kind", "Value": "network-interface"}]
    tagged = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [interface]}])["Tags"]
    assert tagged[0]["ResourceType"] == "network-interface"


def test_volume_and_interface_go_with_the_instance(local_api: LocalCloud) -> None:
    shown = described(local_api, launch(local_api)["InstanceId"])
    ec2 = local_api.boto3("ec2")
    ec2.terminate_instances(InstanceIds=[shown["InstanceId"]])
    local_api.advance_clock(1)
    volume = shown["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    interface = shown["NetworkInterfaces"][0]["NetworkInterfaceId"]
    assert error_code(lambda: ec2.describe_volumes(VolumeIds=[volume])) == "InvalidVolume.NotFound"
    assert (
        error_code(lambda: ec2.describe_network_interfaces(NetworkInterfaceIds=[interface]))
        == "InvalidNetworkInterfaceID.NotFound"
    )
    gone = described(local_api, shown["InstanceId"])
    assert gone["BlockDeviceMappings"] == gone["NetworkInterfaces"] == gone["SecurityGroups"] == []
    assert "PrivateIpAddress" not in gone and "SubnetId" not in gone


def test_root_volume_comes_from_the_image_and_is_deleted_by_default(local_api: LocalCloud) -> None:
    shown = described(local_api, launch(local_api)["InstanceId"])
    (mapping,) = shown["BlockDeviceMappings"]
    volume = local_api.boto3("ec2").describe_volumes(VolumeIds=[mapping["Ebs"]["VolumeId"]])["Volumes"][0]
    assert (mapping["DeviceName"], mapping["Ebs"]["DeleteOnTermination"]) == (shown["RootDeviceName"], True)
    assert (volume["Size"], volume["VolumeType"], volume["Encrypted"]) == (8, "gp3", False)


def test_a_mapping_of_the_root_device_changes_only_what_it_names(local_api: LocalCloud) -> None:
    mapping = {"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True, "VolumeSize": 20}}
    shown = described(local_api, launch(local_api, BlockDeviceMappings=[mapping])["InstanceId"])
    (found,) = shown["BlockDeviceMappings"]
    volume = local_api.boto3("ec2").describe_volumes(VolumeIds=[found["Ebs"]["VolumeId"]])["Volumes"][0]
    assert found["Ebs"]["DeleteOnTermination"] is True
    assert (volume["Size"], volume["VolumeType"], volume["Encrypted"]) == (20, "gp3", True)
    assert volume["KmsKeyId"].startswith("arn:aws:kms:")


def test_a_wrong_root_device_name_is_a_second_volume_that_stays(local_api: LocalCloud) -> None:
    mapping = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 20}}
    instance_id = launch(local_api, BlockDeviceMappings=[mapping])["InstanceId"]
    found = {m["DeviceName"]: m["Ebs"] for m in described(local_api, instance_id)["BlockDeviceMappings"]}
    assert found["/dev/sda1"]["DeleteOnTermination"] is False and len(found) == 2
    ec2 = local_api.boto3("ec2")
    ec2.terminate_instances(InstanceIds=[instance_id])
    local_api.advance_clock(1)
    left = ec2.describe_volumes(VolumeIds=[found["/dev/sda1"]["VolumeId"]])["Volumes"][0]
    assert left["State"] == "available"
    ec2.delete_volume(VolumeId=left["VolumeId"])


def test_a_volume_smaller_than_its_snapshot_is_refused(local_api: LocalCloud) -> None:
    mapping = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 4}}
    assert error_code(lambda: launch(local_api, BlockDeviceMappings=[mapping])) == "InvalidBlockDeviceMapping"


def test_a_region_that_encrypts_by_default_encrypts(local_api: LocalCloud) -> None:
    ec2 = local_api.boto3("ec2", "eu-central-1")
    ec2.enable_ebs_encryption_by_default()
    instance_id = launch(local_api, "eu-central-1")["InstanceId"]
    ec2.disable_ebs_encryption_by_default()
    filters = [{"Name": "attachment.instance-id", "Values": [instance_id]}]
    assert [v["Encrypted"] for v in ec2.describe_volumes(Filters=filters)["Volumes"]] == [True]


def test_user_data_of_16384_bytes_comes_back_exactly(local_api: LocalCloud) -> None:
    text = ("#!/bin/sh\n# é\n" + "x" * 16384)[: 16384 - 1]
    assert len(text.encode()) == 16384
    instance_id = launch(local_api, UserData=text)["InstanceId"]
    reply = local_api.boto3("ec2").describe_instance_attribute(InstanceId=instance_id, Attribute="userData")
    assert base64.b64decode(reply["UserData"]["Value"]).decode() == text


def test_user_data_of_16385_bytes_is_refused(local_api: LocalCloud) -> None:
    code, message, status = refusal_of(lambda: launch(local_api, UserData="x" * 16385))
    assert (code, status) == ("InvalidParameterValue", 400)
    assert "User data is limited to 16384 bytes" in message


def test_launch_time_protection_is_honoured(local_api: LocalCloud) -> None:
    instance_id = launch(local_api, DisableApiTermination=True)["InstanceId"]
    ec2 = local_api.boto3("ec2")
    reply = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="disableApiTermination")
    assert reply["DisableApiTermination"]["Value"] is True
    assert error_code(lambda: ec2.terminate_instances(InstanceIds=[instance_id])) == "OperationNotPermitted"
    ec2.modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": False})
    ec2.terminate_instances(InstanceIds=[instance_id])


def test_metadata_options_and_shutdown_behaviour_are_kept(local_api: LocalCloud) -> None:
    shown = described(
        local_api,
        launch(
            local_api,
            MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            InstanceInitiatedShutdownBehavior="terminate",
        )["InstanceId"],
    )
    reply = local_api.boto3("ec2").describe_instance_attribute(
        InstanceId=shown["InstanceId"], Attribute="instanceInitiatedShutdownBehavior"
    )
    assert shown["MetadataOptions"]["HttpTokens"] == "required"
    assert shown["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert reply["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"


@pytest.mark.parametrize(
    "profile", [{"Name": "no-such"}, {"Arn": "arn:aws:iam::123456789012:instance-profile/no"}]
)
def test_an_unknown_instance_profile_is_refused(local_api: LocalCloud, profile: dict[str, str]) -> None:
    code, message, status = refusal_of(lambda: launch(local_api, IamInstanceProfile=profile))
    assert (code, status) == ("InvalidParameterValue", 400)
    assert "Invalid IAM Instance Profile" in message


@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        ({"InstanceType": "local.999cpu"}, "InvalidParameterValue"),
        ({"InstanceType": "c7g.large"}, "Unsupported"),
        ({"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound"),
        ({"ImageId": "debian"}, "InvalidAMIID.Malformed"),
        ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound"),
        ({"SubnetId": "subnet-0123456789abcdef0"}, "InvalidSubnetID.NotFound"),
        ({"Placement": {"AvailabilityZone": "us-east-1q"}}, "InvalidParameterValue"),
        (
            {"TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "aws:x", "Value": "1"}]}]},
            "InvalidParameterValue",
        ),
        (
            {
                "TagSpecifications": [
                    {"ResourceType": "spot-instances-request", "Tags": [{"Key": "x", "Value": "1"}]}
                ]
            },
            "InvalidParameterValue",
        ),
        ({"MinCount": 2, "MaxCount": 1}, "InvalidParameterValue"),
    ],
)
def test_what_ec2_refuses_is_refused(local_api: LocalCloud, overrides: dict[str, Any], code: str) -> None:
    assert error_code(lambda: launch(local_api, **overrides)) == code


def test_an_image_of_another_architecture_is_refused(local_api: LocalCloud) -> None:
    here = local_api.boto3("ec2").describe_instance_types(InstanceTypes=["local.1cpu"])["InstanceTypes"][0]
    other = "arm64" if here["ProcessorInfo"]["SupportedArchitectures"] == ["x86_64"] else "amd64"
    image = local_api.image(parameter=f"/aws/service/debian/release/12/latest/{other}")
    code, message, status = refusal_of(lambda: launch(local_api, ImageId=image))
    assert (code, status) == ("InvalidParameterValue", 400)
    assert "does not match the architecture" in message


def test_an_image_may_be_named_by_its_parameter(local_api: LocalCloud) -> None:
    shown = launch(local_api)
    name = "/aws/service/debian/release/12/latest/"
    name += {"x86_64": "amd64", "arm64": "arm64"}[shown["Architecture"]]
    assert launch(local_api, ImageId=f"resolve:ssm:{name}")["ImageId"] == shown["ImageId"]


def test_the_default_network_has_the_group_benchtui_without_inbound_rules(local_api: LocalCloud) -> None:
    for region in ("us-east-1", "ap-northeast-1"):
        ec2 = local_api.boto3("ec2", region)
        filters = [{"Name": "group-name", "Values": ["benchtui"]}]
        (group,) = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
        assert group["IpPermissions"] == []
        (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
        assert group["VpcId"] == vpc["VpcId"]
        shown = launch(local_api, region, SecurityGroupIds=[group["GroupId"]])
        assert [g["GroupName"] for g in shown["SecurityGroups"]] == ["benchtui"]
        assert [g["GroupName"] for g in shown["NetworkInterfaces"][0]["Groups"]] == ["benchtui"]


def test_a_launch_without_a_public_address_has_none(local_api: LocalCloud) -> None:
    group = local_api.boto3("ec2").describe_security_groups(GroupNames=["benchtui"])["SecurityGroups"][0]
    nic = {"DeviceIndex": 0, "AssociatePublicIpAddress": False, "Groups": [group["GroupId"]]}
    shown = described(local_api, launch(local_api, NetworkInterfaces=[nic])["InstanceId"])
    assert "PublicIpAddress" not in shown
    assert [g["GroupName"] for g in shown["SecurityGroups"]] == ["benchtui"]
    assert shown["NetworkInterfaces"][0]["Attachment"]["DeleteOnTermination"] is True


@pytest.mark.long
def test_simulated_ec2_types_run_with_nobody_home(simulating_api: LocalCloud) -> None:
    arm = simulating_api.image(parameter="/aws/service/debian/release/12/latest/arm64")
    instance_id = launch(simulating_api, InstanceType="c7g.large", ImageId=arm)["InstanceId"]
    simulating_api.advance_clock(1)
    assert described(simulating_api, instance_id)["State"]["Name"] == "running"
    assert simulating_api.private("GET", "instances") == []


def test_spot_launches_say_so(local_api: LocalCloud) -> None:
    shown = launch(local_api, InstanceMarketOptions={"MarketType": "spot"})
    assert shown["InstanceLifecycle"] == "spot"
    (request,) = local_api.boto3("ec2").describe_spot_instance_requests(
        SpotInstanceRequestIds=[shown["SpotInstanceRequestId"]]
    )["SpotInstanceRequests"]
    assert (request["InstanceId"], request["State"]) == (shown["InstanceId"], "active")


def test_tags_can_be_changed_and_leftovers_found_by_tag(local_api: LocalCloud) -> None:
    specs = [
        {"ResourceType": kind, "Tags": [{"Key": "run", "Value": "leftovers"}]}
        for kind in ("instance", "volume", "network-interface")
    ]
    instance_id = launch(local_api, TagSpecifications=specs)["InstanceId"]
    ec2 = local_api.boto3("ec2")
    filters = [{"Name": "tag:run", "Values": ["leftovers"]}]
    assert len(ec2.describe_volumes(Filters=filters)["Volumes"]) == 1
    assert len(ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]) == 1
    ec2.create_tags(Resources=[instance_id], Tags=[{"Key": "more", "Value": "1"}])
    ec2.delete_tags(Resources=[instance_id], Tags=[{"Key": "run"}])
    assert described(local_api, instance_id)["Tags"] == [{"Key": "more", "Value": "1"}]
    ec2.terminate_instances(InstanceIds=[instance_id])
    local_api.advance_clock(1)
    assert ec2.describe_volumes(Filters=filters)["Volumes"] == []
    assert ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"] == []


@pytest.mark.slow
def test_launches_and_descriptions_at_once_do_not_disturb_each_other(local_api: LocalCloud) -> None:
    region = "eu-west-3"
    local_api.boto3("ec2", region).describe_volumes()

    def work(n: int) -> int:
        if n % 2:
            return len(launch(local_api, region)["InstanceId"])
        ec2 = local_api.boto3("ec2", region)
        return len(ec2.describe_volumes()["Volumes"]) + len(ec2.describe_tags()["Tags"])

    with ThreadPoolExecutor(20) as pool:
        assert len(list(pool.map(work, range(60)))) == 60
    found = local_api.boto3("ec2", region).describe_instances()["Reservations"]
    assert len(found) == 30
