//! Which addresses a stranger may have us connect to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 that is nobody's host on the open internet (IANA special-purpose registry, 2026-10), and
/// the two addresses at which clouds keep their machines' secrets outside of those ranges.
const CLOSED_V4: [(Ipv4Addr, u8); 19] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 52, 193, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(192, 175, 48, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
    // The platform address of Azure's machines.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
];

/// IPv6 inside of 2000::/3 that carries another address or is nobody's: protocol assignments with
/// Teredo, documentation, 6to4, and the documentation range of RFC 9637.
const CLOSED_V6: [(Ipv6Addr, u8); 5] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0x0db8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x2620, 0x004f, 0x8000, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// A network that an operator opens, as `10.1.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads an address with the length of its prefix; a bare address is a network of one.
    pub fn parse(text: &str) -> Option<Self> {
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base.parse().ok()?, Some(bits.parse().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let most = match base {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { base, bits })
    }

    /// Does an address lie in it?
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => in_v4(address, base, self.bits),
            (IpAddr::V6(base), IpAddr::V6(address)) => in_v6(address, base, self.bits),
            _ => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

fn in_v4(address: Ipv4Addr, base: Ipv4Addr, bits: u8) -> bool {
    let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
    (address.to_bits() ^ base.to_bits()) & mask == 0
}

fn in_v6(address: Ipv6Addr, base: Ipv6Addr, bits: u8) -> bool {
    let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
    (address.to_bits() ^ base.to_bits()) & mask == 0
}

/// A host of the open internet, and no other host in its clothes.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !CLOSED_V4.iter().any(|(base, bits)| in_v4(address, *base, *bits)),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Everything else is local, multicast, unassigned, or an IPv4 address that a stack or a
    // gateway takes out again: mapped, compatible, translated, NAT64.
    let is_global = address.segments()[0] & 0xe000 == 0x2000;
    let is_closed = CLOSED_V6.iter().any(|(base, bits)| in_v6(address, *base, *bits));
    is_global && !is_closed && isatap(address).is_none_or(|inner| is_public(IpAddr::V4(inner)))
}

/// The IPv4 address in an interface identifier of ISATAP (RFC 5214, 6.1).
fn isatap(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., flags, mark, high, low] = address.segments();
    let is_isatap = mark == 0x5efe && (flags == 0 || flags == 0x0200);
    is_isatap.then(|| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_open_internet_is_open() {
        for text in [
            "8.8.8.8",
            "1.1.1.1",
            "93.184.216.34",
            "172.15.255.255",
            "172.32.0.1",
            "100.63.9.9",
            "100.128.0.1",
            "11.0.0.1",
            "169.253.1.1",
            "192.167.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:2800:220:1::1",
            "2001:4860:4860::8888",
            "2a00:1450::1",
            "2400:cb00::1",
            "2620:fe::fe",
            "2001:470::5efe:808:808",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_network_is_read_and_holds_its_own() {
        let network = |text: &str| Network::parse(text).unwrap();
        let holds = |net: &str, address: &str| network(net).holds(address.parse().unwrap());
        assert!(holds("10.1.0.0/16", "10.1.255.1") && !holds("10.1.0.0/16", "10.2.0.1"));
        assert!(holds("127.0.0.2", "127.0.0.2") && !holds("127.0.0.2", "127.0.0.1"));
        assert!(holds("::1", "::1") && !holds("::1", "::2") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("fd00::/8", "fdff::1") && holds("0.0.0.0/0", "8.8.8.8"));
        for text in ["10.0.0.0/33", "::/129", "ten", "10.0.0.0/", "", "10.0.0.0/-1"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
        assert_eq!(network("10.1.0.0/16").to_string(), "10.1.0.0/16");
    }
}
