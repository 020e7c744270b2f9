//! Tells the service manager how this process is, as systemd's `Type=notify` wants to hear it.
//!
//! Invariant: says nothing where nobody asked, and a service manager that is deaf harms nothing.

use std::env;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Everything works.
pub const READY: &str = "READY=1";
/// The process was asked to end.
pub const STOPPING: &str = "STOPPING=1";
/// The process is not stuck.
pub const WATCHDOG: &str = "WATCHDOG=1";

/// The way to the service manager.
#[derive(Debug)]
pub struct Notifier {
    socket: UnixDatagram,
    manager: SocketAddr,
    /// How often it wants a sign of life, if at all.
    pub watchdog: Option<Duration>,
}

impl Notifier {
    /// The one that the environment names, if it names one that can be told.
    pub fn of_environment() -> Option<Self> {
        let name = env::var("NOTIFY_SOCKET").ok()?;
        let manager = match name.strip_prefix('@') {
            Some(hidden) => SocketAddr::from_abstract_name(hidden),
            None => SocketAddr::from_pathname(&name),
        };
        let socket = UnixDatagram::unbound().ok()?;
        // A full queue of the manager must not hold us up.
        socket.set_nonblocking(true).ok()?;
        let watchdog = watchdog(
            env::var("WATCHDOG_USEC").ok().as_deref(),
            env::var("WATCHDOG_PID").ok().as_deref(),
            std::process::id(),
        );
        Some(Self { socket, manager: manager.ok()?, watchdog })
    }

    /// Says something, as `READY=1` or `STATUS=…`; one line.
    pub fn say(&self, words: &str) {
        let line = words.replace('\n', " ");
        if let Err(error) = self.socket.send_to_addr(line.as_bytes(), &self.manager) {
            tracing::debug!(%error, "the service manager was not told");
        }
    }
}

/// Twice within the time that it is waited for, if it is ours that is waited for.
fn watchdog(within_us: Option<&str>, whose: Option<&str>, own: u32) -> Option<Duration> {
    let within_us: u64 = within_us?.parse().ok().filter(|within| *within > 0)?;
    let is_ours = whose.is_none_or(|whose| whose.parse() == Ok(own));
    is_ours.then(|| Duration::from_micros(within_us / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_of_life_comes_twice_as_often_as_it_is_waited_for() {
        let half = Some(Duration::from_secs(15));
        assert_eq!(watchdog(Some("30000000"), None, 7), half);
        assert_eq!(watchdog(Some("30000000"), Some("7"), 7), half);
        assert_eq!(watchdog(Some("30000000"), Some("8"), 7), None);
        for none in [None, Some("0"), Some("soon")] {
            assert_eq!(watchdog(none, None, 7), None);
        }
    }
}
