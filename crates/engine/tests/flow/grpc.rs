//! gRPC: only listed methods, only messages of their type.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::play::plan::{bare, plan};
use crate::play::{Play, judge};

fn play() -> Play {
    let mut api = bare("api");
    api["contract"]["unknown_operations"] = json!("pass");
    api["contract"]["grpc"] = json!({
        "methods": {
            "/shop.Orders/Get": {"input": "shop.GetRequest", "client_streaming": false},
            "/shop.Orders/Upload": {"input": "shop.GetRequest", "client_streaming": true}
        },
        "messages": {"shop.GetRequest": {"fields": {"1": {"kind": "text", "message": null, "repeated": false}}, "is_open": false}},
        "message_bytes": 100, "depth": 4, "values": 100, "unknown_fields": "refuse"
    });
    Play::new(plan(vec![api]))
}

fn call(play: &mut Play, path: &str, body: &[u8], fields: &str) -> String {
    let (mut request, _) = play.request(&format!("> POST {path}\n content-type: application/grpc{fields}\n | x"));
    request.framing = stockade_model::Framing::Length(body.len() as u64);
    let now = play.now();
    let told = judge(&play.engine, &play.state, request, Bytes::copy_from_slice(body), now).told;
    told.replace(" address:192.0.2.1", "")
}

#[test]
fn only_methods_of_the_list_may_be_called() {
    let mut play = play();
    let good = b"\0\0\0\0\x04\x0a\x02hi";
    assert_eq!(call(&mut play, "/shop.Orders/Get", good, ""), "pass -");
    assert_eq!(call(&mut play, "/shop.Orders/Upload", good, ""), "pass -");
    assert_eq!(call(&mut play, "/shop.Orders/Delete", good, ""), "404 contract.grpc_method");
    assert_eq!(
        call(&mut play, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", good, ""),
        "404 contract.grpc_method"
    );
    for request in ["> GET /shop.Orders/Get", "> POST /shop.Orders/Get\n content-type: application/json\n | {}"] {
        assert_eq!(play.ask(request).told, "404 contract.grpc_method", "what is a method must be called as one");
    }
    assert_eq!(play.ask("> GET /health").told, "pass - address:192.0.2.1");
}

#[test]
fn messages_must_be_of_the_type_and_not_too_large() {
    let mut play = play();
    for (message, verdict) in [
        (&b""[..], "400 contract.grpc_message"),
        (b"\0\0\0\0\0", "pass -"),
        (b"\0\0\0\0\x04\x0a\x02hi\0\0\0\0\0", "400 contract.grpc_message"),
        (b"\0\0\0\0\x05\x0a\x02hi", "400 contract.grpc_message"),
        (b"\0\0\0\0\x02\x10\x01", "400 contract.grpc_message"),
        (b"\0\0\0\0\x03\x0a\x01\xff", "400 contract.grpc_message"),
        (b"\x02\0\0\0\0", "400 contract.grpc_message"),
        (b"\0\0\0\0\x65", "413 contract.grpc_size"),
    ] {
        assert_eq!(call(&mut play, "/shop.Orders/Get", message, ""), verdict, "{message:?}");
    }
}

#[test]
fn compressed_messages_are_looked_into() {
    use std::io::Write;
    let packed = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        let packed = encoder.finish().unwrap();
        [&b"\x01\0\0\0"[..], &[packed.len() as u8], &packed].concat()
    };
    let mut play = play();
    let coded = "\n grpc-encoding: gzip";
    assert_eq!(call(&mut play, "/shop.Orders/Get", &packed(b"\x0a\x02hi"), coded), "pass -");
    assert_eq!(call(&mut play, "/shop.Orders/Get", &packed(b"\x10\x01"), coded), "400 contract.grpc_message");
    assert_ne!(call(&mut play, "/shop.Orders/Get", &packed(&[0; 5000]), coded), "pass -");
    assert_eq!(call(&mut play, "/shop.Orders/Get", &packed(b"\x0a\x02hi"), ""), "400 contract.grpc_message");
}

#[test]
fn settings_that_name_types_which_there_are_not_are_refused() {
    let mut api = bare("api");
    api["contract"]["grpc"] = json!({
        "methods": {"/a.B/C": {"input": "a.D", "client_streaming": false}}, "messages": Value::Object(Default::default()),
        "message_bytes": 100, "depth": 4, "values": 100, "unknown_fields": "refuse"
    });
    let plan = serde_json::from_value(plan(vec![api])).unwrap();
    let error = stockade_engine::Engine::new(plan).unwrap_err();
    assert_eq!(error.setting, "apis.api.contract.grpc.descriptors");
}
