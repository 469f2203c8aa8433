//! The contracts between the services: for each a `.proto` and a `.rs` of the same name with plain types, the
//! trait, the gRPC client and the gRPC server. No decisions live here, and nothing that reads SIP.
//!
//! A question to a service is a plain function call that never waits:
//!
//! ```
//! # use proto::{Asked, Locate, Located, Location, Reply, Sink, Ticket};
//! # use std::sync::Arc;
//! fn ask(location: &dyn Location, inbox: Arc<dyn Sink<Located>>, ticket: Ticket) -> Option<Located> {
//!     let question = Locate { now_ms: 1_700_000_000_000, aor: "alice@example.org", past_copy: false };
//!     match location.locate(&question, Reply::new(inbox, ticket)) {
//!         Asked::Now(answer) => answer.ok(), // the memory store, or the near-copy
//!         Asked::Later => None,              // exactly one answer comes to the inbox, under the ticket
//!     }
//! }
//! ```

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod application;
pub mod asked;
pub mod directory;
mod failure;
#[cfg(test)]
mod loopback;
pub mod media;
pub mod near;
mod pipeline;
pub mod registrar;
mod serve;
pub mod waiting;
pub mod wire;

pub use application::{
    Application, ApplicationClient, ApplicationCounters, ApplicationServer, Conductor, RunLimits,
};
pub use asked::{Asked, Awaited, Reply, ServiceError, Sink, Ticket, awaited};
pub use directory::{
    AddUser, Directory, Find, Found, Ha1, Identified, Identify, ListUsers, ListedUser, NewSecret, User,
    UserPage,
};
pub use media::{DigitForm, Ended, Leg, LegStatistics, Media, MediaEvent, MediaSink, Theirs};
pub use near::{Near, NearCopy, NearCounters, NearLimits};
pub use pipeline::{ClientCounters, ClientLimits};
pub use registrar::{
    Action, Binding, BindingPage, Bindings, ContactUpdate, Fault, ListBindings, Listed, Locate, Located,
    Location, Path, Register, Registered, RemoveBindings,
};
pub use serve::ServerLimits;
pub use waiting::{MessageWaiting, Summarise, Waiting, WaitingClient, WaitingServer, WaitingSink};
