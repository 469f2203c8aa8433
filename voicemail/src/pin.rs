//! PINs: which ones are taken, and how they are kept.

use pbkdf2::pbkdf2_hmac;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// What is wrong with a PIN, as a sentence for people; `number` is that of the mailbox.
///
/// # Errors
/// Why it is not taken.
pub fn check(pin: &str, digits_min: usize, number: &str) -> Result<(), String> {
    if !pin.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err("a PIN has digits alone".to_owned());
    }
    if pin.len() < digits_min || pin.len() > DIGITS_MAX {
        return Err(format!("a PIN has {digits_min} to {DIGITS_MAX} digits"));
    }
    if pin == number {
        return Err("the number of the mailbox is no PIN".to_owned());
    }
    let steps = |by: u8| pin.as_bytes().windows(2).all(|two| two[0].wrapping_add(by) == two[1]);
    if [0, 1, u8::MAX].into_iter().any(steps) {
        return Err("a PIN that is one digit again and again, or digits in a row, is tried first".to_owned());
    }
    Ok(())
}

/// A PIN as it is kept: 4 octets of rounds, 16 of salt, 32 of key. It is as slow as may be in a call; what protects a PIN
/// of few digits is the lock after wrong ones, not this.
pub fn hash(pin: &str, salt: [u8; 16]) -> Vec<u8> {
    let mut kept = ROUNDS.to_be_bytes().to_vec();
    kept.extend(salt);
    kept.extend(key(pin, &salt, ROUNDS));
    kept
}

/// True when it is the PIN that was hashed.
pub fn is_right(pin: &str, kept: &[u8]) -> bool {
    let Some((rounds, rest)) = kept.split_first_chunk::<4>() else { return false };
    let Some((salt, wanted)) = rest.split_first_chunk::<16>() else { return false };
    let rounds = u32::from_be_bytes(*rounds).min(ROUNDS_MAX);
    key(pin, salt, rounds).ct_eq(wanted).into()
}

/// The same for one that the configuration has in clear.
pub fn is_same(pin: &str, wanted: &str) -> bool {
    pin.as_bytes().ct_eq(wanted.as_bytes()).into()
}

fn key(pin: &str, salt: &[u8; 16], rounds: u32) -> [u8; 32] {
    let mut key = [0; 32];
    pbkdf2_hmac::<Sha256>(pin.as_bytes(), salt, rounds, &mut key);
    key
}

/// What a phone can type.
const DIGITS_MAX: usize = 16;
const ROUNDS: u32 = 10_000;
const ROUNDS_MAX: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_that_everybody_tries_first_are_not_taken() {
        for (pin, is_good) in [
            ("4711", true),
            ("90210", true),
            ("471", false),
            ("0000", false),
            ("1234", false),
            ("9876", false),
            ("6002", false),
            ("47a1", false),
            ("47114711471147114", false),
        ] {
            assert_eq!(check(pin, 4, "6002").is_ok(), is_good, "{pin}");
        }
    }

    #[test]
    fn a_pin_is_kept_as_a_hash() {
        let kept = hash("4711", [7; 16]);
        assert_eq!(kept.len(), 52);
        assert!(is_right("4711", &kept) && !is_right("4712", &kept) && !is_right("4711", &kept[..40]));
        assert_ne!(kept, hash("4711", [8; 16]));
        assert!(is_same("1", "1") && !is_same("1", "11"));
    }
}
