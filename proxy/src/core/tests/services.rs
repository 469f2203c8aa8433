//! Registrar and directory as tables, with answers now, later or never.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use proto::application::{Event, What};
use proto::media::{self, Described, Leg, Released, Theirs};
use proto::{
    Action, Binding, Bindings, Found, Identified, Locate, Located, Register, Registered, ServiceError, Ticket,
};
use sip::auth::Ha1Set;
use sip::transport::{NextHop, Outbox, Transport};

use crate::core::effect::{Answer, Change, Effect, Out, Passed, Tried};

/// When a service answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// In the same turn.
    Now,
    /// When the world lets it.
    Held,
    /// That it cannot.
    Broken,
}

/// One binding as it was registered.
#[derive(Debug, Clone)]
pub struct Kept {
    pub uri: String,
    pub q: u16,
    pub path: Vec<String>,
    pub flow: Vec<u8>,
    pub instance: String,
    pub reg_id: u32,
    pub expires: u32,
    pub params: String,
    pub call_id: String,
}

/// The services, and what the edge has put out.
pub struct Services {
    pub pace: Pace,
    pub users: BTreeMap<String, (Arc<proto::User>, String)>,
    pub bindings: BTreeMap<String, Vec<Kept>>,
    pub hosts: BTreeMap<String, Vec<NextHop>>,
    pub answers: VecDeque<(u16, Ticket, Answer)>,
    /// The shard that has its turn.
    pub shard: u16,
    /// What shards hand to each other; with `is_full` nothing is taken.
    pub passed: VecDeque<(u16, Passed)>,
    pub is_full: bool,
    /// What they hand over stays on its way.
    pub is_slow: bool,
    /// How often they did.
    pub handed: usize,
    pub asked: Vec<String>,
    /// What became of next hops.
    pub tried: Vec<String>,
    /// What the media server was asked.
    pub media: Vec<String>,
    /// The run that began last.
    pub run: String,
    /// How it began.
    pub started: Option<Box<proto::application::Started>>,
    /// What applications were told.
    pub told: Vec<String>,
    /// Mailboxes.
    pub waiting: BTreeMap<String, proto::Waiting>,
    /// What shards are to be told.
    pub changes: VecDeque<(u16, Change)>,
    pub wire: Outbox,
    /// After so many sends and questions more, one panics.
    pub fuse: Option<u32>,
}

impl Services {
    pub fn new() -> Self {
        let mut users = BTreeMap::new();
        for (name, extension) in [("alice", "6001"), ("bob", "6002"), ("martin", "6003")] {
            let user = Arc::new(proto::User {
                name: name.into(),
                extension: Some(extension.into()),
                aor: format!("{name}@carillon.local"),
                ..proto::User::default()
            });
            users.insert(name.to_owned(), (user, format!("secret-of-{name}")));
        }
        Self {
            pace: Pace::Now,
            users,
            bindings: BTreeMap::new(),
            hosts: BTreeMap::new(),
            answers: VecDeque::new(),
            shard: 0,
            passed: VecDeque::new(),
            is_full: false,
            is_slow: false,
            handed: 0,
            asked: Vec::new(),
            tried: Vec::new(),
            media: Vec::new(),
            run: String::new(),
            started: None,
            told: Vec::new(),
            waiting: BTreeMap::new(),
            changes: VecDeque::new(),
            wire: Outbox::default(),
            fuse: None,
        }
    }

    fn user(&self, name: &str) -> Option<&(Arc<proto::User>, String)> {
        self.users.values().find(|(user, _)| user.name == name || user.extension.as_deref() == Some(name))
    }

    fn register(&mut self, ask: &Register<'_>) -> Registered {
        let kept = self.bindings.entry(ask.aor.to_owned()).or_default();
        match ask.action {
            Action::Fetch => {}
            Action::RemoveAll => kept.clear(),
            Action::Update(updates) => {
                for update in updates {
                    let expires = update.expires.unwrap_or(3600);
                    if (1..60).contains(&expires) {
                        return Registered::IntervalTooBrief { min_expires_s: 60 };
                    }
                    let outbound = update.reg_id != 0;
                    kept.retain(|kept| match outbound {
                        true => (kept.instance.as_str(), kept.reg_id) != (update.instance, update.reg_id),
                        false => kept.uri != update.uri,
                    });
                    if expires > 0 {
                        kept.push(Kept {
                            uri: update.uri.to_owned(),
                            q: update.q,
                            path: ask.path.iter().map(|path| (*path).to_owned()).collect(),
                            flow: ask.flow.to_vec(),
                            instance: update.instance.to_owned(),
                            reg_id: update.reg_id,
                            expires,
                            params: update.params.to_owned(),
                            call_id: ask.call_id.to_owned(),
                        });
                    }
                }
            }
        }
        Registered::Accepted { bindings: self.bindings_of(ask.aor) }
    }

