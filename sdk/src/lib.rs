//! An application of your own: one async function for each call that the dial plan hands over, in a process of its own.
//!
//! ```no_run
//! use std::time::Duration;
//! use sdk::{Call, Digits, Sound, Stopped};
//!
//! async fn door(mut call: Call) -> Result<(), Stopped> {
//!     call.answer().await?;
//!     call.play(&[Sound::File("bonjour.wav".into())]).await?;
//!     if call.collect(Digits::up_to(4)).await? == "4711" {
//!         return call.transfer("6001").await;
//!     }
//!     call.hang_up().await
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), sdk::ServeError> {
//!     sdk::serve("127.0.0.1:5072".parse().expect("an address"), None, door).await
//! }
//! ```
//!
//! The exchange finds it by `[rpc] applications = { door = "http://127.0.0.1:5072" }`, and a step of the dial plan hands
//! calls to it: `{ application = "door" }`. Beyond this machine services show each other certificates: [`serve`] takes
//! the folder of them.
//!
//! **A call survives its application.** When the process dies, the exchange tells another one all events of the call
//! again, and passes over the commands that were done. So decide by what the [`Call`] says alone: no clock, no chance, no
//! table of your own that another instance would not see alike.

mod call;
mod serve;
#[cfg(test)]
mod tests;

pub use call::{Call, Digits, Recorded, Recording, Stopped};
pub use proto::application::{Command, Event, Outcome, Parting, Party, Reached, Sound, Started, What};
pub use proto::media::{Ended, Repeat, Tone};
pub use serve::{Program, ServeError, serve};
