//! Sound that was recorded: files of a folder, by name, which the media server writes. With an archive, what is whole is
//! copied there, and what the folder does not have is brought from there: a folder that is lost loses what was not yet
//! copied, and no more.
//!
//! What is left to do stands beside a record, so that it is done after a crash too: `17.wav.kept` says that the archive has
//! it, `17.wav.gone` that the archive is to forget it.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::archive::Archive;

/// The records of one folder. A name has no `..` and does not begin with `/`. Every method blocks on the disk, or on the
/// archive.
#[derive(Debug, Clone)]
pub struct Records {
    folder: PathBuf,
    archive: Option<Archive>,
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

/// What one look at the folder did for the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carried {
    /// Records that were copied there.
    pub kept: u64,
    /// Records that it forgot.
    pub forgotten: u64,
    /// Copies that went from the folder since the archive has them.
    pub evicted: u64,
}

impl Records {
    /// Nothing is opened before it is asked for.
    pub fn new(folder: PathBuf) -> Self {
        Records { folder, archive: None }
    }

    /// With an archive behind the folder.
    pub fn archived(self, archive: Archive) -> Self {
        Records { archive: Some(archive), ..self }
    }

    /// True with an archive.
    pub fn has_archive(&self) -> bool {
        self.archive.is_some()
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
                if part.try_exists()? { Ok(Recorded::Going) } else { self.state_there(&whole(name)) }
            }
            Err(why) => Err(why),
        }
    }

    fn state_there(&self, name: &str) -> io::Result<Recorded> {
        let is_gone = beside(&self.path(name)?, GONE).exists();
        let Some(archive) = self.archive.as_ref().filter(|_| !is_gone) else { return Ok(Recorded::Nothing) };
        match archive.begin(name, HEADER) {
            Ok((octets, size)) => {
                let header = octets.try_into().map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
                Ok(Recorded::Whole(length(&header, size.saturating_sub(HEADER as u64))))
            }
            Err(why) if why.kind() == ErrorKind::NotFound => Ok(Recorded::Nothing),
            Err(why) => Err(why),
        }
    }

    /// Brings a record into the folder, where the media server looks for it. One that is there costs nothing.
    pub fn fetch(&self, name: &str) -> io::Result<()> {
        let path = self.path(&whole(name))?;
        let is_known = path.exists() || beside(&path, GONE).exists();
        let Some(archive) = self.archive.as_ref().filter(|_| !is_known) else { return Ok(()) };
        let octets = archive.get(&whole(name))?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let coming = beside(&path, "coming");
        fs::write(&coming, octets)?;
        fs::write(beside(&path, KEPT), "")?;
        fs::rename(coming, path)
    }

    /// Where a record is in the folder, into which it is brought where only the archive has it.
    pub fn bring(&self, name: &str) -> io::Result<PathBuf> {
        self.fetch(name)?;
        let path = self.path(&whole(name))?;
        fs::metadata(&path).map(|_| path)
    }

    /// The octets of a record.
    pub fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.fetch(name)?;
        fs::read(self.path(&whole(name))?)
    }

    /// Copies a record under another name.
    pub fn copy(&self, name: &str, to: &str) -> io::Result<()> {
        self.fetch(name)?;
        let to = self.path(&whole(to))?;
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(self.path(&whole(name))?, &to)?;
        fs::File::open(&to)?.sync_all()
    }

    /// Writes the sounds of these records behind each other under a name, and says how long they are together. What is
    /// there under that name is replaced at once or not at all. Those with fewer samples a second are brought to the most.
    pub fn join(&self, names: &[String], to: &str) -> io::Result<Duration> {
        let to = self.path(&whole(to))?;
        let sounds = names.iter().map(|name| self.read(name)).collect::<io::Result<Vec<_>>>()?;
        let parts: Option<Vec<_>> = sounds.iter().map(|sound| sound.split_first_chunk::<HEADER>()).collect();
        let cut = || io::Error::new(ErrorKind::InvalidData, "a record without its header");
        let parts = parts.ok_or_else(cut)?;
        let (header, _) = parts.iter().max_by_key(|(header, _)| rate(header)).ok_or_else(cut)?;
        let mut joined = header.to_vec();
        for (of, sound) in &parts {
            brought_to(rate(header), rate(of), sound, &mut joined);
        }
        let octets = joined.len() - HEADER;
        for (at, length) in [(WHOLE_AT, joined.len() - 8), (SOUND_AT, octets)] {
            let length = u32::try_from(length).unwrap_or(u32::MAX);
            joined[at..at + 4].copy_from_slice(&length.to_le_bytes());
        }
        let folder = to.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder)?;
        let unfinished = to.with_extension("joining");
        fs::write(&unfinished, &joined)?;
        fs::File::open(&unfinished)?.sync_all()?;
        fs::rename(&unfinished, &to)?;
        fs::File::open(folder)?.sync_all()?;
        Ok(length(header, octets as u64))
    }

    /// Removes a record; one that is not there is removed. The archive forgets it when it next hears of it.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.path(&whole(name))?;
        if self.archive.is_some() {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(beside(&path, GONE), "")?;
        }
        unless_missing(fs::remove_file(beside(&path, KEPT)))?;
        unless_missing(fs::remove_file(path))
    }

    /// Looks at all records below `folder` and does what is left to do for the archive; a copy that it has had for
    /// `local` at `now_ms` (since 1970) goes from the folder. The first thing that fails ends the look, and the next one begins there again.
    pub fn carry(&self, folder: &str, local: Duration, now_ms: u64) -> io::Result<Carried> {
        let mut carried = Carried::default();
        if let Some(archive) = &self.archive {
            let before = UNIX_EPOCH + Duration::from_millis(now_ms).saturating_sub(local);
            self.carry_below(&self.path(folder)?, archive, before, &mut carried)?;
        }
        Ok(carried)
    }

    fn carry_below(
        &self,
        folder: &Path,
        archive: &Archive,
        before: SystemTime,
        carried: &mut Carried,
    ) -> io::Result<()> {
        let entries = match fs::read_dir(folder) {
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
            if path.is_dir() {
                self.carry_below(&path, archive, before, carried)?;
            } else if ending == GONE {
                self.forget_there(&path, archive, carried)?;
            } else if ending == WHOLE && !beside(&path, GONE).exists() {
                let kept = beside(&path, KEPT);
                match fs::metadata(&kept) {
                    Ok(kept) => evict(&path, kept.modified()?, before, carried)?,
                    Err(_) => self.keep_there(&path, &kept, archive, carried)?,
                }
            }
        }
        Ok(())
    }

    fn keep_there(
        &self,
        path: &Path,
        kept: &Path,
        archive: &Archive,
        carried: &mut Carried,
    ) -> io::Result<()> {
        let Some(name) = self.name(path) else { return Ok(()) };
        let octets = match fs::read(path) {
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(()),
            octets => octets?,
        };
        archive.put(name, octets)?;
        carried.kept += 1;
        // Removed while it was on its way there, it is to be forgotten, and a mark says so.
        if path.exists() { fs::write(kept, "") } else { Ok(()) }
    }

    fn forget_there(&self, mark: &Path, archive: &Archive, carried: &mut Carried) -> io::Result<()> {
        let path = mark.with_extension("");
        let Some(name) = self.name(&path) else { return Ok(()) };
        // A call that was told again after a crash has recorded it anew.
        let written = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
        if written(&path) > written(mark) {
            return unless_missing(fs::remove_file(mark));
        }
        // The removal was cut off before it came to the record itself.
        unless_missing(fs::remove_file(beside(&path, KEPT)))?;
        unless_missing(fs::remove_file(&path))?;
        archive.delete(name)?;
        carried.forgotten += 1;
        unless_missing(fs::remove_file(mark))
    }

    fn name<'a>(&self, path: &'a Path) -> Option<&'a str> {
        path.strip_prefix(&self.folder).ok()?.to_str()
    }

    fn path(&self, name: &str) -> io::Result<PathBuf> {
        let mut parts = Path::new(name).components();
        if name == ".wav" || !parts.all(|part| matches!(part, Component::Normal(_))) {
            return Err(io::Error::new(ErrorKind::InvalidInput, format!("{name:?} is no name of a record")));
        }
        Ok(self.folder.join(name))
    }
}