    fn bindings_of(&self, aor: &str) -> Bindings {
        let mut bindings = Bindings::default();
        for kept in self.bindings.get(aor).into_iter().flatten() {
            let path: Vec<&str> = kept.path.iter().map(String::as_str).collect();
            bindings.push(&Binding {
                uri: &kept.uri,
                q: kept.q,
                expires_in_s: kept.expires,
                path: path.as_slice().into(),
                flow: &kept.flow,
                instance: &kept.instance,
                params: &kept.params,
                call_id: &kept.call_id,
                reg_id: kept.reg_id,
                updated_ms: kept.reg_id.into(),
                ..Binding::default()
            });
        }
        bindings
    }

    fn describe(&mut self, what: &str, from: Leg, to: Leg, sdp: &[u8]) -> Answer {
        let sdp = String::from_utf8_lossy(sdp).into_owned();
        self.media.push(format!("{what} {}.{} {}.{} {sdp}", from.number, from.branch, to.number, to.branch));
        if self.pace == Pace::Broken || sdp == "broken" {
            return Answer::Described(Err(ServiceError::Unavailable("the test says so".into())));
        }
        if sdp == "refused" {
            return Answer::Described(Err(ServiceError::Refused("the test says so".into())));
        }
        Answer::Described(Ok(Described { sdp: format!("{sdp} via media").into_bytes() }))
    }

    fn attend(&mut self, ask: &media::Attend<'_>) -> Answer {
        let theirs = match ask.theirs {
            Theirs::Offer(sdp) => format!("offer {}", String::from_utf8_lossy(sdp)),
            Theirs::Nothing => "nothing".to_owned(),
            Theirs::Answer(sdp) => format!("answer {}", String::from_utf8_lossy(sdp)),
        };
        self.media.push(format!("attend {} {theirs}", ask.leg.number));
        if self.pace == Pace::Broken || theirs.ends_with("broken") {
            return Answer::Described(Err(ServiceError::Unavailable("the test says so".into())));
        }
        let sdp = match ask.theirs {
            Theirs::Offer(_) => "media answers",
            Theirs::Nothing => "media offers",
            Theirs::Answer(_) => "",
        };
        Answer::Described(Ok(Described { sdp: sdp.into() }))
    }

    fn done(&mut self, what: String) -> Answer {
        let is_broken = self.pace == Pace::Broken || what.ends_with("broken");
        self.media.push(what);
        let why = || ServiceError::Refused("the test says so".into());
        Answer::Done(if is_broken { Err(why()) } else { Ok(()) })
    }

    fn answer(&mut self, effect: &Effect<'_>) -> Answer {
        let broken = self.pace == Pace::Broken;
        let error = || ServiceError::Unavailable("the test says so".into());
        match effect {
            Effect::Credentials(ask) => {
                self.asked.push(format!("credentials {}", ask.username));
                let found = self.users.get(ask.username).map(|(user, password)| {
                    let set = Ha1Set::of(ask.username, ask.realm, password);
                    let ha1 = proto::Ha1 { md5: set.md5, sha256: set.sha256, sha512_256: set.sha512_256 };
                    Identified::Known { user: Arc::clone(user), ha1 }
                });
                let found = found.unwrap_or(Identified::Unknown { nearest: Some("alice".into()) });
                Answer::Identified(if broken { Err(error()) } else { Ok(found) })
            }
            Effect::Find(ask) => {
                self.asked.push(format!("find {}", ask.name_or_extension));
                let found = self.user(ask.name_or_extension).map(|(user, _)| Found::User(Arc::clone(user)));
                let found = found.unwrap_or(Found::Nobody { nearest: None });
                Answer::Found(if broken { Err(error()) } else { Ok(found) })
            }
            Effect::Register(ask) => {
                self.asked.push(format!("register {}", ask.aor));
                Answer::Registered(if broken { Err(error()) } else { Ok(self.register(ask)) })
            }
            Effect::Locate(Locate { aor, .. }) => {
                self.asked.push(format!("locate {aor}"));
                let located = Located { bindings: self.bindings_of(aor), stale: false };
                Answer::Located(if broken { Err(error()) } else { Ok(located) })
            }
            Effect::Resolve(ask) => {
                self.asked.push(format!("resolve {}", ask.host));
                let hops = self.hosts.get(ask.host).cloned();
                Answer::Resolved(hops.ok_or_else(error))
            }
            Effect::Offer(ask) => self.describe("offer", ask.from, ask.to, ask.sdp),
            Effect::Answer(ask) => self.describe("answer", ask.from, ask.to, ask.sdp),
            Effect::Attend(ask) => self.attend(ask),
            Effect::Bridge(ask) => {
                let with = ask.with.map_or("nobody".to_owned(), |with| with.number.to_string());
                self.done(format!("bridge {} {with}", ask.leg.number))
            }
            Effect::Play(ask) => {
                let sounds: Vec<String> = ask.sounds.iter().map(sound).collect();
                self.done(format!("play {} #{} {}", ask.leg.number, ask.id, sounds.join("+")))
            }
            Effect::Record(ask) => self.done(format!("record {} #{} {}", ask.leg.number, ask.id, ask.to)),
            Effect::Collect(ask) => {
                self.done(format!("collect {} #{} {}", ask.leg.number, ask.id, ask.digits_max))
            }
            Effect::Press(ask) => self.done(format!("press {} {}", ask.leg.number, ask.digit)),
            Effect::Stop(ask) => self.done(format!("stop {} #{}", ask.leg.number, ask.id)),
            Effect::Summarise(ask) => {
                self.asked.push(format!("summarise {}", ask.user));
                let waiting = self.waiting.get(ask.user).cloned();
                Answer::Summarised(if broken { Err(error()) } else { Ok(waiting) })
            }
            Effect::Statistics(_) => {
                self.media.push("statistics".to_owned());
                Answer::Released(Ok(Released::default()))
            }
            Effect::Release(ask) => {
                self.media.push(match ask.leg {
                    Some(leg) => format!("release {}", leg.number),
                    None => "release".to_owned(),
                });
                Answer::Released(Ok(Released::default()))
            }
        }
    }
}

