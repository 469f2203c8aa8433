//! Sounds by name.

use std::fs;
use std::path::PathBuf;

use prompt::Language;
use rtp::tone::{Tone, level};

use super::wav::write as wav;
use super::*;

/// A folder of this test alone, which is gone when it ends.
struct Folder(PathBuf);

impl Folder {
    fn new(of: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("carillon-shelf-{of}-{}", std::process::id()));
        fs::create_dir_all(folder.join("fr")).expect("a folder of ours");
        Folder(folder)
    }

    fn write(&self, name: &str, octets: &[u8]) {
        fs::write(self.0.join(name), octets).expect("written");
    }

    fn shelf(&self) -> Shelf {
        self.shelf_at(|| u64::MAX)
    }

    fn shelf_at(&self, clock: fn() -> u64) -> Shelf {
        Shelf::bounded(&self.0, 1 << 20, clock)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn sounds_are_found_by_name_and_what_cannot_be_played_says_why() {
    let folder = Folder::new("names");
    let mut shelf = folder.shelf();
    folder.write("fr/bonjour.wav", &wav(1, 1, 8000, 16, &[1, 0, 2, 0]));
    assert_eq!(shelf.sound("fr/bonjour").expect("found").samples[..], [1, 2]);
    assert_eq!(shelf.sound("fr/bonjour.wav").expect("found").samples[..], [1, 2]);
    folder.write("raw.ulaw", &[0xff, 0x80]);
    assert_eq!(shelf.sound("raw").expect("found").samples.len(), 2);
    folder.write("wide.g722", &[0; 80]);
    let wide = shelf.sound("wide").expect("found");
    assert_eq!((wide.rate, wide.samples.len()), (16_000, 160));
    folder.write("song.mp3", b"ID3");
    for (name, said) in [
        ("song.mp3", "song.mp3: this is an MP3"),
        ("salut", "salut: not in "),
        ("../etc/passwd", "without `..`"),
        ("/etc/passwd", "without `..`"),
        ("", "without `..`"),
        ("fr", "fr: not in "),
        ("raw.ulaw/x", "raw.ulaw/x: not in "),
    ] {
        let refused = shelf.sound(name).expect_err("it cannot be played").to_string();
        assert!(refused.contains(said), "{refused}");
    }
}

#[test]
fn a_file_that_was_replaced_is_heard_anew_however_it_was_replaced() {
    let folder = Folder::new("replaced");
    // One that goes by inodes, lengths and times alone, and one for which each file is new.
    let mut shelves = [folder.shelf(), folder.shelf_at(|| 0)];
    let mut heard = |of: usize, said: i16| {
        let clip = shelves[of].sound("bonjour.wav").expect("it can be played");
        assert_eq!(clip.samples[..], [said]);
    };
    let of = |said: u8| wav(1, 1, 8000, 16, &[said, 0]);
    folder.write("bonjour.wav", &of(1));
    heard(0, 1);
    heard(1, 1);
    // Written over, of the same length.
    folder.write("bonjour.wav", &of(2));
    let times = fs::metadata(folder.0.join("bonjour.wav")).and_then(|of| of.modified()).expect("known");
    heard(1, 2);
    // Another file in its place, of the same length and age: `cp -p`, `rsync -t`.
    folder.write("new.wav", &of(3));
    let new = fs::File::options().write(true).open(folder.0.join("new.wav")).expect("written");
    new.set_modified(times).expect("a file of ours");
    fs::rename(folder.0.join("new.wav"), folder.0.join("bonjour.wav")).expect("renamed");
    heard(0, 3);
    heard(1, 3);
}

#[test]
fn a_file_that_could_not_be_played_can_be_once_it_was_mended() {
    let folder = Folder::new("mended");
    let mut shelf = folder.shelf();
    folder.write("a.wav", b"text");
    for _ in 0..2 {
        assert!(shelf.sound("a").expect_err("no WAV").to_string().contains("no WAV"));
    }
    folder.write("a.wav", &wav(1, 1, 8000, 16, &[1, 0]));
    assert_eq!(shelf.sound("a").expect("a WAV").samples[..], [1]);
}

#[test]
fn the_first_folder_goes_before_the_second() {
    let (beside, state) = (Folder::new("first"), Folder::new("second"));
    let mut shelf = Shelf::new([beside.0.clone(), state.0.clone()]);
    state.write("a.wav", &wav(1, 1, 8000, 16, &[2, 0]));
    assert_eq!(shelf.sound("a").expect("in the second").samples[..], [2]);
    beside.write("a.wav", &wav(1, 1, 8000, 16, &[1, 0]));
    assert_eq!(shelf.sound("a").expect("in the first").samples[..], [1]);
    let missing = shelf.sound("b").expect_err("in neither").to_string();
    assert!(missing.contains("first") && missing.contains(", nor in "), "{missing}");
}

#[test]
fn each_clip_of_the_prompts_is_wide_sound_unless_a_recording_takes_its_place() {
    let folder = Folder::new("clips");
    let mut shelf = folder.shelf();
    for language in Language::ALL {
        let (name, _) = language.clips().next().expect("a language has clips");
        let clip = shelf.clip(language.tag(), name).expect("it is there");
        assert_eq!(clip.rate, 16_000);
        assert!(clip.samples.len() > 1600 && level(&clip.samples) > -40.0, "{name} is silent");
    }
    folder.write("fr/n0.wav", b"no sound");
    assert!(shelf.clip("fr-CA", "n0").expect("ours is played").samples.len() > 1600);
    folder.write("fr/n0.wav", &wav(1, 1, 16_000, 16, &[7, 0]));
    assert_eq!(shelf.clip("fr", "n0").expect("replaced").samples[..], [7]);
    for (language, name, said) in
        [("tlh", "n0", "tlh/n0: no prompts"), ("fr", "nuqneh", "fr/nuqneh: no prompt")]
    {
        let refused = shelf.clip(language, name).expect_err("nobody recorded it").to_string();
        assert!(refused.contains(said), "{refused}");
    }
}

#[test]
fn other_rates_become_those_of_telephones() {
    let folder = Folder::new("rates");
    let mut shelf = folder.shelf();
    for (rate, to) in [(4000, 8000), (8000, 8000), (16_000, 16_000), (44_100, 16_000), (48_000, 16_000)] {
        let mut samples = vec![0; rate as usize / 2];
        Tone::new(rate, &[(1000.0, -10.0)]).fill(&mut samples);
        let octets: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        folder.write(&format!("{rate}.wav"), &wav(1, 1, rate, 16, &octets));
        let clip = shelf.sound(&rate.to_string()).expect("found");
        assert_eq!(clip.rate, to);
        assert!(clip.samples.len().abs_diff(to as usize / 2) <= 1, "{rate}");
        assert!((level(&clip.samples[800..]) + 10.0).abs() < 0.3, "{rate}");
    }
}

#[test]
fn what_is_kept_has_a_bound_and_what_was_played_lately_stays() {
    let folder = Folder::new("bound");
    let mut shelf = Shelf::bounded(&folder.0, 1000, || u64::MAX);
    for name in ["a", "b", "c", "d", "e", "f"] {
        folder.write(&format!("{name}.ulaw"), &[0xff; 200]);
    }
    folder.write("long.ulaw", &[0xff; 300]);
    for name in ["a", "b", "a", "c", "a", "d", "a", "e", "a", "f", "long"] {
        shelf.sound(name).expect("found");
        assert!(shelf.samples() <= 1000);
    }
    let kept = shelf.sound("a").expect("found");
    assert!(std::sync::Arc::ptr_eq(&kept.samples, &shelf.sound("a").expect("found").samples));
    assert_eq!(shelf.samples(), 1000, "what is longer than a quarter is not kept");
}
