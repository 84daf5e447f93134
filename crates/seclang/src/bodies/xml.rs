//! XML: all text as one value, every attribute's value as one. No document type is read, no entity of its own expanded.

use quick_xml::Reader;
use quick_xml::events::Event;
use quick_xml::events::attributes::Attribute;

/// Deepest document.
const DEEPEST: usize = 512;

/// What rules see of a document.
#[derive(Debug, Default)]
pub(crate) struct Content {
    /// The text of all elements, in order.
    pub(crate) text: Vec<u8>,
    /// Values of all attributes, in order.
    pub(crate) attributes: Vec<Vec<u8>>,
}

/// Reads a document.
///
/// # Errors
/// It is not well-formed, too deep, or has more than `most` attributes. What was read until there is answered too.
pub(crate) fn read(raw: &[u8], most: usize) -> (Content, Option<String>) {
    let mut content = Content::default();
    let problem = fill(raw, most, &mut content).err();
    (content, problem)
}

fn fill(raw: &[u8], most: usize, content: &mut Content) -> Result<(), String> {
    let mut reader = Reader::from_reader(raw);
    let mut depth = 0_usize;
    let mut elements = 0_usize;
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(element) => {
                elements += 1;
                depth += 1;
                if depth > DEEPEST {
                    return Err(format!("expected at most {DEEPEST} levels"));
                }
                attributes(element.attributes(), most, content)?;
            }
            Event::Empty(element) => {
                elements += 1;
                attributes(element.attributes(), most, content)?;
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Text(text) if depth > 0 => content.text.extend_from_slice(text.as_bytes()),
            Event::CData(text) if depth > 0 => content.text.extend_from_slice(text.as_bytes()),
            Event::GeneralRef(name) => entity(name.as_bytes(), &mut content.text),
            Event::Text(text) if !text.trim().is_empty() => return Err("expected an element".to_owned()),
            Event::Eof if depth > 0 => return Err("expected the end of an element, got the end".to_owned()),
            Event::Eof if elements == 0 => return Err("expected an element".to_owned()),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn attributes<'a>(
    all: impl Iterator<Item = Result<Attribute<'a>, quick_xml::events::attributes::AttrError>>,
    most: usize,
    content: &mut Content,
) -> Result<(), String> {
    for attribute in all {
        let attribute = attribute.map_err(|error| error.to_string())?;
        // A namespace is no attribute (XPath 1.0, 5.3).
        if attribute.key.as_ref() == "xmlns" || attribute.key.as_ref().starts_with("xmlns:") {
            continue;
        }
        if content.attributes.len() >= most {
            return Err(format!("expected at most {most} attributes"));
        }
        content.attributes.push(unescape(attribute.value.as_bytes()));
    }
    Ok(())
}

/// Appends what an entity or character reference stands for; one that is not known stays as it is.
fn entity(name: &[u8], out: &mut Vec<u8>) {
    let known = match name {
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"amp" => Some('&'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        _ => std::str::from_utf8(name).ok().and_then(|name| {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }),
    };
    match known {
        Some(character) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        None => {
            out.push(b'&');
            out.extend_from_slice(name);
            out.push(b';');
        }
    }
}

fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(start) = memchr::memchr(b'&', rest) {
        out.extend_from_slice(rest.get(..start).unwrap_or_default());
        let after = rest.get(start + 1..).unwrap_or_default();
        match memchr::memchr(b';', after.get(..after.len().min(12)).unwrap_or_default()) {
            Some(end) => {
                entity(after.get(..end).unwrap_or_default(), &mut out);
                rest = after.get(end + 1..).unwrap_or_default();
            }
            None => {
                out.push(b'&');
                rest = after;
            }
        }
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_are_read() {
        let (content, problem) = read(b"<a x='1&lt;' xmlns='u'>t&#65;<b y=\"2\"/><![CDATA[<c>]]></a>", 10);
        assert_eq!(problem, None);
        assert_eq!(content.text, b"tA<c>");
        assert_eq!(content.attributes, [b"1<".to_vec(), b"2".to_vec()]);
    }

    #[test]
    fn what_is_not_well_formed_is_an_error() {
        for raw in ["", "x", "<a>", "<a></b>", "<a b=></a>", "<a"] {
            assert!(read(raw.as_bytes(), 10).1.is_some(), "{raw}");
        }
        assert!(read("<a>".repeat(1000).as_bytes(), 10).1.is_some());
    }
}