impl Services {
    fn burn(&mut self) {
        match &mut self.fuse {
            Some(0) => {
                self.fuse = None;
                // As a panic, without its noise.
                std::panic::resume_unwind(Box::new("the test says so"));
            }
            Some(left) => *left -= 1,
            None => {}
        }
    }
}

impl Out for Services {
    fn wire(&mut self) -> &mut Outbox {
        self.burn();
        &mut self.wire
    }

    fn ask(&mut self, ticket: Ticket, effect: Effect<'_>) {
        self.burn();
        let answer = self.answer(&effect);
        self.answers.push_back((self.shard, ticket, answer));
    }

    fn tell(&mut self, application: &str, run: &str, event: Event) -> bool {
        self.burn();
        let is_there = application == "desk" || application == "voicemail";
        if is_there {
            if event.number == 1 {
                self.run = run.to_owned();
            }
            if let What::Started(started) = &event.what {
                self.started = Some(started.clone());
            }
            self.told.push(format!("{} {}", event.number, told(event.what)));
        }
        is_there
    }

    fn forget(&mut self, _application: &str, _run: &str) {
        self.told.push("forget".into());
    }

    fn changed(&mut self, change: Change) {
        self.changes.push_back((0, change));
    }

    fn pass(&mut self, shard: u16, passed: Passed) -> Result<(), Passed> {
        if self.is_full {
            return Err(passed);
        }
        self.handed += 1;
        self.passed.push_back((shard, passed));
        Ok(())
    }

    fn tried(&mut self, hop: &NextHop, how: Tried) {
        let how = match how {
            Tried::Answered => "answered".to_owned(),
            Tried::Died(None) => "died".to_owned(),
            Tried::Died(Some(time)) => format!("died for {} s", time.as_secs()),
        };
        self.tried.push(format!("{} {how}", hop.remote()));
    }
}

/// A hop by UDP to an address in text.
pub fn hop(remote: &str) -> NextHop {
    let remote = remote.parse().expect("an address");
    NextHop::Address { transport: Transport::Udp, remote, host: None, listener: None }
}

fn sound(sound: &media::Sound<'_>) -> String {
    match sound {
        media::Sound::File(name) => (*name).to_owned(),
        other => format!("{other:?}").split(['(', ' ']).next().unwrap_or_default().to_lowercase(),
    }
}

fn told(what: What) -> String {
    match what {
        What::Started(started) => format!(
            "started {} {}>{} {} {:?}",
            started.purpose,
            named(&started.caller),
            named(&started.callee),
            started.dialled,
            started.why
        ),
        What::Answered { leg } => format!("answered {leg}"),
        What::Digit { leg, digit } => format!("digit {leg} {digit}"),
        What::Played { leg, id, why } => format!("played {leg} {id} {why:?}"),
        What::Recorded { leg, id, file, why, .. } => format!("recorded {leg} {id} {file} {why:?}"),
        What::Collected { leg, id, digits, why } => format!("collected {leg} {id} {digits} {why:?}"),
        What::Dialled { leg, id, outcome } => format!("dialled {leg} {id} {outcome:?}"),
        What::Left { leg } => format!("left {leg}"),
        What::Refused { id, .. } => format!("refused {id}"),
        What::Ended(parting) => format!("ended {parting:?}"),
    }
}

fn named(party: &proto::application::Party) -> String {
    format!("{}/{}", party.user, party.number)
}
