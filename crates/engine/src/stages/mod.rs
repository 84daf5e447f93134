//! The stages, one file each. They never import each other; only `pipeline` knows their order.

pub(crate) mod access;
pub(crate) mod contract;
pub(crate) mod decisions;
pub(crate) mod identity;
pub(crate) mod inspect;
pub(crate) mod limit;
pub(crate) mod protect;
pub(crate) mod response;
pub(crate) mod route;
pub(crate) mod seclang;
