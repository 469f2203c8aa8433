//! Between the plain types and the messages of `application.proto`: commands here, events in `events.rs`.

mod events;

use std::time::Duration;

pub(super) use events::{event, wired};

use super::{Command, Sound};
use crate::media::{Repeat, Tone};
use crate::wire::application::v1;
use v1::command::What;

/// A command as a message.
pub(super) fn command_wired(id: u32, command: Command) -> v1::Command {
    let what = match command {
        Command::Answer => Some(What::Answer(v1::Answer {})),
        Command::Play { leg, sounds, repeat, stop_on_digit } => {
            let times = match repeat {
                Repeat::Times(times) => times.max(1),
                Repeat::Forever => 0,
            };
            let sounds = sounds.into_iter().map(sound_wired).collect();
            Some(What::Play(v1::Play { leg, sounds, times, stop_on_digit }))
        }
        Command::Record { leg, to, max, silence, stop_digits, both_sides, beep } => {
            Some(What::Record(v1::Record {
                leg,
                to,
                max_ms: ms(max),
                silence_ms: silence.map_or(0, ms),
                stop_digits,
                both_sides,
                beep,
            }))
        }
        Command::Collect { leg, digits_max, first, between, end_digits } => {
            Some(What::Collect(v1::Collect {
                leg,
                digits_max: digits_max.into(),
                first_ms: ms(first),
                between_ms: ms(between),
                end_digits,
            }))
        }
        Command::Stop { leg, id } => Some(What::Stop(v1::Stop { leg, id })),
        Command::Dial { leg, target, within } => {
            Some(What::Dial(v1::Dial { leg, target, within_ms: ms(within) }))
        }
        Command::Bridge { leg, with } => Some(What::Bridge(v1::Bridge { leg, with })),
        Command::Hold { leg, on } => Some(What::Hold(v1::Hold { leg, on })),
        Command::Transfer { leg, target } => Some(What::Transfer(v1::Transfer { leg, target })),
        Command::HangUp { leg, status } => Some(What::HangUp(v1::HangUp { leg, status: status.into() })),
        Command::Unknown(_) => None,
    };
    v1::Command { id, what }
}

/// The command of a message.
pub(super) fn command(wire: v1::Command) -> Command {
    let unknown = |what: &str| Command::Unknown(what.to_owned());
    match wire.what {
        None => unknown("no command, or one that is not known here"),
        Some(What::Answer(v1::Answer {})) => Command::Answer,
        Some(What::Play(play)) => {
            let sounds: Option<Vec<Sound>> = play.sounds.into_iter().map(sound).collect();
            let Some(sounds) = sounds else { return unknown("a sound that is not known here") };
            let repeat = if play.times == 0 { Repeat::Forever } else { Repeat::Times(play.times) };
            Command::Play { leg: play.leg, sounds, repeat, stop_on_digit: play.stop_on_digit }
        }
        Some(What::Record(of)) => Command::Record {
            leg: of.leg,
            to: of.to,
            max: from_ms(of.max_ms),
            silence: (of.silence_ms > 0).then(|| from_ms(of.silence_ms)),
            stop_digits: of.stop_digits,
            both_sides: of.both_sides,
            beep: of.beep,
        },
        Some(What::Collect(of)) => Command::Collect {
            leg: of.leg,
            digits_max: u8::try_from(of.digits_max).unwrap_or(u8::MAX),
            first: from_ms(of.first_ms),
            between: from_ms(of.between_ms),
            end_digits: of.end_digits,
        },
        Some(What::Stop(of)) => Command::Stop { leg: of.leg, id: of.id },
        Some(What::Dial(of)) => {
            Command::Dial { leg: of.leg, target: of.target, within: from_ms(of.within_ms) }
        }
        Some(What::Bridge(of)) => Command::Bridge { leg: of.leg, with: of.with },
        Some(What::Hold(of)) => Command::Hold { leg: of.leg, on: of.on },
        Some(What::Transfer(of)) => Command::Transfer { leg: of.leg, target: of.target },
        Some(What::HangUp(of)) => match u16::try_from(of.status) {
            Ok(status @ (0 | 300..700)) => Command::HangUp { leg: of.leg, status },
            _ => unknown("a status that is none of 300 to 699"),
        },
    }
}

fn sound_wired(sound: Sound) -> v1::Sound {
    use v1::sound::Sound as Wire;
    let sound = match sound {
        Sound::File(file) => Wire::File(file),
        Sound::Clip { language, name } => Wire::Clip(v1::Clip { language, name }),
        Sound::Tone(tone) => Wire::Tone(v1::Tone {
            hz: tone.hz[0].into(),
            second_hz: tone.hz[1].into(),
            on_ms: ms(tone.on),
            off_ms: ms(tone.off),
            times: tone.times,
        }),
        Sound::Silence(silence) => Wire::SilenceMs(ms(silence)),
    };
    v1::Sound { sound: Some(sound) }
}

fn sound(wire: v1::Sound) -> Option<Sound> {
    use v1::sound::Sound as Wire;
    Some(match wire.sound? {
        Wire::File(file) => Sound::File(file),
        Wire::Clip(clip) => Sound::Clip { language: clip.language, name: clip.name },
        Wire::Tone(tone) => Sound::Tone(Tone {
            hz: [u16::try_from(tone.hz).ok()?, u16::try_from(tone.second_hz).ok()?],
            on: from_ms(tone.on_ms),
            off: from_ms(tone.off_ms),
            times: tone.times,
        }),
        Wire::SilenceMs(ms) => Sound::Silence(from_ms(ms)),
    })
}

fn ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

fn from_ms(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}
