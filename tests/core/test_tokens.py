from itertools import combinations

from benchtui.core.tokens import MAX_LENGTH, client_token

RUN = "20261124-021533-k3f9"


def test_the_same_launch_has_the_same_token() -> None:
    launch = (RUN, "c7g.large-1", 1, "us-east-1", "us-east-1a", "c7g.large")
    # Of any version: a launch whose answer was lost may be looked up by a newer benchtui.
    assert client_token(*launch) == "e5b6d64d28971a4ecfc963046d919a75f0540c860104f79c7d02a3c42e328136"


def test_whatever_differs_gives_another_token() -> None:
    launches = [
        (RUN, "c7g.large-1", 1, "us-east-1", "us-east-1a", "c7g.large"),
        ("20261124-021533-k3f7", "c7g.large-1", 1, "us-east-1", "us-east-1a", "c7g.large"),
        (RUN, "c7g.large-2", 1, "us-east-1", "us-east-1a", "c7g.large"),
        (RUN, "c7g.large-1", 2, "us-east-1", "us-east-1a", "c7g.large"),
        (RUN, "c7g.large-1", 1, "us-east-2", "us-east-1a", "c7g.large"),
        (RUN, "c7g.large-1", 1, "us-east-1", "us-east-1b", "c7g.large"),
        (RUN, "c7g.large-1", 1, "us-east-1", None, "c7g.large"),
        (RUN, "c7g.large-1", 1, "us-east-1", "us-east-1a", "c7g.xlarge"),
    ]
    tokens = [client_token(*launch) for launch in launches]
    assert all(one != other for one, other in combinations(tokens, 2))


def test_a_token_is_what_ec2_accepts() -> None:
    token = client_token(RUN, "c7i.metal-48xl-100", 20, "ap-southeast-2", None, "c7i.metal-48xl")
    assert len(token) <= MAX_LENGTH
    assert token.isascii()
    assert token.isalnum()
