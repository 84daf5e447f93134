//! Who a request is counted and judged as: the strongest proven thing, or any attribute by name.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use smallvec::SmallVec;
use stockade_model::{Identity, Request};

use crate::Record;
use crate::operations::Operation;

/// A key for maps: attribute values, each with its length in front, so that two values never run together.
pub(crate) type Key = SmallVec<[u8; 128]>;

/// Hexadecimal digits of a token's SHA-256 that stand for it.
pub(crate) const TOKEN_HASH_DIGITS: usize = 32;

/// Longest value that stands in a key as it is; longer ones stand as their SHA-256.
const LONGEST_PLAIN: usize = 96;

/// An attribute of a request by which it can be counted or selected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Attribute {
    /// Subject, else key, else address.
    Actor,
    /// The caller's address; IPv6 by its /64, which is what one customer gets.
    Address,
    /// Proven subject.
    Subject,
    /// OAuth client.
    Client,
    /// Id of the API key, or `kid` of the token.
    Key,
    /// The token's session, or a hash of the session cookie.
    Session,
    /// `jti` of the token.
    Token,
    /// Beginning of the token's SHA-256; not by a name of its own, since people write `token` for both.
    TokenHash,
    /// Method.
    Method,
    /// Operation id.
    Operation,
    /// API name.
    Api,
    /// The caller's wider network: IPv4 by its /24, IPv6 by its /48, which is what one site gets (RFC 6177).
    Network,
    /// A request header, lower case.
    Header(String),
    /// A claim of the token that config says to keep.
    Claim(String),
    /// A path parameter of the operation.
    Path(String),
}

impl Attribute {
    /// Reads the name of an attribute.
    ///
    /// # Errors
    /// What was expected and what came.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        Ok(match name {
            "actor" => Self::Actor,
            "address" => Self::Address,
            "subject" => Self::Subject,
            "client" => Self::Client,
            "key" => Self::Key,
            "session" => Self::Session,
            "token" => Self::Token,
            "method" => Self::Method,
            "operation" => Self::Operation,
            "api" => Self::Api,
            "network" => Self::Network,
            _ => match name.split_once(':') {
                Some(("header", header)) if is_field_name(header) => Self::Header(header.to_ascii_lowercase()),
                Some(("claim", claim)) if !claim.is_empty() => Self::Claim(claim.to_owned()),
                Some(("path", parameter)) if !parameter.is_empty() => Self::Path(parameter.to_owned()),
                _ => {
                    return Err(format!(
                        "expected `actor`, `address`, `network`, `subject`, `client`, `key`, `session`, `token`, \
                         `method`, `operation`, `api`, `header:NAME`, `claim:NAME` or `path:NAME`, got `{name}`"
                    ));
                }
            },
        })
    }
}

impl Attribute {
    /// Whether it is known before anybody asked who is calling.
    pub(crate) const fn is_known_early(&self) -> bool {
        matches!(
            self,
            Self::Address
                | Self::Network
                | Self::Method
                | Self::Operation
                | Self::Api
                | Self::Header(_)
                | Self::Path(_)
        )
    }
}

/// Whether `name` can be a header's name (RFC 9110 5.1).
pub(crate) fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// What attributes are read from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    /// The request.
    pub(crate) request: &'a Request,
    /// What identity proved.
    pub(crate) identity: Option<&'a Identity>,
    /// The session.
    pub(crate) session: Option<&'a str>,
    /// Name of the API.
    pub(crate) api: Option<&'a str>,
    /// The operation.
    pub(crate) operation: Option<&'a Operation>,
    /// Values of its path parameters, as ranges of the path, in the order of the template.
    pub(crate) path_values: &'a [Range<u32>],
}

