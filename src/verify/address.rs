//! Where a client calls from, as far as that is proven.

use std::net::{IpAddr, Ipv6Addr};

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

/// A network in the form that [`ClientAddress::is_within`] compares with: host
/// bits cleared, IPv4-mapped IPv6 as IPv4, a bare address as a network of one.
/// `None` where the text is no network.
#[must_use]
pub fn network(text: &str) -> Option<IpNet> {
    let network: IpNet = match text.parse() {
        Ok(network) => network,
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
    };
    let network = match network {
        IpNet::V6(v6) if is_mapped(v6.addr()) && v6.prefix_len() >= 96 => {
            IpNet::new(canonical(IpAddr::V6(v6.addr())), v6.prefix_len() - 96).ok()?
        }
        other => other,
    };
    Some(network.trunc())
}

fn is_mapped(address: Ipv6Addr) -> bool {
    address.to_ipv4_mapped().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_forms_meet() {
        let networks = [
            network("192.0.2.0/24").unwrap(),
            network("2001:db8::/32").unwrap(),
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

    /// A network that holds more than the mapped addresses stays what it is.
    #[test]
    fn a_wide_network_of_ipv6_is_no_network_of_ipv4() {
        for text in ["::/0", "::ffff:0:0/95"] {
            assert!(matches!(network(text), Some(IpNet::V6(_))), "{text}");
        }
        let all_mapped = network("::ffff:0:0/96").unwrap();
        assert_eq!(all_mapped.to_string(), "0.0.0.0/0");
        let other = network("2001:db8::/96").unwrap();
        assert_eq!(other.to_string(), "2001:db8::/96");
    }

    #[test]
    fn networks_are_put_in_one_form() {
        for (text, form) in [
            ("192.0.2.9/24", "192.0.2.0/24"),
            ("192.0.2.9", "192.0.2.9/32"),
            ("::ffff:192.0.2.9", "192.0.2.9/32"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
            ("2001:db8::1/32", "2001:db8::/32"),
        ] {
            assert_eq!(network(text).unwrap().to_string(), form);
        }
        assert_eq!(network("192.0.2.0/33"), None);
        assert_eq!(network("localhost"), None);
    }
}
