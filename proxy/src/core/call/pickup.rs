//! Pickup: an INVITE that takes a call of ours over instead of making one. It names the call by a dialog of it (Replaces,
//! RFC 3891), or by whom it rings for (a feature code and his extension). The media server talks to who picks up, and
//! joins him with the caller once that one is answered too.

use std::sync::Arc;

use sip::dialog::Dialog;
use sip::header::Replaces;
use sip::message::{Message, Name, Status};
use sip::transaction::TransactionId;
use sip::transport::{Flow, NextHop};

use super::crossing::Kind;
use super::leg::Leg;
use super::{CALLER, Call, write};
use crate::core::answer;
use crate::core::effect::Turn;
use crate::core::means::{Means, User};
use crate::core::request::{self, Request};
use crate::core::response_context::{Kind as ContextKind, ResponseContext};
use crate::core::slots::Slot;

/// Somebody who is about to take a call over.
#[derive(Debug)]
pub(crate) struct Picking {
    /// The crossing of his INVITE.
    serial: u16,
    /// His leg.
    number: u16,
    /// The leg whose place he takes; none in a call that rings.
    replaced: Option<u16>,
}

/// Who picks up, and how he is reached.
struct By {
    server: TransactionId,
    flow: Flow,
    keeps_flow: bool,
    user: Option<Arc<proto::User>>,
}

impl ResponseContext {
    /// True when an INVITE takes a call over; it is dealt with then.
    pub fn picks_up(&mut self, means: &mut Means, turn: &mut Turn<'_>) -> bool {
        let (ContextKind::Invite, Some(server), true) = (self.kind, self.server, self.caller.is_some())
        else {
            return false;
        };
        let octets = means.read_again(self.server);
        let found = Message::parse(&octets, &means.settings.limits).ok();
        let found = found.and_then(|message| wanted(means, &message, self.caller.as_deref()?, self.tried));
        let picked = match found {
            None => false,
            Some(Wanted::Nothing(status)) => {
                self.answer_ourselves(means, turn, status, None, &[]);
                true
            }
            Some(Wanted::Elsewhere(shard)) => {
                self.pass_on(means, turn, &octets, server, shard);
                true
            }
            Some(Wanted::Leg(slot, replaced)) => {
                let keeps_flow = self.first_hop && (self.behind_nat || self.flow.connection.is_some());
                let by = By { server, flow: self.flow, keeps_flow, user: self.caller.clone() };
                let taken = means.with_call(turn, slot, |call, means, turn| {
                    call.admit(means, turn, &octets, by, replaced)
                });
                if taken == Some(true) {
                    self.call = Some(slot);
                    self.answered = Some(200);
                } else {
                    self.answer_ourselves(means, turn, 503, None, &[]);
                }
                true
            }
        };
        means.reading = octets;
        picked
    }
}

/// What an INVITE wants to take over.
enum Wanted {
    /// A call, and the leg whose place it is to take.
    Leg(Slot, Option<u16>),
    /// What another shard has, or may have.
    Elsewhere(u16),
    /// What is not there, or may not be had.
    Nothing(u16),
}

/// `tried` shards have had the INVITE before this one.
fn wanted(means: &Means, message: &Message<'_>, by: &proto::User, tried: u16) -> Option<Wanted> {
    let (here, spread) = (means.own_shard(), &means.settings.spread);
    let elsewhere = |shard: u16| (shard != here && tried == 0).then_some(Wanted::Elsewhere(shard));
    let request = Request::read(message).ok().filter(|request| !request.is_in_dialog())?;
    if let Some(value) = message.first(Name::Replaces) {
        let Ok(replaces) = Replaces::parse(value) else { return Some(Wanted::Nothing(400)) };
        // A dialog that no shard has may be one of a phone to which the INVITE is proxied.
        let Some((slot, number)) = means.calls.find_replaced(&replaces) else {
            return elsewhere(spread.shard_of(replaces.call_id));
        };
        let call = means.calls.get(slot)?;
        let is_free = call.picking.is_none() && call.transfer.is_none() && call.runs.run.is_none();
        return Some(match call.partner(number) {
            _ if !is_free => Wanted::Nothing(486),
            // RFC 3891 §3: who wants a call that rings alone does not get one that was answered.
            Some(_) if replaces.early_only => Wanted::Nothing(486),
            Some(_) => Wanted::Leg(slot, Some(number)),
            None if number == CALLER && call.parked.is_some() => Wanted::Leg(slot, None),
            None if number != CALLER && call.is_unanswered() => Wanted::Leg(slot, None),
            None => Wanted::Nothing(481),
        });
    }
    if !means.settings.is_for_us(&request.uri) {
        return None;
    }
    let (code, routes) = (&means.settings.config.pickup, &means.settings.routes);
    let dialled = request::user_of(&request.uri);
    if routes.park(&dialled).is_some() {
        let shard = means.settings.parked.shard_of(&dialled)?;
        let Some(parked) = means.calls.iter().find(|call| call.is_parked_at(&dialled)) else {
            return elsewhere(shard);
        };
        return Some(match parked.picking {
            Some(_) => Wanted::Nothing(486),
            None => Wanted::Leg(parked.id, None),
        });
    }
    let whose = dialled.strip_prefix(code.as_str()).filter(|_| !code.is_empty())?;
    let names = |user: &'_ proto::User| (user.name.clone(), user.extension.clone().unwrap_or_default());
    let own = names(by);
    let is_his = |user: &proto::User| match whose {
        // A call of one's own pickup group.
        "" => {
            let his = names(user);
            routes.pick_up_together(&[&own.0, &own.1], &[&his.0, &his.1])
        }
        whose => user.name == whose || user.extension.as_deref() == Some(whose),
    };
    let ringing = means.calls.iter().find(|call| call.rings_for(&is_his)).map(|call| call.id);
    Some(match ringing {
        Some(slot) => Wanted::Leg(slot, None),
        // It goes once round.
        None if tried + 1 < spread.shards() => Wanted::Elsewhere((here + 1) % spread.shards()),
        None => Wanted::Nothing(404),
    })
}