impl View<'_> {
    /// Appends the value of `attribute` to `key`. `false` when the request lacks it.
    pub(crate) fn write(&self, attribute: &Attribute, key: &mut Key) -> bool {
        match attribute {
            Attribute::Actor => self.write_actor(key),
            Attribute::Address => push_address(key, self.request.client.address),
            Attribute::Subject => self.write_subject(key),
            Attribute::Client => push_text(key, self.identity.and_then(|identity| identity.client.as_deref())),
            Attribute::Key => push_text(key, self.identity.and_then(|identity| identity.key.as_deref())),
            Attribute::Session => push_text(key, self.session),
            Attribute::Token => push_text(key, self.identity.and_then(|identity| identity.token.as_deref())),
            Attribute::TokenHash => push_text(key, self.identity.and_then(|identity| identity.token_hash.as_deref())),
            Attribute::Method => push_text(key, Some(&self.request.method)),
            Attribute::Operation => push_text(key, self.operation.map(|operation| operation.id.as_str())),
            Attribute::Api => push_text(key, self.api),
            Attribute::Header(name) => match self.request.headers.get(name) {
                Some(value) => push(key, value),
                None => false,
            },
            Attribute::Network => match site(self.request.client.address) {
                IpAddr::V4(address) => push(key, &address.octets()),
                IpAddr::V6(address) => push(key, &address.octets()),
            },
            Attribute::Claim(name) => match self.identity.and_then(|identity| identity.claims.get(name)) {
                Some(serde_json::Value::String(text)) => push(key, text.as_bytes()),
                Some(value) => push(key, value.to_string().as_bytes()),
                None => false,
            },
            Attribute::Path(name) => self.write_path_value(name, key),
        }
    }

    fn write_path_value(&self, name: &str, key: &mut Key) -> bool {
        let place = self.operation.and_then(|operation| operation.path_names.iter().position(|known| known == name));
        let range = place.and_then(|place| self.path_values.get(place));
        let value = range.and_then(|range| self.request.path.as_str().get(range.start as usize..range.end as usize));
        push_text(key, value)
    }

    fn write_actor(&self, key: &mut Key) -> bool {
        let start = key.len();
        key.push(b's');
        if self.write_subject(key) {
            return true;
        }
        key.truncate(start);
        key.push(b'k');
        if push_text(key, self.identity.and_then(|identity| identity.key.as_deref())) {
            return true;
        }
        key.truncate(start);
        key.push(b'a');
        push_address(key, self.request.client.address)
    }

    /// A subject is only unique for its issuer, so both stand in the key, and the method in between.
    fn write_subject(&self, key: &mut Key) -> bool {
        match self.identity {
            Some(identity) if !identity.subject.is_empty() => {
                push(key, identity.method.as_bytes());
                push(key, identity.issuer.as_deref().unwrap_or_default().as_bytes());
                push(key, identity.subject.as_bytes())
            }
            _ => false,
        }
    }
}

/// Appends a value with its length in front.
pub(crate) fn push(key: &mut Key, value: &[u8]) -> bool {
    if value.len() <= LONGEST_PLAIN {
        key.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
        key.extend_from_slice(value);
    } else {
        key.push(u8::MAX);
        key.extend_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, value).as_ref());
    }
    true
}

fn push_text(key: &mut Key, value: Option<&str>) -> bool {
    value.is_some_and(|value| push(key, value.as_bytes()))
}

fn push_address(key: &mut Key, address: IpAddr) -> bool {
    match network(address) {
        IpAddr::V4(address) => push(key, &address.octets()),
        IpAddr::V6(address) => push(key, &address.octets()),
    }
}

/// The network that one site has: IPv4 by its /24, IPv6 by its /48.
fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from(u32::from(address) >> 8 << 8)),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 80 << 80)),
    }
}

/// The address as one customer has it: IPv4 whole, IPv6 by its /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 64 << 64)),
    }
}

/// The strongest proven actor of an exchange as `(kind, id)`: `subject`, `key` or `address`.
///
/// An IPv6 address is told as its /64 network, as it is counted.
#[must_use]
pub fn actor<'a>(record: &'a Record, request: &Request) -> (&'static str, Cow<'a, str>) {
    if let Some(identity) = &record.identity {
        if !identity.subject.is_empty() {
            return ("subject", Cow::Borrowed(&identity.subject));
        }
        if let Some(key) = &identity.key {
            return ("key", Cow::Borrowed(key));
        }
    }
    let id = match network(request.client.address) {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{address}/64"),
    };
    ("address", Cow::Owned(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_a_key_never_run_together() {
        let (mut one, mut other) = (Key::new(), Key::new());
        push(&mut one, b"ab");
        push(&mut one, b"c");
        push(&mut other, b"a");
        push(&mut other, b"bc");
        assert_ne!(one, other);
    }

    #[test]
    fn one_ipv6_customer_is_one_actor_and_mapped_ipv4_is_ipv4() {
        let network_of = |text: &str| network(text.parse().unwrap());
        assert_eq!(network_of("2001:db8:0:1::5"), network_of("2001:db8:0:1:ffff::9"));
        assert_ne!(network_of("2001:db8:0:1::5"), network_of("2001:db8:0:2::5"));
        assert_eq!(network_of("::ffff:192.0.2.1"), network_of("192.0.2.1"));
    }

    #[test]
    fn unknown_attributes_are_named() {
        assert!(Attribute::parse("adress").unwrap_err().contains("`adress`"));
        assert!(Attribute::parse("header:").is_err());
        assert_eq!(Attribute::parse("header:X-Tenant"), Ok(Attribute::Header("x-tenant".to_owned())));
    }
}
