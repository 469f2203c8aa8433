//! The registrar: where phones are, and who exists.

pub mod core;
