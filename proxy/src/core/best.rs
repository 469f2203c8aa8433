//! Which of the branches' final responses goes upstream (RFC 3261 §16.7 steps 6 and 7).
//!
//! One branch after the other is given to [`Best`]; it keeps the best response so far and every challenge.

use smallvec::SmallVec;

/// The best final response so far.
#[derive(Debug, Default)]
pub struct Best {
    chosen: Option<Chosen>,
    /// The challenges of all responses but the chosen one, which holds its own in its octets.
    others: SmallVec<[Challenge; 1]>,
}

/// A final response of a branch, or what stands for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Octets as they came, without our Via.
    Received(Box<[u8]>),
    /// A branch that nobody answered, or that could not be sent: we make the response ourselves.
    Local(&'static str),
}

/// A challenge of a 401 or 407.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// True for Proxy-Authenticate, false for WWW-Authenticate.
    pub by_proxy: bool,
    /// The header's value, as it came.
    pub value: Box<[u8]>,
}

/// What goes upstream.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The status of the response to send, 503 already turned into 500.
    pub status: u16,
    /// The response itself.
    pub answer: Answer,
    /// Challenges of the other branches, to be added when the status is 401 or 407.
    pub challenges: SmallVec<[Challenge; 1]>,
}

#[derive(Debug)]
struct Chosen {
    status: u16,
    rank: u16,
    answer: Answer,
    challenges: SmallVec<[Challenge; 1]>,
}

impl Best {
    /// Considers the final response of a branch. `challenges` are those of a 401 or 407, in their order.
    pub fn consider(&mut self, status: u16, answer: Answer, challenges: SmallVec<[Challenge; 1]>) {
        let rank = rank(status, &answer);
        if self.chosen.as_ref().is_some_and(|chosen| chosen.rank <= rank) {
            // RFC 3261 §16.7 step 7: the challenges of all 401 and 407 are collected, chosen or not.
            self.others.extend(challenges);
        } else if let Some(replaced) = self.chosen.replace(Chosen { status, rank, answer, challenges }) {
            self.others.extend(replaced.challenges);
        }
    }

    /// The status of the best response so far.
    pub fn status(&self) -> Option<u16> {
        self.chosen.as_ref().map(|chosen| chosen.status)
    }

    /// Takes the choice; the next step of a call begins without it.
    pub fn take(&mut self) -> Option<Verdict> {
        let others = std::mem::take(&mut self.others);
        let Chosen { status, answer, .. } = self.chosen.take()?;
        let challenges = if matches!(status, 401 | 407) { others } else { SmallVec::new() };
        // RFC 3261 §16.7 step 6: a 503 says that one server is overloaded, which is not true of us.
        let status = if status == 503 { 500 } else { status };
        Some(Verdict { status, answer, challenges })
    }
}

/// The order of choice, lowest first.
fn rank(status: u16, answer: &Answer) -> u16 {
    let class = status / 100;
    let within = match (status, answer) {
        // A branch that answered says more than one that did not.
        (503, _) => 9,
        (_, Answer::Local(_)) => 8,
        // RFC 3261 §16.7 step 6: prefer what says how the request could be sent again with success.
        (401 | 407 | 415 | 420 | 484, _) => 0,
        // Somebody was asked and said no: better news for the caller than "nobody there".
        (486 | 480, _) => 3,
        (404 | 408 | 410 | 430, _) => 6,
        (487, _) => 7,
        _ => 2,
    };
    match class {
        // RFC 3261 §16.7 step 6: a 6xx, if there is one, is chosen.
        6 => within,
        _ => class * 10 + within,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(value: &str) -> Challenge {
        Challenge { by_proxy: true, value: value.as_bytes().into() }
    }

    fn received(status: u16) -> Answer {
        Answer::Received(status.to_string().into_bytes().into())
    }

    #[test]
    fn the_best_of_several() {
        for (answers, best) in [
            (&[404][..], 404),
            (&[404, 486], 486),
            (&[486, 404], 486),
            (&[486, 407, 404], 407),
            (&[500, 302, 404], 302),
            (&[302, 603, 404], 603),
            (&[503], 500),
            (&[503, 500], 500),
            (&[503, 502], 502),
            (&[408, 480], 480),
            (&[487, 486], 486),
            (&[604, 600], 604),
        ] {
            let mut chosen = Best::default();
            for status in answers {
                chosen.consider(*status, received(*status), SmallVec::new());
            }
            assert_eq!(chosen.take().map(|verdict| verdict.status), Some(best), "{answers:?}");
            assert_eq!(chosen.take(), None);
        }
    }

    #[test]
    fn an_answer_says_more_than_silence() {
        let mut best = Best::default();
        best.consider(408, Answer::Local("nobody answered"), SmallVec::new());
        best.consider(404, received(404), SmallVec::new());
        best.consider(480, Answer::Local("no such flow"), SmallVec::new());
        assert_eq!(best.take().unwrap().answer, received(404));
    }

    #[test]
    fn the_challenges_of_all_branches_travel_with_a_chosen_challenge() {
        let mut best = Best::default();
        best.consider(404, received(404), SmallVec::new());
        best.consider(407, received(407), SmallVec::from_iter([challenge("a")]));
        best.consider(401, received(401), SmallVec::from_iter([challenge("b"), challenge("c")]));
        let verdict = best.take().unwrap();
        assert_eq!(verdict.status, 407);
        assert_eq!(verdict.challenges.as_slice(), [challenge("b"), challenge("c")]);
    }

    #[test]
    fn no_challenge_travels_with_another_response() {
        let mut best = Best::default();
        best.consider(407, received(407), SmallVec::from_iter([challenge("a")]));
        best.consider(603, received(603), SmallVec::new());
        assert!(best.take().unwrap().challenges.is_empty());
    }
}
