//! Fuzz targets: functions that take any octets, never panic but where the code is wrong, and hold for all of them.
//! The programs that feed them live outside the workspace, in `fuzz/`; here each is replayed as a normal test, with
//! mutated seeds and with the corpus that those programs gathered.

mod header;
mod message;
#[cfg(test)]
mod tests;
mod uri;

pub use header::*;
pub use message::{digest, message, stream};
pub use uri::uri;

/// A target by its name.
pub type Target = (&'static str, fn(&[u8]));

/// The programs of `fuzz/`, each with the folder of that name below `fuzz/corpus`.
pub const PROGRAMS: &[Target] =
    &[("message", message), ("stream", stream), ("uri", uri), ("headers", headers), ("digest", digest)];

/// Targets that take a message or a stream of them.
pub const MESSAGES: &[Target] = &[("message", message), ("stream", stream)];

/// Targets that take one value.
pub const VALUES: &[Target] = &[
    ("uri", uri),
    ("asserted_identity", asserted_identity),
    ("call_id", call_id),
    ("contact", contact),
    ("content_type", content_type),
    ("cseq", cseq),
    ("digest", digest),
    ("diversion", diversion),
    ("event", event),
    ("expires", expires),
    ("history_info", history_info),
    ("join", join),
    ("max_breadth", max_breadth),
    ("max_forwards", max_forwards),
    ("min_se", min_se),
    ("name_addr", name_addr),
    ("privacy", privacy),
    ("rack", rack),
    ("reason", reason),
    ("refer_to", refer_to),
    ("replaces", replaces),
    ("retry_after", retry_after),
    ("route", route),
    ("rseq", rseq),
    ("session_expires", session_expires),
    ("subscription_state", subscription_state),
    ("via", via),
    ("warning", warning),
];

/// A value of any typed header: every one of them reads it.
pub fn headers(octets: &[u8]) {
    for (_, target) in VALUES {
        target(octets);
    }
}
