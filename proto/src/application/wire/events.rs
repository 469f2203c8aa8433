//! Events on the wire.

use super::super::{Event, Outcome, Parting, Party, Reached, Started, What};
use super::{from_ms, ms};
use crate::media::Ended;
use crate::wire::application::v1;
use v1::event::What as Wire;

/// An event as a message.
pub(in crate::application) fn wired(run: &str, event: &Event) -> v1::Event {
    let what = match &event.what {
        What::Started(of) => Wire::Started(started_wired(of)),
        What::Answered { leg } => Wire::Answered(v1::Answered { leg: *leg }),
        What::Digit { leg, digit } => Wire::Digit(v1::Digit { leg: *leg, digit: digit.to_string() }),
        What::Played { leg, id, why } => {
            Wire::Played(v1::Played { leg: *leg, id: *id, why: Some(over_wired(*why)) })
        }
        What::Recorded { leg, id, file, length, why } => Wire::Recorded(v1::Recorded {
            leg: *leg,
            id: *id,
            file: file.clone(),
            length_ms: ms(*length),
            why: Some(over_wired(*why)),
        }),
        What::Collected { leg, id, digits, why } => Wire::Collected(v1::Collected {
            leg: *leg,
            id: *id,
            digits: digits.clone(),
            why: Some(over_wired(*why)),
        }),
        What::Dialled { leg, id, outcome } => {
            Wire::Dialled(v1::Dialled { leg: *leg, id: *id, outcome: outcome_wired(*outcome).into() })
        }
        What::Left { leg } => Wire::Left(v1::Left { leg: *leg }),
        What::Refused { id, why } => Wire::Refused(v1::Refused { id: *id, why: why.clone() }),
        What::Ended(parting) => Wire::Ended(v1::Ended { why: parting_wired(*parting).into() }),
    };
    v1::Event { run: run.to_owned(), number: event.number, at_ms: event.at_ms, what: Some(what) }
}

/// The event of a message; `None` for one that is not known here.
pub(in crate::application) fn event(wire: v1::Event) -> Option<Event> {
    let what = match wire.what? {
        Wire::Started(of) => What::Started(Box::new(started(of)?)),
        Wire::Answered(of) => What::Answered { leg: of.leg },
        Wire::Digit(of) => What::Digit { leg: of.leg, digit: of.digit.chars().next()? },
        Wire::Played(of) => What::Played { leg: of.leg, id: of.id, why: over(&of.why?)? },
        Wire::Recorded(of) => What::Recorded {
            leg: of.leg,
            id: of.id,
            file: of.file,
            length: from_ms(of.length_ms),
            why: over(&of.why?)?,
        },
        Wire::Collected(of) => {
            What::Collected { leg: of.leg, id: of.id, digits: of.digits, why: over(&of.why?)? }
        }
        Wire::Dialled(of) => What::Dialled { leg: of.leg, id: of.id, outcome: outcome(of.outcome())? },
        Wire::Left(of) => What::Left { leg: of.leg },
        Wire::Refused(of) => What::Refused { id: of.id, why: of.why },
        Wire::Ended(of) => What::Ended(parting(of.why())?),
    };
    Some(Event { number: wire.number, at_ms: wire.at_ms, what })
}

fn started_wired(of: &Started) -> v1::Started {
    use v1::started::Why;
    let why = match of.why {
        Reached::Dialled => Why::Dialled,
        Reached::NoAnswer => Why::NoAnswer,
        Reached::Busy => Why::Busy,
        Reached::Declined => Why::Declined,
        Reached::Unreachable => Why::Unreachable,
        Reached::Menu => Why::Menu,
    };
    let header = |(name, value): &(String, String)| v1::Header { name: name.clone(), value: value.clone() };
    v1::Started {
        purpose: of.purpose.clone(),
        caller: Some(party_wired(&of.caller)),
        callee: Some(party_wired(&of.callee)),
        dialled: of.dialled.clone(),
        why: why.into(),
        language: of.language.clone(),
        headers: of.headers.iter().map(header).collect(),
    }
}

