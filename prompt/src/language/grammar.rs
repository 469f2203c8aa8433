//! What a language says alike and otherwise: the frame of each sentence is shared, numbers, dates, hours and telephone
//! numbers are the language's own. A language whose sentences have another frame says them itself.

use super::Said;
use crate::sentence::{Caller, Day, Greeting, Offer, Sentence, Who};

/// What is counted, for languages whose numbers have a gender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noun {
    /// Nothing: the number itself.
    None,
    /// Messages.
    Message,
    /// Minutes and seconds.
    Time,
}

/// Puts sentences into clips.
pub(crate) trait Grammar: Sync {
    /// A number from 0 to 999,999; above that, its digits.
    fn number(&self, value: u32, noun: Noun, said: &mut Said<'_>);

    /// A telephone number. What is no digit is left out, but for a leading `+`.
    fn telephone(&self, digits: &str, said: &mut Said<'_>);

    /// A day, after "received".
    fn date(&self, day: Day, said: &mut Said<'_>);

    /// A time of day.
    fn time(&self, hour: u8, minute: u8, said: &mut Said<'_>);

    /// Any sentence.
    fn say<'a>(&self, sentence: &Sentence<'a>, said: &mut Said<'a>) {
        match *sentence {
            Sentence::Fixed(fixed) => said.named(fixed.clip()),
            Sentence::Number(value) => self.number(value, Noun::None, said),
            Sentence::Digits(digits) => said.digits(digits),
            Sentence::Telephone(digits) => self.telephone(digits, said),
            Sentence::Greeting(why, who) => self.greeting(why, who, said),
            Sentence::YouHave { urgent, new, old } => self.you_have(
                &[
                    (urgent, Phrase::OneUrgent, Phrase::Urgent),
                    (new, Phrase::OneNew, Phrase::New),
                    (old, Phrase::OneOld, Phrase::Old),
                ],
                said,
            ),
            Sentence::Message { number: at, of } => {
                said.phrase(Phrase::Message);
                self.number(at, Noun::None, said);
                said.phrase(Phrase::Of);
                self.number(of, Noun::None, said);
            }
            Sentence::ReceivedOn { day, hour, minute } => {
                said.phrase(Phrase::Received);
                self.date(day, said);
                said.phrase(Phrase::At);
                self.time(hour, minute, said);
            }
            Sentence::From(caller) => self.from(caller, said),
            Sentence::Lasts(seconds) => self.lasts(seconds, said),
            Sentence::Time { hour, minute } => {
                said.phrase(Phrase::ItIs);
                self.time(hour, minute, said);
            }
            Sentence::LockedFor { minutes } => {
                said.phrase(Phrase::LockedFor);
                self.counted(minutes, Phrase::OneMinute, Phrase::Minutes, said);
            }
            Sentence::PinTooShort { digits } => {
                said.phrase(Phrase::PinAtLeast);
                self.number(digits, Noun::None, said);
                said.phrase(Phrase::PinDigits);
            }
            Sentence::ForwardedTo(digits) => {
                said.phrase(Phrase::ForwardedTo);
                self.telephone(digits, said);
            }
            Sentence::NobodyHas(digits) => {
                said.phrase(Phrase::Number);
                self.telephone(digits, said);
                said.phrase(Phrase::NobodyHas);
            }
            Sentence::QueuePosition(0 | 1) => said.phrase(Phrase::YouAreNext),
            Sentence::QueuePosition(place) => {
                said.phrase(Phrase::QueuePosition);
                self.number(place, Noun::None, said);
            }
            Sentence::QueueWait { minutes: 0 } => said.phrase(Phrase::WaitShort),
            Sentence::QueueWait { minutes } => {
                said.phrase(Phrase::WaitAbout);
                self.counted(minutes, Phrase::OneMinute, Phrase::Minutes, said);
            }
            Sentence::Choice { key, what } => {
                self.offer(what, said);
                said.phrase(Phrase::Press);
                said.digits(key.encode_utf8(&mut [0; 4]));
            }
        }
    }

    fn offer<'a>(&self, what: Offer<'a>, said: &mut Said<'a>) {
        match what {
            Offer::Name(kept) => {
                said.phrase(Phrase::For);
                said.recording(kept);
            }
            Offer::Extension(digits) => {
                said.phrase(Phrase::For);
                said.phrase(Phrase::Extension);
                said.digits(digits);
            }
            Offer::Mailbox(digits) => {
                said.phrase(Phrase::ForMailbox);
                said.digits(digits);
            }
            Offer::Operator => said.phrase(Phrase::ForOperator),
            Offer::Repeat => said.phrase(Phrase::ForRepeat),
            Offer::More => said.phrase(Phrase::ForMore),
            Offer::HangUp => said.phrase(Phrase::ForHangUp),
            Offer::Language => said.phrase(Phrase::ForLanguage),
        }
    }

    /// `one minute`, `two minutes`, `zero minutes`.
    fn counted(&self, value: u32, one: Phrase, many: Phrase, said: &mut Said<'_>) {
        if value == 1 {
            return said.phrase(one);
        }
        self.number(value, Noun::Time, said);
        said.phrase(many);
    }

    fn you_have(&self, counts: &[(u32, Phrase, Phrase)], said: &mut Said<'_>) {
        let some: Vec<_> = counts.iter().filter(|(count, ..)| *count > 0).collect();
        said.phrase(if some.is_empty() { Phrase::None } else { Phrase::YouHave });
        for (place, (count, one, many)) in some.iter().enumerate() {
            if place > 0 && place + 1 == some.len() {
                said.phrase(Phrase::And);
            }
            if *count == 1 {
                said.phrase(*one);
            } else {
                self.number(*count, Noun::Message, said);
                said.phrase(*many);
            }
        }
    }

    fn greeting<'a>(&self, why: Greeting, who: Who<'a>, said: &mut Said<'a>) {
        match who {
            Who::Name(kept) => said.recording(kept),
            Who::Extension(digits) => {
                said.phrase(Phrase::Extension);
                said.digits(digits);
            }
        }
        said.phrase(match why {
            Greeting::NoAnswer => Phrase::NoAnswer,
            Greeting::Busy => Phrase::Busy,
            Greeting::Unreachable => Phrase::Unreachable,
        });
    }

    fn from<'a>(&self, caller: Caller<'a>, said: &mut Said<'a>) {
        match caller {
            Caller::Name(kept) => {
                said.phrase(Phrase::From);
                said.recording(kept);
            }
            Caller::Extension(digits) => {
                said.phrase(Phrase::FromExtension);
                said.digits(digits);
            }
            Caller::Telephone(digits) => {
                said.phrase(Phrase::FromNumber);
                self.telephone(digits, said);
            }
            Caller::Unknown => said.phrase(Phrase::FromUnknown),
        }
    }