impl Call {
    /// True while it rings for such a user, and nobody else takes it.
    fn rings_for(&self, is_his: &dyn Fn(&proto::User) -> bool) -> bool {
        let rings = |leg: &Leg| {
            leg.dialog.is_none()
                && leg.reached.is_some()
                && leg.user.as_ref().is_some_and(|user| is_his(user))
        };
        let is_free = self.picking.is_none() && self.runs.run.is_none() && self.runs.answering.is_none();
        is_free
            && !self.over
            && self.peer.is_none()
            && self.is_unanswered()
            && self.legs.iter().skip(1).any(rings)
    }

    /// Makes a leg of an INVITE that came for this call, and lets the media server talk to it.
    fn admit(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        octets: &[u8],
        by: By,
        replaced: Option<u16>,
    ) -> bool {
        let Ok(message) = Message::parse(octets, &means.settings.limits) else { return false };
        let tag = answer::to_tag(&means.settings, &message);
        let secure = by.flow.transport.is_secure();
        let dialog = Dialog::uas(&message, tag.as_bytes(), Status::of(180), secure);
        let (Ok(dialog), Some(number), false) = (dialog, self.next_leg(), means.calls.has_tag(&tag)) else {
            return false;
        };
        let cseq = message.cseq().map_or(0, |cseq| cseq.number);
        self.legs.push(Leg {
            dialog: Some(dialog),
            listener: by.flow.listener,
            reached: Some(NextHop::Flow(by.flow)),
            flow: by.keeps_flow.then_some(by.flow),
            media: u32::from(number),
            user: by.user,
            ..Leg::new(message.call_id(), &tag)
        });
        means.calls.add_tag(&tag, self.id, number);
        means.endpoint.set_user(by.server, User::Conducted(self.id));
        let offers = write::sdp(&message).is_some();
        let serial = self.open_crossing(
            number,
            super::application_media::OURSELVES,
            by.server,
            cseq,
            Kind::Invite,
            offers,
        );
        self.picking = Some(Picking { serial, number, replaced });
        means.counters.pickups += 1;
        if self.ask_to_attend(means, turn, serial).is_err() {
            self.picking = None;
            self.finish_crossing(means, serial);
            return false;
        }
        true
    }

    /// A 2xx went out whose answer was ours alone: who picks up was told, or the caller after him.
    pub fn on_answer_said(&mut self, means: &mut Means, turn: &mut Turn<'_>, serial: u16) {
        let Some(picking) = &self.picking else { return };
        let (number, replaced, is_his) = (picking.number, picking.replaced, picking.serial == serial);
        if !is_his {
            // The caller of a call that rang.
            self.picking = None;
            self.join(means, turn, 0, CALLER, Some(number));
            return self.light_leg(means, turn, number);
        }
        let Some(replaced) = replaced else {
            if self.is_unanswered() && self.peer.is_none() && !self.over {
                return self.answer_for(means, turn, 0);
            }
            // Who takes a parked call back.
            if !self.over && self.peer.is_none() && self.unpark(means, turn, number) {
                self.picking = None;
                return;
            }
            return self.drop_picking(means, turn);
        };
        self.picking = None;
        if self.partner(replaced).is_none() || self.over {
            return self.hang_up_leg(means, turn, number, Some(ELSEWHERE));
        }
        let Some(peer) = self.peer else { return };
        if replaced == CALLER {
            self.change_places(means, peer);
        }
        self.hang_up_leg(means, turn, peer, Some(REPLACED));
        self.complete_transfer(means, turn, number, false);
    }

    /// The INVITE of who picks up was refused, or he has given it up: somebody else may have the call.
    pub fn picking_failed(&mut self, means: &mut Means, turn: &mut Turn<'_>, serial: u16) {
        if let Some(picking) = self.picking.take_if(|picking| picking.serial == serial) {
            self.let_go(means, turn, picking.number);
        }
    }

    /// Somebody else has the call: who would have picked it up is too late.
    pub fn drop_picking(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        let Some(picking) = self.picking.take() else { return };
        if picking.replaced.is_none()
            && let Some(serial) = self.runs.answering.take()
        {
            self.finish_crossing(means, serial);
        }
        let early = |dialog: &Dialog| dialog.state() == sip::dialog::State::Early;
        let dialog = self.leg(picking.number).and_then(|leg| leg.dialog.as_ref());
        if dialog.is_some_and(early) {
            self.fail_crossing(means, turn, picking.serial, Status::of(487));
            self.let_go(means, turn, picking.number);
        } else if dialog.is_some() {
            self.hang_up_leg(means, turn, picking.number, Some(ELSEWHERE));
        }
    }
}

/// RFC 3326: why a leg ends whose place was taken, or that came too late.
const REPLACED: &[u8] = b"SIP;cause=200;text=\"Replaced\"";
const ELSEWHERE: &[u8] = b"SIP;cause=200;text=\"Call completed elsewhere\"";
