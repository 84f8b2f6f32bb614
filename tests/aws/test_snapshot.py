import subprocess
import sys
from decimal import Decimal

from benchtui.aws.snapshot import load_snapshot
from benchtui.core.catalogue import InstanceType, Missing


def test_knows_the_example_types_with_true_cores_and_a_sourced_price():
    snapshot = load_snapshot()
    assert snapshot.instance_type("c7i.large") == InstanceType("c7i.large", "x86_64", 2, 1, 2, 4096, "Intel")
    for name in ("c7g.large", "c7a.large"):
        found = snapshot.instance_type(name)
        assert (found.vcpus, found.cores, found.threads_per_core) == (2, 2, 1)
    price = snapshot.price("c7g.large", "us-east-1")
    assert (price.usd_per_hour, price.basis) == (Decimal("0.0725"), "snapshot")
    assert price.as_of.isoformat() == "2026-07-20T13:44:30+00:00"


def test_every_row_is_consistent_and_names_its_source():
    snapshot = load_snapshot()
    assert len(snapshot.types) >= 16
    for name, found in snapshot.types.items():
        assert found.vcpus == found.cores * found.threads_per_core, name
        assert found.memory_mib > 0
    assert set(snapshot.price_sources) == set(snapshot.usd_per_hour)
    assert all("2026-07-20" in source for source in snapshot.price_sources.values())


def test_what_it_does_not_know_it_says_with_its_date_and_a_way_out():
    snapshot = load_snapshot()
    unknown = snapshot.instance_type("local.1cpu")
    assert isinstance(unknown, Missing)
    assert unknown.reason == "local.1cpu is not in the offline snapshot of 2026-07-20"
    assert "--local" in unknown.fix
    elsewhere = snapshot.price("c7g.large", "eu-west-1")
    assert isinstance(elsewhere, Missing)
    assert "eu-west-1/c7g.large" in elsewhere.fix


def test_loads_without_the_sdk():
    code = (
        "import sys; from benchtui.aws.snapshot import load_snapshot; load_snapshot();"
        "print([m for m in ('botocore', 'aiobotocore', 'boto3', 'textual') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
