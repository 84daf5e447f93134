//! Addresses.

use std::net::IpAddr;

use stockade_model::Cidr;

/// Whether a value is an address of one of the networks.
pub(super) fn within(networks: &[Cidr], value: &[u8]) -> bool {
    let Some(address) = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse::<IpAddr>().ok()) else {
        return false;
    };
    networks.iter().any(|network| network.contains(address))
}
