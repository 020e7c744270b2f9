//! What a process says in its log, and when.

use domain::time::Timestamp;

/// When the process heard that it is to end.
pub fn stopping_at(log: &str) -> Timestamp {
    let line = log.lines().find(|line| line.contains("stopping: the process was asked to end"));
    at(line.unwrap_or_else(|| panic!("it was never asked to end:\n{log}")))
}

/// The claims that were made after an instant.
pub fn claims_after(log: &str, instant: Timestamp) -> Vec<&str> {
    let is_claim = |line: &&str| line.contains("TRACE") && line.contains("claiming");
    log.lines().filter(is_claim).filter(|line| at(line) > instant).collect()
}

/// The instant that a line begins with.
fn at(line: &str) -> Timestamp {
    // Colours stand around it.
    let place = line.find("20").unwrap_or_default();
    let is_in_it = |c: &char| c.is_ascii_digit() || "-:.TZ".contains(*c);
    let word: String = line[place..].chars().take_while(is_in_it).collect();
    let word = word.as_str();
    Timestamp::parse(word).unwrap_or_else(|| panic!("no instant in {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_after_the_signal_is_seen() {
        let log = "2026-11-26T19:00:00.000000Z TRACE queue::pump: claiming queue=\"x\" most=1\n\
                   2026-11-26T19:00:01.000000Z  INFO base::shutdown: stopping: the process was \
                   asked to end signal=\"SIGTERM\"\n\
                   2026-11-26T19:00:01.200000Z TRACE queue::pump: claiming queue=\"x\" most=3\n";
        let asked = stopping_at(log);
        assert_eq!(asked, Timestamp::parse("2026-11-26T19:00:01Z").unwrap());
        assert_eq!(claims_after(log, asked).len(), 1);
    }
}
