//! Plans for plays.

use serde_json::{Value, json};

pub fn plan(apis: Vec<Value>) -> Value {
    json!({
        "format": 1, "version": 1, "created_at": 0,
        "gateway": {
            "name": "gateway-1", "listeners": [{"address": "127.0.0.1:8080", "tls": null}], "workers": 1,
            "trusted_proxies": [], "refuse_underscore_headers": true,
            "limits": {
                "head_bytes": 32768, "target_bytes": 8192, "header_bytes": 16384, "header_count": 100,
                "trailer_bytes": 8192, "chunk_extension_bytes": 4096, "body_bytes": 10485760,
                "requests_per_connection": 10000, "connections": 10000, "connections_per_address": 1024,
                "streams_per_connection": 100, "control_frames_per_second": 200, "websocket_message_bytes": 1048576
            },
            "timeouts": {
                "handshake_ms": 5000, "head_ms": 10000, "idle_ms": 60000, "body_ms": 10000,
                "body_bytes_per_second": 1024, "write_stall_ms": 20000, "drain_ms": 30000
            },
            "spool": {"max_bytes": 1073741824, "segment_bytes": 67108864, "sync_ms": 100, "full": "drop_oldest"},
            "trial_ms": 0
        },
        "apis": apis
    })
}

/// An API with every stage off or empty.
pub fn bare(name: &str) -> Value {
    json!({
        "name": name, "hosts": ["*"], "base_path": "/", "mode": "enforce",
        "upstream": {
            "targets": [{"url": "http://127.0.0.1:9000"}], "protocol": "auto",
            "tls": {"ca_file": null, "server_name": null}, "preserve_host": true, "set_headers": {},
            "connect_ms": 3000, "idle_ms": 30000, "total_ms": 0, "keep_idle": 64, "retries": 1, "health": null,
            "outlier": {"consecutive_failures": 5, "eject_ms": 10000, "max_ejected_percent": 50}
        },
        "operations": [],
        "contract": {"unknown_operations": "refuse", "unknown_parameters": "refuse", "json_depth": 64, "json_values": 20000},
        "identity": {"methods": [], "required": false, "anonymous": [], "strip_credential": false},
        "access": {"rules": []},
        "inspect": {
            "enabled": true, "threshold": 0.8, "disabled": [], "exceptions": [], "body_bytes": 1048576,
            "large_bodies": "stream", "decompress_ratio": 100, "decompressed_bytes": 10485760, "values": 10000
        },
        "limits": [],
        "response": {"leaks": true, "refuse": true, "body_bytes": 262144, "remove_headers": ["server"]},
        "fail": {"contract": "closed", "inspect": "closed", "limit": "open", "response": "open"}
    })
}

/// A limit on requests of one tier.
pub fn limit(name: &str, by: &[&str], amount: u64, period_ms: u64, burst: u64, action: &str) -> Value {
    json!({
        "name": name, "by": by, "select": null, "count": {"unit": "requests"}, "shared": "local",
        "tiers": [tier(amount, period_ms, burst, action)]
    })
}

/// One tier; one that slows down waits 2 seconds at most.
pub fn tier(amount: u64, period_ms: u64, burst: u64, action: &str) -> Value {
    let delay_ms = if action == "slow_down" { 2_000 } else { 0 };
    json!({"amount": amount, "period_ms": period_ms, "burst": burst, "action": action, "delay_ms": delay_ms})
}

pub fn operation(id: &str, method: &str, path: &str, parameters: Value, body: Value) -> Value {
    let tags = if path.starts_with("/admin") { json!(["admin"]) } else { json!([]) };
    json!({
        "id": id, "method": method, "path": path, "tags": tags, "deprecated": false,
        "parameters": parameters, "body": body
    })
}

pub fn parameter(name: &str, place: &str, required: bool, schema: Value) -> Value {
    let style = if matches!(place, "query" | "cookie") { "form" } else { "simple" };
    json!({
        "name": name, "in": place, "required": required, "style": style,
        "explode": style == "form", "schema": schema
    })
}

/// The shop: every stage on.
pub fn shop(keys: Vec<Value>) -> Value {
    let mut api = bare("shop");
    api["operations"] = json!([
        operation(
            "listProducts",
            "GET",
            "/products",
            json!([
                parameter("page", "query", false, json!({"type": "integer", "minimum": 1})),
                parameter("sort", "query", false, json!({"enum": ["name", "price"]})),
            ]),
            Value::Null
        ),
        operation(
            "getOrder",
            "GET",
            "/orders/{order_id}",
            json!([parameter("order_id", "path", true, json!({"type": "integer"})),]),
            Value::Null
        ),
        operation(
            "createOrder",
            "POST",
            "/orders",
            json!([]),
            json!({
                "required": true,
                "content": [{"media_type": "application/json", "schema": {
                    "type": "object", "required": ["product", "quantity"], "additionalProperties": false,
                    "properties": {
                        "product": {"type": "string", "format": "uuid"},
                        "quantity": {"type": "integer", "minimum": 1, "maximum": 100},
                        "note": {"type": "string", "maxLength": 500}
                    }
                }}]
            })
        ),
        operation(
            "login",
            "POST",
            "/login",
            json!([]),
            json!({
                "required": true,
                "content": [{"media_type": "application/x-www-form-urlencoded", "schema": {
                    "type": "object", "required": ["user"], "properties": {"user": {"type": "string"}, "age": {"type": "integer"}}
                }}]
            })
        ),
        operation(
            "deleteUser",
            "DELETE",
            "/admin/users/{user_id}",
            json!([parameter("user_id", "path", true, json!({"type": "string"})),]),
            Value::Null
        ),
    ]);
    api["identity"] = json!({
        "required": true, "strip_credential": false,
        "anonymous": [
            {"operations": ["listProducts", "login"], "tags": [], "methods": [], "paths": []},
            {"operations": [], "tags": [], "methods": [], "paths": ["/health"]}
        ],
        "methods": [
            {
                "kind": "jwt", "name": "jwt", "keys": {"keys": keys}, "algorithms": ["ES256"],
                "issuers": ["https://id.example"], "audiences": ["shop"], "skew_s": 30,
                "roles_claim": "roles", "scopes_claim": "scope", "required_claims": ["exp"]
            },
            {
                "kind": "api_key", "name": "partner", "place": "header", "parameter": "x-api-key",
                "keys": [
                    {"id": "partner-1", "sha256": sha256("secret-1"), "subject": "partner", "roles": ["partner"],
                     "scopes": [], "expires_at": null},
                    {"id": "partner-2", "sha256": sha256("secret-2"), "subject": "partner", "roles": [],
                     "scopes": [], "expires_at": super::START * 1_000_000 + 5_000_000}
                ]
            }
        ]
    });
    api["access"] = json!({"rules": [
        {"name": "admin-tag", "roles": ["admin"], "scopes": [],
         "select": {"operations": [], "tags": ["admin"], "methods": [], "paths": []}},
        {"name": "admin-path", "roles": ["admin"], "scopes": [],
         "select": {"operations": [], "tags": [], "methods": [], "paths": ["/admin/**"]}}
    ]});
    api
}

pub fn sha256(text: &str) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
