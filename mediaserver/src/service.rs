//! The media server as a service: threads, each with its own sessions, and the questions that reach them.

mod machine;
mod metrics;
mod ports;
mod spool;
#[cfg(test)]
mod tests;
mod thread;

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use node::clock;
use parking_lot::Mutex;
use proto::media::{
    Answer, Attend, Bridge, Collect, Described, Load, Media, MediaEvent, MediaSink, Offer, Play, Press,
    Record, Release, Released, Sound, Stop, Theirs,
};
use proto::{Asked, Reply, ServiceError};

use crate::config::Config;
use crate::core::{Counters, Piece, Playing, Sessions};
use crate::sound::{Shelf, SoundError};
use machine::Machine;
use ports::Pool;
use spool::Step;
use thread::Thread;

/// Sessions on threads of their own. Dropping it ends them.
#[derive(Debug)]
pub struct Mediaserver {
    threads: Vec<Thread>,
    /// The thread of a call.
    hasher: RandomState,
    pool: Arc<Pool>,
    follower: Arc<Follower>,
    sessions_max: usize,
    queue_max: usize,
    overloaded: AtomicU64,
    is_draining: AtomicBool,
    shelves: Arc<Mutex<Shelves>>,
    reader: SyncSender<Reading>,
}

/// Who hears of events, where somebody does.
#[derive(Default)]
struct Follower(Mutex<Option<Arc<dyn MediaSink>>>);

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Follower").field(&self.0.lock().is_some()).finish()
    }
}

impl MediaSink for Follower {
    fn post(&self, call: &str, event: MediaEvent) {
        let sink = self.0.lock().clone();
        if let Some(sink) = sink {
            sink.post(call, event);
        }
    }
}

/// What all threads share.
struct Shared {
    pool: Arc<Pool>,
    follower: Arc<Follower>,
    spool: SyncSender<Step>,
}

/// Where files are.
#[derive(Debug)]
struct Shelves {
    sounds: Shelf,
    recordings: Shelf,
}

/// What happened at the sockets of one thread.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    unsent: u64,
    untaken: u64,
    unbound: u64,
    unspooled: u64,
}

/// What happened on one thread.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    core: Counters,
    tally: Tally,
    panics: u64,
}

impl Mediaserver {
    /// Starts the threads. No port is taken before the first call.
    pub fn start(config: &Config) -> io::Result<Mediaserver> {
        let pool = Arc::new(Pool::new(config, node::datagram::addresses(), clock::seed()[0]));
        let follower = Arc::new(Follower::default());
        let recordings = config.recordings_folder();
        let spool = spool::start(&recordings, Arc::clone(&follower))?;
        let shared = Shared { pool: Arc::clone(&pool), follower: Arc::clone(&follower), spool };
        let threads = (0..config.threads()).map(|number| Thread::start(number, config, &shared));
        Ok(Mediaserver {
            threads: threads.collect::<io::Result<_>>()?,
            hasher: RandomState::new(),
            pool,
            follower,
            sessions_max: config.sessions_max,
            queue_max: config.queue_max,
            overloaded: AtomicU64::new(0),
            is_draining: AtomicBool::new(false),
            shelves: Arc::new(Mutex::new(Shelves {
                sounds: Shelf::new(config.sound_folders()),
                recordings: Shelf::new([recordings]),
            })),
            reader: reader()?,
        })
    }

    /// From now on new calls are refused; those that stand go on until they are released.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
        for thread in &self.threads {
            thread.ask(|sessions, _, _| sessions.drain());
        }
    }

    /// How many calls have media here, a second ago at the most.
    pub fn sessions(&self) -> usize {
        self.threads.iter().map(|thread| thread.figures().core.sessions).sum()
    }

    /// The thread of a call, while there is room in its queue.
    fn thread(&self, call: &str) -> Option<&Thread> {
        let at = self.hasher.hash_one(call) % self.threads.len().max(1) as u64;
        self.threads.get(at as usize).filter(|thread| thread.has_room(self.queue_max))
    }

    fn full(&self) -> ServiceError {
        self.overloaded.fetch_add(1, Ordering::Relaxed);
        ServiceError::Overloaded { retry_after: Duration::from_secs(1) }
    }

    /// Asks the thread of a call.
    fn ask<T: Send + 'static>(
        &self,
        call: &str,
        reply: Reply<T>,
        question: impl FnOnce(&mut Sessions, Instant, &mut Machine) -> Result<T, ServiceError> + Send + 'static,
    ) -> Asked<T> {
        let Some(thread) = self.thread(call) else { return reply.now(Err(self.full())) };
        thread.ask(move |sessions, now, machine| reply.send(question(sessions, now, machine)));
        Asked::Later
    }
}

