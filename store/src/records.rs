//! Sound that was recorded: files of a folder, by name. An S3-compatible store would stand here too, and behind the same
//! questions; so far there is the folder alone, which the media server writes.

use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// The records of one folder. A name has no `..` and does not begin with `/`. Every method blocks on the disk.
#[derive(Debug, Clone)]
pub struct Records {
    folder: PathBuf,
}

/// What there is of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is whole, and so long.
    Whole(Duration),
    /// It is being written, or was when its writer was killed.
    Going,
    /// Nothing.
    Nothing,
}

impl Records {
    /// Nothing is opened before it is asked for.
    pub fn new(folder: PathBuf) -> Self {
        Records { folder }
    }

    /// What there is of a recording of this name.
    pub fn state(&self, name: &str) -> io::Result<Recorded> {
        match fs::File::open(self.path(&whole(name))?) {
            Ok(mut file) => {
                let mut header = [0; HEADER];
                file.read_exact(&mut header)?;
                let octets = file.metadata()?.len().saturating_sub(HEADER as u64);
                Ok(Recorded::Whole(length(&header, octets)))
            }
            Err(why) if why.kind() == ErrorKind::NotFound => {
                let part = self.path(&whole(name))?.with_extension(PART);
                Ok(if part.try_exists()? { Recorded::Going } else { Recorded::Nothing })
            }
            Err(why) => Err(why),
        }
    }

    /// The octets of a record.
    pub fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path(&whole(name))?)
    }

    /// Copies a record under another name.
    pub fn copy(&self, name: &str, to: &str) -> io::Result<()> {
        let to = self.path(&whole(to))?;
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(self.path(&whole(name))?, &to)?;
        fs::File::open(&to)?.sync_all()
    }

    /// Removes a record; one that is not there is removed.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(&whole(name))?) {
            Err(why) if why.kind() != ErrorKind::NotFound => Err(why),
            _ => Ok(()),
        }
    }

    fn path(&self, name: &str) -> io::Result<PathBuf> {
        let mut parts = Path::new(name).components();
        if name == ".wav" || !parts.all(|part| matches!(part, Component::Normal(_))) {
            return Err(io::Error::new(ErrorKind::InvalidInput, format!("{name:?} is no name of a record")));
        }
        Ok(self.folder.join(name))
    }
}

/// Names are given with their ending or without.
fn whole(name: &str) -> String {
    match name.strip_suffix(WHOLE).and_then(|name| name.strip_suffix('.')) {
        Some(_) => name.to_owned(),
        None => format!("{name}.{WHOLE}"),
    }
}

/// How long so many octets sound, by the octets a second of their header.
fn length(header: &[u8; HEADER], octets: u64) -> Duration {
    let [a, b, c, d] = [header[RATE_AT], header[RATE_AT + 1], header[RATE_AT + 2], header[RATE_AT + 3]];
    let rate = u64::from(u32::from_le_bytes([a, b, c, d])).max(1);
    Duration::from_millis(octets * 1000 / rate)
}

/// The ending of a record that is whole, as the media server gives it; and of one that is not.
const WHOLE: &str = "wav";
const PART: &str = "part";
/// Octets before the sound, as the media server writes them, and where the octets a second stand among them.
const HEADER: usize = 46;
const RATE_AT: usize = 28;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_whole_going_or_nothing() {
        let folder = std::env::temp_dir().join(format!("carillon-records-{}", std::process::id()));
        let records = Records::new(folder.clone());
        assert_eq!(records.state("bob/1").expect("no folder is no record"), Recorded::Nothing);
        fs::create_dir_all(folder.join("bob")).expect("our own folder");
        let mut octets = vec![0; HEADER + 24_000];
        octets[RATE_AT..RATE_AT + 4].copy_from_slice(&16_000_u32.to_le_bytes());
        fs::write(folder.join("bob/1.part"), &octets).expect("our own folder");
        assert_eq!(records.state("bob/1").expect("it can be read"), Recorded::Going);
        fs::rename(folder.join("bob/1.part"), folder.join("bob/1.wav")).expect("our own folder");
        let whole = Recorded::Whole(Duration::from_millis(1500));
        assert_eq!(records.state("bob/1").expect("it can be read"), whole);
        records.copy("bob/1.wav", "alice/1").expect("it can be copied");
        records.remove("bob/1").expect("it can be removed");
        records.remove("bob/1").expect("again changes nothing");
        assert_eq!(records.state("bob/1").expect("it is gone"), Recorded::Nothing);
        assert_eq!(records.state("alice/1").expect("it is there"), whole);
        assert_eq!(records.read("alice/1.wav").expect("it is there").len(), octets.len());
        for name in ["", "../1", "/etc/passwd", "a/../b"] {
            assert!(records.state(name).is_err(), "{name}");
        }
        fs::remove_dir_all(&folder).expect("our own folder");
    }
}
