//! The target for URIs.

use crate::uri::{Aor, Uri, comparison_key, equal};

/// A URI that is read is written so that it is read again as the same, and compares as itself in every way.
pub fn uri(octets: &[u8]) {
    let Ok(read) = Uri::parse(octets) else { return };
    let mut written = Vec::new();
    read.write(&mut written);
    let again = Uri::parse(&written).expect("what was written can be read");
    let mut twice = Vec::new();
    again.write(&mut twice);
    assert_eq!(written, twice, "a second writing changes nothing");
    assert!(equal(&read, &read) && equal(&read, &again) && equal(&again, &read), "it equals itself");
    assert_eq!(key(&read), key(&again), "the key is of the URI, not of its spelling");
    assert_eq!(Aor::of(&read, None), Aor::of(&again, None));
    assert!(!Aor::of(&read, Some("example.org")).as_str().chars().any(|letter| letter.is_ascii_control()));
    if let Uri::Sip(uri) = read {
        let _ = (uri.unescaped_user(), uri.lr(), uri.maddr(), uri.ttl(), uri.transport(), uri.gr());
        assert!(uri.params.iter().all(|(name, _)| uri.param(name).is_some()), "each parameter is found");
        assert!(uri.headers.iter().all(|(name, _)| uri.headers.find(name).is_some()), "each header is found");
    }
}

fn key(uri: &Uri<'_>) -> String {
    let mut key = String::new();
    comparison_key(uri, &mut key);
    key
}
