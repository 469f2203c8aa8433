//! The registrar's decisions and its memory store. Time comes as an argument, seeds too; nothing here waits.
//!
//! A [`Store`] is 1024 stripes; a stripe is a table, a row of slots and a wheel under one short lock, so that the
//! largest thing that ever grows at once holds a thousandth of the bindings.

mod record;
mod store;
mod stripe;
mod terms;
mod update;
mod wheel;

pub use store::{Counters, Store};
pub use terms::Terms;

#[cfg(test)]
mod tests;
