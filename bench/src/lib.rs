//! What the programs of this crate share: the units of work, and a shard that does them without sockets, in a time of
//! its own, so that allocations and instructions can be counted exactly.

pub mod shard;
pub mod unit;
