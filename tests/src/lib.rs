//! What tests share that see the whole house: a site of the exchange in virtual time.

pub mod site;

pub use site::{Services, Site};
