//! The folders of sounds and the clips of the prompts, with those at hand that were played lately.
//!
//! A sound is looked up by its name at each playing, so a file that was replaced is read anew: its inode, length and
//! times of change say so, and one that changed just now is read again in any case. Nothing but the lookup happens
//! while the file is the same.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use node::clock;
use prompt::Language;
use rtp::codec::{Codec, g711};
use rtp::resample::Resampler;

use super::wav;
use crate::core::Clip;

/// Why a sound cannot be played. The text names the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {why}")]
pub struct SoundError {
    name: String,
    why: String,
}

/// Sounds of some folders, at 8000 samples a second, or at 16,000 where they have more than telephones had. At most
/// 64 MiB of them are kept; who was not played longest goes first.
#[derive(Debug)]
pub struct Shelf {
    folders: Vec<PathBuf>,
    kept: HashMap<Key, Kept>,
    samples: usize,
    samples_max: usize,
    /// Counts what is asked for.
    asked: u64,
    /// Milliseconds since 1970.
    clock: fn() -> u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    File(PathBuf),
    /// A clip of the prompts by its language and name.
    Own(Language, &'static str),
}

#[derive(Debug)]
struct Kept {
    stamp: Stamp,
    /// What cannot be played is not tried again until it was replaced.
    sound: Result<Clip, String>,
    asked: u64,
}

/// What changes when a file is replaced or written to: device, inode, length, and the seconds and nanoseconds of its
/// last change. A copy that keeps its times has another inode or time of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Stamp([u64; 3], [i64; 4]);

impl Stamp {
    fn of(found: &Metadata) -> Stamp {
        let times = [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()];
        Stamp([found.dev(), found.ino(), found.len()], times)
    }

    /// True when the file was last changed so long ago that it is whole, and that a further change has another time.
    fn is_settled(self, now_ms: u64) -> bool {
        let changed_ms = u64::try_from(self.1[2]).unwrap_or(0) * 1000;
        now_ms.saturating_sub(changed_ms) > SETTLED_MS
    }

    fn octets(self) -> u64 {
        self.0[2]
    }
}

impl Shelf {
    /// The sounds of these folders, which need not be there yet. A name is looked up in the first one first.
    pub fn new(folders: impl IntoIterator<Item = PathBuf>) -> Shelf {
        let (folders, clock) = (folders.into_iter().collect(), clock::unix_ms);
        Shelf { folders, kept: HashMap::new(), samples: 0, samples_max: SAMPLES_MAX, asked: 0, clock }
    }

    /// A sound by its name, with or without its ending: `.wav`, or `.ulaw` and `.alaw` for raw ones of 8000 Hz, `.g722`
    /// for one of 64 kbit/s.
    pub fn sound(&mut self, name: &str) -> Result<Clip, SoundError> {
        let error = |why: String| SoundError { name: name.to_owned(), why };
        let (path, stamp) = self.find(name).map_err(error)?;
        self.kept(Key::File(path.clone()), stamp, |_| read(&path, stamp)).map_err(error)
    }

    /// A clip of the prompts, or the file that takes its place: `LANGUAGE/NAME.wav` in one of the folders. One that
    /// cannot be played is said once, and the clip is heard.
    pub fn clip(&mut self, language: &str, name: &str) -> Result<Clip, SoundError> {
        let error = |why: &str| SoundError { name: format!("{language}/{name}"), why: why.to_owned() };
        let spoken = Language::of(language).ok_or_else(|| error("no prompts in this language"))?;
        let clip = spoken.clip_of(name).ok_or_else(|| error("no prompt of this name"))?;
        if let Ok((path, stamp)) = self.find(&format!("{}/{name}", spoken.tag())) {
            let replaced = self.kept(Key::File(path.clone()), stamp, |_| {
                read(&path, stamp).inspect_err(|why| {
                    tracing::warn!(file = %path.display(), %why, "a clip of ours is played in the place of this one");
                })
            });
            if let Ok(replaced) = replaced {
                return Ok(replaced);
            }
        }
        let key = Key::Own(spoken, spoken.clip_name(clip));
        self.kept(key, Stamp::default(), |_| Ok(decode(spoken.clip_sound(clip)))).map_err(|why| error(&why))
    }

