//! Brings any head into canonical form and asks whether that form is its own.
#![no_main]

#[path = "../../crates/gateway/src/testing.rs"]
mod testing;

use libfuzzer_sys::fuzz_target;
use stockade_gateway::fuzzing::Fuzzing;

thread_local! {
    static FUZZING: Fuzzing =
        Fuzzing::new(testing::plan("127.0.0.1:1"), testing::client("192.0.2.1")).expect("the plan compiles");
}

fuzz_target!(|data: &[u8]| {
    FUZZING.with(|fuzzing| assert!(fuzzing.normalise(data)));
});
