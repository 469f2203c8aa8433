//! Finding SIP servers (RFC 3263): NAPTR, SRV with weights (RFC 2782), A and AAAA; a cache that keeps what it knows
//! while the name servers are away; static entries; and a memory of targets that did not answer.
//!
//! [`select`] is pure: it says what follows from the records that are known, or which to ask for next. [`Resolver`]
//! asks for them. It never makes its caller wait: what is known is answered at once.

mod ask;
mod cache;
mod config;
mod dead;
mod metrics;
pub mod records;
mod resolver;
pub mod select;
mod zone;

pub use config::{Config, StaticNaptr, StaticSrv};
pub use metrics::ResolverCounters;
pub use resolver::Resolver;
pub use select::Query;
