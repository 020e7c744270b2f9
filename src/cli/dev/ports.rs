//! Finds TCP ports on the loopback interface that nobody listens on.

use base::{Fault, rng};
use std::net::{Ipv4Addr, TcpListener};

// Below the ports that Linux gives to outgoing connections (32768 on, ip_local_port_range), which
// would otherwise take a kept port away while we are down.
const DRAWN_FROM: u16 = 20_000;
const DRAWN_TO: u16 = 32_000;
const DRAWS_MAX: u32 = 200;
const NEIGHBOURS_MAX: u16 = 50;

/// `wanted` when it is free, else the next free one above it, else any.
///
/// # Errors
/// No free port is found.
pub fn choose(wanted: u16) -> Result<u16, Fault> {
    (wanted..=wanted.saturating_add(NEIGHBOURS_MAX))
        .find(|port| is_free(*port))
        .map_or_else(draw, Ok)
}

/// A free port drawn by chance.
///
/// # Errors
/// No free port is found.
pub fn draw() -> Result<u16, Fault> {
    let width = u64::from(DRAWN_TO - DRAWN_FROM);
    (0..DRAWS_MAX)
        .map(|_| DRAWN_FROM + u16::try_from(rng::nonce().unsigned_abs() % width).unwrap_or(0))
        .find(|port| is_free(*port))
        .ok_or_else(|| Fault::new(format!("no free port between {DRAWN_FROM} and {DRAWN_TO}")))
}

/// Nobody listens on this port.
pub fn is_free(port: u16) -> bool {
    port != 0 && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_gives_way_to_another() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, draw().unwrap())).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(!is_free(port));
        assert_ne!(choose(port).unwrap(), port);
    }
}
