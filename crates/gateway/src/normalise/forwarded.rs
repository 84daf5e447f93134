//! What trusted proxies say about the caller: the rightmost address that is not a trusted proxy's.

use std::net::{IpAddr, SocketAddr};

use smallvec::SmallVec;
use stockade_model::Scheme;

use super::Edge;
use super::field::list;

/// Values of the forwarding fields, in the order they came. Collected only from trusted peers.
#[derive(Debug, Default)]
pub(crate) struct Claims<'a> {
    pub(crate) x_for: SmallVec<[&'a [u8]; 2]>,
    pub(crate) forwarded: SmallVec<[&'a [u8]; 2]>,
    pub(crate) real_ip: Option<&'a [u8]>,
    pub(crate) proto: Option<&'a [u8]>,
    pub(crate) host: Option<&'a [u8]>,
}

impl Claims<'_> {
    /// The caller's address as the chain of trusted proxies tells it, from `peer` outwards.
    ///
    /// `X-Forwarded-For` is preferred to `Forwarded` (RFC 7239) and both to `X-Real-IP`. Walking from the right and
    /// stopping at the first untrusted address leaves whatever the caller itself wrote unread.
    pub(crate) fn address(&self, edge: &Edge, peer: IpAddr) -> IpAddr {
        if !self.x_for.is_empty() {
            let hops = self.x_for.iter().rev().flat_map(|line| list(line).rev());
            return walk(edge, peer, hops.map(address_of));
        }
        if !self.forwarded.is_empty() {
            let hops = self.forwarded.iter().rev().flat_map(|line| list(line).rev());
            return walk(edge, peer, hops.map(|element| parameter(element, b"for").and_then(address_of)));
        }
        self.real_ip.and_then(address_of).unwrap_or(peer)
    }

    /// The scheme the caller used, as the nearest proxy tells it.
    pub(crate) fn scheme(&self) -> Option<Scheme> {
        let told = match self.proto {
            Some(value) => list(value).next_back(),
            None => self.nearest(b"proto"),
        }?;
        match told {
            told if told.eq_ignore_ascii_case(b"https") => Some(Scheme::Https),
            told if told.eq_ignore_ascii_case(b"http") => Some(Scheme::Http),
            _ => None,
        }
    }

    /// The host the caller asked for, as the nearest proxy tells it.
    pub(crate) fn host(&self) -> Option<&[u8]> {
        match self.host {
            Some(value) => list(value).next_back(),
            None => self.nearest(b"host"),
        }
    }

    fn nearest(&self, name: &[u8]) -> Option<&[u8]> {
        let last = self.forwarded.last().and_then(|line| list(line).next_back())?;
        parameter(last, name)
    }
}

fn walk(edge: &Edge, peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
    let mut nearest = peer;
    for hop in hops {
        // INVARIANT: `nearest` is a trusted proxy here; what it could not name ends the chain.
        let Some(address) = hop else { break };
        nearest = address;
        if !edge.trusts(address) {
            break;
        }
    }
    nearest
}

/// An address, with or without a port, brackets and quotes.
fn address_of(raw: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(raw).ok()?.trim_matches('"');
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Some(socket.ip().to_canonical());
    }
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    inner.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// The value of one `name=value` of a `Forwarded` element (RFC 7239 4), quotes taken off.
fn parameter<'a>(element: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    element.split(|byte| *byte == b';').find_map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let key = halves.next()?.trim_ascii();
        let value = halves.next()?.trim_ascii();
        let value = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}
