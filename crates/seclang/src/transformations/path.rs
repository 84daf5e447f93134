//! Paths without `//`, `/./` and `/../`.

/// The path that a file system would open; with `windows`, `\` is read as `/`.
pub(super) fn normalise(value: &[u8], windows: bool) -> Option<Vec<u8>> {
    let replaced: Vec<u8>;
    let value = if windows {
        replaced = value.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
        &replaced
    } else {
        value
    };
    // One segment alone leads nowhere else.
    if !value.contains(&b'/') {
        return None;
    }
    let absolute = value.first() == Some(&b'/');
    let mut parts: Vec<&[u8]> = Vec::new();
    let mut ends_in_slash = false;
    let mut segments = value.split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            b"" => ends_in_slash = last && value.len() > 1,
            b"." => ends_in_slash = last,
            b".." => {
                let stays = match parts.last() {
                    Some(&above) => above == b"..",
                    None => !absolute,
                };
                if stays {
                    parts.push(segment);
                } else {
                    parts.pop();
                }
                ends_in_slash = last && !stays;
            }
            other => {
                parts.push(other);
                ends_in_slash = false;
            }
        }
    }
    let mut out = Vec::with_capacity(value.len());
    if absolute {
        out.push(b'/');
    }
    out.extend_from_slice(&parts.join(&b'/'));
    if ends_in_slash && !parts.is_empty() {
        out.push(b'/');
    }
    Some(out)
}
