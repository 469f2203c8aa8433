//! A function as an application that an exchange reaches over gRPC.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proto::ServiceError;
use proto::application::{Application, ApplicationServer, Conductor, Event, What};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, Sender};
use tokio::task::AbortHandle;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use crate::call::{Call, Stopped};

/// Why an application cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A file of the certificates cannot be read.
    #[error(
        "{path}: {cause}. The folder holds ca.pem, server.pem and server.key, as `rpc` of the exchange's state folder does"
    )]
    Trust {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Without certificates only this machine may reach it.
    #[error("{0} can be reached from elsewhere: give the folder of certificates, or listen at 127.0.0.1")]
    Open(SocketAddr),
    /// The address is taken, or TLS cannot be set up.
    #[error("{0}")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves a function at an address, for as long as the process lives. With a folder of certificates (ca.pem, server.pem
/// and server.key) only who shows one of that authority is heard; without one the address must be of this machine alone.
pub async fn serve<F, Fut>(
    address: SocketAddr,
    trust: Option<&Path>,
    application: F,
) -> Result<(), ServeError>
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Stopped>> + Send + 'static,
{
    let mut server = Server::builder();
    match trust {
        Some(folder) => {
            let read = |name: &str| {
                let path = folder.join(name);
                std::fs::read_to_string(&path).map_err(|cause| ServeError::Trust { path, cause })
            };
            let tls = ServerTlsConfig::new()
                .identity(Identity::from_pem(read("server.pem")?, read("server.key")?))
                .client_ca_root(Certificate::from_pem(read("ca.pem")?));
            server = server.tls_config(tls)?;
        }
        None if !address.ip().is_loopback() => return Err(ServeError::Open(address)),
        None => {}
    }
    let program: Arc<dyn Application> = Arc::new(Program::new(application, Handle::current()));
    Ok(server.add_service(ApplicationServer::new(program).service()).serve(address).await?)
}

/// A function as an [`Application`].
pub struct Program<F> {
    application: Arc<F>,
    runtime: Handle,
    runs: Arc<Mutex<Runs>>,
}

#[derive(Default)]
struct Runs {
    conductor: Option<Arc<dyn Conductor>>,
    calls: HashMap<String, Running>,
    begun: u64,
}

/// The function at work on one call.
struct Running {
    /// Tells it from one of the same name before and after.
    number: u64,
    events: Sender<Event>,
    task: AbortHandle,
}

impl<F, Fut> Program<F>
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Stopped>> + Send + 'static,
{
    /// A program whose calls run on `runtime`.
    pub fn new(application: F, runtime: Handle) -> Self {
        Self { application: Arc::new(application), runtime, runs: Arc::default() }
    }

    /// Begins a run, or begins it anew.
    fn begin(&self, run: &str, event: Event) {
        let What::Started(started) = event.what else { return };
        let mut runs = lock(&self.runs);
        let Some(conductor) = runs.conductor.clone() else { return };
        let (events, received) = mpsc::channel(EVENTS_AHEAD);
        runs.begun += 1;
        let end = End { run: run.to_owned(), number: runs.begun, runs: Arc::clone(&self.runs), told: None };
        let call = Call::new(run.to_owned(), *started, conductor, received);
        let application = Arc::clone(&self.application);
        let number = runs.begun;
        let task = self.runtime.spawn(async move {
            let mut end = end;
            end.told = Some(application(call).await);
        });
        let running = Running { number, events, task: task.abort_handle() };
        if let Some(before) = runs.calls.insert(run.to_owned(), running) {
            before.task.abort();
        }
    }
}

impl<F, Fut> Application for Program<F>
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Stopped>> + Send + 'static,
{
    fn post(&self, run: &str, event: Event) {
        if event.number == 1 {
            return self.begin(run, event);
        }
        let mut runs = lock(&self.runs);
        let Some(running) = runs.calls.get(run) else { return };
        // A function that reads no more is given up; where it has ended by itself, its end is told already.
        if let Err(mpsc::error::TrySendError::Full(_)) = running.events.try_send(event) {
            running.task.abort();
            runs.calls.remove(run);
            if let Some(conductor) = runs.conductor.clone() {
                drop(runs);
                conductor.ended(run, Err(ServiceError::Refused(BEHIND.to_owned())));
            }
        }
    }

    fn forget(&self, run: &str) {
        if let Some(running) = lock(&self.runs).calls.remove(run) {
            running.task.abort();
        }
    }

    fn follow(&self, conductor: Arc<dyn Conductor>) {
        lock(&self.runs).conductor = Some(conductor);
    }
}

/// Tells the exchange once that a function has ended, by a panic too.
struct End {
    run: String,
    number: u64,
    runs: Arc<Mutex<Runs>>,
    told: Option<Result<(), Stopped>>,
}

impl Drop for End {
    fn drop(&mut self) {
        let mut runs = lock(&self.runs);
        // Forgotten, or begun anew: nobody waits for this one.
        if runs.calls.get(&self.run).is_none_or(|running| running.number != self.number) {
            return;
        }
        runs.calls.remove(&self.run);
        let Some(conductor) = runs.conductor.clone() else { return };
        drop(runs);
        let why = match self.told.take() {
            Some(Ok(()) | Err(Stopped::Over(_))) => Ok(()),
            Some(Err(why)) => Err(ServiceError::Refused(why.to_string())),
            None => Err(ServiceError::Refused("the application panicked".to_owned())),
        };
        conductor.ended(&self.run, why);
    }
}

fn lock(runs: &Mutex<Runs>) -> MutexGuard<'_, Runs> {
    runs.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Events of a call that wait to be read. One that has more is given up.
const EVENTS_AHEAD: usize = 256;
const BEHIND: &str = "the application does not read its events";
