//! Events on the wire.

use crate::media::{DigitForm, Ended, Flow, Leg, MediaEvent};
use crate::wire::media::v1;
use v1::ended::Why;
use v1::event::Event;
use v1::flow::Kind;

use super::{from_ms, leg, ms};

/// An event as a message.
pub(in crate::media) fn wired(call: &str, event: MediaEvent) -> v1::Event {
    let (leg, id, event) = match event {
        MediaEvent::Played { leg, id, why } => (leg, id, Event::Played(ended(why))),
        MediaEvent::Recorded { leg, id, file, length, why } => {
            let recorded = v1::Recorded { file, length_ms: ms(length), why: Some(ended(why)) };
            (leg, id, Event::Recorded(recorded))
        }
        MediaEvent::Collected { leg, id, digits, why } => {
            (leg, id, Event::Collected(v1::Collected { digits, why: Some(ended(why)) }))
        }
        MediaEvent::Digit { leg, digit, how } => {
            let (is_tone, is_message) = (how == DigitForm::Tone, how == DigitForm::Message);
            (leg, 0, Event::Digit(v1::Digit { digit: digit.to_string(), is_tone, is_message }))
        }
        MediaEvent::Inactive { leg } => (leg, 0, Event::Inactive(v1::Inactive {})),
        MediaEvent::Flow { leg, flow } => {
            let kind = match flow {
                Flow::Heard => Kind::Heard,
                Flow::OneWay => Kind::OneWay,
                Flow::Quiet => Kind::Quiet,
            };
            (leg, 0, Event::Flow(v1::Flow { kind: kind.into() }))
        }
        MediaEvent::Idle => (Leg::default(), 0, Event::Idle(v1::Idle {})),
        MediaEvent::Gone => (Leg::default(), 0, Event::Gone(v1::Gone {})),
    };
    v1::Event { call: call.to_owned(), leg: Some(leg.into()), id, event: Some(event) }
}

/// The event of a message; `None` for one that is not known here.
pub(in crate::media) fn event(wire: v1::Event) -> Option<MediaEvent> {
    let (leg, id) = (leg(wire.leg), wire.id);
    Some(match wire.event? {
        Event::Played(played) => MediaEvent::Played { leg, id, why: why(&played)? },
        Event::Recorded(of) => MediaEvent::Recorded {
            leg,
            id,
            file: of.file,
            length: from_ms(of.length_ms),
            why: why(&of.why?)?,
        },
        Event::Collected(of) => MediaEvent::Collected { leg, id, digits: of.digits, why: why(&of.why?)? },
        Event::Digit(of) => MediaEvent::Digit {
            leg,
            digit: of.digit.chars().next()?,
            how: match (of.is_message, of.is_tone) {
                (true, _) => DigitForm::Message,
                (false, true) => DigitForm::Tone,
                (false, false) => DigitForm::Event,
            },
        },
        Event::Inactive(v1::Inactive {}) => MediaEvent::Inactive { leg },
        Event::Idle(v1::Idle {}) => MediaEvent::Idle,
        Event::Flow(of) => MediaEvent::Flow {
            leg,
            flow: match of.kind() {
                Kind::Heard => Flow::Heard,
                Kind::OneWay => Flow::OneWay,
                Kind::Quiet => Flow::Quiet,
                Kind::Unspecified => return None,
            },
        },
        Event::Gone(v1::Gone {}) => MediaEvent::Gone,
    })
}

fn ended(ended: Ended) -> v1::Ended {
    let (why, digit) = match ended {
        Ended::Complete => (Why::Complete, None),
        Ended::Digit(digit) => (Why::Digit, Some(digit)),
        Ended::Timeout => (Why::Timeout, None),
        Ended::Silence => (Why::Silence, None),
        Ended::Stopped => (Why::Stopped, None),
        Ended::Failed => (Why::Failed, None),
    };
    v1::Ended { why: why.into(), digit: digit.map(String::from).unwrap_or_default() }
}

fn why(wire: &v1::Ended) -> Option<Ended> {
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
