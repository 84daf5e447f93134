//! Brings any head into canonical form and asks whether that form is its own.

use stockade_gateway::fuzzing::Fuzzing;

thread_local! {
    static FUZZING: Fuzzing =
        Fuzzing::new(crate::testing::plan("127.0.0.1:1"), crate::testing::client("192.0.2.1")).expect("the plan compiles");
}

/// Brings any head into canonical form and asks whether that form is its own.
pub fn run(data: &[u8]) {
    FUZZING.with(|fuzzing| assert!(fuzzing.normalise(data)));
}
