//! What an operator may ask of this process, and who answers it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use node::Inbox;
use node::clock;
use proto::directory::Change;
use proto::{Directory, ListBindings, ListUsers, Location, NewSecret, awaited};
use proxy::core::plan::{Passed, Plan};
use proxy::core::route::{Call, Decision, Step, Strategy};
use proxy::{Command, Posted};
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};
use voicemail::Voicemail;

use crate::ctl::server::{Answering, Operations};
use crate::ctl::{Ask, mailboxes};
use crate::reload::Reload;

/// The rooms that answer.
pub struct Operator {
    /// Where phones are.
    pub location: Arc<dyn Location>,
    /// Who exists.
    pub directory: Arc<dyn Directory>,
    /// The dial plan as it is now.
    pub plan: Arc<ArcSwap<Plan>>,
    /// The names of the applications that take calls.
    pub applications: Vec<Box<str>>,
    /// The ways into the shards.
    pub inboxes: Arc<[Inbox<Posted>]>,
    /// Reads the configuration again.
    pub reload: Arc<Reload>,
    /// The mailboxes of this process, or why there are none.
    pub mailboxes: Result<Voicemail, String>,
    /// Told when the process is to drain.
    pub drain: Arc<Notify>,
}

impl Operations for Operator {
    fn answer(&self, ask: Ask) -> Answering<'_> {
        Box::pin(async move {
            match ask {
                Ask::Bindings { prefix } => self.bindings(&prefix).await,
                Ask::Calls => self.calls().await,
                Ask::Route { number, from, unix_s } => self.route(&number, from.as_deref(), unix_s).await,
                Ask::Reload => self.reload.now().map(Value::String),
                Ask::Drain => {
                    self.drain.notify_one();
                    Ok(json!("No new calls are taken; the process ends when those under way have ended."))
                }
                Ask::ListUsers => self.users().await,
                Ask::AddUser { user, extension, display_name, password } => {
                    let (reply, awaited) = awaited();
                    let add = proto::AddUser {
                        name: &user,
                        extension: Some(&extension),
                        display_name: &display_name,
                        secret: NewSecret::Password(&password),
                    };
                    let added = self.directory.add(&add, reply);
                    let added = awaited.answer(added).await.map_err(|why| why.to_string())?;
                    Ok(json!(format!("{} is here; dial {extension}.", added.name)))
                }
                Ask::RemoveUser { user } => {
                    let (reply, awaited) = awaited();
                    let asked = self.directory.remove(&user, reply);
                    awaited.answer(asked).await.map_err(|why| why.to_string())?;
                    Ok(json!(format!("{user} is gone.")))
                }
                Ask::Settings { user, change } => self.settings(&user, change).await.map(Value::String),
                Ask::Voicemail(ask) => match &self.mailboxes {
                    Ok(voicemail) => mailboxes::answer(voicemail, ask).await,
                    Err(why) => Err(why.clone()),
                },
                Ask::SetPassword { user, password } => {
                    let (reply, awaited) = awaited();
                    let asked = self.directory.set_secret(&user, &NewSecret::Password(&password), reply);
                    awaited.answer(asked).await.map_err(|why| why.to_string())?;
                    Ok(json!(format!("{user} has a new password; phones register with it from now on.")))
                }
            }
        })
    }
}

impl Operator {
    async fn bindings(&self, prefix: &str) -> Result<Value, String> {
        let (mut rows, mut from) = (Vec::new(), 0);
        loop {
            let (reply, awaited) = awaited();
            let ask = ListBindings { now_ms: clock::unix_ms(), prefix, page_max: PAGE, from };
            let asked = self.location.list(&ask, reply);
            let page = awaited.answer(asked).await.map_err(|why| why.to_string())?;
            for listed in &page.listed {
                rows.extend(listed.binding.iter().map(|binding| {
                    json!({
                        "user": listed.aor,
                        "contact": binding.uri,
                        "from": binding.source,
                        "expires_s": binding.expires_in_s,
                        "phone": binding.user_agent,
                    })
                }));
            }
            match page.next {
                Some(next) if rows.len() < ROWS_MAX => from = next,
                _ => break,
            }
        }
        rows.sort_by(|one, other| one["user"].as_str().cmp(&other["user"].as_str()));
        Ok(Value::Array(rows))
    }

    async fn calls(&self) -> Result<Value, String> {
        let mut rows = Vec::new();
        for inbox in self.inboxes.iter() {
            let (to, answered) = oneshot::channel();
            // Whoever asked may have gone meanwhile: then nobody misses the answer.
            let answer = Box::new(move |calls| drop(to.send(calls)));
            inbox
                .post(Posted::Command(Command::Calls(answer)))
                .map_err(|_| "a shard is too busy to answer; try again")?;
            let calls = answered.await.map_err(|_| "a shard has ended; the log says why")?;
            rows.extend(calls.into_iter().map(|call| {
                json!({
                    "method": call.method,
                    "state": call.state,
                    "since_s": call.since.as_secs(),
                    "from": call.from,
                    "to": call.to,
                    "user": call.user,
                    "rule": call.rule,
                    "call_id": call.call_id,
                })
            }));
        }
        Ok(Value::Array(rows))
    }

