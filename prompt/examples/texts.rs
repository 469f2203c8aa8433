//! Prints every number from 0 to 999,999 as it is said, for comparison with another speller:
//! `cargo run -p prompt --example texts -- fr`.

use prompt::{Language, Sentence};

fn main() {
    let tag = std::env::args().nth(1).unwrap_or_else(|| "fr".to_owned());
    let language = Language::of(&tag).unwrap_or_default();
    for value in 0..1_000_000 {
        println!("{}", language.text(&Sentence::Number(value)));
    }
}
