//! `allowed_ips`: networks.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// Networks a key may be used from: at most 50, sorted, none twice; everywhere
/// when empty. A bare address means that address alone, bits behind the prefix
/// are cleared, and an IPv4-mapped IPv6 network (`::ffff:0:0/96`) is the
/// IPv4 one.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct AllowedIps(Vec<IpNet>);

impl AllowedIps {
    /// Most networks.
    pub const MAX: usize = 50;

    /// The networks.
    #[must_use]
    pub fn networks(&self) -> &[IpNet] {
        &self.0
    }

    /// Whether whoever may be within `others` is within these.
    #[must_use]
    pub fn cover(&self, others: &Self) -> bool {
        let covers = |other: &IpNet| self.0.iter().any(|network| network.contains(other));
        self.is_empty() || !others.is_empty() && others.0.iter().all(covers)
    }

    /// Whether it may be used from everywhere.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn network(text: &str) -> Option<IpNet> {
    let network: IpNet = match text.parse() {
        Ok(network) => network,
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
    };
    let network = match network {
        IpNet::V6(v6) => unmapped(v6).map_or(IpNet::V6(v6), IpNet::V4),
        v4 @ IpNet::V4(_) => v4,
    };
    Some(network.trunc())
}

fn unmapped(network: Ipv6Net) -> Option<Ipv4Net> {
    let length = network.prefix_len().checked_sub(96)?;
    Ipv4Net::new(network.addr().to_ipv4_mapped()?, length).ok()
}

impl TryFrom<Vec<String>> for AllowedIps {
    type Error = &'static str;
    fn try_from(texts: Vec<String>) -> Result<Self, Self::Error> {
        if texts.len() > Self::MAX {
            return Err("there may be at most 50 networks");
        }
        let mut networks = texts
            .iter()
            .map(|text| network(text))
            .collect::<Option<Vec<_>>>()
            .ok_or("a network must be an address or a CIDR block, such as 192.0.2.0/24 or 2001:db8::/32")?;
        networks.sort();
        networks.dedup();
        Ok(Self(networks))
    }
}

impl From<AllowedIps> for Vec<String> {
    fn from(ips: AllowedIps) -> Self {
        ips.0.iter().map(ToString::to_string).collect()
    }
}
