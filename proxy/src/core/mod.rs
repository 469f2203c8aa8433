//! The proxy's decisions, pure: no socket, no clock, no randomness of its own, no service is touched here.
//!
//! [`Edge`] takes one [`effect::Input`] after the other and puts what it sends and asks into [`effect::Out`]:
//! ```text
//! loop {
//!     edge.handle(now, Input::Packet(packet) | Input::Answered(ticket, answer) | Input::Tick …, &mut out);
//!     // out.wire() holds what is sent, in order; out.ask(ticket, effect) has started the questions.
//!     // Answers that are there at once are the next inputs. Then sleep until edge.deadline().
//! }
//! ```
//! A request climbs this stair, a file for each step: `edge` (parse, validate, transaction layer) → `admit`
//! (RFC 3261 §16.3) → `begin` (overload, `route_headers` §16.4, `authenticate` §22) → `identify` → `destination`
//! (§16.5) → `steps` (dial plan, directory, registrar) → `fork` and `forward` (§16.6) → the wire. Responses come
//! back through `response` (§16.7) and `best`; `cancel` (§16.10), `timer_c` (§16.8), `redirect`, `ack` and
//! `dialog_flow` are the turns that it may take. REGISTER for our domain turns off at `register` (§10.3), SUBSCRIBE
//! to what is our own at `notifier` (RFC 6665).
//!
//! A request under way is a `response_context`, and what all of them work with is `means`.

pub(crate) mod call;
pub mod calls;
pub mod counters;
pub mod effect;
pub mod flow;
pub mod plan;
pub mod route;
pub mod settings;
pub mod slots;
pub mod token;

mod ack;
mod admit;
mod answer;
mod authenticate;
mod begin;
mod best;
mod cancel;
mod client;
mod date;
mod destination;
mod dialog_flow;
mod divert;
mod edge;
mod events;
mod fork;
mod forward;
mod identify;
mod loops;
mod means;
mod nat;
pub mod notifier;
mod questions;
mod record_route;
mod recover;
mod redirect;
mod register;
mod request;
mod response;
mod response_context;
mod route_headers;
mod steps;
mod targets;
#[cfg(test)]
mod tests;
mod text;
mod timer_c;

pub use edge::Edge;
