//! Sound files and clips: which ones can be played, and their samples.

mod shelf;
#[cfg(test)]
mod tests;
mod wav;

pub use shelf::{Shelf, SoundError};
