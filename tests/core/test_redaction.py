"""What is given away holds no secret, and still says what it said."""

from __future__ import annotations

import json

import pytest

from benchtui.core.redaction import Redaction, secrets_in_ini, secrets_of

KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQD" * 4
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"using {KEY} now", KEY),
        (f"aws_secret_access_key = {SECRET}", SECRET),
        (f"it said {SECRET}, twice", SECRET),
        (f"token {TOKEN}", TOKEN),
        (f"Bearer {JWT}", JWT),
        (f"before\n{PEM}\nafter", "MIIEpAIBAAKCAQEA"),
        ("https://someone:hunter2@host/path", "hunter2"),
        ("https://hooks.slack.com/services/T000/B000/XXXX", "B000"),
        (f"https://b.s3.amazonaws.com/k?X-Amz-Signature={'0a' * 32}&x=1", "0a0a"),
        (f"?X-Amz-Security-Token={TOKEN[:60]}&y", TOKEN[:60]),
        ("github: ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_abcdef"),
        ('password: "open sesame"', "open sesame"),
        ("MY_API_KEY=abc", "abc"),
    ],
)
def test_what_looks_like_a_secret_goes(text, secret):
    redacted = Redaction().text(text)
    assert secret not in redacted
    assert "removed>" in redacted


@pytest.mark.parametrize(
    "text",
    [
        "benchmarks/20261124-021533-k3f7/jobs/c7g.large-1/stream/result.json",
        f"sha256 {'a1' * 32} of the bundle, sha1 {'b2' * 20}",
        "i-0123456789abcdef0 in us-east-1, ami-0123456789abcdef0",
        "worst case $0.43 of $5.00 (est.)",
        "arn:aws:iam::123456789012:role/benchtui-instance",
    ],
)
def test_what_is_no_secret_stays(text):
    assert Redaction().text(text) == text


def test_known_secrets_and_the_home_folder_go_wherever_they_stand():
    redaction = Redaction(["correct horse", "correct horse battery"], ["/home/me"])
    said = redaction.text("correct horse battery in /home/me/x, correct horse")
    assert said == "<secret removed> in ~/x, <secret removed>"


def test_the_account_goes_only_where_it_is_wanted():
    text = "bucket benchtui-123456789012-us-east-1 of 210987654321, 1234567890123 bytes"
    assert Redaction().text(text) == text
    said = Redaction(account=True).text(text)
    assert said == "bucket benchtui-<account>-us-east-1 of <account>, 1234567890123 bytes"


def test_a_document_stays_one():
    content = {"a": [{"session_token": "x", "ok": f"with {KEY}"}], "n": 1, "none": None, "Secret": ""}
    redacted = Redaction().document(content)
    assert json.loads(json.dumps(redacted)) == {
        "a": [{"session_token": "<value removed>", "ok": "with <access key removed>"}],
        "n": 1,
        "none": None,
        "Secret": "",
    }


def test_a_document_without_end_is_cut():
    content: dict[str, object] = {}
    inner = content
    for _ in range(200):
        inner["x"] = inner = {}  # type: ignore[assignment]
    assert "too deep" in json.dumps(Redaction().document(content))


def test_secrets_are_known_by_the_names_of_variables_and_keys():
    assert secrets_of({"AWS_SESSION_TOKEN": "t", "PATH": "/bin", "DB_PASSWORD": "p", "EMPTY_TOKEN": ""}) == [
        "t",
        "p",
    ]
    text = "[default]\nregion = eu-west-1\naws_secret_access_key = abc=\n"
    assert secrets_in_ini(text) == ["abc="]
