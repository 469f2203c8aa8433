//! What the system allows this process.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the number of files and sockets that may be open to what the system allows at the most, and gives it. Services
/// start with 1024 on many systems, for programs that still use `select`; a call whose media we relay takes six.
pub fn raise_open_files() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return u64::MAX };
    // The kernel has an end of its own below "no limit".
    for wanted in [hard, 1 << 20] {
        if wanted > soft && setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard), hard).is_ok() {
            return wanted.min(hard);
        }
    }
    soft
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_files_as_the_system_allows() {
        let (before, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("Linux has it");
        let raised = raise_open_files();
        assert!(raised >= before && raised <= hard);
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).expect("Linux has it").0, raised);
        assert_eq!(raise_open_files(), raised, "and again");
    }
}
