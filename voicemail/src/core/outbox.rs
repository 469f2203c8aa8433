//! What becomes of something that was to be told outside: it was, it is tried again, or it is given up.

use std::time::Duration;

/// Why something could not be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    /// For the log.
    pub(crate) why: String,
    /// How long the other side wants to be left alone, where it says so.
    pub(crate) wait: Option<Duration>,
}

impl From<String> for Failed {
    fn from(why: String) -> Self {
        Failed { why, wait: None }
    }
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: it is told, and never again.
    Done,
    /// It is tried again then.
    Again {
        /// From now.
        wait: Duration,
        /// For the log.
        why: String,
    },
    /// Nobody will be told.
    GivenUp {
        /// For the log.
        why: String,
    },
}

/// What comes after one try; `tries` have failed before it. The waits double from 30 s, some two hours in all; the other
/// side may ask for longer ones.
pub(crate) fn after(tries: u32, tried: Result<(), Failed>) -> Next {
    match tried {
        Ok(()) => Next::Done,
        Err(Failed { why, .. }) if tries + 1 >= TRIES_MAX => Next::GivenUp { why },
        Err(Failed { why, wait }) => {
            let own = FIRST_WAIT * (1 << tries);
            Next::Again { wait: wait.unwrap_or_default().min(ASKED_MAX).max(own), why }
        }
    }
}

const TRIES_MAX: u32 = 9;
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait that another side may ask for.
const ASKED_MAX: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(wait_s: Option<u64>) -> Result<(), Failed> {
        Err(Failed { why: "503".into(), wait: wait_s.map(Duration::from_secs) })
    }

    #[test]
    fn waits_double_until_it_is_given_up_after_two_hours() {
        let (mut tries, mut at_s, mut times) = (0, 0, Vec::new());
        loop {
            times.push(at_s);
            match after(tries, failed(None)) {
                Next::Again { wait, .. } => at_s += wait.as_secs(),
                Next::GivenUp { why } => break assert_eq!(why, "503"),
                Next::Done => panic!("it was never taken"),
            }
            tries += 1;
        }
        assert_eq!(times, [0, 30, 90, 210, 450, 930, 1890, 3810, 7650]);
    }

    #[test]
    fn what_is_taken_is_done_at_whatever_try() {
        assert!((0..20).all(|tries| after(tries, Ok(())) == Next::Done));
    }

    #[test]
    fn a_longer_wait_that_is_asked_for_is_kept_up_to_an_hour() {
        for (tries, asked_s, kept_s) in
            [(0, Some(600), 600), (0, Some(5), 30), (3, Some(60), 240), (0, Some(u64::MAX), 3600)]
        {
            let Next::Again { wait, .. } = after(tries, failed(asked_s)) else { panic!("it is tried again") };
            assert_eq!(wait.as_secs(), kept_s, "{tries} {asked_s:?}");
        }
        assert!(matches!(after(u32::MAX - 1, failed(None)), Next::GivenUp { .. }));
    }
}
