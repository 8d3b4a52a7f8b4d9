//! Ports for servers that listen on one of our choice.

use anyhow::{Context, Result};
use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    ops::Range,
};

/// Below those that Linux and macOS give out by themselves: between two starts of a
/// server nobody's connection takes its port.
const RANGE: Range<u16> = 10_000..32_768;

/// A port of 127.0.0.1 that nobody listens on, and that no other rig of this
/// machine is given while this is held.
#[derive(Debug)]
pub struct Port {
    address: SocketAddr,
    // UDP has ports of its own under the same numbers. Whatever way we end in, the
    // system lets go of it.
    _claim: UdpSocket,
}

impl Port {
    /// One that is free.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn free() -> Result<Self> {
        let start = RandomState::new().build_hasher().finish();
        let count = u64::from(RANGE.end - RANGE.start);
        (0..count)
            .filter_map(|step| u16::try_from(start.wrapping_add(step) % count).ok())
            .find_map(|offset| Self::claim(RANGE.start + offset))
            .context("no free port")
    }

    fn claim(number: u16) -> Option<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, number));
        let claim = UdpSocket::bind(address).ok()?;
        TcpListener::bind(address).ok()?;
        Some(Self {
            address,
            _claim: claim,
        })
    }

    /// The address of the port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_out_once_at_a_time() {
        let port = Port::free().unwrap();
        let number = port.address().port();
        assert!(Port::claim(number).is_none());
        drop(port);
        let again = Port::claim(number).unwrap();
        let _server = TcpListener::bind(again.address()).unwrap();
        drop(again);
        assert!(Port::claim(number).is_none(), "somebody listens");
    }
}
