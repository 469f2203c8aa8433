//! A scenario of `rig/calls.py` that halts at agreed moments, so that the test can do something to the exchange.

use std::fs::File;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use super::exchange::Exchange;
use super::ground::rig;
use super::needs::PYTHON;

/// Phones at work. They go with the value.
pub struct Scene {
    child: Child,
    to: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    said: Vec<String>,
    errors: PathBuf,
}

impl Scene {
    /// Starts a scenario with the phones on these transports, and registrations that last so many seconds.
    pub fn start(exchange: &Exchange, scenario: &str, transports: &[&str], refresh_s: u32) -> Self {
        Self::of("calls.py", exchange, scenario, transports, refresh_s)
    }

    /// The same from another file of the rig.
    pub fn of(file: &str, exchange: &Exchange, scenario: &str, transports: &[&str], refresh_s: u32) -> Self {
        let mut command = exchange.ground.command(PYTHON);
        command.arg(rig(file)).arg(scenario).args(transports);
        command.env("SERVER", exchange.address().to_string()).env("NETNS", exchange.ground.name());
        command.env("WORK", &exchange.folder).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("REFRESH", refresh_s.to_string()).current_dir(&exchange.folder);
        let errors = exchange.folder.join("scene.errors");
        let file = File::create(&errors).expect("our own folder");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .expect("Python is here");
        let to = child.stdin.take().expect("it was piped");
        let lines = BufReader::new(child.stdout.take().expect("it was piped")).lines();
        Self { child, to, lines, said: Vec::new(), errors }
    }

    /// Waits until the scenario halts at this word.
    pub fn until(&mut self, word: &str, exchange: &mut Exchange) {
        let wanted = format!("NOW {word}");
        while let Some(Ok(line)) = self.lines.next() {
            if line == wanted {
                return;
            }
            self.said.push(line);
        }
        panic!("it never came to {word:?}: {}\nthe exchange logged:\n{}", self.story(), exchange.log());
    }

    /// Lets the scenario go on.
    pub fn go_on(&mut self) {
        writeln!(self.to, "go on").expect("it waits for us");
    }

    /// Waits for the scenario's end and demands that all was as it should be.
    pub fn end(mut self, exchange: &mut Exchange) {
        while let Some(Ok(line)) = self.lines.next() {
            self.said.push(line);
        }
        let status = self.child.wait().expect("it is our child");
        assert!(status.success(), "{status}: {}\nthe exchange logged:\n{}", self.story(), exchange.log());
    }

    fn story(&self) -> String {
        format!("{}\n{}", self.said.join("\n"), std::fs::read_to_string(&self.errors).unwrap_or_default())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long registrations last where it does not matter.
pub const USUAL_S: u32 = 120;
