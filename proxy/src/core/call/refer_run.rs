//! Transfers where an application holds the call. Who talks with somebody whom it has called is transferred as anybody
//! is, and the application's run ends with it. Who talks with the application alone may give it to somebody else: that one
//! takes his place, and the application begins anew, since it knows another caller. While the target rings, and when
//! nobody takes the call, the application has it still.

use proto::application::{Parting, Party, Started};
use sip::dialog::Dialog;

use super::application_step::party;
use super::{CALLER, Call};
use crate::core::divert::Chain;
use crate::core::effect::Turn;
use crate::core::means::Means;

impl Call {
    /// True when a leg has somebody at the other end whom it may transfer.
    pub fn may_refer(&self, number: u16) -> bool {
        self.partner(number).is_some() || (number == CALLER && self.runs.run.is_some())
    }

    /// How the application that talks with the caller begins with somebody else.
    pub fn run_to_transfer(&self) -> Option<Box<Started>> {
        self.runs.run.as_ref().map(|run| run.started.clone())
    }

    /// Somebody takes the place of the caller, who talked with the application alone.
    pub fn meet_instead(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        number: u16,
        started: Started,
        anew: bool,
    ) {
        self.leave_run(means, turn, Parting::Transferred);
        self.change_places(means, number);
        let has_left = self.transfer.as_mut().is_some_and(|transfer| {
            transfer.by = number;
            transfer.has_left
        });
        self.part_with_transferor(means, turn);
        if has_left {
            self.let_go(means, turn, number);
        }
        if anew {
            self.runs.next = Some(Box::new(started));
            self.renew(means, turn, CALLER);
        } else {
            self.begin_anew(means, turn, started);
        }
    }

    /// Who is transferred meets the application that the transferor talked with in another call.
    pub fn meet_application(&mut self, means: &mut Means, turn: &mut Turn<'_>, started: Started) {
        self.part_with_transferor(means, turn);
        self.hush_caller(means, turn);
        self.runs.next = Some(Box::new(started));
        self.renew(means, turn, CALLER);
    }

    /// Begins a run with who is the caller now.
    pub fn begin_anew(&mut self, means: &mut Means, turn: &mut Turn<'_>, started: Started) {
        let Some(leg) = self.leg(CALLER) else { return };
        let Some(remote) = leg.dialog.as_ref().map(Dialog::remote) else { return };
        let invite = Self::referred_invite(means, &self.name, remote, None);
        let caller = party_of(leg.user.as_deref(), remote);
        let started = Started { caller, language: String::new(), ..started };
        // What the call was before stays what it counts for.
        let diversions = self.runs.diversions;
        self.runs.invite = Box::default();
        self.runs.chain = Chain::default();
        if !self.begin_run(means, turn, started, &invite) && !self.over {
            self.end(means, turn, None, Some(NOBODY_THERE));
        }
        self.runs.diversions = diversions;
    }

    /// A transfer has failed whose application has gone meanwhile: the dial plan goes on.
    pub fn go_on_alone(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        let is_alone = self.peer.is_none() && self.runs.run.is_none() && self.parked.is_none();
        if is_alone && !self.over && !self.is_unanswered() {
            self.go_on(means, turn);
        }
    }
}

/// Who is at the other end of a leg: a user of ours, or as far as his address tells.
pub(crate) fn party_of(user: Option<&proto::User>, remote: &[u8]) -> Party {
    if let Some(user) = user {
        return party(user);
    }
    let read = sip::header::NameAddr::parse(sip::message::Name::From, remote).ok();
    let uri = read.and_then(|read| sip::uri::Uri::parse(read.address).ok());
    let number = uri.map(|uri| crate::core::request::user_of(&uri).into_owned()).unwrap_or_default();
    Party { number, ..Party::default() }
}

/// RFC 3326: why a call ends whose application cannot be had any more.
const NOBODY_THERE: &[u8] = b"SIP;cause=480;text=\"Nobody Took The Call\"";
