"""Sigstore's servers of a test's own: Fulcio itself, what stands for an identity provider, and a timestamp authority.

The latter two are this process, with openssl for what they sign.
"""

from __future__ import annotations

import base64
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests

from tests.lab.servers import free_port, running

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
_OPENSSL = """
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[stamper]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
authorityKeyIdentifier = keyid
[stamps]
serial = {folder}/serial
signer_cert = {folder}/stamper.crt
certs = {folder}/chain.pem
signer_key = {folder}/stamper.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
"""
_PROVIDERS = """
oidc-issuers:
  {issuer}:
    issuer-url: {issuer}
    client-id: sigstore
    type: email
"""


@dataclass(frozen=True)
class Sigstore:
    """Servers that cosign can sign and check with, without a key. `issuer` is the identity provider."""

    folder: Path
    issuer: str
    fulcio: str

    @property
    def environment(self) -> dict[str, str]:
        """What tells cosign of them. There is no transparency log and no log of certificates; there are timestamps."""
        return {
            "COSIGN_FULCIO_URL": self.fulcio,
            "COSIGN_TIMESTAMP_SERVER_URL": f"{self.issuer}/timestamp",
            "COSIGN_TLOG_UPLOAD": "false",
            "COSIGN_INSECURE_SKIP_VERIFY": "true",
            "SIGSTORE_ROOT_FILE": str(self.folder / "fulcio.pem"),
            "COSIGN_TIMESTAMP_CERTIFICATE_CHAIN": str(self.folder / "chain.pem"),
            "COSIGN_USE_SIGNED_TIMESTAMPS": "true",
            "COSIGN_INSECURE_IGNORE_TLOG": "true",
            "COSIGN_INSECURE_IGNORE_SCT": "true",
        }

    def token(self, identity: str, seconds: int = 600) -> str:
        """What the identity provider gives to somebody who has logged in."""
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": identity, "email": identity, "email_verified": True}
        times = {"aud": "sigstore", "iat": now, "exp": now + seconds}
        signed = ".".join(_base64(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "1"}, claims | times))
        signature = _openssl("dgst", "-sha256", "-sign", self.folder / "issuer.key", given=signed.encode())
        return f"{signed}.{_base64(signature)}"


@contextmanager
def sigstore(fulcio: Path, folder: Path) -> Iterator[Sigstore]:
    """Starts all of them. Fulcio's metrics, which it offers no choice about, are on every address meanwhile."""
    folder.mkdir()
    _certificates(folder)
    with _provider(folder) as issuer:
        address = f"127.0.0.1:{free_port()}"
        (folder / "fulcio.yaml").write_text(_PROVIDERS.format(issuer=issuer))
        host, _, port = address.partition(":")
        command: list[str | Path] = [fulcio, "serve", "--ca=ephemeralca", "--ct-log-url=", f"--host={host}"]
        command += [f"--port={port}", f"--grpc-host={host}", f"--grpc-port={free_port()}"]
        command += [f"--metrics-port={free_port()}", f"--config-path={folder / 'fulcio.yaml'}"]
        command += [f"--legacy-unix-domain-socket={folder / 'socket'}"]

        def ready() -> bool:
            """Whether Fulcio tells its own certificate, which is kept: it is what is to be trusted."""
            try:
                answer = requests.get(f"http://{address}/api/v1/rootCert", timeout=5)
            except requests.ConnectionError:
                return False
            (folder / "fulcio.pem").write_bytes(answer.content)
            return answer.status_code == 200

        with running(command, folder / "fulcio.log", ready):
            yield Sigstore(folder, issuer, f"http://{address}")


def _certificates(folder: Path) -> None:
    """The provider's key, and the timestamp authority's with its certificates."""
    config, root, leaf = folder / "openssl.cnf", folder / "root", folder / "stamper"
    config.write_text(_OPENSSL.format(folder=folder))
    _openssl("genrsa", "-out", folder / "issuer.key", "2048")
    request = ("req", "-x509", *_CURVE, "-config", config)
    _openssl(*request, "-subj", "/CN=root", "-extensions", "authority", "-keyout", f"{root}.key", "-out", f"{root}.crt")
    signed = ("-CA", f"{root}.crt", "-CAkey", f"{root}.key", "-extensions", "stamper")
    _openssl(*request, *signed, "-subj", "/CN=stamper", "-keyout", f"{leaf}.key", "-out", f"{leaf}.crt")
    (folder / "chain.pem").write_text(leaf.with_suffix(".crt").read_text() + root.with_suffix(".crt").read_text())


@contextmanager
def _provider(folder: Path) -> Iterator[str]:
    """The address at which the identity provider tells of itself, and timestamps are given."""
    modulus = _openssl("rsa", "-in", folder / "issuer.key", "-modulus", "-noout").decode().strip().partition("=")[2]
    key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "e": "AQAB", "n": _base64(bytes.fromhex(modulus))}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """As OpenID Connect has it: where what is, and the key."""
            about = {"issuer": address, "jwks_uri": f"{address}/keys", "authorization_endpoint": f"{address}/none"}
            document = {"keys": [key]} if self.path == "/keys" else about
            self._answer(200, "application/json", json.dumps(document).encode())

        def do_POST(self) -> None:
            """As RFC 3161 has it: a query, and its reply."""
            query = folder / f"{threading.get_ident()}.tsq"
            query.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            reply = query.with_suffix(".tsr")
            where = ("-config", folder / "openssl.cnf", "-section", "stamps")
            _openssl("ts", "-reply", *where, "-queryfile", query, "-out", reply)
            self._answer(201, "application/timestamp-reply", reply.read_bytes())

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield address
    finally:
        server.shutdown()
        server.server_close()


def _openssl(*words: str | Path, given: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *map(str, words)], input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
