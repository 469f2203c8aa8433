//! Every sentence in every language, with every number, day and hour.

use super::*;

fn check(language: Language, cases: &[(Sentence<'_>, &str)]) {
    for (sentence, text) in cases {
        assert_eq!(language.text(sentence), *text, "{sentence:?}");
    }
}

#[test]
fn french_numbers_are_said_as_in_france() {
    let number = Sentence::Number;
    check(
        Language::French,
        &[
            (number(0), "zéro"),
            (number(1), "un"),
            (number(21), "vingt et un"),
            (number(71), "soixante et onze"),
            (number(80), "quatre-vingts"),
            (number(81), "quatre-vingt-un"),
            (number(91), "quatre-vingt-onze"),
            (number(100), "cent"),
            (number(101), "cent un"),
            (number(1000), "mille"),
            (number(1001), "mille un"),
            (number(21_000), "vingt et un mille"),
            (number(200_171), "deux cents mille cent soixante et onze"),
            (number(1_000_000), "un zéro zéro zéro zéro zéro zéro"),
        ],
    );
}

#[test]
fn french_sentences_have_gender_and_number() {
    let on = |day, year| Sentence::ReceivedOn {
        day: Day::On { weekday: Weekday::Monday, day, month: Month::November, year },
        hour: 21,
        minute: 1,
    };
    check(
        Language::French,
        &[
            (Sentence::YouHave { urgent: 0, new: 0, old: 0 }, "vous n'avez aucun message"),
            (Sentence::YouHave { urgent: 0, new: 1, old: 0 }, "vous avez un nouveau message"),
            (
                Sentence::YouHave { urgent: 1, new: 2, old: 81 },
                "vous avez un message urgent deux nouveaux messages et quatre-vingt-un anciens messages",
            ),
            (Sentence::Time { hour: 14, minute: 30 }, "il est quatorze heures trente"),
            (Sentence::Time { hour: 0, minute: 0 }, "il est minuit"),
            (Sentence::Time { hour: 12, minute: 21 }, "il est midi vingt et une"),
            (on(1, None), "reçu le lundi premier novembre à vingt et une heures une"),
            (
                on(23, Some(2026)),
                "reçu le lundi vingt-trois novembre deux mille vingt-six à vingt et une heures une",
            ),
            (Sentence::Lasts(0), "durée zéro secondes"),
            (Sentence::Lasts(61), "durée une minute une seconde"),
            (Sentence::Lasts(21 * 60 + 31), "durée vingt et une minutes trente et une secondes"),
            (Sentence::From(Caller::Extension("6001")), "du poste six zéro zéro un"),
            (
                Sentence::From(Caller::Telephone("+33 1 23 45 07 00")),
                "du numéro plus trente-trois un vingt-trois quarante-cinq zéro sept zéro zéro",
            ),
            (Sentence::Telephone("01.91.71"), "zéro un quatre-vingt-onze soixante et onze"),
            (Sentence::Digits("*21#"), "étoile deux un dièse"),
            (Sentence::Greeting(Greeting::Busy, Who::Name("bob/name")), "[bob/name] est en communication"),
            (Sentence::QueuePosition(1), "Vous êtes le prochain."),
            (Sentence::Choice { key: '1', what: Offer::Name("sales") }, "pour [sales] faites le un"),
            (
                Sentence::Choice { key: '2', what: Offer::Extension("6002") },
                "pour le poste six zéro zéro deux faites le deux",
            ),
            (Sentence::Choice { key: '#', what: Offer::Repeat }, "pour réécouter faites le dièse"),
        ],
    );
}

#[test]
fn english_sentences_are_said_as_in_the_united_states() {
    let on = |day, year| Sentence::ReceivedOn {
        day: Day::On { weekday: Weekday::Monday, day, month: Month::November, year },
        hour: 0,
        minute: 5,
    };
    check(
        Language::English,
        &[
            (Sentence::Number(0), "zero"),
            (Sentence::Number(991), "nine hundred ninety-one"),
            (Sentence::Number(100_001), "one hundred thousand one"),
            (
                Sentence::YouHave { urgent: 0, new: 1, old: 2 },
                "you have one new message and two old messages",
            ),
            (Sentence::Time { hour: 14, minute: 30 }, "the time is two thirty p.m."),
            (Sentence::Time { hour: 12, minute: 0 }, "the time is twelve o'clock p.m."),
            (
                on(23, Some(2026)),
                "received on Monday November twenty-third twenty twenty-six at twelve oh five a.m.",
            ),
            (on(1, Some(2005)), "received on Monday November first two thousand five at twelve oh five a.m."),
            (on(2, Some(1909)), "received on Monday November second nineteen oh nine at twelve oh five a.m."),
            (
                on(3, Some(2100)),
                "received on Monday November third twenty-one hundred at twelve oh five a.m.",
            ),
            (Sentence::From(Caller::Telephone("+1 212")), "from phone number plus one two one two"),
            (Sentence::Lasts(80), "length one minute twenty seconds"),
        ],
    );
}

/// Each clip that is played has a sound; the compiler has seen that each clip of the table has one.
fn sounds(language: Language, sentence: &Sentence<'_>) -> usize {
    let said = language.say(sentence);
    assert!(!said.is_empty(), "{sentence:?} says nothing");
    for piece in &said {
        if let Piece::Clip(clip) = piece {
            // A tenth of a second: 800 octets.
            assert!(language.clip_sound(*clip).len() > 800, "{sentence:?}: {}", language.clip_name(*clip));
        }
    }
    said.len()
}

#[test]
fn every_number_is_said_in_every_sentence_that_takes_one() {
    for language in Language::ALL {
        for value in 0..1_000_000 {
            for sentence in [
                Sentence::Number(value),
                Sentence::YouHave { urgent: value, new: value, old: value },
                Sentence::Message { number: value, of: value },
                Sentence::Lasts(value),
                Sentence::LockedFor { minutes: value },
                Sentence::PinTooShort { digits: value },
                Sentence::QueuePosition(value),
                Sentence::QueueWait { minutes: value },
            ] {
                sounds(language, &sentence);
            }
        }
        sounds(language, &Sentence::Number(u32::MAX));
    }
}

#[test]
fn every_day_and_hour_is_said() {
    for language in Language::ALL {
        for hour in 0..24 {
            for minute in 0..60 {
                sounds(language, &Sentence::Time { hour, minute });
                for day in [Day::Today, Day::Yesterday] {
                    sounds(language, &Sentence::ReceivedOn { day, hour, minute });
                }
            }
        }
        let years = std::iter::once(None).chain((1900..2200).map(Some));
        for year in years {
            for month in Month::ALL {
                for day in 1..=31 {
                    for weekday in Weekday::ALL {
                        let day = Day::On { weekday, day, month, year };
                        sounds(language, &Sentence::ReceivedOn { day, hour: 9, minute: 0 });
                    }
                }
            }
        }
    }
}

#[test]
fn every_other_sentence_is_said() {
    for language in Language::ALL {
        for fixed in Fixed::ALL {
            assert_eq!(sounds(language, &Sentence::Fixed(fixed)), 1);
        }
        for why in [Greeting::NoAnswer, Greeting::Busy, Greeting::Unreachable] {
            for who in [Who::Name("n"), Who::Extension("0123456789*#")] {
                sounds(language, &Sentence::Greeting(why, who));
            }
        }
        for caller in [
            Caller::Name("n"),
            Caller::Extension("60"),
            Caller::Telephone("+33 (0)1 23"),
            Caller::Telephone(""),
            Caller::Unknown,
        ] {
            sounds(language, &Sentence::From(caller));
        }
        for digits in ["1", "007", "+4930123", "anonymous"] {
            sounds(language, &Sentence::ForwardedTo(digits));
            sounds(language, &Sentence::NobodyHas(digits));
        }
        for key in "0123456789*#".chars() {
            for what in [
                Offer::Name("w"),
                Offer::Extension("60"),
                Offer::Mailbox("60"),
                Offer::Operator,
                Offer::Repeat,
                Offer::More,
                Offer::HangUp,
                Offer::Language,
            ] {
                sounds(language, &Sentence::Choice { key, what });
            }
        }
    }
}

#[test]
fn each_text_is_short_enough_to_be_one_clip_and_each_name_stands_once() {
    for language in Language::ALL {
        let clips: Vec<_> = language.clips().collect();
        for (at, (name, text)) in clips.iter().enumerate() {
            assert!(clips[..at].iter().all(|(other, _)| other != name), "{name} stands twice");
            assert!(!text.is_empty() && text.len() < 400, "{name}");
            assert_eq!(language.clip_of(name).map(|clip| language.clip_text(clip)), Some(*text));
        }
    }
}

#[test]
fn a_language_is_found_by_its_tag() {
    for (tag, language) in [
        ("fr", Some(Language::French)),
        ("fr-CA", Some(Language::French)),
        ("EN_us", Some(Language::English)),
        ("de", None),
        ("", None),
    ] {
        assert_eq!(Language::of(tag), language, "{tag}");
    }
}