impl Media for Mediaserver {
    fn offer(&self, ask: &Offer<'_>, reply: Reply<Described>) -> Asked<Described> {
        let (call, sdp) = (ask.call.to_owned(), ask.sdp.to_vec());
        let Offer { from, to, from_address, to_address, .. } = *ask;
        self.ask(ask.call, reply, move |sessions, now, out| {
            let ask = Offer { call: &call, from, to, sdp: &sdp, from_address, to_address };
            sessions.offer(now, &ask, out)
        })
    }

    fn answer(&self, ask: &Answer<'_>, reply: Reply<Described>) -> Asked<Described> {
        let (call, sdp) = (ask.call.to_owned(), ask.sdp.to_vec());
        let Answer { from, to, from_address, .. } = *ask;
        self.ask(ask.call, reply, move |sessions, now, out| {
            sessions.answer(now, &Answer { call: &call, from, to, sdp: &sdp, from_address }, out)
        })
    }

    fn attend(&self, ask: &Attend<'_>, reply: Reply<Described>) -> Asked<Described> {
        /// The same, with octets of its own.
        enum Said {
            Offer(Vec<u8>),
            Nothing,
            Answer(Vec<u8>),
        }
        let call = ask.call.to_owned();
        let Attend { leg, address, .. } = *ask;
        let said = match ask.theirs {
            Theirs::Offer(sdp) => Said::Offer(sdp.to_vec()),
            Theirs::Nothing => Said::Nothing,
            Theirs::Answer(sdp) => Said::Answer(sdp.to_vec()),
        };
        self.ask(ask.call, reply, move |sessions, now, out| {
            let theirs = match &said {
                Said::Offer(sdp) => Theirs::Offer(sdp),
                Said::Nothing => Theirs::Nothing,
                Said::Answer(sdp) => Theirs::Answer(sdp),
            };
            sessions.attend(now, &Attend { call: &call, leg, theirs, address }, out)
        })
    }

    fn bridge(&self, ask: &Bridge<'_>, reply: Reply<()>) -> Asked<()> {
        let call = ask.call.to_owned();
        let Bridge { leg, with, .. } = *ask;
        self.ask(ask.call, reply, move |sessions, now, out| {
            sessions.bridge(now, &Bridge { call: &call, leg, with }, out)
        })
    }

    fn play(&self, ask: &Play<'_>, reply: Reply<()>) -> Asked<()> {
        let call = ask.call.to_owned();
        let Play { leg, id, repeat, stop_on_digit, .. } = *ask;
        if ask.sounds.len() > SOUNDS_MAX {
            return reply.now(Err(ServiceError::Refused(format!("more than {SOUNDS_MAX} sounds at once"))));
        }
        let sounds: Vec<Wanted> = ask.sounds.iter().map(Wanted::of).collect();
        let ready: Option<Vec<Piece>> = sounds.iter().map(Wanted::ready).collect();
        let begin = move |pieces: Vec<Piece>, sessions: &mut Sessions, now: Instant, out: &mut Machine| {
            let playing = Playing { id, pieces, repeat, stop_on_digit };
            sessions.play(now, (&call, leg), playing, out)
        };
        if let Some(ready) = ready {
            return self.ask(ask.call, reply, move |sessions, now, out| begin(ready, sessions, now, out));
        }
        let shelves = Arc::clone(&self.shelves);
        let Some(thread) = self.thread(ask.call) else { return reply.now(Err(self.full())) };
        let thread = thread.line();
        let expect = |of: String, is_read: bool| {
            move |sessions: &mut Sessions, now: Instant, out: &mut Machine| {
                // A leg that is not there is told by what is played.
                let _ = sessions.expect(now, (&of, leg), is_read, out);
            }
        };
        let (before, after) = (expect(ask.call.to_owned(), true), expect(ask.call.to_owned(), false));
        thread.ask(before);
        let way = thread.clone();
        // Files are read where nobody's voice waits for the disk.
        let read = move || match pieces(sounds, &mut shelves.lock()) {
            Ok(pieces) => thread.ask(move |sessions, now, out| {
                after(sessions, now, out);
                reply.send(begin(pieces, sessions, now, out));
            }),
            Err(why) => {
                thread.ask(after);
                reply.send(Err(refused(why)));
            }
        };
        if let Err(TrySendError::Full(read) | TrySendError::Disconnected(read)) =
            self.reader.try_send(Box::new(read))
        {
            // Dropping it would say that the question was lost; it was not even begun.
            self.overloaded.fetch_add(1, Ordering::Relaxed);
            drop(read);
            way.ask(expect(ask.call.to_owned(), false));
        }
        Asked::Later
    }

    fn record(&self, ask: &Record<'_>, reply: Reply<()>) -> Asked<()> {
        if !spool::is_name(ask.to) {
            let said = format!("{:?} is no name for a recording", ask.to);
            return reply.now(Err(ServiceError::Refused(said)));
        }
        let (call, to, stops) = (ask.call.to_owned(), ask.to.to_owned(), ask.stop_digits.to_owned());
        let Record { leg, id, max, silence, both_sides, beep, .. } = *ask;
        self.ask(ask.call, reply, move |sessions, now, out| {
            let stop_digits = &stops;
            let ask = Record { call: &call, leg, id, to: &to, max, silence, stop_digits, both_sides, beep };
            sessions.record(now, &ask, out)
        })
    }

