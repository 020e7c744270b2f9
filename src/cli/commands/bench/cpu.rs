//! The processor time of a process and of everything it started, read from `/proc`.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

/// Linux counts processor time in hundredths of a second (`getconf CLK_TCK`).
const TICK: Duration = Duration::from_millis(10);

/// Processor time of these processes and all below them, the ended children included.
pub fn of_trees(roots: &[u32]) -> Duration {
    let all = processes();
    let mut open: Vec<u32> = roots.to_vec();
    let mut ticks = 0;
    while let Some(pid) = open.pop() {
        if let Some(process) = all.get(&pid) {
            ticks += process.ticks;
        }
        open.extend(all.iter().filter(|(_, p)| p.parent == pid).map(|(pid, _)| *pid));
    }
    TICK * ticks
}

struct Process {
    parent: u32,
    ticks: u32,
}

fn processes() -> HashMap<u32, Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return HashMap::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| Some((pid, process(pid)?))).collect()
}

fn process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything; the numbers follow the last one.
    let numbers: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |place: usize| numbers.get(place)?.parse::<u32>().ok();
    // proc(5): fields 4 ppid, 14 utime, 15 stime, 16 cutime, 17 cstime; the first here is field 3.
    let ticks = (11..15).filter_map(number).sum();
    Some(Process { parent: number(1)?, ticks })
}
