//! Recordings on their way to disk, by a thread of their own.
//!
//! What others may lean on: a recording `bob/17` is `bob/17.part` while it goes on and `bob/17.wav` once it has ended,
//! never half of one under that name. Each second of sound is handed over when it is whole, written at once (a killed
//! process loses the second that had not been handed over) and synced within about a second after that (so does a machine
//! that loses its power, of one more). [`MediaEvent::Recorded`] comes when the file has its name and is synced. A start
//! turns each `.part` that it finds into a `.wav` with all that was written, before anything else is done; nobody is told
//! of those, since their calls are gone: whoever gave the name finds the file. One without any sound is removed.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use node::clock;
use proto::media::{Ended, Leg, MediaEvent, MediaSink as _};
use rtp::wav::{self, Encoding};

use super::Follower;
use crate::core::Form;

/// What is done next.
#[derive(Debug)]
pub(super) enum Step {
    /// A recording of this name begins.
    Begin { key: u64, name: String, form: Form },
    /// So it goes on.
    Samples { key: u64, samples: Vec<i16> },
    /// It is over.
    End { key: u64, call: String, leg: Leg, id: u32, cut: usize, why: Ended },
}

/// Starts the thread, after finishing what a crash left behind.
pub(super) fn start(folder: &Path, follower: Arc<Follower>) -> io::Result<SyncSender<Step>> {
    let found = finish_all(folder, 0);
    if found > 0 {
        tracing::info!(found, folder = %folder.display(), "recordings that were interrupted can be played");
    }
    let (sender, steps) = sync_channel(STEPS_MAX);
    let spool = Spool { folder: folder.to_owned(), open: HashMap::new(), follower };
    std::thread::Builder::new().name("media-spool".to_owned()).spawn(move || spool.run(&steps))?;
    Ok(sender)
}

/// True when a recording may have this name.
pub(super) fn is_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    !name.is_empty() && name.len() <= 200 && parts.all(|part| matches!(part, Component::Normal(_)))
}

struct Spool {
    folder: PathBuf,
    open: HashMap<u64, Open>,
    follower: Arc<Follower>,
}

/// A recording under way; without a file, one that failed.
struct Open {
    name: String,
    form: Form,
    file: Option<File>,
    /// Of each channel.
    samples: usize,
    /// Written to since it was last synced.
    is_new: bool,
}

impl Spool {
    fn run(mut self, steps: &Receiver<Step>) {
        let mut sync_at = clock::now() + SYNC;
        loop {
            match steps.recv_timeout(sync_at.saturating_duration_since(clock::now())) {
                Ok(step) => self.take(step),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if clock::now() >= sync_at {
                self.sync();
                // A slow disk syncs less often, and what waits is written between.
                sync_at = next(sync_at, clock::now());
            }
        }
        // The process ends: what goes on is whole up to here.
        self.sync();
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Begin { key, name, form } => {
                let file = begin(&part(&self.folder, &name), form);
                let file = file.map_err(|why| say(&name, &why)).ok();
                self.open.insert(key, Open { name, form, file, samples: 0, is_new: false });
            }
            Step::Samples { key, samples } => {
                if let Some(open) = self.open.get_mut(&key) {
                    open.write(&samples);
                }
            }
            Step::End { key, call, leg, id, cut, why } => {
                if let Some(open) = self.open.remove(&key) {
                    let event = self.end(open, leg, id, cut, why);
                    self.follower.post(&call, event);
                }
            }
        }
    }

    fn sync(&mut self) {
        for open in self.open.values_mut().filter(|open| open.is_new) {
            open.is_new = false;
            open.act(|file| file.sync_data());
        }
    }

