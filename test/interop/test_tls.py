"""TLS with a server certificate."""

import subprocess
from pathlib import Path

import pytest

from conftest import Make, OpenGateway, Unique

SUBJECT = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of localhost, signed by itself, with its key beside it."""
    file = tmp_path / "certificate.pem"
    made = ["-keyout", str(file.with_suffix(".key")), "-out", str(file), "-days", "1"]
    subprocess.run(["openssl", "req", "-x509", *KEY, *SUBJECT, *made], check=True, capture_output=True)
    return file


def test_a_client_that_trusts_the_certificate_sends_and_receives(
    make: Make, own_gateway: OpenGateway, unique: Unique, certificate: Path
) -> None:
    key = certificate.with_suffix(".key")
    gateway = own_gateway("--tls", "--cert-file", str(certificate), "--key-file", str(key))
    workspace, port = unique("tls"), gateway.address.rsplit(":", 1)[1]
    client = make("Agent", workspace, "impl", "one", tls_enabled=True, tls_root_cert_path=str(certificate))
    client.connect(f"localhost:{port}")
    client.send_message_to_agent(workspace, "impl", "one", b"secret")
    client.receives([b"secret"])
