//! Talking to the caller: commands with their ids, and sentences as sounds.

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
