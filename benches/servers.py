"""Starts what is measured: an origin, nginx in front of it, nginx with ModSecurity, and the gateway."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ROOT = Path(__file__).resolve().parents[1]
CRS = ROOT.parent / "shared" / "data" / "crs"


@dataclass(frozen=True)
class Running:
    """A server that answers at `port`; `pids` are the processes whose CPU time is counted."""

    name: str
    port: int
    pids: tuple[int, ...]

    def cpu_s(self) -> float:
        """User and system time of all its processes so far, seconds (proc(5), fields 14 and 15)."""
        total = 0
        for pid in self.pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float:
        """Resident memory of all its processes, MB (proc(5), VmRSS)."""
        total = 0
        for pid in self.pids:
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1])
        return total / 1024


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, timeout_s: float = 15.0) -> None:
    """Waits until something accepts connections at `port`."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"expected a server at 127.0.0.1:{port} within {timeout_s} s")


def children(pid: int) -> tuple[int, ...]:
    """Direct children of a process."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return tuple(int(child) for child in found)


@contextlib.contextmanager
def nginx(name: str, folder: Path, http: str, modules: str = "") -> Iterator[Running]:
    """One nginx with one worker; `http` is the inside of its `http` block, with `PORT` for its own port."""
    if shutil.which("nginx") is None:
        raise SystemExit("error: expected `nginx`\nhint: apt-get install nginx libnginx-mod-http-modsecurity")
    port = free_port()
    home = folder / name
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o777)
    config = home / "nginx.conf"
    config.write_text(
        f"{modules}\nworker_processes 1;\nuser root;\npid {home}/pid;\nerror_log {home}/error.log crit;\ndaemon off;\n"
        "events { worker_connections 4096; }\n"
        f"http {{ access_log off; keepalive_requests 1000000; client_body_temp_path {home}/body;\n"
        f"proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/f;\n"
        f"uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;\n"
        f"{http.replace('PORT', str(port))}\n}}\n"
    )
    process = subprocess.Popen(["nginx", "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        # The socket is open before the worker is there.
        while not (workers := children(process.pid)):
            time.sleep(0.05)
        yield Running(name, port, workers)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


ANSWER = json.dumps({"id": 17, "status": "accepted", "items": [{"sku": "A-1", "quantity": 2}], "note": "thank you"})


def origin(folder: Path) -> contextlib.AbstractContextManager[Running]:
    """Answers every request with a small JSON document."""
    return nginx(
        "origin",
        folder,
        "server { listen 127.0.0.1:PORT backlog=4096; default_type application/json;"
        f" location / {{ return 200 '{ANSWER}'; }} }}",
    )


def proxy_block(origin_port: int, extra: str = "") -> str:
    """A plain proxy with kept-alive upstream connections."""
    return (
        f"upstream origin {{ server 127.0.0.1:{origin_port}; keepalive 64; keepalive_requests 1000000; }}\n"
        f"server {{ listen 127.0.0.1:PORT backlog=4096; {extra} location / {{ proxy_pass http://origin; "
        'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; } }'
    )


def nginx_proxy(folder: Path, origin_port: int) -> contextlib.AbstractContextManager[Running]:
    """nginx as Debian ships it, one worker, as a plain proxy."""
    return nginx("nginx", folder, proxy_block(origin_port))


def nginx_modsecurity(folder: Path, origin_port: int) -> contextlib.AbstractContextManager[Running]:
    """The same with libmodsecurity3 and the Core Rule Set at paranoia level 1."""
    rules = folder / "modsecurity.conf"
    rules.parent.mkdir(parents=True, exist_ok=True)
    rules.write_text(
        "SecRuleEngine On\nSecRequestBodyAccess On\nSecResponseBodyAccess Off\nSecAuditEngine Off\n"
        'SecRule REQUEST_HEADERS:Content-Type "^application/json" '
        '"id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"\n'
        f"Include {CRS}/crs-setup.conf.example\nInclude {CRS}/rules/*.conf\n"
    )
    return nginx(
        "modsecurity",
        folder,
        proxy_block(origin_port, f"modsecurity on; modsecurity_rules_file {rules};"),
        modules="load_module /usr/lib/nginx/modules/ngx_http_modsecurity_module.so;",
    )


@contextlib.contextmanager
def gateway(folder: Path, config: str, name: str = "stockade") -> Iterator[Running]:
    """The gateway process alone, on a bundle built from `config` (with `PORT` for its own port)."""
    port = free_port()
    home = folder / name
    home.mkdir(parents=True, exist_ok=True)
    file = home / "stockade.yaml"
    file.write_text(config.replace("PORT", str(port)).replace("DATA", str(home / "data")))
    subprocess.run([sys.executable, "-m", "benches.bundle", str(file)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    process = subprocess.Popen(
        [sys.executable, "-m", "stockade", "gateway", "--data", str(home / "data")], stderr=subprocess.DEVNULL
    )
    try:
        wait_for(port)
        yield Running(name, port, (process.pid,))
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(15)
        process.kill()


def passthrough_config(origin_port: int) -> str:
    """Every stage that can be off is off: what remains is the gateway itself, and its event."""
    return f"""
version: 1
gateway:
  listen: "127.0.0.1:PORT"
  workers: 1
  limits: {{requests_per_connection: 100000000, connections_per_address: 10000}}
data: DATA
apis:
  bench:
    upstream: http://127.0.0.1:{origin_port}
    inspect: {{enabled: false}}
    response: {{leaks: false}}
