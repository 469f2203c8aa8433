//! Talking to the caller: commands with their ids, and sentences as sounds.

use std::time::Duration;

use prompt::{Fixed, Language, Piece, Sentence};
use proto::application::{Command, Sound};
use proto::media::Repeat;

use super::Effect;

/// The commands to one run.
#[derive(Debug, Clone)]
pub(crate) struct Talk {
    language: Language,
    id: u32,
}

/// What is played: a sentence, or a recording of the record store.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Say<'a> {
    Sentence(Sentence<'a>),
    Recording(&'a str),
}

impl From<Fixed> for Say<'_> {
    fn from(fixed: Fixed) -> Self {
        Say::Sentence(Sentence::Fixed(fixed))
    }
}

impl Talk {
    /// The language of a tag; the first one that there is where the tag is not known.
    pub(crate) fn new(tag: &str) -> Self {
        Talk { language: Language::of(tag).unwrap_or_default(), id: 0 }
    }

    /// Gives a command, and its id.
    pub(crate) fn command(&mut self, command: Command, out: &mut Vec<Effect>) -> u32 {
        self.id += 1;
        out.push(Effect::Command { id: self.id, command });
        self.id
    }

    /// Plays to the caller, through to the end.
    pub(crate) fn play(&mut self, said: &[Say<'_>], out: &mut Vec<Effect>) -> u32 {
        self.command(self.playing(said, false), out)
    }

    /// Says the last words of a call: a pause follows them, since phones lose at a BYE what they have not played yet.
    pub(crate) fn part(&mut self, said: &[Say<'_>], out: &mut Vec<Effect>) -> u32 {
        let mut playing = self.playing(said, false);
        if let Command::Play { sounds, .. } = &mut playing {
            sounds.push(Sound::Silence(PAUSE));
        }
        self.command(playing, out)
    }

    /// Plays to the caller until a key is pressed, and collects one key. The id is that of the collecting.
    pub(crate) fn ask(&mut self, said: &[Say<'_>], wait: Duration, out: &mut Vec<Effect>) -> u32 {
        self.collect(said, 1, wait, "", out)
    }

    /// The same for a number, which `#` ends.
    pub(crate) fn ask_number(&mut self, said: &[Say<'_>], wait: Duration, out: &mut Vec<Effect>) -> u32 {
        self.collect(said, NUMBER_DIGITS_MAX, wait, "#", out)
    }

    fn collect(
        &mut self,
        said: &[Say<'_>],
        digits_max: u8,
        wait: Duration,
        end_digits: &str,
        out: &mut Vec<Effect>,
    ) -> u32 {
        self.command(self.playing(said, true), out);
        let end_digits = end_digits.to_owned();
        let collect = Command::Collect { leg: 0, digits_max, first: wait, between: wait, end_digits };
        self.command(collect, out)
    }

    fn playing(&self, said: &[Say<'_>], stop_on_digit: bool) -> Command {
        let sounds = said.iter().flat_map(|say| self.sounds(say)).collect();
        Command::Play { leg: 0, sounds, repeat: Repeat::Times(1), stop_on_digit }
    }

    fn sounds(&self, say: &Say<'_>) -> Vec<Sound> {
        let recording = |name: &str| Sound::File(format!("record:{name}"));
        match say {
            Say::Recording(name) => vec![recording(name)],
            Say::Sentence(sentence) => {
                let pieces = self.language.say(sentence).into_iter();
                let sounds = pieces.map(|piece| match piece {
                    Piece::Recording(name) => recording(name),
                    Piece::Clip(clip) => Sound::Clip {
                        language: self.language.tag().to_owned(),
                        name: self.language.clip_name(clip).to_owned(),
                    },
                });
                sounds.collect()
            }
        }
    }
}

/// The most digits of a mailbox or a PIN.
const NUMBER_DIGITS_MAX: u8 = 16;
/// What phones hold back in their buffers.
const PAUSE: Duration = Duration::from_millis(300);

#[test]
fn a_pause_follows_last_words() {
    let mut out = Vec::new();
    Talk::new("fr").part(&[Fixed::Goodbye.into()], &mut out);
    let [Effect::Command { command: Command::Play { sounds, stop_on_digit: false, .. }, .. }] = &out[..]
    else {
        panic!("{out:?}");
    };
    assert!(matches!(sounds[..], [Sound::Clip { .. }, Sound::Silence(PAUSE)]), "{sounds:?}");
}