    fn lasts(&self, seconds: u32, said: &mut Said<'_>) {
        said.phrase(Phrase::Lasts);
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        if minutes > 0 {
            self.counted(minutes, Phrase::OneMinute, Phrase::Minutes, said);
        }
        if seconds > 0 || minutes == 0 {
            self.counted(seconds, Phrase::OneSecond, Phrase::Seconds, said);
        }
    }
}

named! {
    /// The parts that sentences share in every language.
    Phrase {
        Message = "message",
        Of = "of",
        Received = "received",
        At = "at",
        ItIs = "it-is",
        LockedFor = "locked-for",
        PinAtLeast = "pin-at-least",
        PinDigits = "pin-digits",
        ForwardedTo = "forwarded-to",
        Number = "number",
        NobodyHas = "nobody-has",
        YouAreNext = "you-are-next",
        QueuePosition = "queue-position",
        WaitShort = "wait-short",
        WaitAbout = "wait-about",
        For = "for",
        ForMailbox = "for-mailbox",
        ForOperator = "for-operator",
        ForRepeat = "for-repeat",
        ForMore = "for-more",
        ForHangUp = "for-hang-up",
        ForLanguage = "for-language",
        Press = "press",
        None = "none",
        YouHave = "you-have",
        And = "and",
        OneUrgent = "one-urgent",
        Urgent = "urgent",
        OneNew = "one-new",
        New = "new",
        OneOld = "one-old",
        Old = "old",
        Extension = "extension",
        NoAnswer = "no-answer",
        Busy = "busy",
        Unreachable = "unreachable",
        From = "from",
        FromExtension = "from-extension",
        FromNumber = "from-number",
        FromUnknown = "from-unknown",
        Lasts = "lasts",
        OneMinute = "one-minute",
        Minutes = "minutes",
        OneSecond = "one-second",
        Seconds = "seconds",
        Plus = "plus",
        Star = "star",
        Hash = "hash",
    }
}
