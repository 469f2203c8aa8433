//! The real clock and the real source of chance. Elsewhere time and randomness are arguments.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rand::Rng as _;

/// Now, on the clock that never goes back. All deadlines are on it.
pub fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since 1970 in UTC. It may go back when the machine's clock is set.
pub fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Seconds since 1970 in UTC. It may go back when the machine's clock is set.
pub fn unix_s() -> u64 {
    unix_ms() / 1000
}

/// Two words that nobody can guess: the key of a hasher, or the seed of a core's generator.
pub fn seed() -> [u64; 2] {
    let mut random = rand::rng();
    [random.next_u64(), random.next_u64()]
}

/// Thirty-two octets that nobody can guess: the seed of a generator, or a signing key.
pub fn seed_octets() -> [u8; 32] {
    let mut octets = [0; 32];
    rand::rng().fill_bytes(&mut octets);
    octets
}