fn started(wire: v1::Started) -> Option<Started> {
    use v1::started::Why;
    let why = match wire.why() {
        Why::Dialled => Reached::Dialled,
        Why::NoAnswer => Reached::NoAnswer,
        Why::Busy => Reached::Busy,
        Why::Declined => Reached::Declined,
        Why::Unreachable => Reached::Unreachable,
        Why::Menu => Reached::Menu,
        Why::Unspecified => return None,
    };
    Some(Started {
        purpose: wire.purpose,
        caller: wire.caller.map(party).unwrap_or_default(),
        callee: wire.callee.map(party).unwrap_or_default(),
        dialled: wire.dialled,
        why,
        language: wire.language,
        headers: wire.headers.into_iter().map(|header| (header.name, header.value)).collect(),
    })
}

fn party_wired(of: &Party) -> v1::Party {
    v1::Party { user: of.user.clone(), number: of.number.clone(), display_name: of.display_name.clone() }
}

fn party(wire: v1::Party) -> Party {
    Party { user: wire.user, number: wire.number, display_name: wire.display_name }
}

fn over_wired(ended: Ended) -> v1::Over {
    use v1::over::Why;
    let (why, digit) = match ended {
        Ended::Complete => (Why::Complete, None),
        Ended::Digit(digit) => (Why::Digit, Some(digit)),
        Ended::Timeout => (Why::Timeout, None),
        Ended::Silence => (Why::Silence, None),
        Ended::Stopped => (Why::Stopped, None),
        Ended::Failed => (Why::Failed, None),
    };
    v1::Over { why: why.into(), digit: digit.map(String::from).unwrap_or_default() }
}

fn over(wire: &v1::Over) -> Option<Ended> {
    use v1::over::Why;
    Some(match wire.why() {
        Why::Complete => Ended::Complete,
        Why::Digit => Ended::Digit(wire.digit.chars().next()?),
        Why::Timeout => Ended::Timeout,
        Why::Silence => Ended::Silence,
        Why::Stopped => Ended::Stopped,
        Why::Failed => Ended::Failed,
        Why::Unspecified => return None,
    })
}

fn outcome_wired(outcome: Outcome) -> v1::dialled::Outcome {
    match outcome {
        Outcome::Ringing => v1::dialled::Outcome::Ringing,
        Outcome::EarlyMedia => v1::dialled::Outcome::EarlyMedia,
        Outcome::NoAnswer => v1::dialled::Outcome::NoAnswer,
        Outcome::Busy => v1::dialled::Outcome::Busy,
        Outcome::Declined => v1::dialled::Outcome::Declined,
        Outcome::Unreachable => v1::dialled::Outcome::Unreachable,
    }
}

fn outcome(wire: v1::dialled::Outcome) -> Option<Outcome> {
    Some(match wire {
        v1::dialled::Outcome::Ringing => Outcome::Ringing,
        v1::dialled::Outcome::EarlyMedia => Outcome::EarlyMedia,
        v1::dialled::Outcome::NoAnswer => Outcome::NoAnswer,
        v1::dialled::Outcome::Busy => Outcome::Busy,
        v1::dialled::Outcome::Declined => Outcome::Declined,
        v1::dialled::Outcome::Unreachable => Outcome::Unreachable,
        v1::dialled::Outcome::Unspecified => return None,
    })
}

fn parting_wired(parting: Parting) -> v1::ended::Why {
    match parting {
        Parting::Caller => v1::ended::Why::Caller,
        Parting::Application => v1::ended::Why::Application,
        Parting::Transferred => v1::ended::Why::Transferred,
        Parting::Failed => v1::ended::Why::Failed,
    }
}

fn parting(wire: v1::ended::Why) -> Option<Parting> {
    Some(match wire {
        v1::ended::Why::Caller => Parting::Caller,
        v1::ended::Why::Application => Parting::Application,
        v1::ended::Why::Transferred => Parting::Transferred,
        v1::ended::Why::Failed => Parting::Failed,
        v1::ended::Why::Unspecified => return None,
    })
}