    fn collect(&self, ask: &Collect<'_>, reply: Reply<()>) -> Asked<()> {
        let (call, ends) = (ask.call.to_owned(), ask.end_digits.to_owned());
        let Collect { leg, id, digits_max, first, between, .. } = *ask;
        self.ask(ask.call, reply, move |sessions, now, out| {
            let ask = Collect { call: &call, leg, id, digits_max, first, between, end_digits: &ends };
            sessions.collect(now, &ask, out)
        })
    }

    fn stop(&self, ask: &Stop<'_>, reply: Reply<()>) -> Asked<()> {
        let call = ask.call.to_owned();
        let Stop { leg, id, .. } = *ask;
        self.ask(ask.call, reply, move |sessions, now, out| {
            sessions.stop(now, &Stop { call: &call, leg, id }, out)
        })
    }

    fn press(&self, ask: &Press<'_>, reply: Reply<()>) -> Asked<()> {
        let call = ask.call.to_owned();
        let Press { leg, digit, .. } = *ask;
        self.ask(ask.call, reply, move |sessions, now, out| {
            sessions.press(now, &Press { call: &call, leg, digit }, out)
        })
    }

    fn release(&self, ask: &Release<'_>, reply: Reply<Released>) -> Asked<Released> {
        let call = ask.call.to_owned();
        let leg = ask.leg;
        self.ask(ask.call, reply, move |sessions, now, out| {
            Ok(sessions.release(now, &Release { call: &call, leg }, out))
        })
    }

    fn statistics(&self, ask: &Release<'_>, reply: Reply<Released>) -> Asked<Released> {
        let call = ask.call.to_owned();
        let leg = ask.leg;
        self.ask(ask.call, reply, move |sessions, now, _| {
            Ok(sessions.statistics(now, &Release { call: &call, leg }))
        })
    }

    fn load(&self, reply: Reply<Load>) -> Asked<Load> {
        reply.now(Ok(Load {
            sessions: u32::try_from(self.sessions()).unwrap_or(u32::MAX),
            sessions_max: u32::try_from(self.sessions_max).unwrap_or(u32::MAX),
            ports_free: self.pool.ports_free(),
            is_draining: self.is_draining.load(Ordering::Relaxed),
        }))
    }

    fn follow(&self, sink: Arc<dyn MediaSink>) {
        *self.follower.0.lock() = Some(sink);
    }
}

/// A sound that is wanted, as the asker named it.
enum Wanted {
    File(String),
    Clip { language: String, name: String },
    Ready(Piece),
}

impl Wanted {
    fn of(sound: &Sound<'_>) -> Wanted {
        match *sound {
            Sound::File(name) => Wanted::File(name.to_owned()),
            Sound::Clip { language, name } => {
                Wanted::Clip { language: language.to_owned(), name: name.to_owned() }
            }
            Sound::Tone(tone) => Wanted::Ready(Piece::Tone(tone)),
            Sound::Silence(duration) => Wanted::Ready(Piece::Silence(duration)),
        }
    }

    /// What needs no file.
    fn ready(&self) -> Option<Piece> {
        if let Wanted::Ready(piece) = self { Some(piece.clone()) } else { None }
    }
}

/// The sounds themselves.
fn pieces(sounds: Vec<Wanted>, shelves: &mut Shelves) -> Result<Vec<Piece>, SoundError> {
    let piece = |sound| match sound {
        Wanted::File(name) => Ok(Piece::Clip(match name.strip_prefix("record:") {
            Some(name) => shelves.recordings.sound(name)?,
            None => shelves.sounds.sound(&name)?,
        })),
        Wanted::Clip { language, name } => Ok(Piece::Clip(shelves.sounds.clip(&language, &name)?)),
        Wanted::Ready(piece) => Ok(piece),
    };
    sounds.into_iter().map(piece).collect()
}

fn refused(why: SoundError) -> ServiceError {
    ServiceError::Refused(why.to_string())
}

/// Reads sound files for all threads, one after the other.
fn reader() -> io::Result<SyncSender<Reading>> {
    let (sender, readings) = sync_channel::<Reading>(READINGS_MAX);
    let read = move || readings.into_iter().for_each(|reading| reading());
    std::thread::Builder::new().name("media-files".to_owned()).spawn(read)?;
    Ok(sender)
}

/// A file that somebody waits for.
type Reading = Box<dyn FnOnce() + Send>;

/// Sounds of one question.
const SOUNDS_MAX: usize = 256;
/// Questions that may wait for files.
const READINGS_MAX: usize = 1024;
