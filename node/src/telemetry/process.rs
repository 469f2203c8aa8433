//! What the system says of this process, under the names that Prometheus' own libraries use.

use std::fs;

use super::Page;

/// Writes memory, processor time, threads, open files and the time of start.
pub fn process(page: &mut Page) {
    let Ok(stat) = fs::read_to_string("/proc/self/stat") else {
        return;
    };
    // The name of the program stands in parentheses and may hold anything.
    let fields: Vec<u64> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .map(|field| field.parse().unwrap_or_default())
        .collect();
    // proc(5): utime is field 14, stime 15, threads 20, start 22, resident pages 24; the first here is field 3.
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or_default() as f64;
    let cpu = (field(14) + field(15)) / TICKS;
    page.gauge("process_cpu_seconds", "Processor time used, in seconds.", &[], cpu);
    page.gauge("process_resident_memory_bytes", "Resident memory, in octets.", &[], field(24) * PAGE);
    page.gauge("process_threads", "Threads.", &[], field(20));
    if let Some(boot) = boot_time() {
        let started = boot + field(22) / TICKS;
        page.gauge(
            "process_start_time_seconds",
            "When the process started, in seconds since 1970.",
            &[],
            started,
        );
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        page.gauge("process_open_fds", "Open files and sockets.", &[], files.count() as f64);
    }
}

fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// Clock ticks of a second in /proc, on every Linux that we run on.
const TICKS: f64 = 100.0;
/// Octets of a page.
const PAGE: f64 = 4096.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_threads_memory_and_files() {
        let mut page = Page::default();
        process(&mut page);
        let text = page.text();
        for name in ["process_resident_memory_bytes ", "process_threads ", "process_open_fds "] {
            let line = text.lines().find(|line| line.starts_with(name)).expect(name);
            let value: f64 = line[name.len()..].parse().expect("a number");
            assert!(value >= 1.0, "{line}");
        }
    }
}
