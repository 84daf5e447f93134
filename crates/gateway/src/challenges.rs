//! Answers to the challenges of certificate orders (RFC 8555 8.3), which control puts into the data folder.
//!
//! Asked before the engine, and only when the plan says that there are orders: an authority has no credential and no
//! operation in any contract. A file is there only while an order is open, and names nothing but its token, so
//! there is nothing else to find out here.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use stockade_model::{Framing, Request};

use crate::bundle::read_limited;

const PREFIX: &str = "/.well-known/acme-challenge/";
/// Longest token (RFC 8555 8.1 asks for 22 characters or more).
const TOKEN_BYTES_MAX: usize = 128;
/// Longest answer: a token, a dot and a SHA-256.
const ANSWER_BYTES_MAX: usize = 256;

/// The open challenges of a data folder.
#[derive(Debug)]
pub struct Challenges {
    folder: PathBuf,
}

impl Challenges {
    /// Those in `acme/challenges` of the data folder `data`.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self { folder: data.join("acme/challenges") }
    }

    /// What to answer; `None` when the request is for no open challenge and goes its ordinary way.
    pub(crate) fn answer(&self, request: &Request) -> Option<Bytes> {
        let token = request.path.as_str().strip_prefix(PREFIX)?;
        if !is_token(token) || request.method != "GET" || request.query.is_some() || request.framing != Framing::None {
            return None;
        }
        let answer = read_limited(&self.folder.join(token), ANSWER_BYTES_MAX).ok()?;
        let fits = answer.len() <= ANSWER_BYTES_MAX && answer.starts_with(token.as_bytes());
        fits.then(|| Bytes::from(answer))
    }
}

/// Letters of base 64 for URLs: no token is a path.
fn is_token(text: &str) -> bool {
    (1..=TOKEN_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use stockade_model::{CanonicalPath, Headers, HttpVersion, RequestId, Scheme, Timestamp};

    use super::*;

    #[test]
    fn only_the_exact_path_of_an_open_challenge_is_answered() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("acme/challenges");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("tok-en_1"), "tok-en_1.thumb").unwrap();
        std::fs::write(folder.join("other"), "something else").unwrap();
        std::fs::write(data.path().join("acme/account"), "account.x").unwrap();
        let challenges = Challenges::new(data.path());
        let ask = |path: &str, change: fn(&mut Request)| {
            let mut request = Request {
                id: RequestId::new(Timestamp(0), 7),
                method: "GET".to_owned(),
                scheme: Scheme::Http,
                authority: "a.example".to_owned(),
                path: CanonicalPath::parse(path.as_bytes()).unwrap(),
                query: None,
                version: HttpVersion::Http11,
                headers: Headers::default(),
                framing: Framing::None,
                upgrade: None,
                client: crate::testing::client("192.0.2.1"),
                received: Default::default(),
            };
            change(&mut request);
            challenges.answer(&request)
        };
        let right = "/.well-known/acme-challenge/tok-en_1";
        assert_eq!(ask(right, |_| {}).as_deref(), Some(&b"tok-en_1.thumb"[..]));
        assert_eq!(ask(right, |request| request.method = "POST".to_owned()), None);
        assert_eq!(ask(right, |request| request.query = Some("a".to_owned())), None);
        assert_eq!(ask(right, |request| request.framing = Framing::Length(3)), None);
        for path in [
            "/.well-known/acme-challenge/",
            "/.well-known/acme-challenge/other",
            "/.well-known/acme-challenge/missing",
            "/.well-known/acme-challenge/tok-en_1/",
            "/x/.well-known/acme-challenge/tok-en_1",
            "/.well-known/acme-challenge/a.b",
        ] {
            assert_eq!(ask(path, |_| {}), None, "{path}");
        }
    }
}
