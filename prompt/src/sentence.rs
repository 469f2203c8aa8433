//! All that Carillon says to callers. A sentence holds values, never sounds; each language says it in its own way.

/// A sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sentence<'a> {
    /// One without values.
    Fixed(Fixed),
    /// A number, counted: 0 to 999,999; above that, its digits.
    Number(u32),
    /// Digits, one by one: a PIN, an extension.
    Digits(&'a str),
    /// A telephone number, grouped as the language does it. What is no digit is left out.
    Telephone(&'a str),
    /// Why the mailbox was reached, and whose it is.
    Greeting(Greeting, Who<'a>),
    /// Voice messages of a mailbox. `new` and `urgent` are told apart: an urgent one is not counted among the new.
    YouHave {
        /// New and urgent.
        urgent: u32,
        /// New.
        new: u32,
        /// Heard before.
        old: u32,
    },
    /// The number of a message in its folder, from 1.
    Message {
        /// Its number.
        number: u32,
        /// How many there are.
        of: u32,
    },
    /// When a message came.
    ReceivedOn {
        /// The day, as seen from today.
        day: Day,
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
    },
    /// Who left a message.
    From(Caller<'a>),
    /// How long a message is, in seconds.
    Lasts(u32),
    /// The time of day.
    Time {
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
    },
    /// A wrong PIN was typed too often.
    LockedFor {
        /// How long, in minutes.
        minutes: u32,
    },
    /// A new PIN is too short.
    PinTooShort {
        /// The least number of digits.
        digits: u32,
    },
    /// Calls are forwarded from now on.
    ForwardedTo(&'a str),
    /// A number that was dialled and that nobody has.
    NobodyHas(&'a str),
    /// The place in a queue, from 1.
    QueuePosition(u32),
    /// How long the wait is thought to be.
    QueueWait {
        /// In minutes; 0 is less than one.
        minutes: u32,
    },
    /// "For …, press …".
    Choice {
        /// The key.
        key: char,
        /// What it does.
        what: Offer<'a>,
    },
}

/// What a key of a menu does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer<'a> {
    /// It calls somebody, or something, of whom a name was recorded: where that is kept.
    Name(&'a str),
    /// It calls an extension.
    Extension(&'a str),
    /// It leads to the mailbox of an extension.
    Mailbox(&'a str),
    /// It calls the operator.
    Operator,
    /// It says the menu again.
    Repeat,
    /// It leads to another menu.
    More,
    /// It ends the call.
    HangUp,
    /// From there on this language is spoken.
    Language,
}

/// Whose mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who<'a> {
    /// The name as its owner recorded it: where it is kept.
    Name(&'a str),
    /// The number.
    Extension(&'a str),
}

/// Who called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller<'a> {
    /// A colleague, by the name that he recorded: where it is kept.
    Name(&'a str),
    /// An extension of ours.
    Extension(&'a str),
    /// A telephone number.
    Telephone(&'a str),
    /// The number is withheld.
    Unknown,
}

/// Why the caller hears a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greeting {
    /// Nobody answered.
    NoAnswer,
    /// The phone was busy, or its user declined.
    Busy,
    /// No phone was reached.
    Unreachable,
}

/// A day, as one speaks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// The day that it is.
    Today,
    /// The one before.
    Yesterday,
    /// Another one.
    On {
        /// Its name.
        weekday: Weekday,
        /// 1 to 31.
        day: u8,
        /// Its month.
        month: Month,
        /// The year, where it is not this one: 1900 to 2199.
        year: Option<u16>,
    },
}

named! {
    /// A day of the week.
    Weekday {
        /// Monday.
        Monday = "monday",
        /// Tuesday.
        Tuesday = "tuesday",
        /// Wednesday.
        Wednesday = "wednesday",
        /// Thursday.
        Thursday = "thursday",
        /// Friday.
        Friday = "friday",
        /// Saturday.
        Saturday = "saturday",
        /// Sunday.
        Sunday = "sunday",
    }
}

named! {
    /// A month.
    Month {
        /// January.
        January = "january",
        /// February.
        February = "february",
        /// March.
        March = "march",
        /// April.
        April = "april",
        /// May.
        May = "may",
        /// June.
        June = "june",
        /// July.
        July = "july",
        /// August.
        August = "august",
        /// September.
        September = "september",
        /// October.
        October = "october",
        /// November.
        November = "november",
        /// December.
        December = "december",
    }
}

named! {
    /// A sentence without values: one clip.
    Fixed {
        /// At the end of every dialogue.
        Goodbye = "goodbye",
        /// After something was done as asked.
        ThankYou = "thank-you",
        /// While something takes its time.
        PleaseWait = "please-wait",
        /// What was called for cannot be had now.
        Apology = "apology",
        /// A key that means nothing here.
        InvalidChoice = "invalid-choice",
        /// No key was pressed.
        NothingHeard = "nothing-heard",
        /// The last chance is gone.
        TooManyTries = "too-many-tries",
        /// What to do before the beep.
        LeaveMessage = "leave-message",
        /// Nothing, or nearly nothing, was said.
        MessageTooShort = "message-too-short",
        /// The mailbox takes no more.
        MailboxFull = "mailbox-full",
        /// After `#`: what may be done with a recording.
        RecordingMenu = "recording-menu",
        /// A message is urgent now.
        MarkedUrgent = "marked-urgent",
        /// A message is urgent no more.
        MarkedNormal = "marked-normal",
        /// What was recorded is kept.
        RecordingKept = "recording-kept",
        /// What was recorded is thrown away.
        RecordingDropped = "recording-dropped",
        /// Asks for the number of a mailbox.
        EnterMailbox = "enter-mailbox",
        /// Asks for the PIN.
        EnterPin = "enter-pin",
        /// Mailbox and PIN do not fit.
        WrongPin = "wrong-pin",
        /// The mailbox is empty.
        NoMessages = "no-messages",
        /// The keys of the mailbox.
        MailboxMenu = "mailbox-menu",
        /// The keys while a message is heard.
        MessageMenu = "message-menu",
        /// The first message of a folder.
        FirstMessage = "first-message",
        /// The last message of a folder.
        LastMessage = "last-message",
        /// Said before an urgent message.
        UrgentMessage = "urgent-message",
        /// There is none after this one.
        NoMoreMessages = "no-more-messages",
        /// A message is thrown away.
        MessageDeleted = "message-deleted",
        /// A message is back.
        MessageRestored = "message-restored",
        /// A message stays.
        MessageKept = "message-kept",
        /// Asks where a message is to be sent.
        EnterExtension = "enter-extension",
        /// Asks for a comment before a message that is sent on.
        RecordComment = "record-comment",
        /// The message was sent on.
        MessageForwarded = "message-forwarded",
        /// There is no mailbox of that number.
        NoSuchMailbox = "no-such-mailbox",
        /// The one who left the message is being called.
        CallingBack = "calling-back",
        /// The number cannot be called back.
        CannotCallBack = "cannot-call-back",
        /// The keys of the mailbox's options.
        OptionsMenu = "options-menu",
        /// Asks for the greeting when nobody answers.
        RecordNoAnswerGreeting = "record-no-answer-greeting",
        /// Asks for the greeting when the phone is busy.
        RecordBusyGreeting = "record-busy-greeting",
        /// Asks for the greeting that stands above the others for a while.
        RecordTemporaryGreeting = "record-temporary-greeting",
        /// The temporary greeting is gone.
        TemporaryGreetingRemoved = "temporary-greeting-removed",
        /// Asks for the name of the mailbox's owner.
        RecordName = "record-name",
        /// Asks for a new PIN.
        EnterNewPin = "enter-new-pin",
        /// Asks for it again.
        RepeatNewPin = "repeat-new-pin",
        /// The PIN is another one now.
        PinChanged = "pin-changed",
        /// The two did not agree.
        PinsDiffer = "pins-differ",
        /// A PIN that everybody would guess.
        PinTooSimple = "pin-too-simple",
        /// The call is on its way.
        Transferring = "transferring",
        /// Nobody took the call.
        NobodyAnswers = "nobody-answers",
        /// Before the choices of a menu.
        Welcome = "welcome",
        /// In a menu: extensions may be dialled.
        DialExtension = "dial-extension",
        /// The company is closed.
        Closed = "closed",
        /// The company is closed until somebody opens it again.
        NightOn = "night-on",
        /// The company is open at its hours again.
        NightOff = "night-off",
        /// After a forwarding was set: it is for a busy phone.
        WhenBusy = "when-busy",
        /// It is for a phone that nobody answers.
        WhenNoAnswer = "when-no-answer",
        /// It is for a phone that is not reached.
        WhenUnreachable = "when-unreachable",
        /// Calls also ring elsewhere.
        FollowMeOn = "follow-me-on",
        /// They do no more.
        FollowMeOff = "follow-me-off",
        /// Calls are no longer forwarded.
        ForwardingOff = "forwarding-off",
        /// The phone is left in peace.
        DoNotDisturbOn = "do-not-disturb-on",
        /// The phone rings again.
        DoNotDisturbOff = "do-not-disturb-off",
        /// In a queue.
        AllAgentsBusy = "all-agents-busy",
        /// The call may be recorded (a notice that the law wants).
        MayBeRecorded = "may-be-recorded",
    }
}
