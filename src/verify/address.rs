//! Where a client calls from, as far as that is proven.

use std::net::IpAddr;

use ipnet::IpNet;

/// The client's address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientAddress {
    /// Told by the runtime, or by a proxy that proved itself. IPv4-mapped IPv6
    /// (`::ffff:192.0.2.1`) is kept as IPv4.
    Proven(IpAddr),
    /// Not told by anyone who may be believed.
    Unproven,
}

impl ClientAddress {
    /// Reads an address as text; anything else counts as unproven.
    #[must_use]
    pub fn parse(text: Option<&str>) -> Self {
        match text.and_then(|text| text.trim().parse::<IpAddr>().ok()) {
            Some(address) => Self::Proven(canonical(address)),
            None => Self::Unproven,
        }
    }

    /// Whether a key tied to `networks` may be used from here. No network means
    /// everywhere.
    #[must_use]
    pub fn is_within(self, networks: &[IpNet]) -> bool {
        match self {
            _ if networks.is_empty() => true,
            Self::Proven(address) => networks.iter().any(|network| network.contains(&address)),
            Self::Unproven => false,
        }
    }
}

fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => address
            .to_ipv4_mapped()
            .map_or(IpAddr::V6(address), IpAddr::V4),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_forms_meet() {
        let networks = [
            "192.0.2.0/24".parse().unwrap(),
            "2001:db8::/32".parse().unwrap(),
        ];
        for inside in ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"] {
            assert!(
                ClientAddress::parse(Some(inside)).is_within(&networks),
                "{inside}"
            );
        }
        for outside in [
            "192.0.3.7",
            "::ffff:192.0.3.7",
            "2001:db9::1",
            "nonsense",
            "",
        ] {
            assert!(
                !ClientAddress::parse(Some(outside)).is_within(&networks),
                "{outside}"
            );
        }
        assert!(!ClientAddress::Unproven.is_within(&networks));
        assert!(ClientAddress::Unproven.is_within(&[]));
    }

    #[test]
    fn an_address_is_read_without_the_space_around_it() {
        let address = ClientAddress::parse(Some(" 192.0.2.7 "));
        let expected = IpAddr::from([192, 0, 2, 7]);
        assert_eq!(address, ClientAddress::Proven(expected));
        assert_eq!(ClientAddress::parse(None), ClientAddress::Unproven);
    }
}
