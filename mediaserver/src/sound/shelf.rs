//! The folder of sounds, with those at hand that were played lately.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rtp::codec::g711;

use super::resample::resample;
use super::wav;

/// Why a sound cannot be played. The text names the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {why}")]
pub struct SoundError {
    name: String,
    why: String,
}

/// Sounds of a folder, at 8000 samples a second. A file that was replaced is read again.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    kept: HashMap<PathBuf, (Stamp, Arc<[i16]>)>,
    samples: usize,
}

/// What changes when a file is replaced.
type Stamp = (u64, Option<SystemTime>);

impl Shelf {
    /// The sounds of this folder, which need not be there yet.
    pub fn new(folder: &Path) -> Shelf {
        Shelf { folder: folder.to_owned(), kept: HashMap::new(), samples: 0 }
    }

    /// A sound by its name, with or without its ending: `.wav`, or `.ulaw` and `.alaw` for raw ones of 8000 Hz.
    pub fn sound(&mut self, name: &str) -> Result<Arc<[i16]>, SoundError> {
        let error = |why: String| SoundError { name: name.to_owned(), why };
        let (path, stamp) = self.find(name).map_err(error)?;
        if let Some((known, samples)) = self.kept.get(&path)
            && *known == stamp
        {
            return Ok(Arc::clone(samples));
        }
        if stamp.0 > FILE_MAX {
            return Err(error(format!("larger than {FILE_MAX} octets")));
        }
        let octets = fs::read(&path).map_err(|why| error(why.to_string()))?;
        let samples: Arc<[i16]> = match path.extension().and_then(|ending| ending.to_str()) {
            Some("ulaw" | "ul" | "pcmu") => octets.iter().map(|octet| g711::of_ulaw(*octet)).collect(),
            Some("alaw" | "al" | "pcma") => octets.iter().map(|octet| g711::of_alaw(*octet)).collect(),
            _ => {
                let read = wav::read(&octets).map_err(error)?;
                resample(&read.samples, read.rate, RATE).into()
            }
        };
        if self.samples + samples.len() > KEPT_MAX {
            self.kept.clear();
            self.samples = 0;
        }
        self.samples += samples.len();
        if let Some((_, before)) = self.kept.insert(path, (stamp, Arc::clone(&samples))) {
            self.samples = self.samples.saturating_sub(before.len());
        }
        Ok(samples)
    }

    fn find(&self, name: &str) -> Result<(PathBuf, Stamp), String> {
        let inside = Path::new(name);
        if name.is_empty() || !inside.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err("a sound is named from its folder on, without `..`".to_owned());
        }
        let path = self.folder.join(inside);
        for ending in ["", ".wav", ".ulaw", ".alaw"] {
            let mut path = path.clone().into_os_string();
            path.push(ending);
            match fs::metadata(&path) {
                Ok(found) if found.is_file() => {
                    return Ok((path.into(), (found.len(), found.modified().ok())));
                }
                Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why.to_string()),
                _ => {}
            }
        }
        Err(format!("not in {}", self.folder.display()))
    }
}

/// Samples a second of all that is played.
const RATE: u32 = 8000;
/// Octets of a file: an hour of 16 bits at 8000 Hz, and a bit.
const FILE_MAX: u64 = 64 << 20;
/// Samples that are kept at hand, two octets each.
const KEPT_MAX: usize = 32 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounds_are_found_by_name_and_read_again_when_they_were_replaced() {
        let folder = std::env::temp_dir().join(format!("carillon-shelf-{}", std::process::id()));
        fs::create_dir_all(folder.join("fr")).expect("a folder of ours");
        let mut shelf = Shelf::new(&folder);
        let write = |name: &str, octets: &[u8]| fs::write(folder.join(name), octets).expect("written");
        write("fr/bonjour.wav", &wav::write(1, 1, 8000, 16, &[1, 0, 2, 0]));
        assert_eq!(shelf.sound("fr/bonjour").expect("found")[..], [1, 2]);
        assert_eq!(shelf.sound("fr/bonjour.wav").expect("found")[..], [1, 2]);
        write("fr/bonjour.wav", &wav::write(1, 1, 8000, 16, &[3, 0]));
        assert_eq!(shelf.sound("fr/bonjour").expect("found")[..], [3]);
        write("raw.ulaw", &[0xff, 0x80]);
        assert_eq!(shelf.sound("raw").expect("found").len(), 2);
        write("song.mp3", b"ID3");
        for (name, said) in [
            ("song.mp3", "song.mp3: this is an MP3"),
            ("salut", "salut: not in "),
            ("../etc/passwd", "without `..`"),
            ("/etc/passwd", "without `..`"),
            ("", "without `..`"),
            ("fr", "fr: not in "),
        ] {
            let refused = shelf.sound(name).expect_err("it cannot be played").to_string();
            assert!(refused.contains(said), "{refused}");
        }
        fs::remove_dir_all(&folder).expect("a folder of ours");
    }
}
