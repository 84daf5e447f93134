//! Hashes that rules compare with; none of them protects anything here.

use aws_lc_rs::digest;

/// SHA-1 (FIPS 180-4), raw bytes.
pub(super) fn sha1(value: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, value).as_ref().to_vec()
}

/// MD5 (RFC 1321), raw bytes.
pub(super) fn md5(value: &[u8]) -> Vec<u8> {
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let mut padded = value.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend_from_slice(&(value.len() as u64).wrapping_mul(8).to_le_bytes());
    let (blocks, _) = padded.as_chunks::<64>();
    for block in blocks {
        state = md5_block(state, block);
    }
    state.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn md5_block(state: [u32; 4], block: &[u8; 64]) -> [u32; 4] {
    const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let (bytes, _) = block.as_chunks::<4>();
    let word = |index: usize| bytes.get(index % 16).map_or(0, |four| u32::from_le_bytes(*four));
    let [mut a, mut b, mut c, mut d] = state;
    for step in 0..64_usize {
        let (mixed, index) = match step / 16 {
            0 => (b & c | !b & d, step),
            1 => (d & b | !d & c, 5 * step + 1),
            2 => (b ^ c ^ d, 3 * step + 5),
            _ => (c ^ (b | !d), 7 * step),
        };
        // RFC 1321 3.4: the integer part of 4294967296 times abs(sin(i)), i in radians.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 2^32")]
        let constant = (((step + 1) as f64).sin().abs() * 4_294_967_296.0) as u32;
        let shift = SHIFTS.get(step / 16).and_then(|row| row.get(step % 4)).copied().unwrap_or_default();
        let sum = a.wrapping_add(mixed).wrapping_add(constant).wrapping_add(word(index));
        (a, d, c, b) = (d, c, b, b.wrapping_add(sum.rotate_left(shift)));
    }
    let [e, f, g, h] = state;
    [a.wrapping_add(e), b.wrapping_add(f), c.wrapping_add(g), d.wrapping_add(h)]
}
