//! Small files that must be whole or absent, whenever the process or the machine ends.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Keeps a small file, readable for its owner only. It appears whole under its name or not at all: it is written
/// beside it, brought to the disk and then renamed. Folders above it are made.
pub fn keep(path: &Path, octets: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    // The name itself reaches the disk with its folder.
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_is_replaced_whole_and_is_its_owners_alone() {
        let folder = std::env::temp_dir().join(format!("carillon-files-{}", std::process::id()));
        let path = folder.join("inner/key");
        // What a writer that was killed has left is no obstacle.
        fs::create_dir_all(folder.join("inner")).expect("the temporary folder is writable");
        fs::write(folder.join("inner/key.new"), "half of what was to be").expect("writable");
        for text in ["first", "2"] {
            keep(&path, text.as_bytes()).expect("writable");
            assert_eq!(fs::read_to_string(&path).expect("it is there"), text);
        }
        assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.join("inner")).expect("it is there").count(), 1);
        fs::remove_dir_all(&folder).expect("our own folder");
    }
}
