//! Processor time of a process and all of its children, from `schedstat`: exact, unlike the sampled user and
//! system split.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Nanoseconds that a process, its threads and its descendants have been on a processor.
pub fn spent(pid: u32) -> u64 {
    family(pid).into_iter().map(of_process).sum()
}

/// Kibibytes of proportional set size of a process and its descendants.
pub fn memory_kib(pid: u32) -> u64 {
    let of_one = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("Pss:")).unwrap_or_default();
        line.split_ascii_whitespace().nth(1).and_then(|figure| figure.parse().ok()).unwrap_or(0)
    };
    family(pid).into_iter().map(of_one).sum::<u64>()
}

/// How long a fixed loop takes: the same work each time, so that a slow hour of the machine is seen.
pub fn calibration() -> Duration {
    let start = Instant::now();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..20_000_000_u32 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    std::hint::black_box(state);
    start.elapsed()
}

/// Jiffies that the host took from this machine, all processors together.
pub fn stolen() -> u64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    line.split_ascii_whitespace().nth(8).and_then(|figure| figure.parse().ok()).unwrap_or(0)
}

fn of_process(pid: u32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
    tasks.flatten().map(|task| of_task(&task.path())).sum()
}

fn of_task(task: &Path) -> u64 {
    let text = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
    text.split_ascii_whitespace().next().and_then(|figure| figure.parse().ok()).unwrap_or(0)
}

/// The process and all that descend from it.
fn family(pid: u32) -> Vec<u32> {
    let mut pairs = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name in brackets may hold anything; the parent is the second field after the last bracket.
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_ascii_whitespace().nth(1));
        if let Some(parent) = parent.and_then(|parent| parent.parse::<u32>().ok()) {
            pairs.push((parent, child));
        }
    }
    let mut family = vec![pid];
    let mut next = 0;
    while next < family.len() {
        let parent = family[next];
        family.extend(pairs.iter().filter(|(above, _)| *above == parent).map(|(_, child)| *child));
        next += 1;
    }
    family
}
