//! The exchange with software that others wrote: phones, a scanner's probe, a load generator. Each test has a
//! network namespace of its own, so that they run side by side. What is not installed is left out by name.

mod phones;
mod rig;
mod sipp;
mod tools;
