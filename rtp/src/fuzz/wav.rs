//! The target for files of sound.

use crate::resample::Resampler;
use crate::wav::{Form, Limits, Wav, header};

/// A file that is read has as many samples as it says, and is read as the same when it is written anew; one that is
/// refused says why.
pub fn wav(octets: &[u8]) {
    let wav = match Wav::read(octets, &Limits::default()) {
        Ok(wav) => wav,
        Err(refused) => {
            assert!(!refused.to_string().is_empty());
            return;
        }
    };
    let samples = wav.samples();
    assert_eq!(samples.len() % usize::from(wav.channels), 0);
    assert_eq!(wav.mono().len(), samples.len() / usize::from(wav.channels));
    let form = Form { encoding: wav.encoding, sample_rate: wav.sample_rate, channels: wav.channels };
    let mut again = header(&form, Some(wav.octets.len() as u32));
    again.extend_from_slice(wav.octets);
    assert_eq!(Wav::read(&again, &Limits::default()), Ok(wav));
    if wav.sample_rate.is_multiple_of(1_000) {
        let mut out = Vec::new();
        Resampler::new(wav.sample_rate, 8_000).resample(&wav.mono(), &mut out);
        assert!(out.len() <= wav.mono().len() + 1);
    }
}