    /// What is kept under this key and stamp, else what `make` makes.
    fn kept(
        &mut self,
        key: Key,
        stamp: Stamp,
        make: impl FnOnce(&Key) -> Result<Clip, String>,
    ) -> Result<Clip, String> {
        self.asked += 1;
        if let Some(kept) = self.kept.get_mut(&key)
            && kept.stamp == stamp
            && stamp.is_settled((self.clock)())
        {
            kept.asked = self.asked;
            return kept.sound.clone();
        }
        self.forget(&key);
        let sound = make(&key);
        let count = sound.as_ref().map_or(0, |clip| clip.samples.len());
        if count > self.samples_max / 4 {
            return sound;
        }
        while self.samples + count > self.samples_max || self.kept.len() >= SOUNDS_MAX {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.asked).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            self.forget(&oldest);
        }
        self.samples += count;
        self.kept.insert(key, Kept { stamp, sound: sound.clone(), asked: self.asked });
        sound
    }

    fn forget(&mut self, key: &Key) {
        if let Some(Kept { sound: Ok(clip), .. }) = self.kept.remove(key) {
            self.samples -= clip.samples.len();
        }
    }

    fn find(&self, name: &str) -> Result<(PathBuf, Stamp), String> {
        let inside = Path::new(name);
        if name.is_empty() || !inside.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err("a sound is named from its folder on, without `..`".to_owned());
        }
        for folder in &self.folders {
            for ending in ["", ".wav", ".ulaw", ".alaw", ".g722"] {
                let mut path = folder.join(inside).into_os_string();
                path.push(ending);
                match fs::metadata(&path) {
                    Ok(found) if found.is_file() => return Ok((path.into(), Stamp::of(&found))),
                    Err(why) if is_elsewhere(&why) => {}
                    Err(why) => return Err(why.to_string()),
                    Ok(_) => {}
                }
            }
        }
        let folders: Vec<_> = self.folders.iter().map(|folder| folder.display().to_string()).collect();
        Err(format!("not in {}", folders.join(", nor in ")))
    }

    #[cfg(test)]
    pub(super) fn bounded(folder: &Path, samples_max: usize, clock: fn() -> u64) -> Shelf {
        Shelf { samples_max, clock, ..Shelf::new([folder.to_owned()]) }
    }

    #[cfg(test)]
    pub(super) fn samples(&self) -> usize {
        self.samples
    }
}

fn is_elsewhere(why: &io::Error) -> bool {
    matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The samples of a file, by the ending of its name.
fn read(path: &Path, stamp: Stamp) -> Result<Clip, String> {
    if stamp.octets() > FILE_MAX {
        return Err(format!("larger than {FILE_MAX} octets"));
    }
    let octets = fs::read(path).map_err(|why| why.to_string())?;
    let narrow = |samples: Vec<i16>| Clip { rate: NARROW, samples: samples.into() };
    Ok(match path.extension().and_then(|ending| ending.to_str()) {
        Some("ulaw" | "ul" | "pcmu") => narrow(octets.iter().map(|octet| g711::of_ulaw(*octet)).collect()),
        Some("alaw" | "al" | "pcma") => narrow(octets.iter().map(|octet| g711::of_alaw(*octet)).collect()),
        Some("g722") => decode(&octets),
        _ => {
            let wav::Samples { rate, samples } = wav::read(&octets)?;
            let to = if rate > NARROW { WIDE } else { NARROW };
            let mut resampled = Vec::new();
            if rate != to {
                Resampler::new(rate, to).resample(&samples, &mut resampled);
            }
            Clip { rate: to, samples: if rate == to { samples } else { resampled }.into() }
        }
    })
}

/// G.722 at 64 kbit/s.
fn decode(octets: &[u8]) -> Clip {
    let mut samples = Vec::with_capacity(octets.len() * 2);
    Codec::G722.decoder().decode(octets, &mut samples);
    Clip { rate: WIDE, samples: samples.into() }
}

/// Samples a second of telephones.
const NARROW: u32 = 8000;
/// Samples a second of wideband ones.
const WIDE: u32 = 16_000;
/// A file that was changed less long ago may be half of one: copying goes on.
const SETTLED_MS: u64 = 2000;
/// Octets of a file: an hour of 16 bits at 8000 Hz, and a bit.
const FILE_MAX: u64 = 64 << 20;
/// Samples that are kept at hand, two octets each.
const SAMPLES_MAX: usize = 32 << 20;
/// Sounds that are kept at hand, those that cannot be played too.
const SOUNDS_MAX: usize = 4096;
