"""Who shows a token must be the one it was made for; requests are signed; certificates name their holder."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import ssl
import time
import warnings
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt as joserfc_jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import KeySet
from tests.e2e.certificates import Authority, Pair
from tests.e2e.conftest import GatewayFactory
from tests.e2e.issuer import Holder, Issuer, b64
from tests.e2e.origins import Origin
from tests.e2e.stockades import Stockade, free_port, until
from tests.e2e.test_identity import jwt, refusal, sha256

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def issuer() -> Issuer:
    return Issuer("https://id.example")


def test_a_token_is_good_with_a_fresh_proof_by_its_key_alone(
    origin: Origin, gateway_factory: GatewayFactory, issuer: Issuer, tmp_path: Path
) -> None:
    stockade = gateway_factory(origin.url, api={"identity": {"methods": [jwt(issuer, tmp_path)]}})
    holder, thief = Holder(), Holder()
    token = issuer.token("alice", aud="shop", cnf={"jkt": holder.thumbprint})
    url = f"{stockade.url}/items"

    def ask(proof: str | None, scheme: str = "DPoP", method: str = "GET") -> httpx.Response:
        headers = {"authorization": f"{scheme} {token}", **({"dpop": proof} if proof else {})}
        with stockade.client() as client:
            return client.request(method, "/items?page=2", headers=headers)

    good = holder.proof("GET", url, token)
    response = ask(good)
    assert response.status_code == 200
    event = stockade.event(response.headers["x-stockade-id"])
    assert event.identity is not None
    assert event.identity.subject == "alice"
    for bad, expected in [
        (ask(good), "identity.proof_replayed"),
        (ask(None), "identity.dpop_proof"),
        (ask(None, "Bearer"), "identity.token_bound"),
        (ask(holder.proof("POST", url, token)), "identity.dpop_proof"),
        (ask(holder.proof("GET", f"{url}/7", token)), "identity.dpop_proof"),
        (ask(holder.proof("GET", url, "another token")), "identity.dpop_proof"),
        (ask(holder.proof("GET", url, token, iat=int(time.time()) - 300)), "identity.dpop_proof"),
        (ask(thief.proof("GET", url, token)), "identity.dpop_proof"),
    ]:
        assert (bad.status_code, refusal(stockade, bad)) == (401, expected)
    assert "invalid_dpop_proof" in ask(None).headers["www-authenticate"]


class Signer:
    """Signs requests (RFC 9421) with an Ed25519 key or a shared secret."""

    def __init__(self, keyid: str, key: Ed25519PrivateKey | bytes) -> None:
        self._keyid = keyid
        self._key = key

    def headers(self, method: str, url: str, body: bytes = b"", **parameters: int | str) -> dict[str, str]:
        target = httpx.URL(url)
        covered = {
            "@method": method,
            "@authority": target.netloc.decode(),
            "@path": target.path,
            "@query": f"?{target.query.decode()}",
        }
        more = {}
        if body:
            digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
            covered["content-digest"] = more["content-digest"] = digest
        names = " ".join(f'"{name}"' for name in covered)
        about = {"created": int(time.time()), "keyid": self._keyid, "nonce": secrets.token_hex(8), **parameters}
        shown = "".join(f";{name}={json.dumps(value)}" for name, value in about.items())
        base = "".join(f'"{name}": {value}\n' for name, value in covered.items())
        base += f'"@signature-params": ({names}){shown}'
        if isinstance(self._key, bytes):
            signature = hmac.digest(self._key, base.encode(), "sha256")
        else:
            signature = self._key.sign(base.encode())
        coded = base64.b64encode(signature).decode()
        return {"signature-input": f"s=({names}){shown}", "signature": f"s=:{coded}:", **more}


def test_signed_requests_reach_the_upstream_as_they_were_signed_and_once(
    origin: Origin, gateway_factory: GatewayFactory, tmp_path: Path
) -> None:
    key = Ed25519PrivateKey.generate()
    pem = tmp_path / "robot.pem"
    pem.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    keys = [
        {"id": "robot", "algorithm": "ed25519", "public_key_file": str(pem), "subject": "robot"},
        {"id": "partner", "secret": SECRET, "subject": "partner", "roles": ["partner"]},
    ]
    stockade = gateway_factory(origin.url, api={"identity": {"methods": [{"signature": {"keys": keys}}]}})
    url = f"{stockade.url}/orders?page=2"
    body = b'{"amount": 7}'
    for signer, subject in [(Signer("robot", key), "robot"), (Signer("partner", SECRET.encode()), "partner")]:
        with stockade.client() as client:
            headers = signer.headers("POST", url, body)
            response = client.post("/orders?page=2", content=body, headers=headers)
            assert response.status_code == 200
            assert stockade.event(response.headers["x-stockade-id"]).actor == f"subject:{subject}"
            assert origin.requests[-1].body == body
            heard = len(origin.requests)

            def told(headers: dict[str, str], content: bytes = body, client: httpx.Client = client) -> str:
                answer = client.post("/orders?page=2", content=content, headers=headers)
                assert answer.status_code == 401
                return refusal(stockade, answer)

            assert told(headers) == "identity.proof_replayed"
            assert told(signer.headers("POST", url, body), b'{"amount": 9}') == "identity.content_digest"
            assert told(signer.headers("POST", url)) == "identity.signature_malformed", "the body is not covered"
            assert told(signer.headers("PUT", url, body)) == "identity.signature_wrong"
            old = signer.headers("POST", url, body, created=int(time.time()) - 600)
            assert told(old) == "identity.signature_stale"
            nobody = Signer("nobody", SECRET.encode()).headers("POST", url, body)
            assert told(nobody) == "identity.signature_wrong"
            assert len(origin.requests) == heard, "nothing of it reached the upstream"
            fresh = signer.headers("POST", url, body)
            assert client.post("/orders?page=2", content=body, headers=fresh).status_code == 200


def _listener(authority: Authority, port: int, **clients: Any) -> dict[str, Any]:
    served = authority.issue("server", "localhost", "127.0.0.1")
    tls = {
        "certificates": [served.config()],
        "client_certificates": {"ca_file": str(authority.file), "mode": "optional", **clients},
    }
    return {"listen": [{"address": f"127.0.0.1:{port}", "tls": tls}]}


def _ask(authority: Authority, port: int, pair: Pair | None, **options: Any) -> httpx.Response:
    context = ssl.create_default_context(cafile=str(authority.file))
    if pair is not None:
        context.load_cert_chain(pair.certificate, pair.key)
    with httpx.Client(verify=context, timeout=10) as client:
        return client.get(f"https://localhost:{port}/items", **options)


def test_a_spiffe_id_is_who_calls_and_a_revoked_certificate_is_nobody(
    origin: Origin, gateway_factory: GatewayFactory, tmp_path: Path
) -> None:
    authority, port = Authority(tmp_path), free_port()
    robot = authority.issue("robot", "spiffe://example.org/ns/shop/sa/robot")
    other = authority.issue("other", "spiffe://example.org/ns/bank/sa/robot")
    plain = authority.issue("plain", "plain.example.org")
    callers = [{"names": ["spiffe://example.org/ns/shop/**"], "roles": ["robot"]}]
    identity = {"methods": [{"certificate": {"subject": "spiffe", "callers": callers}}]}
    lists = [str(authority.revoke())]
    stockade = gateway_factory(
        origin.url, api={"identity": identity}, gateway=_listener(authority, port, crl_files=lists)
    )
    response = _ask(authority, port, robot)
    assert response.status_code == 200
    event = stockade.event(response.headers["x-stockade-id"])
    assert event.identity is not None
    assert (event.identity.subject, event.identity.roles) == ("spiffe://example.org/ns/shop/sa/robot", ("robot",))
    for pair, expected in [
        (other, "identity.certificate_holder"),
        (plain, "identity.certificate_holder"),
        (None, "identity.missing"),
    ]:
        bad = _ask(authority, port, pair)
        assert (bad.status_code, refusal(stockade, bad)) == (401, expected)
    authority.revoke(robot)

    def is_refused() -> bool:
        try:
            _ask(authority, port, robot)
        except httpx.TransportError:
            return True
        return False

    until(is_refused, 15, "revocation")


def test_a_certificate_bound_token_is_good_on_its_connection_alone(
    origin: Origin, gateway_factory: GatewayFactory, issuer: Issuer, tmp_path: Path
) -> None:
    from cryptography import x509

    authority, port = Authority(tmp_path / "ca"), free_port()
    robot, thief = authority.issue("robot", "a.example"), authority.issue("thief", "b.example")
    der = x509.load_pem_x509_certificate(robot.certificate.read_bytes()).public_bytes(Encoding.DER)
    token = issuer.token("robot", aud="shop", cnf={"x5t#S256": b64(hashlib.sha256(der).digest())})
    methods = [jwt(issuer, tmp_path, binding={"required": True})]
    gateway_factory(origin.url, api={"identity": {"methods": methods}}, gateway=_listener(authority, port))
    bearer = {"headers": {"authorization": f"Bearer {token}"}}
    assert _ask(authority, port, robot, **bearer).status_code == 200
    assert _ask(authority, port, thief, **bearer).status_code == 401
    assert _ask(authority, port, None, **bearer).status_code == 401
    unbound = {"headers": {"authorization": f"Bearer {issuer.token('robot', aud='shop')}"}}
    assert _ask(authority, port, robot, **unbound).status_code == 401


def test_the_upstream_is_told_who_calls_in_headers_that_no_client_can_write(
    origin: Origin, gateway_factory: GatewayFactory, issuer: Issuer, tmp_path: Path
) -> None:
    hand_on = {
        "headers": {"x-user": "subject", "x-roles": "roles", "x-tenant": "claim:tenant"},
        "signed": {"header": "x-identity", "audience": "orders"},
    }
    identity = {
        "methods": [jwt(issuer, tmp_path)],
        "anonymous": {"paths": ["/open"]},
        "strip_credential": True,
        "hand_on": hand_on,
    }
    gateway = {"refuse_underscore_headers": False}
    stockade = gateway_factory(origin.url, api={"identity": identity}, gateway=gateway)
    token = issuer.token("Zo\u00eb", aud="shop", roles=["admin", "a,b"], tenant="t1")
    forged = {"x-user": "root", "X_User": "root", "x-roles": "admin", "x-identity": "a.b.c", "x-tenant": "t2"}
    with stockade.client() as client:
        assert client.get("/items", headers={"authorization": f"Bearer {token}", **forged}).status_code == 200
        seen = origin.requests[-1].headers
        assert (seen["x-user"], seen["x-roles"], seen["x-tenant"]) == ("Zo%C3%AB", "admin,a%2Cb", "t1")
        assert "x_user" not in seen
        assert "authorization" not in seen
        keys = KeySet.import_key_set(json.loads(_keys(stockade)))
        with warnings.catch_warnings():
            # RFC 9864 calls it Ed25519; what verifies today knows it as EdDSA.
            warnings.simplefilter("ignore", SecurityWarning)
            signed = joserfc_jwt.decode(seen["x-identity"], keys, algorithms=["EdDSA"])
        assert signed.claims["sub"] == "Zo\u00eb"
        assert signed.claims["aud"] == "orders"
        assert signed.claims["roles"] == ["admin", "a,b"]
        assert 0 < signed.claims["exp"] - time.time() <= 61
        assert client.get("/open", headers=forged).status_code == 200
        assert not set(forged) & set(origin.requests[-1].headers)
        assert "x_user" not in origin.requests[-1].headers
        # Nor behind a body, where some servers look too.
        chunks = iter([b"x" * 100_000, b"y" * 100_000])
        assert client.post("/open", content=chunks, headers=forged).status_code == 200
    raw = (
        "POST /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: x-user\r\nConnection: close\r\n\r\n"
        "1\r\na\r\n0\r\nx-user: root\r\nx-other: kept\r\n\r\n"
    )
    import socket

    with socket.create_connection(("127.0.0.1", stockade.port), timeout=5) as connection:
        connection.sendall(raw.encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    assert "x-user" not in origin.requests[-1].headers


def _keys(stockade: Stockade) -> str:
    import subprocess
    import sys

    command = [sys.executable, "-m", "stockade", "keys", "identity", "--data", str(stockade.data)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_keys_are_made_rotated_and_revoked_by_command(origin: Origin, gateway_factory: GatewayFactory) -> None:
    import subprocess
    import sys

    method = {"api_key": {"header": "x-api-key", "prefix": "shop_", "managed": True}}
    stockade = gateway_factory(origin.url, api={"identity": {"methods": [method]}})

    def run(*arguments: str) -> Any:
        command = [sys.executable, "-m", "stockade", "keys", *arguments, "--data", str(stockade.data), "--json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    made = run("create", "partner", "--scope", "read", "--for", "90d")
    assert made["key"].startswith("shop_")
    assert made["key"] not in (stockade.data / "identity" / "keys.json").read_text()
    assert sha256(made["key"]) in (stockade.data / "identity" / "keys.json").read_text()
    with stockade.client() as client:

        def status(key: str) -> int:
            return client.get("/items", headers={"x-api-key": key}).status_code

        until(lambda: status(made["key"]) == 200, 15, "the new key")
        other = run("create", "other")["key"]
        until(lambda: status(other) == 200, 15, "the other key")
        fresh = run("rotate", made["id"], "--overlap", "1h")["key"]
        until(lambda: status(fresh) == 200, 15, "the rotated key")
        assert status(made["key"]) == 200, "the old one goes on"
        until(lambda: run("list")["keys"][0]["last_used"], 15, "the last use")
        (first, second) = run("list")["keys"]
        assert (first["subject"], first["state"], first["scopes"]) == ("partner", "active", ["read"])
        assert first["exchanges"] >= 3
        assert second["state"] == "active"
        assert run("revoke", made["id"], "--reason", "leaked")["enforced"]
        # The command has ended, and so have both keys.
        assert status(fresh) in (401, 403)
        assert status(made["key"]) in (401, 403)
        assert status(other) == 200
        assert run("list")["keys"][0]["state"] == "revoked"
        until(lambda: status(fresh) == 401, 15, "the bundle without the key")
    audit = (stockade.data / "audit.log").read_text()
    assert all(action in audit for action in ("keys.create", "keys.rotate", "keys.revoke"))
