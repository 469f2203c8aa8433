use super::*;

const FORMS: [Form; 5] = [
    Form { encoding: Encoding::Pcm16, sample_rate: 8_000, channels: 1 },
    Form { encoding: Encoding::Pcm16, sample_rate: 16_000, channels: 2 },
    Form { encoding: Encoding::Ulaw, sample_rate: 8_000, channels: 1 },
    Form { encoding: Encoding::Alaw, sample_rate: 8_000, channels: 2 },
    Form { encoding: Encoding::Pcm16, sample_rate: 48_000, channels: 1 },
];

fn file(form: &Form, samples: &[i16]) -> Vec<u8> {
    let mut octets = Vec::new();
    form.encoding.encode(samples, &mut octets);
    [header(form, Some(octets.len() as u32)), octets].concat()
}

fn read(file: &[u8]) -> Result<Wav<'_>, Refused> {
    Wav::read(file, &Limits::default())
}

#[test]
fn what_is_written_is_read_again() {
    let sound: Vec<i16> = (0..500).map(|number| number * 8).collect();
    for form in FORMS {
        let file = file(&form, &sound);
        let wav = read(&file).expect("a file");
        assert_eq!(
            (wav.encoding, wav.sample_rate, wav.channels),
            (form.encoding, form.sample_rate, form.channels)
        );
        let (mut octets, mut wanted) = (Vec::new(), Vec::new());
        form.encoding.encode(&sound, &mut octets);
        form.encoding.decode(&octets, &mut wanted);
        assert_eq!(wav.samples(), wanted, "{form:?}");
        assert_eq!(wav.mono().len(), 500 / usize::from(form.channels));
    }
}

#[test]
fn a_recording_that_was_never_finished_is_read_to_its_end() {
    let form = FORMS[0];
    let mut unfinished = header(&form, None);
    Encoding::Pcm16.encode(&[1, 2, 3], &mut unfinished);
    unfinished.push(9);
    assert_eq!(read(&unfinished).expect("a file").samples(), [1, 2, 3]);
    unfinished.pop();
    for (at, length) in patch(6) {
        let at = at as usize;
        unfinished[at..at + 4].copy_from_slice(&length);
    }
    assert_eq!(unfinished, file(&form, &[1, 2, 3]));
}

#[test]
fn other_chunks_are_passed_over() {
    let whole = file(&FORMS[0], &[5, 6]);
    // An odd chunk before the sound, as editors write it, and one behind it.
    let odd = b"LIST\x03\0\0\0abc\0";
    let file = [&whole[..38], odd, &whole[38..], b"id3 \x02\0\0\0xx"].concat();
    assert_eq!(read(&file).expect("a file").samples(), [5, 6]);
    // The length says more than there is: it was cut.
    let mut cut = whole.clone();
    cut.truncate(whole.len() - 2);
    assert_eq!(read(&cut).expect("a file").samples(), [5]);
}

#[test]
fn extensible_files_are_what_they_extend() {
    let mut format = Vec::new();
    for two in [0xfffe_u16, 1] {
        format.extend(two.to_le_bytes());
    }
    format.extend(16_000_u32.to_le_bytes());
    format.extend(32_000_u32.to_le_bytes());
    for two in [2_u16, 16, 22, 16, 0, 0, 1] {
        format.extend(two.to_le_bytes());
    }
    format.extend([0; 14]);
    assert_eq!(format.len(), 40);
    let file = [b"RIFF\0\0\0\0WAVEfmt \x28\0\0\0", &format[..], b"data\x02\0\0\0\x07\0"].concat();
    let wav = read(&file).expect("a file");
    assert_eq!((wav.sample_rate, wav.samples()), (16_000, vec![7]));
}

/// The start of a file, and what its owner is told.
#[test]
fn a_wrong_file_is_refused_with_what_to_do() {
    let with = |change: fn(&mut Vec<u8>)| {
        let mut file = file(&FORMS[0], &[0; 100]);
        change(&mut file);
        read(&file).expect_err("a wrong file").to_string()
    };
    let of = |octets: &[u8]| read(octets).expect_err("a wrong file").to_string();
    let table = [
        (of(b""), "the file is empty"),
        (of(b"ID3\x04rest"), "this is an MP3 file, not a WAV file; convert it: ffmpeg -i FILE"),
        (of(b"\xff\xfb\x90\x64rest"), "this is an MP3 file"),
        (of(b"OggS\0\x02"), "this is an OGG file"),
        (of(b"fLaC\0"), "this is a FLAC file"),
        (of(b"\0\0\0\x20ftypM4A "), "this is an MP4 or M4A file"),
        (of(b"<!DOCTYPE html>"), "this is a web page"),
        (of(b"hello"), "this is not a WAV file"),
        (of(b"RIFF\0\0\0\0AVI LIST"), "this is not a WAV file"),
        (of(b"RIFF\0"), "the file is cut off: its header"),
        (of(b"RIFF\0\0\0\0WAVEfmt "), "the file is cut off: its format"),
        (with(|file| file.truncate(38)), "the file is cut off: its sound"),
        (with(|file| file.truncate(46)), "the file is empty"),
        (with(|file| file[12] = b'x'), "its header is wrong: the sound stands before the format"),
        (with(|file| file[20] = 3), "its samples are floating-point numbers"),
        (with(|file| file[20] = 0x55), "its samples are compressed as MPEG audio"),
        (with(|file| file[34] = 24), "its samples are of 24 bits; convert it to 16 bits"),
        (with(|file| file[22] = 6), "it has 6 channels; mix it down"),
        (
            with(|file| file[24..28].copy_from_slice(&96_000_u32.to_le_bytes())),
            "it has 96000 samples a second",
        ),
    ];
    for (told, wanted) in table {
        assert!(told.starts_with(wanted), "{told}");
    }
    let long = file(&FORMS[0], &vec![0; 24_000]);
    let refused = Wav::read(&long, &Limits { seconds_max: 2 }).expect_err("too long");
    assert_eq!(refused.to_string(), "it lasts 3 s, longer than the 2 s of seconds_max");
}

#[test]
fn files_without_a_header_are_known_by_their_names() {
    assert_eq!(Encoding::of_raw("ULAW"), Some(Encoding::Ulaw));
    assert_eq!(Encoding::of_raw("al"), Some(Encoding::Alaw));
    assert_eq!(Encoding::of_raw("mp3"), None);
}
