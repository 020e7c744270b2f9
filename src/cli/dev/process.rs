//! Recognises a process again after its parent is gone.

use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// A process that cannot be mistaken for a later one with the same pid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it started, in clock ticks since the machine did.
    pub started: u64,
}

/// The process with this number, if there is one that has not ended.
pub fn look(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    started(&stat).map(|started| Process { pid, started })
}

/// This very process still runs.
pub fn is_running(process: Process) -> bool {
    look(process.pid) == Some(process)
}

/// The process works in `folder` and is one of these programs.
pub fn works_in(pid: u32, programs: &[&str], folder: &Path) -> bool {
    let link = |name: &str| fs::read_link(format!("/proc/{pid}/{name}")).ok();
    let is_program = link("exe").is_some_and(|exe| {
        let name = exe.file_name().map(|name| name.to_string_lossy().into_owned());
        // The kernel marks a program that was replaced on disk, as by an upgrade.
        name.is_some_and(|name| programs.contains(&name.trim_end_matches(" (deleted)")))
    });
    let here = folder.canonicalize().ok();
    is_program && here.is_some() && link("cwd") == here
}

/// We run as root.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// The start time in a line of `/proc/<pid>/stat`; `None` for a process that has ended (state Z).
fn started(stat: &str) -> Option<u64> {
    // The second field is the program's name in parentheses and may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    // proc(5): starttime is field 22; three were passed.
    (state != "Z" && state != "X").then(|| fields.nth(18)?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_found_behind_any_program_name() {
        let stat = "12 (a) b (c)) S 1 12 12 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 777 9 9";
        assert_eq!(started(stat), Some(777));
        assert_eq!(started(&stat.replace(") S", ") Z")), None);
    }

    #[test]
    fn this_process_is_recognised_and_another_start_time_is_not() {
        let own = look(std::process::id()).unwrap();
        assert!(is_running(own));
        assert!(!is_running(Process { started: own.started + 1, ..own }));
        let here = std::env::current_dir().unwrap();
        assert!(!works_in(own.pid, &["postgres"], &here));
    }
}
