//! Digest keys of users (RFC 7616 §3.4.2): made from a password, read from hexadecimal digits.

use proto::Ha1;
use sip::auth::Ha1Set;

/// The keys of a user for every algorithm.
pub fn of(name: &str, realm: &str, password: &str) -> Ha1 {
    let Ha1Set { md5, sha256, sha512_256 } = Ha1Set::of(name, realm, password);
    Ha1 { md5, sha256, sha512_256 }
}

/// One key, told apart by its length.
///
/// # Errors
/// What is wrong, as a sentence for people.
pub fn read_one(digits: &str) -> Result<Ha1, String> {
    match digits.len() {
        32 => read(Some(digits), None, None),
        64 => read(None, Some(digits), None),
        _ => Err("ha1 has 32 hexadecimal digits (MD5) or 64 (SHA-256)".to_owned()),
    }
}

/// Keys by algorithm.
///
/// # Errors
/// What is wrong, as a sentence for people.
pub fn read(md5: Option<&str>, sha256: Option<&str>, sha512_256: Option<&str>) -> Result<Ha1, String> {
    let ha1 = Ha1 {
        md5: md5.map(|digits| octets(digits, "MD5")).transpose()?,
        sha256: sha256.map(|digits| octets(digits, "SHA-256")).transpose()?,
        sha512_256: sha512_256.map(|digits| octets(digits, "SHA-512-256")).transpose()?,
    };
    if ha1 == Ha1::default() { Err("ha1 holds no key".to_owned()) } else { Ok(ha1) }
}

fn octets<const N: usize>(digits: &str, algorithm: &str) -> Result<[u8; N], String> {
    let wrong = || format!("the {algorithm} key has {} hexadecimal digits", 2 * N);
    if digits.len() != 2 * N {
        return Err(wrong());
    }
    let mut octets = [0; N];
    for (octet, pair) in octets.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        let (Some(high), Some(low)) = (digit(0), digit(1)) else { return Err(wrong()) };
        *octet = (high << 4 | low) as u8;
    }
    Ok(octets)
}
