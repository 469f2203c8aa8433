//! English, as spoken in the United States: ordinals in dates, the 12-hour clock, numbers digit by digit.

use super::grammar::{Grammar, Noun, Phrase};
use super::{Said, Voice, complete};
#[cfg(not(feature = "make"))]
use crate::archive::places;
use crate::clip::{Clip, find, following};
use crate::sentence::Day;

pub(super) static VOICE: Voice =
    Voice { table: &TABLE, places: &PLACES, archive: ARCHIVE, grammar: &English, espeak: "en-us" };

/// A clip of this language, found by the compiler.
macro_rules! clip {
    ($name:literal) => {
        const { find(&TABLE, $name) }
    };
}

/// The language.
struct English;

impl Grammar for English {
    /// `two hundred five`, `one thousand`.
    fn number(&self, value: u32, _: Noun, said: &mut Said<'_>) {
        let (thousands, rest) = (value / 1000, value % 1000);
        if thousands > 999 {
            return said.digits(&value.to_string());
        }
        if thousands > 0 {
            below_thousand(thousands, said);
            said.clip(clip!("thousand"));
        }
        if rest > 0 || thousands == 0 {
            below_thousand(rest, said);
        }
    }

    /// Digit by digit.
    fn telephone(&self, digits: &str, said: &mut Said<'_>) {
        if digits.trim_start().starts_with('+') {
            said.phrase(Phrase::Plus);
        }
        said.digits(digits);
    }

    fn date(&self, day: Day, said: &mut Said<'_>) {
        match day {
            Day::Today => said.clip(clip!("today")),
            Day::Yesterday => said.clip(clip!("yesterday")),
            Day::On { weekday, day, month, year } => {
                said.clip(clip!("on"));
                said.named(weekday.clip());
                said.named(month.clip());
                said.clip(ORDINALS[usize::from(day.clamp(1, 31)) - 1]);
                if let Some(year) = year {
                    self.year(u32::from(year), said);
                }
            }
        }
    }

    /// `two thirty p.m.`, `twelve o'clock a.m.`, `two oh five p.m.`
    fn time(&self, hour: u8, minute: u8, said: &mut Said<'_>) {
        let (hour, minute) = (hour % 24, u32::from(minute % 60));
        self.number(u32::from((hour + 11) % 12 + 1), Noun::None, said);
        match minute {
            0 => said.clip(clip!("oclock")),
            1..=9 => said.clip(OH[minute as usize - 1]),
            _ => self.number(minute, Noun::None, said),
        }
        said.clip(if hour < 12 { clip!("am") } else { clip!("pm") });
    }
}

impl English {
    /// `nineteen ninety-nine`, `two thousand five`, `twenty twenty-six`, `twenty-one hundred`.
    fn year(&self, year: u32, said: &mut Said<'_>) {
        let (century, rest) = (year / 100, year % 100);
        if century.is_multiple_of(10) && rest < 10 {
            return self.number(year, Noun::None, said);
        }
        self.number(century, Noun::None, said);
        match rest {
            0 => said.clip(clip!("hundred")),
            1..=9 => said.clip(OH[rest as usize - 1]),
            _ => self.number(rest, Noun::None, said),
        }
    }
}

fn below_thousand(value: u32, said: &mut Said<'_>) {
    let (hundreds, rest) = (value / 100, value % 100);
    if hundreds > 0 {
        said.clip(HUNDREDS[hundreds as usize - 1]);
    }
    if rest > 0 || hundreds == 0 {
        said.clip(Clip(rest as u16));
    }
}

const HUNDREDS: [Clip; 9] = following(clip!("c1"));
const OH: [Clip; 9] = following(clip!("oh1"));
const ORDINALS: [Clip; 31] = following(clip!("d1"));
#[cfg(not(feature = "make"))]
static PLACES: [(u32, u32); TABLE.len()] = places(ARCHIVE, &TABLE);
// The archive is about to be made.
#[cfg(feature = "make")]
static PLACES: [(u32, u32); 0] = [];
static ARCHIVE: &[u8] = include_bytes!("../../clips/en.clips");
const _: () = complete(&TABLE);