    fn end(&self, open: Open, leg: Leg, id: u32, cut: usize, why: Ended) -> MediaEvent {
        let samples = open.samples.saturating_sub(cut);
        let path = part(&self.folder, &open.name);
        let failed =
            open.file.is_none() || finish(&path, Some(samples)).map_err(|why| say(&open.name, &why)).is_err();
        MediaEvent::Recorded {
            leg,
            id,
            file: format!("{}.wav", open.name),
            length: Duration::from_millis(samples as u64 * 1000 / u64::from(open.form.rate.max(1))),
            why: if failed { Ended::Failed } else { why },
        }
    }
}

impl Open {
    fn write(&mut self, samples: &[i16]) {
        let octets: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        if self.act(|file| file.write_all(&octets)) {
            self.samples += samples.len() / usize::from(self.form.channels.max(1));
            self.is_new = true;
        }
    }

    /// False when that went wrong, now or before: the recording is lost.
    fn act(&mut self, act: impl FnOnce(&mut File) -> io::Result<()>) -> bool {
        let Some(file) = &mut self.file else { return false };
        let Err(why) = act(file) else { return true };
        say(&self.name, &why);
        self.file = None;
        false
    }
}

fn say(name: &str, why: &io::Error) {
    tracing::error!(name, %why, "a recording is lost");
}

fn next(due: Instant, now: Instant) -> Instant {
    if due + SYNC > now { due + SYNC } else { now + SYNC }
}

fn part(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.{PART}"))
}

/// A file that nobody else writes.
fn begin(path: &Path, form: Form) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::create_new(path)?;
    let form = wav::Form { encoding: Encoding::Pcm16, sample_rate: form.rate, channels: form.channels };
    file.write_all(&wav::header(&form, None))?;
    file.sync_all()?;
    sync_folder(path)?;
    Ok(file)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Writes how long it is and gives it its name, with as many samples of each channel as are meant or as there are.
fn finish(path: &Path, samples: Option<usize>) -> io::Result<()> {
    let mut file = File::options().read(true).write(true).open(path)?;
    let mut header = [0; HEADER];
    file.read_exact(&mut header)?;
    let frame = 2 * usize::from(header[CHANNELS_AT].max(1));
    let there = (file.metadata()?.len() as usize).saturating_sub(HEADER) / frame;
    let octets = samples.unwrap_or(there).min(there) * frame;
    file.set_len((HEADER + octets) as u64)?;
    for (at, length) in wav::patch(u32::try_from(octets).unwrap_or(u32::MAX)) {
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&length)?;
    }
    file.sync_all()?;
    fs::rename(path, path.with_extension("wav"))?;
    sync_folder(path)
}

/// Finishes what is left in this folder and below; gives how many there were.
fn finish_all(folder: &Path, depth: u8) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let mut finished = 0;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() && depth < DEPTH_MAX {
            finished += finish_all(&path, depth + 1);
        } else if path.extension().is_some_and(|ending| ending == PART) {
            let is_empty = fs::metadata(&path).is_ok_and(|of| of.len() <= HEADER as u64);
            let done = if is_empty { fs::remove_file(&path) } else { finish(&path, None) };
            match done {
                Ok(()) => finished += usize::from(!is_empty),
                Err(why) => say(&path.display().to_string(), &why),
            }
        }
    }
    finished
}

