//! A leg: one dialog of a conducted call, and how its phone is reached.

use std::sync::Arc;
use std::time::Instant;

use sip::dialog::Dialog;
use sip::message::Message;
use sip::transport::{Flow, ListenerId, NextHop, Transport};
use sip::uri::Uri;
use smallvec::SmallVec;

use super::reliable::Early;
use super::session_timer::SessionTimer;
use crate::core::settings::Settings;
use crate::core::targets;

/// One leg.
#[derive(Debug)]
pub(crate) struct Leg {
    /// The Call-ID of its dialog.
    pub call_id: Box<[u8]>,
    /// Our tag in it.
    pub tag: Box<str>,
    /// The dialog, once it has been confirmed; the caller's from the beginning.
    pub dialog: Option<Dialog>,
    /// To-tags of the early dialogs of a forked INVITE, in the order in which they came.
    pub early_tags: SmallVec<[Box<[u8]>; 1]>,
    /// The flow to the phone, where only that leads to it.
    pub flow: Option<Flow>,
    /// Where its INVITE came from or went to: what is used while its dialog names a host.
    pub reached: Option<NextHop>,
    /// The listener by which it is reached.
    pub listener: ListenerId,
    /// The offer that its INVITE carries.
    pub offer: Option<Vec<u8>>,
    /// Its number towards the media server, which stays when the legs change places.
    pub media: u32,
    /// True when it was offered the caller's own session, not one of the media server.
    pub straight: bool,
    /// The answer that it gave before its 2xx, which may repeat it or not (RFC 6337 §3.1.1).
    pub early_answer: Vec<u8>,
    /// True when its phone was rung for a call and did not answer: another may have its place.
    pub is_spent: bool,
    /// True while it is on hold and hears music.
    pub music: bool,
    /// True when it is to hear music as soon as the media server talks to it.
    pub music_waits: bool,
    /// Who is there, where it is a user of ours.
    pub user: Option<Arc<proto::User>>,
    /// The ACK of the last 2xx, for its repeats.
    pub ack: Vec<u8>,
    /// Its early dialogs whose responses we acknowledge.
    pub early: SmallVec<[Early; 1]>,
    /// How long its session lasts.
    pub timer: Option<SessionTimer>,
    /// The shortest session that its phone takes, as it has refused an INVITE.
    pub session_min: u32,
    /// The number of its INVITE.
    pub invite: u32,
    /// True when its phone knows UPDATE.
    pub allows_update: bool,
    /// True when it takes text messages.
    pub allows_message: bool,
    /// True when its Call-ID is ours: its INVITE was.
    pub is_ours: bool,
    /// When it is offered a session anew once more, and how often it was.
    pub renewal: Option<Instant>,
    pub renewals: u8,
    /// What it was last told of the session.
    pub said: Vec<u8>,
}

impl Leg {
    /// A leg that nothing is known of.
    pub fn new(call_id: &[u8], tag: &str) -> Self {
        Self {
            call_id: call_id.into(),
            tag: tag.into(),
            dialog: None,
            early_tags: SmallVec::new(),
            flow: None,
            reached: None,
            listener: ListenerId(0),
            offer: None,
            media: u32::MAX,
            straight: false,
            early_answer: Vec::new(),
            is_spent: false,
            music: false,
            music_waits: false,
            user: None,
            ack: Vec::new(),
            early: SmallVec::new(),
            timer: None,
            session_min: 0,
            invite: 1,
            allows_update: false,
            allows_message: false,
            is_ours: false,
            renewal: None,
            renewals: 0,
            said: Vec::new(),
        }
    }

    /// Notes the way by which the phone is reached.
    pub fn reach(&mut self, hop: &NextHop, listener: ListenerId) {
        self.flow = match hop {
            NextHop::Flow(flow) => Some(*flow),
            NextHop::Address { .. } => None,
        };
        self.reached = Some(hop.clone());
        self.listener = listener;
    }

    /// A phone that only its flow leads to may come along another one: it has connected anew, or its NAT has.
    pub fn follow(&mut self, flow: Flow) {
        if self.flow.is_some_and(|known| known != flow) {
            self.reach(&NextHop::Flow(flow), flow.listener);
        }
    }

    /// Where the next request of the dialog goes (RFC 3261 §12.2.1.1): along the flow of a phone that has no other
    /// way, else to the address of the first route or the target. A host name there stands for the address that
    /// was found for it when the call began.
    pub fn hop(&self) -> Option<NextHop> {
        self.hop_of(self.dialog.as_ref())
    }

    /// The same for one of its dialogs.
    pub fn hop_of(&self, dialog: Option<&Dialog>) -> Option<NextHop> {
        if let Some(flow) = self.flow {
            return Some(NextHop::Flow(flow));
        }
        dialog.and_then(Self::address).or_else(|| self.reached.clone())
    }

    fn address(dialog: &Dialog) -> Option<NextHop> {
        let Ok(Uri::Sip(uri)) = Uri::parse(dialog.next_hop()) else { return None };
        let ip = uri.maddr().unwrap_or(uri.host).ip()?;
        let said = uri.transport().and_then(Transport::from_name);
        let transport = said.unwrap_or(if uri.secure { Transport::Tls } else { Transport::Udp });
        Some(targets::to_address(transport, ip, uri.port))
    }

    /// The listener that sends towards a hop.
    pub fn listener_for(&self, settings: &Settings, hop: &NextHop) -> ListenerId {
        let of_address = |transport, remote| settings.listeners.pick(transport, remote);
        match hop {
            NextHop::Flow(flow) => flow.listener,
            NextHop::Address { transport, remote, listener, .. } => {
                listener.or_else(|| of_address(*transport, remote.ip())).unwrap_or(self.listener)
            }
        }
    }

    /// The place of an early dialog among those of this leg: what the media server calls the branch.
    pub fn branch_of(&mut self, response: &Message<'_>) -> u32 {
        let tag = response.to().ok().and_then(|to| to.tag()).unwrap_or_default();
        let known = self.early_tags.iter().position(|known| **known == *tag);
        let place = known.unwrap_or_else(|| {
            if self.early_tags.len() < EARLY_DIALOGS_MAX {
                self.early_tags.push(tag.into());
            }
            self.early_tags.len() - 1
        });
        place as u32
    }

    /// True when a message of this dialog comes from its phone.
    pub fn is_of(&self, call_id: &[u8], remote_tag: &[u8]) -> bool {
        let of_dialog = |dialog: &Dialog| *dialog.id().remote_tag == *remote_tag;
        *self.call_id == *call_id && self.dialog.as_ref().is_some_and(of_dialog)
    }
}

/// Early dialogs of one leg whose media are told apart; further ones count as the last.
const EARLY_DIALOGS_MAX: usize = 8;
