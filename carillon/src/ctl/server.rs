//! The process's end of the operator's socket.

use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::{Answer, Ask, LINE_BYTES_MAX, socket_path};

/// An answer that takes its time.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<serde_json::Value, String>> + Send + 'a>>;

/// Whoever can answer an operator's questions.
pub trait Operations: Send + Sync + 'static {
    /// Answers one question; an error is a sentence with cause and next step.
    fn answer(&self, ask: Ask) -> Answering<'_>;
}

/// Opens the socket. A socket that a dead process left is replaced; that of a living one is an error.
pub fn bind(state: &Path) -> io::Result<UnixListener> {
    let path = socket_path(state);
    match std::os::unix::net::UnixStream::connect(&path) {
        Ok(_) => {
            let what = format!(
                "another carillon runs with the state folder {}; stop it, or choose another with --state DIR",
                state.display()
            );
            return Err(io::Error::new(io::ErrorKind::AddrInUse, what));
        }
        Err(why) if why.kind() == io::ErrorKind::NotFound => {}
        Err(_) => std::fs::remove_file(&path)?,
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers operators until the process ends.
pub async fn serve(listener: UnixListener, operations: Arc<dyn Operations>) {
    let places = Arc::new(Semaphore::new(OPERATORS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let operations = operations.clone();
                tokio::spawn(async move {
                    if let Err(why) = converse(stream, &*operations).await {
                        tracing::debug!(%why, "an operator's connection ended");
                    }
                    drop(place);
                });
            }
            Err(why) => {
                tracing::warn!(%why, "the operator's socket refuses connections");
                return;
            }
        }
    }
}

async fn converse(stream: UnixStream, operations: &dyn Operations) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read.take(LINE_BYTES_MAX)).lines();
    while let Some(line) = lines.next_line().await? {
        let answer = match serde_json::from_str::<Ask>(&line) {
            Ok(ask) => operations.answer(ask).await.map_or_else(Answer::Error, Answer::Ok),
            Err(why) => {
                Answer::Error(format!("the question cannot be read: {why}; are both sides of one version?"))
            }
        };
        let mut octets = serde_json::to_vec(&answer)?;
        octets.push(b'\n');
        write.write_all(&octets).await?;
    }
    Ok(())
}

/// Operators at once; more wait.
const OPERATORS_MAX: usize = 16;
