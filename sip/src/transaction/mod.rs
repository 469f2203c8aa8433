//! The transaction layer (RFC 3261 §17).

/// A live transaction of an endpoint. The generation makes an old id harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId {
    /// The place in the table.
    pub slot: u32,
    /// Counts the uses of that place.
    pub generation: u32,
}