    async fn users(&self) -> Result<Value, String> {
        let (mut rows, mut from) = (Vec::new(), String::new());
        loop {
            let (reply, awaited) = awaited();
            let asked = self.directory.list(&ListUsers { prefix: "", page_max: PAGE, from: &from }, reply);
            let page = awaited.answer(asked).await.map_err(|why| why.to_string())?;
            rows.extend(page.users.into_iter().map(|listed| {
                json!({
                    "user": listed.user.name,
                    "extension": listed.user.extension,
                    "name": listed.user.display_name,
                    "kept_in": if listed.read_only { "configuration" } else { "database" },
                })
            }));
            match page.next {
                Some(next) if rows.len() < ROWS_MAX => from = next,
                _ => return Ok(Value::Array(rows)),
            }
        }
    }

    async fn settings(&self, user: &str, change: Option<(String, String)>) -> Result<String, String> {
        let user = self.user(user).await?.map_err(|near| no_user(user, near))?;
        let settings = match change {
            None => user.settings.clone(),
            Some((key, value)) => {
                let change = Change::read(&key, &value)?;
                let (reply, awaited) = awaited();
                let asked = self.directory.configure(&user.name, &change, reply);
                awaited.answer(asked).await.map_err(|why| why.to_string())?
            }
        };
        let lines = settings.changes().into_iter().map(|set| format!("{}: {}\n", set.key(), set.value()));
        let lines: String = lines.collect();
        Ok(if lines.is_empty() { format!("Calls to {} just ring.", user.name) } else { lines })
    }

    async fn route(&self, number: &str, from: Option<&str>, unix_s: u64) -> Result<Value, String> {
        let caller = match from {
            None => None,
            Some(name) => Some(self.user(name).await?.map_err(|near| no_user(name, near))?),
        };
        let call = Call {
            to_user: number,
            host_is_local: true,
            from_user: caller.as_ref().map(|user| user.name.as_str()),
            from_extension: caller.as_ref().and_then(|user| user.extension.as_deref()),
            method: "INVITE",
            unix_s: i64::try_from(unix_s).unwrap_or(i64::MAX),
        };
        let explained = self.plan.load().explain(&call);
        let mut text = format!("{number} from {}:\n", from.unwrap_or("outside"));
        for (rule, why) in explained.passed {
            let why = match why {
                Passed::Caller => "it is for other callers",
                Passed::Time => "it is for other times",
            };
            text += &format!("  passed over: {rule} ({why})\n");
        }
        text += &format!("  decided by: {}\n", explained.decision.rule);
        self.steps(&explained.decision, &mut text).await?;
        Ok(Value::String(text))
    }

    async fn steps(&self, decision: &Decision, text: &mut String) -> Result<(), String> {
        for (index, step) in decision.steps.iter().enumerate() {
            let number = index + 1;
            match step {
                Step::Answer { status, reason } => {
                    let usual =
                        sip::message::Status::new(*status).map_or("", sip::message::Status::default_reason);
                    *text += &format!("  {number}. answer {status} {}\n", reason.as_deref().unwrap_or(usual));
                }
                Step::Application { purpose, needs_user } => {
                    let when = if *needs_user { " (where a user was rung)" } else { "" };
                    let known =
                        self.applications.iter().any(|known| Some(&**known) == purpose.split('/').next());
                    let lost = if known { "" } else { ", which is not there (the step is passed over)" };
                    *text += &format!("  {number}. application {purpose}{when}{lost}\n");
                }
                Step::Ring { users, seconds, strategy } => {
                    let how = if *strategy == Strategy::InOrder { " one after the other" } else { "" };
                    let time = seconds
                        .map_or("until the ring timeout".to_owned(), |seconds| format!("for {seconds} s"));
                    *text += &format!("  {number}. ring{how} {time}:\n");
                    for name in users.iter() {
                        *text += &match self.user(name).await? {
                            Ok(user) => {
                                format!("       {name}: {}, {}\n", user.name, self.phones(&user.aor).await?)
                            }
                            Err(near) => format!("       {name}: {}\n", no_user(name, near)),
                        };
                    }
                }
            }
        }
        Ok(())
    }

    async fn user(
        &self,
        name_or_extension: &str,
    ) -> Result<Result<Arc<proto::User>, Option<String>>, String> {
        let (reply, awaited) = awaited();
        let asked = self.directory.find(&proto::Find { name_or_extension }, reply);
        Ok(match awaited.answer(asked).await.map_err(|why| why.to_string())? {
            proto::Found::User(user) => Ok(user),
            proto::Found::Nobody { nearest } => Err(nearest),
        })
    }

    async fn phones(&self, aor: &str) -> Result<String, String> {
        let (reply, awaited) = awaited();
        let asked =
            self.location.locate(&proto::Locate { now_ms: clock::unix_ms(), aor, past_copy: true }, reply);
        let located = awaited.answer(asked).await.map_err(|why| why.to_string())?;
        let phones: Vec<_> = located.bindings.iter().map(|binding| binding.uri.to_owned()).collect();
        Ok(match phones.is_empty() {
            true => "no phone is registered (480)".to_owned(),
            false => phones.join(", "),
        })
    }
}

fn no_user(name: &str, nearest: Option<String>) -> String {
    match nearest {
        Some(nearest) => format!("no user {name}; {nearest} exists"),
        None => format!("no user {name} (404)"),
    }
}

const PAGE: usize = 1_000;
/// Rows of one answer; `--json` with a prefix gets the rest.
const ROWS_MAX: usize = 100_000;
