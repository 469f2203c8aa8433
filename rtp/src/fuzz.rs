//! Fuzz targets: functions that take any octets, never panic but where the code is wrong, and hold for all of them.
//! The programs that feed them live outside the workspace, in `fuzz/`; here each is replayed as a normal test, with
//! mutated seeds and with the corpus that those programs gathered.

mod dtmf;
mod packet;
mod playout;
mod sdp;
#[cfg(test)]
mod tests;
mod wav;

pub use dtmf::dtmf;
pub use packet::packet;
pub use playout::playout;
pub use sdp::sdp;
pub use wav::wav;

/// A target by its name.
pub type Target = (&'static str, fn(&[u8]));

/// The programs of `fuzz/`, each with the folder of that name below `fuzz/corpus`.
pub const PROGRAMS: &[Target] =
    &[("sdp", sdp), ("packet", packet), ("dtmf", dtmf), ("playout", playout), ("wav", wav)];

/// Some time, from which others are counted.
#[expect(clippy::disallowed_methods, reason = "a target has no caller that could bring the time")]
fn start() -> std::time::Instant {
    std::time::Instant::now()
}
