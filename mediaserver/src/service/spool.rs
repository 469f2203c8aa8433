//! Recordings on their way to disk. A thread of its own writes what comes each second and syncs it, so that a crash
//! loses no more than that; what was left behind by one is finished at the next start.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use proto::media::{Ended, Leg, MediaEvent, MediaSink as _};

use super::Follower;

/// What is done next.
#[derive(Debug)]
pub(super) enum Step {
    /// A recording of this name begins.
    Begin { key: u64, name: String },
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
    file: Option<File>,
    samples: usize,
}

impl Spool {
    fn run(mut self, steps: &Receiver<Step>) {
        for step in steps {
            match step {
                Step::Begin { key, name } => {
                    let file = begin(&part(&self.folder, &name));
                    let file = file.map_err(|why| say(&name, &why)).ok();
                    self.open.insert(key, Open { name, file, samples: 0 });
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
            length: Duration::from_millis(samples as u64 / 8),
            why: if failed { Ended::Failed } else { why },
        }
    }
}

impl Open {
    fn write(&mut self, samples: &[i16]) {
        let Some(file) = &mut self.file else { return };
        let octets: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        match file.write_all(&octets).and_then(|()| file.sync_data()) {
            Ok(()) => self.samples += samples.len(),
            Err(why) => {
                say(&self.name, &why);
                self.file = None;
            }
        }
    }
}

fn say(name: &str, why: &io::Error) {
    tracing::error!(name, %why, "a recording is lost");
}

fn part(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.{PART}"))
}

fn begin(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::create(path)?;
    file.write_all(&header(0))?;
    file.sync_all()?;
    Ok(file)
}

/// Writes how long it is and gives it its name, with as many samples as are meant or as there are.
fn finish(path: &Path, samples: Option<usize>) -> io::Result<()> {
    let mut file = File::options().read(true).write(true).open(path)?;
    let there = (file.metadata()?.len() as usize).saturating_sub(HEADER) / 2;
    let samples = samples.unwrap_or(there).min(there);
    file.set_len((HEADER + 2 * samples) as u64)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&header(samples))?;
    file.sync_all()?;
    fs::rename(path, path.with_extension("wav"))?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Finishes what is left in this folder and below; gives how many there were.
fn finish_all(folder: &Path, depth: u8) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let entries = entries.flatten().map(|entry| entry.path());
    let finished = entries.map(|path| {
        if path.is_dir() && depth < DEPTH_MAX {
            return finish_all(&path, depth + 1);
        }
        let is_part = path.extension().is_some_and(|ending| ending == PART);
        usize::from(
            is_part && finish(&path, None).map_err(|why| say(&path.display().to_string(), &why)).is_ok(),
        )
    });
    finished.sum()
}

/// A WAV of one channel, 8000 Hz, 16 bits.
fn header(samples: usize) -> [u8; HEADER] {
    let octets = u32::try_from(samples * 2).unwrap_or(u32::MAX - 36);
    let mut header = *b"RIFF....WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data....";
    header[4..8].copy_from_slice(&(octets + 36).to_le_bytes());
    header[40..44].copy_from_slice(&octets.to_le_bytes());
    header
}

const HEADER: usize = 44;
/// How a recording under way ends.
const PART: &str = "part";
/// Seconds of recordings that may wait for the disk.
const STEPS_MAX: usize = 8192;
/// Folders in folders that are looked into.
const DEPTH_MAX: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::Shelf;

    fn folder(of: &str) -> PathBuf {
        std::env::temp_dir().join(format!("carillon-spool-{of}-{}", std::process::id()))
    }

    #[test]
    fn what_a_crash_left_behind_can_be_played_after_the_next_start() {
        let folder = folder("crash");
        let path = part(&folder, "bob/1");
        let mut open = Open { name: "bob/1".into(), file: begin(&path).ok(), samples: 0 };
        open.write(&[1, 2, 3]);
        drop(open);
        assert!(Shelf::new(&folder).sound("bob/1").is_err());
        let steps = start(&folder, Arc::default()).expect("it starts");
        assert_eq!(Shelf::new(&folder).sound("bob/1").expect("it is there")[..], [1, 2, 3]);
        drop(steps);
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
        let begin = Step::Begin { key: 1, name: "bob/2".into() };
        for step in [begin, Step::Samples { key: 1, samples: vec![5; 16_000] }, end] {
            steps.send(step).expect("the thread is there");
        }
        let event = heard.recv_timeout(Duration::from_secs(20)).expect("it is told");
        let (leg, length, file) = (Leg::new(2), Duration::from_secs(1), "bob/2.wav".to_owned());
        assert_eq!(
            event,
            MediaEvent::Recorded { leg, id: 3, file: file.clone(), length, why: Ended::Silence }
        );
        assert_eq!(Shelf::new(&folder).sound(&file).expect("it is there")[..], [5; 8000]);
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
        let open = Open { name: "1".into(), file: begin(&part(&folder, "1")).ok(), samples: 0 };
        let event = spool.end(open, Leg::new(1), 5, 0, Ended::Complete);
        assert!(matches!(event, MediaEvent::Recorded { id: 5, why: Ended::Failed, .. }), "{event:?}");
        fs::remove_file(&folder).expect("a file of ours");
    }
}