#[rustfmt::skip] // ten numbers on a line are easier to check than one
const TABLE: [(&str, &str); 286] = [
    ("n0", "zero"), ("n1", "one"), ("n2", "two"), ("n3", "three"), ("n4", "four"), ("n5", "five"),
    ("n6", "six"), ("n7", "seven"), ("n8", "eight"), ("n9", "nine"), ("n10", "ten"), ("n11", "eleven"),
    ("n12", "twelve"), ("n13", "thirteen"), ("n14", "fourteen"), ("n15", "fifteen"), ("n16", "sixteen"),
    ("n17", "seventeen"), ("n18", "eighteen"), ("n19", "nineteen"), ("n20", "twenty"),
    ("n21", "twenty-one"), ("n22", "twenty-two"), ("n23", "twenty-three"), ("n24", "twenty-four"),
    ("n25", "twenty-five"), ("n26", "twenty-six"), ("n27", "twenty-seven"), ("n28", "twenty-eight"),
    ("n29", "twenty-nine"), ("n30", "thirty"), ("n31", "thirty-one"), ("n32", "thirty-two"),
    ("n33", "thirty-three"), ("n34", "thirty-four"), ("n35", "thirty-five"), ("n36", "thirty-six"),
    ("n37", "thirty-seven"), ("n38", "thirty-eight"), ("n39", "thirty-nine"), ("n40", "forty"),
    ("n41", "forty-one"), ("n42", "forty-two"), ("n43", "forty-three"), ("n44", "forty-four"),
    ("n45", "forty-five"), ("n46", "forty-six"), ("n47", "forty-seven"), ("n48", "forty-eight"),
    ("n49", "forty-nine"), ("n50", "fifty"), ("n51", "fifty-one"), ("n52", "fifty-two"),
    ("n53", "fifty-three"), ("n54", "fifty-four"), ("n55", "fifty-five"), ("n56", "fifty-six"),
    ("n57", "fifty-seven"), ("n58", "fifty-eight"), ("n59", "fifty-nine"), ("n60", "sixty"),
    ("n61", "sixty-one"), ("n62", "sixty-two"), ("n63", "sixty-three"), ("n64", "sixty-four"),
    ("n65", "sixty-five"), ("n66", "sixty-six"), ("n67", "sixty-seven"), ("n68", "sixty-eight"),
    ("n69", "sixty-nine"), ("n70", "seventy"), ("n71", "seventy-one"), ("n72", "seventy-two"),
    ("n73", "seventy-three"), ("n74", "seventy-four"), ("n75", "seventy-five"), ("n76", "seventy-six"),
    ("n77", "seventy-seven"), ("n78", "seventy-eight"), ("n79", "seventy-nine"), ("n80", "eighty"),
    ("n81", "eighty-one"), ("n82", "eighty-two"), ("n83", "eighty-three"), ("n84", "eighty-four"),
    ("n85", "eighty-five"), ("n86", "eighty-six"), ("n87", "eighty-seven"), ("n88", "eighty-eight"),
    ("n89", "eighty-nine"), ("n90", "ninety"), ("n91", "ninety-one"), ("n92", "ninety-two"),
    ("n93", "ninety-three"), ("n94", "ninety-four"), ("n95", "ninety-five"), ("n96", "ninety-six"),
    ("n97", "ninety-seven"), ("n98", "ninety-eight"), ("n99", "ninety-nine"), ("c1", "one hundred"),
    ("c2", "two hundred"), ("c3", "three hundred"), ("c4", "four hundred"), ("c5", "five hundred"),
    ("c6", "six hundred"), ("c7", "seven hundred"), ("c8", "eight hundred"), ("c9", "nine hundred"),
    ("thousand", "thousand"), ("hundred", "hundred"), ("oh1", "oh one"), ("oh2", "oh two"),
    ("oh3", "oh three"), ("oh4", "oh four"), ("oh5", "oh five"), ("oh6", "oh six"), ("oh7", "oh seven"),
    ("oh8", "oh eight"), ("oh9", "oh nine"), ("d1", "first"), ("d2", "second"), ("d3", "third"),
    ("d4", "fourth"), ("d5", "fifth"), ("d6", "sixth"), ("d7", "seventh"), ("d8", "eighth"),
    ("d9", "ninth"), ("d10", "tenth"), ("d11", "eleventh"), ("d12", "twelfth"), ("d13", "thirteenth"),
    ("d14", "fourteenth"), ("d15", "fifteenth"), ("d16", "sixteenth"), ("d17", "seventeenth"),
    ("d18", "eighteenth"), ("d19", "nineteenth"), ("d20", "twentieth"), ("d21", "twenty-first"),
    ("d22", "twenty-second"), ("d23", "twenty-third"), ("d24", "twenty-fourth"), ("d25", "twenty-fifth"),
    ("d26", "twenty-sixth"), ("d27", "twenty-seventh"), ("d28", "twenty-eighth"), ("d29", "twenty-ninth"),
    ("d30", "thirtieth"), ("d31", "thirty-first"),
    ("monday", "Monday"), ("tuesday", "Tuesday"), ("wednesday", "Wednesday"), ("thursday", "Thursday"),
    ("friday", "Friday"), ("saturday", "Saturday"), ("sunday", "Sunday"), ("january", "January"),
    ("february", "February"), ("march", "March"), ("april", "April"), ("may", "May"), ("june", "June"),
    ("july", "July"), ("august", "August"), ("september", "September"), ("october", "October"),
    ("november", "November"), ("december", "December"), ("star", "star"), ("hash", "pound"),
    ("plus", "plus"), ("you-have", "you have"), ("none", "you have no messages"), ("and", "and"),
    ("one-urgent", "one urgent message"), ("urgent", "urgent messages"), ("one-new", "one new message"),
    ("new", "new messages"), ("one-old", "one old message"), ("old", "old messages"),
    ("message", "message"), ("of", "of"), ("received", "received"), ("today", "today"),
    ("yesterday", "yesterday"), ("on", "on"), ("at", "at"), ("oclock", "o'clock"), ("am", "a.m."),
    ("pm", "p.m."), ("it-is", "the time is"), ("from", "from"), ("from-extension", "from extension"),
    ("from-number", "from phone number"), ("from-unknown", "from an unknown caller"), ("lasts", "length"),
    ("one-minute", "one minute"), ("minutes", "minutes"), ("one-second", "one second"),
    ("seconds", "seconds"), ("extension", "the person at extension"), ("no-answer", "does not answer"),
    ("busy", "is on the phone"), ("unreachable", "cannot be reached"),
    ("locked-for", "Too many tries. Try again in"), ("pin-at-least", "The PIN needs at least"),
    ("pin-digits", "digits"), ("forwarded-to", "Your calls are forwarded to"), ("number", "the number"),
    ("nobody-has", "is not in service"), ("you-are-next", "You are next."),
    ("queue-position", "You are caller number"), ("wait-short", "The wait is less than one minute."),
    ("wait-about", "The wait is about"), ("for", "for"), ("press", "press"),
    ("for-mailbox", "to leave a message for extension"), ("for-operator", "for the operator"), ("for-repeat", "to hear this again"),
    ("for-more", "for more choices"), ("for-hang-up", "to end this call"), ("for-language", "for English"),
    ("goodbye", "Goodbye."),
    ("thank-you", "Thank you."),
    ("please-wait", "Please wait."),
    ("apology", "This service is not available right now. Please call again later."),
    ("invalid-choice", "That is not a valid choice."),
    ("nothing-heard", "We did not receive your choice."),
    ("too-many-tries", "Too many tries."),
    (
        "leave-message",
        "Please leave a message after the tone. Then hang up, or press pound for more choices.",
    ),
    ("message-too-short", "Your message is too short."),
    ("mailbox-full", "This mailbox is full."),
    (
        "recording-menu",
        "To keep this recording, press 1. To listen to it, press 2. To record it again, press 3. To \
         mark it urgent, press 4.",
    ),
    ("marked-urgent", "Message marked urgent."),
    ("marked-normal", "Message marked normal."),
    ("recording-kept", "Your recording is saved."),
    ("recording-dropped", "Your recording is deleted."),
    ("enter-mailbox", "Enter your mailbox number, then pound."),
    ("enter-pin", "Enter your PIN, then pound."),
    ("wrong-pin", "The number or the PIN is not right."),
    ("no-messages", "There are no messages."),
    (
        "mailbox-menu",
        "To hear your messages, press 1. To change folders, press 2. For mailbox options, press 0. To \
         exit, press pound.",
    ),
    (
        "message-menu",
        "To call back, press 3. For the previous message, press 4. To repeat, press 5. For the next \
         message, press 6. To delete, press 7. To forward, press 8. To keep, press 9.",
    ),
    ("first-message", "First message."),
    ("last-message", "Last message."),
    ("urgent-message", "Urgent message."),
    ("no-more-messages", "There are no more messages."),
    ("message-deleted", "Message deleted."),
    ("message-restored", "Message restored."),
    ("message-kept", "Message saved."),
    ("enter-extension", "Enter the extension, then pound."),
    ("record-comment", "Record a comment after the tone, then press pound."),
    ("message-forwarded", "Your message has been forwarded."),
    ("no-such-mailbox", "That number has no mailbox."),
    ("calling-back", "We are calling the person who left the message."),
    ("cannot-call-back", "That number cannot be called back."),
    (
        "options-menu",
        "For your unavailable greeting, press 1. For your busy greeting, press 2. For your name, \
         press 3. For your temporary greeting, press 4. To change your PIN, press 5. To go back, \
         press star.",
    ),
    ("record-no-answer-greeting", "Record your unavailable greeting after the tone, then press pound."),
    ("record-busy-greeting", "Record your busy greeting after the tone, then press pound."),
    ("record-temporary-greeting", "Record your temporary greeting after the tone, then press pound."),
    ("temporary-greeting-removed", "Your temporary greeting has been removed."),
    ("record-name", "Say your name after the tone, then press pound."),
    ("enter-new-pin", "Enter your new PIN, then pound."),
    ("repeat-new-pin", "Enter it again, then pound."),
    ("pin-changed", "Your PIN has been changed."),
    ("pins-differ", "The two PINs are not the same."),
    ("pin-too-simple", "That PIN is too simple."),
    ("transferring", "We are connecting you."),
    ("nobody-answers", "Nobody is answering."),
    ("closed", "Our office is closed."),
    ("welcome", "Welcome."),
    ("dial-extension", "If you know the extension of the person you are calling, dial it now."),
    ("night-on", "Night mode is on."),
    ("night-off", "Night mode is off."),
    ("when-busy", "when your line is busy."),
    ("when-no-answer", "when you do not answer."),
    ("when-unreachable", "when your phone cannot be reached."),
    ("follow-me-on", "Your calls also ring at your other numbers."),
    ("follow-me-off", "Your calls no longer ring at your other numbers."),
    ("forwarding-off", "Your calls are no longer forwarded."),
    ("do-not-disturb-on", "Your phone will not ring."),
    ("do-not-disturb-off", "Your phone rings again."),
    ("all-agents-busy", "All our agents are busy. Please hold."),
    ("may-be-recorded", "This call may be recorded."),
];
