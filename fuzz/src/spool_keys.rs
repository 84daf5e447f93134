//! Reads any bytes as the key file of the spool, and as the head of an encrypted segment: nothing opens by chance.

use stockade_gateway::spool::cipher::{KEY_BLOCK_BYTES, Keys};
use stockade_gateway::spool::segment::{HEADER_BYTES, SegmentHeader};

const LINE: &[u8] = b"0000000a 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Reads any bytes as the key file of the spool, and as the head of an encrypted segment: nothing opens by chance.
pub fn run(data: &[u8]) {
    let _ = Keys::parse(data);
    let keys = Keys::parse(LINE).expect("a key file");
    let _ = SegmentHeader::decode(data);
    if let Some((header, rest)) = data.split_first_chunk::<HEADER_BYTES>()
        && let Some((block, payload)) = rest.split_first_chunk::<KEY_BLOCK_BYTES>()
    {
        assert!(keys.open(*header, block).is_err());
        let (cipher, _) = keys.fresh(*header).expect("a data key");
        assert!(cipher.open(1, payload.to_vec()).is_none());
    }
}
