//! Decodes any bytes as a chunked body, whole and in pieces: the first byte is their size.

use stockade_gateway::fuzzing::Fuzzing;

thread_local! {
    static FUZZING: Fuzzing =
        Fuzzing::new(crate::testing::plan("127.0.0.1:1"), crate::testing::client("192.0.2.1")).expect("the plan compiles");
}

/// Decodes any bytes as a chunked body, whole and in pieces: the first byte is their size.
pub fn run(data: &[u8]) {
    let Some((step, bytes)) = data.split_first() else { return };
    FUZZING.with(|fuzzing| assert!(fuzzing.chunked(bytes, usize::from(*step))));
}
