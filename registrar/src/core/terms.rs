//! For how long a registrar binds, and how much (RFC 3261 §10.3 step 7).

/// The registrar's terms. [`Terms::checked`] before use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What a contact without an expiration gets, in seconds.
    pub default_expires_s: u32,
    /// Below this the answer is 423, in seconds; at most 3600.
    pub min_expires_s: u32,
    /// What a longer wish is cut to, in seconds.
    pub max_expires_s: u32,
    /// How many bindings one address of record may have.
    pub contacts_max: u32,
    /// How many bindings there may be in all.
    pub bindings_max: usize,
    /// How many octets one binding may keep, its address of record included.
    pub binding_bytes_max: usize,
}

impl Default for Terms {
    fn default() -> Self {
        Terms {
            default_expires_s: 3600,
            min_expires_s: 60,
            max_expires_s: 7200,
            contacts_max: 10,
            bindings_max: 4_000_000,
            binding_bytes_max: 4096,
        }
    }
}

impl Terms {
    /// The terms, if they make sense together.
    ///
    /// # Errors
    /// Which rule they break, as a sentence for people.
    pub fn checked(self) -> Result<Terms, &'static str> {
        if self.min_expires_s > HOUR {
            // RFC 3261 §10.3 step 7 allows 423 only for intervals below one hour.
            return Err("min_expires is at most one hour (RFC 3261 §10.3)");
        }
        if self.max_expires_s < self.default_expires_s.max(self.min_expires_s) {
            return Err("max_expires is below min_expires or default_expires");
        }
        if self.default_expires_s < self.min_expires_s.max(1) {
            return Err("default_expires is below min_expires");
        }
        if self.contacts_max == 0 || self.bindings_max == 0 {
            return Err("contacts_max and bindings_max are at least 1");
        }
        Ok(self)
    }

    /// What a contact that asks for `wish` gets, in seconds; zero removes.
    ///
    /// # Errors
    /// The wish is too brief.
    pub(super) fn grant(&self, wish: Option<u32>) -> Result<u32, TooBrief> {
        match wish.unwrap_or(self.default_expires_s) {
            0 => Ok(0),
            // RFC 3261 §10.3 step 7: above zero, below one hour and below our minimum: 423.
            wish if wish < self.min_expires_s && wish < HOUR => Err(TooBrief),
            wish => Ok(wish.min(self.max_expires_s)),
        }
    }
}

/// An interval below the minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooBrief;

const HOUR: u32 = 3600;
