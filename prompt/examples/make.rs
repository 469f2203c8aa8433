//! Makes the clips of the languages: espeak-ng speaks each text, sox cleans and levels it, and what comes out is
//! encoded as G.722 and written to `clips/TAG.clips`. A recorded `NAME.wav` in the folder that is given takes the
//! place of the spoken text.
//!
//! `./dev prompts`, or `cargo run -p prompt --features make --example make -- [--masters DIR] [--recorded DIR]`.
//! `--masters` keeps the 16 kHz WAV of each clip as `DIR/TAG/NAME.wav`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use audio_codec::Encoder;
use audio_codec::g722::G722Encoder;
use prompt::{Entry, Language};

fn main() -> ExitCode {
    match make() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("make: {why}");
            ExitCode::FAILURE
        }
    }
}

fn make() -> Result<(), String> {
    let mut masters = std::env::temp_dir().join("carillon-prompts");
    let mut recorded = None;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match (word.as_str(), words.next()) {
            ("--masters", Some(folder)) => masters = PathBuf::from(folder),
            ("--recorded", Some(folder)) => recorded = Some(PathBuf::from(folder)),
            _ => return Err("write: make [--masters DIR] [--recorded DIR]".to_owned()),
        }
    }
    for language in Language::ALL {
        let folder = masters.join(language.tag());
        fs::create_dir_all(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
        let mut entries = Vec::new();
        for (name, text) in language.clips() {
            let master = folder.join(format!("{name}.wav"));
            let own = recorded.as_ref().map(|kept| kept.join(language.tag()).join(format!("{name}.wav")));
            match own.filter(|own| own.is_file()) {
                Some(own) => clean(&own, &master)?,
                None => speak(language, text, &master)?,
            }
            entries.push(Entry { name: name.to_owned(), text: text.to_owned(), sound: encode(&master)? });
            eprint!("\r{}: {} of {}  {name:40}", language.tag(), entries.len(), language.clips().count());
        }
        let archive = prompt::write(&entries);
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("clips").join(format!("{}.clips", language.tag()));
        fs::write(&path, &archive).map_err(|why| format!("{}: {why}", path.display()))?;
        eprintln!("\r{}: {} clips, {} KiB {:40}", language.tag(), entries.len(), archive.len() / 1024, "");
    }
    Ok(())
}

/// Speaks a text, a little slower than the voice does by itself.
fn speak(language: Language, text: &str, master: &Path) -> Result<(), String> {
    let raw = master.with_extension("raw.wav");
    run(Command::new("espeak-ng")
        .args(["-v", language.espeak_voice(), "-s", "150", "-w"])
        .arg(&raw)
        .arg(text))?;
    clean(&raw, master)?;
    fs::remove_file(&raw).map_err(|why| format!("{}: {why}", raw.display()))
}

/// 16 kHz and one channel, without rumble below the voice and hiss above it, without silence around it, as loud as all
/// the others, and 40 ms of silence at both ends so that clips join without a click.
fn clean(from: &Path, to: &Path) -> Result<(), String> {
    let start = ["silence", "1", "0.01", "0.5%", "fade", "0.005", "reverse"];
    let mut sox = Command::new("sox");
    sox.args(["-D", "--no-dither"]).arg(from).args(["-b", "16", "-e", "signed", "-L", "-t", "raw", "-"]);
    sox.args(["gain", "-6", "rate", "-h", "16k", "channels", "1", "highpass", "90", "lowpass", "6800"]);
    let said = sox.args(start).args(start).output().map_err(|why| format!("sox: {why}; install it"))?;
    if !said.status.success() {
        return Err(format!("{}: {}", from.display(), String::from_utf8_lossy(&said.stderr)));
    }
    let pairs = said.stdout.chunks_exact(2);
    let mut samples: Vec<f32> = pairs.map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]]))).collect();
    level(&mut samples);
    let silence = std::iter::repeat_n(0.0, RATE / 25);
    let samples: Vec<i16> =
        silence.clone().chain(samples).chain(silence).map(|sample| sample.round() as i16).collect();
    fs::write(to, wav(&samples)).map_err(|why| format!("{}: {why}", to.display()))
}

/// Brings speech to -20 dB of full scale, measured where it is spoken, with no peak above -1 dB.
fn level(samples: &mut [f32]) {
    let power = |frame: &[f32]| frame.iter().map(|sample| sample * sample).sum::<f32>() / frame.len() as f32;
    let frames: Vec<f32> = samples.chunks(RATE / 50).map(power).collect();
    let loudest = frames.iter().copied().fold(0.0, f32::max);
    let spoken: Vec<f32> = frames.into_iter().filter(|frame| *frame > loudest * 0.001).collect();
    let rms = (spoken.iter().sum::<f32>() / spoken.len().max(1) as f32).sqrt();
    let peak = samples.iter().fold(0.0, |peak: f32, sample| peak.max(sample.abs()));
    let gain = (0.1 * FULL / rms.max(1.0)).min(0.89 * FULL / peak.max(1.0));
    for sample in samples.iter_mut() {
        *sample *= gain;
    }
}

/// A RIFF file of 16-bit samples at 16 kHz, one channel.
fn wav(samples: &[i16]) -> Vec<u8> {
    let octets = samples.len() as u32 * 2;
    let mut file = Vec::with_capacity(44 + samples.len() * 2);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + octets).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    for field in [RATE as u32, RATE as u32 * 2] {
        file.extend_from_slice(&field.to_le_bytes());
    }
    file.extend_from_slice(b"\x02\0\x10\0data");
    file.extend_from_slice(&octets.to_le_bytes());
    for sample in samples {
        file.extend_from_slice(&sample.to_le_bytes());
    }
    file
}

fn encode(master: &Path) -> Result<Vec<u8>, String> {
    let file = fs::read(master).map_err(|why| format!("{}: {why}", master.display()))?;
    let mut samples: Vec<i16> =
        file[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    // Whole frames of 20 ms: 320 samples, 160 octets.
    samples.resize(samples.len().next_multiple_of(RATE / 50), 0);
    Ok(G722Encoder::new().encode(&samples))
}

fn run(command: &mut Command) -> Result<(), String> {
    let said = command.output().map_err(|why| format!("{command:?}: {why}; install espeak-ng and sox"))?;
    if said.status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {}", String::from_utf8_lossy(&said.stderr)))
    }
}

/// Samples a second.
const RATE: usize = 16_000;
const FULL: f32 = 32_767.0;