/// Octets before the sound.
const HEADER: usize = 46;
/// Where the number of channels stands.
const CHANNELS_AT: usize = 22;
/// How a recording under way ends.
const PART: &str = "part";
/// How often is synced.
const SYNC: Duration = Duration::from_secs(1);
/// Seconds of recordings that may wait for the disk.
const STEPS_MAX: usize = 8192;
/// Folders in folders that are looked into.
const DEPTH_MAX: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::Shelf;

    const MONO: Form = Form { rate: 8000, channels: 1 };

    fn folder(of: &str) -> PathBuf {
        std::env::temp_dir().join(format!("carillon-spool-{of}-{}", std::process::id()))
    }

    #[test]
    fn what_a_crash_left_behind_can_be_played_after_the_next_start() {
        let folder = folder("crash");
        let interrupted = |name: &str, form: Form, samples: &[i16]| {
            let path = part(&folder, name);
            let file = begin(&path, form).expect("a new file");
            let mut open = Open { name: name.into(), form, file: Some(file), samples: 0, is_new: false };
            open.write(samples);
            path
        };
        interrupted("bob/1", MONO, &[1, 2, 3]);
        // Cut off in the middle of a sample of the second channel.
        let both = interrupted("bob/2", Form { rate: 16_000, channels: 2 }, &[1, 3, 5, 7, 9]);
        let nothing = interrupted("bob/3", MONO, &[]);
        let mut shelf = Shelf::new([folder.clone()]);
        assert!(shelf.sound("bob/1").is_err());
        drop(start(&folder, Arc::default()).expect("it starts"));
        let mut heard = |name: &str| {
            let clip = shelf.sound(name).expect("it can be played");
            (clip.rate, clip.samples.to_vec())
        };
        assert_eq!(heard("bob/1"), (8000, vec![1, 2, 3]));
        assert_eq!(heard("bob/2"), (16_000, vec![2, 6]), "both sides are heard at once");
        assert!(!both.exists() && !nothing.exists() && shelf.sound("bob/3").is_err());
        fs::remove_dir_all(&folder).expect("a folder of ours");
    }

    #[test]
    fn a_recording_is_told_once_it_can_be_played_without_what_was_cut() {
        struct Heard(std::sync::mpsc::Sender<MediaEvent>);
        impl proto::MediaSink for Heard {
            fn post(&self, call: &str, event: MediaEvent) {
                assert_eq!(call, "c");
                let _ = self.0.send(event);
            }
        }
        let folder = folder("told");
        let (sender, heard) = std::sync::mpsc::channel();
        let follower = Arc::new(Follower::default());
        *follower.0.lock() = Some(Arc::new(Heard(sender)));
        let steps = start(&folder, follower).expect("it starts");
        let end =
            Step::End { key: 1, call: "c".into(), leg: Leg::new(2), id: 3, cut: 8000, why: Ended::Silence };
        let begin = Step::Begin { key: 1, name: "bob/2".into(), form: MONO };
        for step in [begin, Step::Samples { key: 1, samples: vec![5; 16_000] }, end] {
            steps.send(step).expect("the thread is there");
        }
        let event = heard.recv_timeout(Duration::from_secs(20)).expect("it is told");
        let (leg, length, file) = (Leg::new(2), Duration::from_secs(1), "bob/2.wav".to_owned());
        assert_eq!(
            event,
            MediaEvent::Recorded { leg, id: 3, file: file.clone(), length, why: Ended::Silence }
        );
        let clip = Shelf::new([folder.clone()]).sound(&file).expect("it is there");
        assert_eq!(clip.samples[..], [5; 8000]);
        fs::remove_dir_all(&folder).expect("a folder of ours");
    }

    #[test]
    fn names_stay_inside_their_folder() {
        for (name, is_good) in
            [("bob/1", true), ("1", true), ("", false), ("../1", false), ("/1", false), ("a/../b", false)]
        {
            assert_eq!(is_name(name), is_good, "{name}");
        }
    }

    #[test]
    fn a_disk_that_cannot_be_written_is_said_to_whoever_waits() {
        let folder = folder("full");
        fs::write(&folder, b"no folder").expect("a file in the way");
        let spool = Spool { folder: folder.clone(), open: HashMap::new(), follower: Arc::default() };
        let file = begin(&part(&folder, "1"), MONO).ok();
        let open = Open { name: "1".into(), form: MONO, file, samples: 0, is_new: false };
        let event = spool.end(open, Leg::new(1), 5, 0, Ended::Complete);
        assert!(matches!(event, MediaEvent::Recorded { id: 5, why: Ended::Failed, .. }), "{event:?}");
        fs::remove_file(&folder).expect("a file of ours");
    }
}
