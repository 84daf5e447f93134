//! Scans and takes apart any bytes as an HTTP/1.1 head, whole and in pieces: the first byte is their size.

use stockade_gateway::fuzzing::Fuzzing;

thread_local! {
    static FUZZING: Fuzzing =
        Fuzzing::new(crate::testing::plan("127.0.0.1:1"), crate::testing::client("192.0.2.1")).expect("the plan compiles");
}

/// Scans and takes apart any bytes as an HTTP/1.1 head, whole and in pieces: the first byte is their size.
pub fn run(data: &[u8]) {
    let Some((step, bytes)) = data.split_first() else { return };
    FUZZING.with(|fuzzing| assert!(fuzzing.head(bytes, usize::from(*step))));
}
