import pytest

from benchtui.aws.termination import BATCH, terminate

from .scripted import Answer, ScriptedCloud, no_answer, refusal


def ids(count: int, first: int = 0) -> list[str]:
    return [f"i-{number:017x}" for number in range(first, first + count)]


class Ec2(ScriptedCloud):
    """TerminateInstances as EC2 documents it: one id it objects to spoils the request."""

    def __init__(
        self, unknown: tuple[str, ...] = (), protected: tuple[str, ...] = (), named: bool = True
    ) -> None:
        super().__init__(self._terminate)
        self.unknown, self.protected = frozenset(unknown), frozenset(protected)
        self.named = named
        self.ended: list[str] = []

    def _terminate(self, operation: str, params: Answer) -> Answer:
        assert operation == "TerminateInstances"
        asked = params["InstanceIds"]
        unknown = [one for one in asked if one in self.unknown]
        if unknown:
            listed = ", ".join(unknown) if self.named else "of the request"
            raise refusal("InvalidInstanceID.NotFound", f"The instance IDs '{listed}' do not exist")
        if any(one in self.protected for one in asked):
            raise refusal(
                "OperationNotPermitted", "The instance may not be terminated. Modify its attribute."
            )
        self.ended.extend(asked)
        return {}


async def test_all_are_ended_in_batches() -> None:
    cloud = Ec2()
    answer = await terminate(cloud, "us-east-1", ids(250))  # type: ignore[arg-type]
    assert sorted(answer.accepted) == sorted(cloud.ended) == ids(250)
    assert not answer.failures
    assert [len(params["InstanceIds"]) for _, params in cloud.calls] == [BATCH, BATCH, 50]


async def test_ids_said_twice_are_asked_for_once() -> None:
    cloud = Ec2()
    await terminate(cloud, "us-east-1", ids(3) * 2)  # type: ignore[arg-type]
    assert cloud.ended == ids(3)


async def test_named_unknown_ids_are_dropped_and_the_rest_is_ended() -> None:
    unknown = tuple(ids(100)[10:13])
    cloud = Ec2(unknown=unknown)
    answer = await terminate(cloud, "us-east-1", ids(100))  # type: ignore[arg-type]
    assert set(answer.accepted) == set(ids(100)) - set(unknown)
    assert {one: failure.kind for one, failure in answer.failures.items()} == dict.fromkeys(
        unknown, "missing"
    )
    assert len(cloud.calls) == 2


async def test_unknown_ids_that_are_not_named_are_found_by_halving() -> None:
    unknown = (ids(100)[0], ids(100)[77])
    cloud = Ec2(unknown=unknown, named=False)
    answer = await terminate(cloud, "us-east-1", ids(100))  # type: ignore[arg-type]
    assert set(answer.failures) == set(unknown)
    assert set(answer.accepted) == set(ids(100)) - set(unknown)
    assert len(cloud.calls) < 40


@pytest.mark.parametrize("position", [0, 49, 99])
async def test_one_protected_instance_spares_no_other(position: int) -> None:
    protected = ids(100)[position]
    cloud = Ec2(protected=(protected,))
    answer = await terminate(cloud, "us-east-1", ids(100))  # type: ignore[arg-type]
    assert set(cloud.ended) == set(answer.accepted) == set(ids(100)) - {protected}
    assert {one: failure.code for one, failure in answer.failures.items()} == {
        protected: "OperationNotPermitted"
    }
    assert len(cloud.calls) <= 15


async def test_protected_and_unknown_together() -> None:
    cloud = Ec2(unknown=(ids(9)[2],), protected=(ids(9)[5], ids(9)[6]))
    answer = await terminate(cloud, "us-east-1", ids(9))  # type: ignore[arg-type]
    assert set(answer.failures) == {ids(9)[2], ids(9)[5], ids(9)[6]}
    assert set(cloud.ended) == set(ids(9)) - set(answer.failures)


async def test_a_region_that_does_not_answer_is_not_asked_for_every_single_id() -> None:
    def silent(operation: str, params: Answer) -> Answer:
        raise no_answer()

    cloud = ScriptedCloud(silent)
    answer = await terminate(cloud, "us-east-1", ids(100))  # type: ignore[arg-type]
    assert answer.accepted == ()
    assert set(answer.failures) == set(ids(100))
    assert len(cloud.calls) == 1


async def test_a_failing_batch_does_not_stop_the_others() -> None:
    cloud = Ec2()
    first = frozenset(ids(BATCH))

    def reply(operation: str, params: Answer) -> Answer:
        if first & set(params["InstanceIds"]):
            raise no_answer()
        return cloud._terminate(operation, params)

    cloud.reply = reply
    answer = await terminate(cloud, "us-east-1", ids(BATCH + 7))  # type: ignore[arg-type]
    assert set(answer.accepted) == set(ids(7, BATCH))
    assert set(answer.failures) == first


async def test_instances_of_one_zone_are_asked_for_together() -> None:
    cloud = Ec2()
    zones = {one: "us-east-1a" if number % 2 else "us-east-1b" for number, one in enumerate(ids(10))}
    await terminate(cloud, "us-east-1", ids(10), zones=zones)  # type: ignore[arg-type]
    assert [{zones[one] for one in params["InstanceIds"]} for _, params in cloud.calls] == [
        {"us-east-1b"},
        {"us-east-1a"},
    ]


async def test_an_emergency_skips_the_shutdown_of_the_system() -> None:
    cloud = Ec2()
    await terminate(cloud, "us-east-1", ids(1), skip_os_shutdown=True)  # type: ignore[arg-type]
    assert cloud.calls == [("TerminateInstances", {"InstanceIds": ids(1), "SkipOsShutdown": True})]


async def test_nothing_to_end_asks_no_one() -> None:
    cloud = Ec2()
    answer = await terminate(cloud, "us-east-1", [])  # type: ignore[arg-type]
    assert (answer.accepted, cloud.calls) == ((), [])