"""


def full_config(origin_port: int, folder: Path, idle: str = "60s") -> str:
    """Every stage is on: JWT, contract, access, inspection, two limits, response search, event."""
    (folder / "openapi.yaml").write_text(SPEC)
    (folder / "jwks.json").write_text(json.dumps(SIGNER.key_set()))
    return f"""
version: 1
gateway:
  listen: "127.0.0.1:PORT"
  workers: 1
  limits: {{requests_per_connection: 100000000, connections_per_address: 10000}}
  timeouts: {{idle: {idle}}}
data: DATA
apis:
  bench:
    spec: {folder}/openapi.yaml
    upstream: http://127.0.0.1:{origin_port}
    identity:
      methods:
        - jwt:
            keys_file: {folder}/jwks.json
            issuer: "https://id.example"
            audience: bench
            algorithms: [ES256]
    access:
      admin: {{paths: ["/admin/**"], roles: [admin]}}
      rules: [{{name: orders, operations: [createOrder, getOrder], roles: [customer]}}]
    limits:
      - {{name: per-actor, by: [actor], rate: 1000000/s, burst: 1000000}}
      - {{name: per-address, by: [address], rate: 1000000/s, burst: 1000000}}
"""


class Signer:
    """Makes ES256 tokens (RFC 7518 3.4) for the bench's own issuer."""

    def __init__(self) -> None:
        """A fresh key."""
        self.key = ec.generate_private_key(ec.SECP256R1())

    def key_set(self) -> dict[str, object]:
        """The public half as a JWK Set (RFC 7517)."""
        numbers = self.key.public_key().public_numbers()
        return {
            "keys": [
                {
                    "kty": "EC",
                    "crv": "P-256",
                    "kid": "bench",
                    "alg": "ES256",
                    "x": encode(numbers.x.to_bytes(32, "big")),
                    "y": encode(numbers.y.to_bytes(32, "big")),
                }
            ]
        }

    def token(self) -> str:
        """A token that is good for an hour."""
        now = int(time.time())
        claims = {
            "iss": "https://id.example",
            "aud": "bench",
            "sub": "alice",
            "iat": now,
            "exp": now + 3600,
            "roles": ["customer"],
            "scope": "orders:read orders:write",
        }
        signed = f"{encode_json({'alg': 'ES256', 'kid': 'bench', 'typ': 'JWT'})}.{encode_json(claims)}"
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encode_json(value: object) -> str:
    """A JSON value in base64url."""
    return encode(json.dumps(value, separators=(",", ":")).encode())


SIGNER = Signer()

SPEC = """
openapi: 3.1.0
info: {title: bench, version: "1"}
paths:
  /orders/{order_id}:
    get:
      operationId: getOrder
      parameters:
        - {name: order_id, in: path, required: true, schema: {type: integer, minimum: 1}}
        - {name: expand, in: query, schema: {type: string, enum: [items, customer]}}
        - {name: note, in: query, schema: {type: string, maxLength: 100}}
      responses: {"200": {description: the order}}
  /orders:
    post:
      operationId: createOrder
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Order"}
      responses: {"201": {description: created}}
components:
  schemas:
    Order:
      type: object
      required: [customer_id, items]
      additionalProperties: false
      properties:
        customer_id: {type: string, format: uuid}
        currency: {type: string, enum: [EUR, USD, GBP]}
        note: {type: string, maxLength: 500}
        address:
          type: object
          additionalProperties: false
          properties:
            street: {type: string, maxLength: 100}
            city: {type: string, maxLength: 100}
            country: {type: string, pattern: "^[A-Z]{2}$"}
        items:
          type: array
          minItems: 1
          maxItems: 50
          items:
            type: object
            required: [sku, quantity]
            additionalProperties: false
            properties:
              sku: {type: string, maxLength: 40}
              quantity: {type: integer, minimum: 1, maximum: 1000}
              price: {type: number, minimum: 0}
              gift: {type: boolean}
"""

ORDER = json.dumps(
    {
        "customer_id": "6f9619ff-8b86-d011-b42d-00c04fc964ff",
        "currency": "EUR",
        "note": "Please ring twice, the bell is old; leave it with O'Brien at number 7 if nobody answers - thank you!",
        "address": {"street": "12 Rue de l'Église", "city": "Strasbourg", "country": "FR"},
        "items": [
            {"sku": "BOOK-978-0131103627", "quantity": 1, "price": 54.9, "gift": False},
            {"sku": "MUG-BLUE-350ML", "quantity": 2, "price": 12.5, "gift": True},
            {"sku": "PEN-0.5-BLACK", "quantity": 10, "price": 1.2, "gift": False},
            {"sku": "NOTEBOOK-A5-DOTTED", "quantity": 3, "price": 8.75, "gift": False},
            {"sku": "STICKERS-CRAB", "quantity": 1, "price": 3, "gift": True},
        ],
    },
    ensure_ascii=False,
)


def big_origin(folder: Path) -> contextlib.AbstractContextManager[Running]:
    """The origin with a response of 1 MB at `/big`, for clients that read slowly."""
    (folder / "big").write_bytes(b"0123456789abcdef" * 65536)
    folder.chmod(0o755)
    return nginx(
        "origin",
        folder,
        f"server {{ listen 127.0.0.1:PORT backlog=4096; default_type application/json; root {folder};"
        f" location = /big {{ default_type application/octet-stream; }} location / {{ return 200 '{ANSWER}'; }} }}",
    )
