//! Sound files: which ones can be played, and their samples.

mod resample;
mod shelf;
mod wav;

pub use shelf::{Shelf, SoundError};
