"""The SDK started quickly is the same SDK."""

from __future__ import annotations

import asyncio
import gc
import ssl
import subprocess
import sys
from pathlib import Path

import botocore.session
import pytest
from botocore.exceptions import UnknownServiceError

from benchtui.aws import descriptions
from benchtui.aws.errors import CloudError
from benchtui.aws.sdk import AioSession, SharedCertificates, read_certificates
from benchtui.aws.session import Cloud

from .wire import Server


def quick() -> botocore.session.Session:
    session = botocore.session.Session()
    descriptions.read_quickly(session)
    return session


@pytest.mark.long
@pytest.mark.parametrize("service", ["ec2", "s3", "sts", "ssm", "scheduler", "pricing"])
@pytest.mark.parametrize("kind", ["service-2", "endpoint-rule-set-1", "paginators-1"])
def test_descriptions_are_those_that_botocore_reads(service, kind):
    descriptions._loader.cache_clear()  # no client has been made of it yet
    usual = botocore.session.Session().get_component("data_loader")
    assert quick().get_component("data_loader").load_service_model(service, kind) == usual.load_service_model(
        service, kind
    )


def test_they_are_read_once_and_ahead():
    session = quick()
    descriptions.read(session, "sts")
    loader = session.get_component("data_loader")
    again = loader.load_service_model("sts", "service-2")
    assert again is loader.load_service_model("sts", "service-2")
    assert gc.isenabled()


def test_a_service_that_is_not_there_is_named_as_botocore_does():
    with pytest.raises(UnknownServiceError, match="no-such-service"):
        quick().create_client("no-such-service", region_name="us-east-1")


def test_descriptions_of_ones_own_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "sts" / "2011-06-15"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text('{"metadata": {"serviceId": "mine"}}')
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    loader = quick().get_component("data_loader")
    assert loader.load_service_model("sts", "service-2")["metadata"]["serviceId"] == "mine"
    assert loader.load_service_model("ec2", "service-2")["metadata"]["serviceId"] == "EC2"


def test_all_clients_share_one_context_that_trusts_what_the_usual_one_trusts():
    first, second = SharedCertificates(), SharedCertificates()
    context, proxy = first._build_ssl_contexts(None)
    assert proxy is None
    assert second._build_ssl_contexts(None)[0] is context
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) > 50


def test_other_certificates_other_contexts(tmp_path: Path):
    unchecked, _ = SharedCertificates(verify=False)._build_ssl_contexts(None)
    assert unchecked.verify_mode is ssl.CERT_NONE
    usual, _ = SharedCertificates()._build_ssl_contexts(None)
    assert unchecked is not usual
    through_proxy, _ = SharedCertificates()._build_ssl_contexts("http://127.0.0.1:9")
    assert through_proxy is not usual


def test_a_bundle_that_is_missing_is_for_the_first_client_to_say(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere/bundle.pem")
    read_certificates(AioSession())
    with pytest.raises(OSError, match="No such file"):
        SharedCertificates(verify="/nowhere/bundle.pem")._build_ssl_contexts(None)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of this machine's loopback that nobody vouches for, with its key in the same file."""
    file = tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*made, "-keyout", f"{file}.key", "-out", file], check=True, capture_output=True)
    file.write_text(file.read_text() + Path(f"{file}.key").read_text())
    return file


@pytest.mark.long
@pytest.mark.parametrize("trusted", [True, False])
async def test_a_server_is_believed_if_its_certificate_is_trusted(
    trusted: bool, server: Server, certificate: Path, monkeypatch: pytest.MonkeyPatch
):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server.says("<DescribeRegionsResponse><regionInfo/></DescribeRegionsResponse>")
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{port}")
    if trusted:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    async with listening, Cloud(None, ("us-east-1", "us-west-2"), tries=1) as cloud:
        if trusted:
            assert await cloud.enabled_regions() == ()
            await cloud.call("ec2", "us-west-2", "DescribeRegions")
        else:
            with pytest.raises(CloudError, match=r"CERTIFICATE_VERIFY_FAILED|SSLError"):
                await cloud.enabled_regions()


def test_importing_it_leaves_other_contexts_as_they_are():
    code = """if True:
        import ssl
        before = len(ssl.create_default_context().get_ca_certs())
        import benchtui.aws.sdk, aiohttp.connector
        assert len(ssl.create_default_context().get_ca_certs()) == before
        assert "set_default_verify_paths" not in vars(ssl.SSLContext)
        print(len(aiohttp.connector._SSL_CONTEXT_VERIFIED.get_ca_certs()))
    """
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "0\n", "who used aiohttp's own would be refused, not let in unchecked"