/// The name of a mark beside a record.
fn beside(path: &Path, mark: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(mark);
    name.into()
}

fn unless_missing(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(why) if why.kind() != ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}

/// The copy goes from the folder when the archive has had the record for long.
fn evict(path: &Path, kept: SystemTime, before: SystemTime, carried: &mut Carried) -> io::Result<()> {
    if kept >= before {
        return Ok(());
    }
    unless_missing(fs::remove_file(path))?;
    carried.evicted += 1;
    unless_missing(fs::remove_file(beside(path, KEPT)))
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
    Duration::from_millis(octets * 1000 / rate(header))
}

/// Octets a second.
fn rate(header: &[u8; HEADER]) -> u64 {
    let [a, b, c, d] = [header[RATE_AT], header[RATE_AT + 1], header[RATE_AT + 2], header[RATE_AT + 3]];
    u64::from(u32::from_le_bytes([a, b, c, d])).max(1)
}

/// Appends samples of 16 bits at another rate: on the line between the two that are nearest.
fn brought_to(rate: u64, of: u64, sound: &[u8], joined: &mut Vec<u8>) {
    let (samples, _) = sound.as_chunks::<2>();
    let sample = |place: u64| {
        let place = usize::try_from(place).unwrap_or(usize::MAX).min(samples.len().saturating_sub(1));
        samples.get(place).map_or(0, |octets| i64::from(i16::from_le_bytes(*octets)))
    };
    for place in 0..samples.len() as u64 * rate / of {
        let (before, beyond) = (place * of / rate, place * of % rate);
        let (first, second) = (sample(before), sample(before + 1));
        let between = first + (second - first) * signed(beyond) / signed(rate);
        joined.extend(i16::try_from(between).unwrap_or_default().to_le_bytes());
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The ending of a record that is whole, as the media server gives it; and of one that is not.
const WHOLE: &str = "wav";
const PART: &str = "part";
/// Marks beside a record.
const KEPT: &str = "kept";
const GONE: &str = "gone";
/// Octets before the sound, as the media server writes them, and where the octets a second stand among them.
const HEADER: usize = 46;
const RATE_AT: usize = 28;
/// Where lengths stand: of all that follows, and of the sound.
const WHOLE_AT: usize = 4;
const SOUND_AT: usize = HEADER - 4;

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
        let half = |value: i16| [&octets[..HEADER], &value.to_le_bytes().repeat(8000)].concat();
        let mut wide = half(300);
        wide[RATE_AT..RATE_AT + 4].copy_from_slice(&32_000_u32.to_le_bytes());
        fs::write(folder.join("bob/wide.wav"), &wide).expect("our own folder");
        fs::write(folder.join("bob/narrow.wav"), half(100)).expect("our own folder");
        let names = ["bob/narrow.wav".to_owned(), "bob/wide".to_owned()];
        let joined = records.join(&names, "carol/1.wav").expect("they can be joined");
        assert_eq!(joined, Duration::from_millis(1500), "one second, and a half");
        assert_eq!(records.state("carol/1").expect("it is there"), Recorded::Whole(joined));
        let octets = records.read("carol/1").expect("it is there");
        assert_eq!(octets[SOUND_AT..HEADER], 48_000_u32.to_le_bytes());
        let at = |sample: usize| {
            i16::from_le_bytes([octets[HEADER + 2 * sample], octets[HEADER + 2 * sample + 1]])
        };
        assert_eq!((at(0), at(15_999), at(16_000), at(23_999)), (100, 100, 300, 300));
        for name in ["", "../1", "/etc/passwd", "a/../b"] {
            assert!(records.state(name).is_err(), "{name}");
        }
        fs::remove_dir_all(&folder).expect("our own folder");
    }

    /// A record of a second and a half.
    fn sound() -> Vec<u8> {
        let mut octets = vec![7; HEADER + 24_000];
        octets[RATE_AT..RATE_AT + 4].copy_from_slice(&16_000_u32.to_le_bytes());
        octets
    }

    #[test]
    fn what_the_folder_lost_comes_back_from_the_archive() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let archive = Archive::in_memory(runtime.handle());
        let folder = std::env::temp_dir().join(format!("carillon-archived-{}", std::process::id()));
        let records = Records::new(folder.clone()).archived(archive.clone());
        let never = Duration::MAX;
        fs::create_dir_all(folder.join("voicemail/6002")).expect("our own folder");
        fs::write(folder.join("voicemail/6002/r-1.wav"), sound()).expect("our own folder");
        fs::write(folder.join("voicemail/6002/r-2.part"), sound()).expect("our own folder");
        fs::write(folder.join("music.wav"), sound()).expect("our own folder");
        let of = |kept, forgotten, evicted| Carried { kept, forgotten, evicted };
        assert_eq!(records.carry("voicemail", never, 0).expect("the archive is there"), of(1, 0, 0));
        assert_eq!(records.carry("voicemail", never, 0).expect("the archive is there"), of(0, 0, 0));
        // The copy goes, and the record is still known, read and played.
        assert_eq!(
            records
                .carry("voicemail", Duration::ZERO, u64::from(u32::MAX) * 1000)
                .expect("the archive is there"),
            of(0, 0, 1)
        );
        let whole = Recorded::Whole(Duration::from_millis(1500));
        assert_eq!(records.state("voicemail/6002/r-1").expect("it is asked for"), whole);
        assert_eq!(records.state("voicemail/6002/r-2").expect("it is here"), Recorded::Going);
        fs::remove_dir_all(&folder).expect("our own folder");
        assert_eq!(records.read("voicemail/6002/r-1.wav").expect("it comes back"), sound());
        assert!(folder.join("voicemail/6002/r-1.wav").exists(), "where the media server looks for it");
        assert_eq!(records.carry("voicemail", never, 0).expect("the archive is there"), of(0, 0, 0));
        // Whoever has seen it removed does not see it again, though the archive has not heard of it.
        records.remove("voicemail/6002/r-1").expect("it can be removed");
        assert_eq!(records.state("voicemail/6002/r-1").expect("it is gone"), Recorded::Nothing);
        assert!(archive.get("voicemail/6002/r-1.wav").is_ok());
        assert_eq!(records.carry("voicemail", never, 0).expect("the archive is there"), of(0, 1, 0));
        assert_eq!(archive.get("voicemail/6002/r-1.wav").expect_err("forgotten").kind(), ErrorKind::NotFound);
        assert_eq!(records.state("voicemail/6002/r-1").expect("it is gone"), Recorded::Nothing);
        fs::remove_dir_all(&folder).expect("our own folder");
    }
}
