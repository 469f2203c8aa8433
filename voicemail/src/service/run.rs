//! One run: its dialogue, and what it was answered.

use std::collections::VecDeque;
use std::sync::Arc;

use prompt::Language;
use proto::application::{Command, Event, Party, Started, What};
use serde::{Deserialize, Serialize};
use store::Take;
use tokio::sync::mpsc::Receiver;

use super::{RETRIEVE, Settings, Shared};
use crate::core::{Changed, Counts, Deposit, Effect, Filed, Input, Mailbox, Retrieve, Verdict};

/// Tells the dialogue of a run its events, until it is over or nobody conducts it here any more.
pub(super) async fn conduct(
    shared: Arc<Shared>,
    settings: Arc<Settings>,
    name: String,
    mut events: Receiver<Event>,
) {
    // Told again, in this process or after a restart, it is answered as it was the first time.
    let answers = match shared.mailboxes.answers(&name).await {
        Ok(answers) => answers.into(),
        Err(why) => {
            shared.failed(&why);
            VecDeque::new()
        }
    };
    let mut run =
        Run { shared, settings, name, started: Started::default(), dialogue: None, answers, answered: 0 };
    while let Some(event) = events.recv().await {
        if run.take(event).await {
            break;
        }
    }
}

pub(super) struct Run {
    pub(super) shared: Arc<Shared>,
    pub(super) settings: Arc<Settings>,
    pub(super) name: String,
    pub(super) started: Started,
    dialogue: Option<Dialogue>,
    /// What it was answered before it was told again.
    answers: VecDeque<String>,
    answered: u32,
}

enum Dialogue {
    Deposit(Box<Deposit>),
    Retrieve(Box<Retrieve>),
}

/// An answer of the mailboxes, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Answer {
    Opened(Option<Box<Mailbox>>),
    Filed(Filed),
    LoggedIn(Verdict),
    Marked(Counts),
    Changed(Changed),
}

impl From<Answer> for Input {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Opened(mailbox) => Input::Opened(mailbox),
            Answer::Filed(filed) => Input::Filed(filed),
            Answer::LoggedIn(verdict) => Input::LoggedIn(verdict),
            Answer::Marked(counts) => Input::Marked(counts),
            Answer::Changed(changed) => Input::Changed(changed),
        }
    }
}

impl Run {
    /// Tells it one event, and does what comes of it. True when it is over.
    async fn take(&mut self, mut event: Event) -> bool {
        if let What::Started(started) = &mut event.what {
            self.begin(started);
        }
        let mut inputs = VecDeque::from([Input::Event(event)]);
        let mut effects = Vec::new();
        while let Some(input) = inputs.pop_front() {
            match &mut self.dialogue {
                Some(Dialogue::Deposit(deposit)) => deposit.handle(input, &mut effects),
                Some(Dialogue::Retrieve(retrieve)) => retrieve.handle(input, &mut effects),
                None => return true,
            }
            for effect in effects.drain(..) {
                if matches!(effect, Effect::Finished) {
                    self.finish().await;
                    return true;
                }
                if let Some(answer) = self.act(effect).await {
                    inputs.push_back(answer.into());
                }
            }
        }
        false
    }

    fn begin(&mut self, started: &mut Started) {
        for party in [&mut started.caller, &mut started.callee] {
            number(party);
        }
        let policy = self.settings.config.policy(self.settings.zone.clone());
        let retrieves = started.purpose == RETRIEVE;
        let owner = if retrieves { &started.caller.user } else { "" };
        if Language::of(&started.language).is_none() {
            let owner = self.settings.owners.get(owner).and_then(|owner| owner.language);
            owner.unwrap_or(self.settings.language).tag().clone_into(&mut started.language);
        }
        self.started = started.clone();
        self.dialogue = Some(if retrieves {
            Dialogue::Retrieve(Box::new(Retrieve::new(&self.name, policy)))
        } else {
            Dialogue::Deposit(Box::new(Deposit::new(&self.name, policy)))
        });
    }

    /// Does one thing; gives the answer where the dialogue waits for one.
    async fn act(&mut self, effect: Effect) -> Option<Answer> {
        match effect {
            Effect::Command { id, command } => {
                self.note(&command).await;
                self.shared.bring(&command).await;
                if let Some(conductor) = self.shared.conductor() {
                    conductor.post(&self.name, id, command);
                }
                None
            }
            Effect::Comment { mailbox, message, file } => {
                self.note_take(&mailbox, file, Some(message)).await;
                None
            }
            Effect::Drop { file } => {
                self.drop_recording(file).await;
                None
            }
            // What waits is counted anew, so that phones hear of the newest counts whatever else goes on.
            Effect::Waiting { mailbox, .. } => {
                if let Ok(Some(user)) = self.shared.owner(&mailbox).await {
                    self.shared.tell(&user.name).await;
                }
                None
            }
            Effect::Finished => None,
            question => Some(self.answer(question).await),
        }
    }

    /// Asks the mailboxes, unless the run is told again.
    async fn answer(&mut self, question: Effect) -> Answer {
        self.answered += 1;
        if let Some(kept) = self.answers.pop_front().and_then(|text| serde_json::from_str(&text).ok()) {
            return kept;
        }
        let answer = self.ask(question).await;
        if let Ok(text) = serde_json::to_string(&answer) {
            let now = node::clock::unix_ms();
            let kept = self.shared.mailboxes.keep_answer(&self.name, self.answered, &text, now).await;
            let _ = kept.map_err(|why| self.shared.failed(&why));
        }
        answer
    }

    /// Whose a recording is stands in the database before it begins: a start after a crash files it.
    async fn note(&self, command: &Command) {
        let (Command::Record { to, .. }, Some(Dialogue::Deposit(_))) = (command, &self.dialogue) else {
            return;
        };
        self.note_take(&self.started.callee.number, format!("{to}.wav"), None).await;
    }

    async fn note_take(&self, mailbox: &str, file: String, message: Option<String>) {
        let Ok(Some(user)) = self.shared.owner(mailbox).await else { return };
        let take = Take {
            file,
            run: self.name.clone(),
            user: user.name.clone(),
            caller: self.started.caller.number.clone(),
            caller_name: self.started.caller.display_name.clone(),
            at_ms: node::clock::unix_ms(),
            message,
        };
        let _ = self.shared.mailboxes.begin(&take).await.map_err(|why| self.shared.failed(&why));
    }

    pub(super) async fn drop_recording(&self, file: String) {
        let name = file.clone();
        // One that could not be removed is found again with the orphans.
        if self.shared.on_disk(move |records| records.remove(&name)).await.is_some() {
            let _ = self.shared.mailboxes.forget(&file).await.map_err(|why| self.shared.failed(&why));
        }
    }

    async fn finish(&self) {
        self.shared.runs.lock().remove(&self.name);
        let _ =
            self.shared.mailboxes.forget_answers(&self.name).await.map_err(|why| self.shared.failed(&why));
        self.shared.ended(&self.name, Ok(()));
    }
}

/// Who has no extension has a mailbox by name.
fn number(party: &mut Party) {
    if party.number.is_empty() {
        party.number.clone_from(&party.user);
    }
}
