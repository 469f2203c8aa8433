//! Talking to the caller: commands with their ids, and sentences as sounds.

use std::time::Duration;

use prompt::{Language, Piece, Sentence};
use proto::application::{Command, Sound};
use proto::media::Repeat;

use super::Effect;

/// The commands to one run.
#[derive(Debug, Clone)]
pub(crate) struct Talk {
    pub(crate) language: Language,
    id: u32,
}

impl Talk {
    pub(crate) fn new(language: Language) -> Self {
        Talk { language, id: 0 }
    }

    /// Gives a command, and its id.
    pub(crate) fn command(&mut self, command: Command, out: &mut Vec<Effect>) -> u32 {
        self.id += 1;
        out.push(Effect::Command { id: self.id, command });
        self.id
    }

    /// Plays to the caller.
    pub(crate) fn play(&mut self, sounds: Vec<Sound>, stop_on_digit: bool, out: &mut Vec<Effect>) -> u32 {
        self.command(Command::Play { leg: 0, sounds, repeat: Repeat::Times(1), stop_on_digit }, out)
    }

    /// The last words of a call: a pause follows them, since phones lose at a BYE what they have not played yet.
    pub(crate) fn part(&mut self, mut sounds: Vec<Sound>, out: &mut Vec<Effect>) -> u32 {
        sounds.push(Sound::Silence(PAUSE));
        self.play(sounds, false, out)
    }

    /// The sounds of a sentence, in the language of the call.
    pub(crate) fn sounds(&self, sentence: &Sentence<'_>) -> Vec<Sound> {
        sounds_in(self.language, sentence)
    }
}

/// The sounds of a sentence in a language.
pub(crate) fn sounds_in(language: Language, sentence: &Sentence<'_>) -> Vec<Sound> {
    let sound = |piece| match piece {
        Piece::Recording(name) => Sound::File(format!("record:{name}")),
        Piece::Clip(clip) => {
            Sound::Clip { language: language.tag().to_owned(), name: language.clip_name(clip).to_owned() }
        }
    };
    language.say(sentence).into_iter().map(sound).collect()
}

/// What phones hold back in their buffers, or cut off while they open their sound.
pub(crate) const PAUSE: Duration = Duration::from_millis(300);

#[test]
fn a_pause_follows_last_words() {
    let mut talk = Talk::new(Language::French);
    let sounds = talk.sounds(&Sentence::Fixed(prompt::Fixed::Goodbye));
    let mut out = Vec::new();
    talk.part(sounds, &mut out);
    let [Effect::Command { command: Command::Play { sounds, stop_on_digit: false, .. }, .. }] = &out[..]
    else {
        panic!("{out:?}");
    };
    assert!(matches!(sounds[..], [Sound::Clip { .. }, Sound::Silence(PAUSE)]), "{sounds:?}");
}
