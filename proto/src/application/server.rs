//! Any [`Application`] served over gRPC.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{Application, Command, Conductor, What, wire};
use crate::asked::ServiceError;
use crate::wire::application::v1;
use v1::application_server::{Application as Service, ApplicationServer as Wire};

/// Serves an application. Clones serve the same one.
#[derive(Clone)]
pub struct ApplicationServer {
    application: Arc<dyn Application>,
    streams: Arc<Streams>,
}

impl ApplicationServer {
    /// Serves `application`, whose commands come here from now on.
    pub fn new(application: Arc<dyn Application>) -> Self {
        let streams = Arc::new(Streams::default());
        application.follow(streams.clone());
        ApplicationServer { application, streams }
    }

    /// What a tonic server takes.
    pub fn service(&self) -> Wire<Self> {
        Wire::new(self.clone())
    }

    /// Reads one stream to its end.
    async fn read(self, events: Streaming<v1::Event>, commands: Sender) {
        let (over, until_over) = oneshot::channel();
        let mut stream = Some(Stream { commands: commands.clone(), over });
        let mut run = None;
        let status = tokio::select! {
            status = self.take(events, &mut stream, &mut run) => status,
            () = commands.closed() => None, // the asker has gone
            over = until_over => over.unwrap_or_else(|_| Some(Status::aborted("another stream has the run"))),
        };
        if let Some(status) = status {
            // An asker that has gone needs no status.
            let _ = commands.send(Err(status)).await;
        }
        if let Some(run) = run
            && self.streams.end(&run, &commands)
        {
            self.application.forget(&run);
        }
    }

    /// Takes the events of one stream, and says why it must end.
    async fn take(
        &self,
        mut events: Streaming<v1::Event>,
        stream: &mut Option<Stream>,
        run: &mut Option<String>,
    ) -> Option<Status> {
        loop {
            let Ok(Some(event)) = events.message().await else { return None };
            let name = event.run.clone();
            let Some(event) = wire::event(event) else { continue }; // of a newer exchange: not known here
            match (&run, &event.what, stream.take()) {
                (None, What::Started(_), Some(stream)) if event.number == 1 => {
                    if !self.streams.begin(&name, stream) {
                        return Some(Status::resource_exhausted("too many runs"));
                    }
                    *run = Some(name.clone());
                }
                (Some(run), _, _) if *run == name => {}
                _ => {
                    return Some(Status::invalid_argument(
                        "a stream has one run, which begins with its start",
                    ));
                }
            }
            let is_last = matches!(event.what, What::Ended(_));
            self.application.post(&name, event);
            if is_last {
                // Nothing more is said, but the application may be at work still: it says when it has finished.
                std::future::pending::<()>().await;
            }
        }
    }
}

type Sender = mpsc::Sender<Result<v1::Command, Status>>;

/// The way back to one asker.
struct Stream {
    commands: Sender,
    /// Ends it, with a status where it did not end well.
    over: oneshot::Sender<Option<Status>>,
}

/// The streams by their runs.
#[derive(Default)]
struct Streams(Mutex<HashMap<String, Stream>>);

impl Streams {
    fn runs(&self) -> MutexGuard<'_, HashMap<String, Stream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream takes a run, from an earlier one that is lost. False when there are too many.
    fn begin(&self, run: &str, stream: Stream) -> bool {
        let mut runs = self.runs();
        if runs.len() >= RUNS_MAX && !runs.contains_key(run) {
            return false;
        }
        runs.insert(run.to_owned(), stream);
        true
    }

    /// True when the run was this stream's.
    fn end(&self, run: &str, commands: &Sender) -> bool {
        let mut runs = self.runs();
        let is_ours = runs.get(run).is_some_and(|current| current.commands.same_channel(commands));
        if is_ours {
            runs.remove(run);
        }
        is_ours
    }
}

impl Conductor for Streams {
    fn post(&self, run: &str, id: u32, command: Command) {
        let mut runs = self.runs();
        let Some(stream) = runs.get(run) else { return };
        if stream.commands.try_send(Ok(wire::command_wired(id, command))).is_ok() {
            return;
        }
        // So slow a reader is given up: its exchange begins anew.
        if let Some(stream) = runs.remove(run) {
            let _ = stream.over.send(Some(Status::aborted("the commands were not read")));
        }
    }

    fn ended(&self, run: &str, why: Result<(), ServiceError>) {
        let stream = self.runs().remove(run);
        if let Some(stream) = stream {
            // An error says that the stream has ended already.
            let _ = stream.over.send(why.err().map(Status::from));
        }
    }
}

#[tonic::async_trait]
impl Service for ApplicationServer {
    type RunStream = ReceiverStream<Result<v1::Command, Status>>;

    async fn run(&self, request: Request<Streaming<v1::Event>>) -> Result<Response<Self::RunStream>, Status> {
        let (commands, stream) = mpsc::channel(COMMANDS_AHEAD);
        tokio::spawn(self.clone().read(request.into_inner(), commands));
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// Runs that one server takes at a time.
pub const RUNS_MAX: usize = 50_000;
/// Commands of a run that wait to be read.
const COMMANDS_AHEAD: usize = 64;
