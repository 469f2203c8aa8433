//! The exchange with software that others wrote: phones, a prober, a load generator; and call flows over real sockets.
//! Each test has a running exchange and a network of its own, so that they run side by side. What cannot run here is
//! left out by name and with the reason.

/// The tests of a room, in the order in which they are written: `tests![NEEDS => name, name; NEEDS => name]`.
macro_rules! tests {
    ($($needs:expr => $($name:ident),+);+ $(;)?) => {
        /// The tests of this room.
        pub fn tests() -> Vec<$crate::Test> {
            let room = module_path!().rsplit("::").next().unwrap_or_default();
            vec![$($($crate::Test::new(room, stringify!($name), $needs, $name)),+),+]
        }
    };
}

mod apart;
mod archive;
mod browser;
mod company;
mod conducted;
mod crash;
mod domains;
mod exchange;
mod ground;
mod ladder;
mod mailboxes;
mod needs;
mod network;
mod operation;
mod outlive;
mod phones;
mod postgresql;
mod scene;
mod sipp;
mod spoken;
mod strangers;
mod tools;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use needs::Need;

/// A test, and what it cannot run without.
pub struct Test {
    name: String,
    needs: &'static [Need],
    run: Box<dyn Fn() + Send>,
}

impl Test {
    /// A test by its room and sentence.
    pub fn new(room: &str, name: &str, needs: &'static [Need], run: impl Fn() + Send + 'static) -> Self {
        Self { name: format!("{room}::{name}"), needs, run: Box::new(run) }
    }

    fn into_trial(self) -> Trial {
        let missing: Vec<String> = self.needs.iter().filter_map(Need::missing).collect();
        let trial = Trial::test(self.name, move || {
            (self.run)();
            Ok(())
        });
        if missing.is_empty() {
            return trial;
        }
        trial.with_kind(format!("left out: {}", missing.join(", "))).with_ignored_flag(true)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if !arguments.list {
        ground::sweep();
    }
    let tests = [
        ladder::tests(),
        phones::tests(),
        sipp::tests(),
        tools::tests(),
        apart::tests(),
        archive::tests(),
        postgresql::tests(),
        conducted::tests(),
        company::tests(),
        crash::tests(),
        domains::tests(),
        mailboxes::tests(),
        outlive::tests(),
        operation::tests(),
        network::tests(),
        browser::tests(),
        strangers::tests(),
    ];
    let trials = tests.into_iter().flatten().map(Test::into_trial).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
