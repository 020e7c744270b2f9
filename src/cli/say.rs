//! The only place that writes to standard output: what a person or a script asked for.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes one line. A reader who has gone away is no fault of ours.
pub fn say(line: impl Display) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Writes one line to standard error.
pub fn warn(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "postfleet: {line}");
}
