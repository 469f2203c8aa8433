//! French, as spoken in France: genders, `soixante et onze`, the 24-hour clock, numbers by pairs.

use super::grammar::{Grammar, Noun, Phrase};
use super::{Said, Voice, complete};
#[cfg(not(feature = "make"))]
use crate::archive::places;
use crate::clip::{Clip, find, following};
use crate::sentence::Day;

pub(super) static VOICE: Voice =
    Voice { table: &TABLE, places: &PLACES, archive: ARCHIVE, grammar: &French, espeak: "fr-fr" };

/// A clip of this language, found by the compiler.
macro_rules! clip {
    ($name:literal) => {
        const { find(&TABLE, $name) }
    };
}

/// The language.
struct French;

impl Grammar for French {
    /// `deux cents`, `mille un`, `vingt et une`. Before `mille` a one is silent.
    fn number(&self, value: u32, noun: Noun, said: &mut Said<'_>) {
        let gender = if noun == Noun::Time { Gender::Feminine } else { Gender::Masculine };
        let (thousands, rest) = (value / 1000, value % 1000);
        if thousands > 999 {
            return said.digits(&value.to_string());
        }
        if thousands > 1 {
            below_thousand(thousands, Gender::Masculine, said);
        }
        if thousands > 0 {
            said.clip(clip!("thousand"));
        }
        if rest > 0 || thousands == 0 {
            below_thousand(rest, gender, said);
        }
    }

    /// By pairs, `zéro un vingt-trois`; an odd first digit stands alone, so that `+33 1 23 45 67 89` falls as it is
    /// written.
    fn telephone(&self, digits: &str, said: &mut Said<'_>) {
        let mut rest: Vec<u8> = digits.bytes().filter(u8::is_ascii_digit).collect();
        if digits.trim_start().starts_with('+') {
            said.phrase(Phrase::Plus);
            if rest.starts_with(b"33") {
                said.clip(Clip(33));
                rest.drain(..2);
            }
        }
        let (alone, pairs) = rest.split_at(rest.len() % 2);
        for digit in alone {
            said.clip(Clip(u16::from(digit - b'0')));
        }
        for pair in pairs.chunks_exact(2) {
            let (tens, units) = (u16::from(pair[0] - b'0'), u16::from(pair[1] - b'0'));
            if tens == 0 {
                said.clip(Clip(0));
            }
            said.clip(Clip(tens * 10 + units));
        }
    }

    fn date(&self, day: Day, said: &mut Said<'_>) {
        match day {
            Day::Today => said.clip(clip!("today")),
            Day::Yesterday => said.clip(clip!("yesterday")),
            Day::On { weekday, day, month, year } => {
                said.clip(clip!("the"));
                said.named(weekday.clip());
                match day {
                    1 => said.clip(clip!("first")),
                    _ => self.number(u32::from(day), Noun::None, said),
                }
                said.named(month.clip());
                if let Some(year) = year {
                    self.number(u32::from(year), Noun::None, said);
                }
            }
        }
    }

    /// `quatorze heures trente`, `midi`, `minuit une`. Minutes are feminine.
    fn time(&self, hour: u8, minute: u8, said: &mut Said<'_>) {
        said.clip(HOURS[usize::from(hour % 24)]);
        let minute = u32::from(minute % 60);
        if minute > 0 {
            self.number(minute, Noun::Time, said);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Gender {
    Masculine,
    Feminine,
}

fn below_thousand(value: u32, gender: Gender, said: &mut Said<'_>) {
    let (hundreds, rest) = (value / 100, value % 100);
    if hundreds > 0 {
        said.clip(HUNDREDS[hundreds as usize - 1]);
    }
    let feminine = FEMININE.iter().find(|(number, _)| gender == Gender::Feminine && *number == rest);
    match feminine {
        Some((_, clip)) => said.clip(*clip),
        None if rest > 0 || hundreds == 0 => said.clip(Clip(rest as u16)),
        None => {}
    }
}

const HUNDREDS: [Clip; 9] = following(clip!("c1"));
const HOURS: [Clip; 24] = following(clip!("h0"));
const FEMININE: [(u32, Clip); 7] = [
    (1, clip!("f1")),
    (21, clip!("f21")),
    (31, clip!("f31")),
    (41, clip!("f41")),
    (51, clip!("f51")),
    (61, clip!("f61")),
    (81, clip!("f81")),
];
#[cfg(not(feature = "make"))]
static PLACES: [(u32, u32); TABLE.len()] = places(ARCHIVE, &TABLE);
// The archive is about to be made.
#[cfg(feature = "make")]
static PLACES: [(u32, u32); 0] = [];
static ARCHIVE: &[u8] = include_bytes!("../../clips/fr.clips");
const _: () = complete(&TABLE);

#[rustfmt::skip] // ten numbers on a line are easier to check than one
const TABLE: [(&str, &str); 274] = [
    ("n0", "zéro"), ("n1", "un"), ("n2", "deux"), ("n3", "trois"), ("n4", "quatre"), ("n5", "cinq"),
    ("n6", "six"), ("n7", "sept"), ("n8", "huit"), ("n9", "neuf"), ("n10", "dix"), ("n11", "onze"),
    ("n12", "douze"), ("n13", "treize"), ("n14", "quatorze"), ("n15", "quinze"), ("n16", "seize"),
    ("n17", "dix-sept"), ("n18", "dix-huit"), ("n19", "dix-neuf"), ("n20", "vingt"), ("n21", "vingt et un"),
    ("n22", "vingt-deux"), ("n23", "vingt-trois"), ("n24", "vingt-quatre"), ("n25", "vingt-cinq"),
    ("n26", "vingt-six"), ("n27", "vingt-sept"), ("n28", "vingt-huit"), ("n29", "vingt-neuf"),
    ("n30", "trente"), ("n31", "trente et un"), ("n32", "trente-deux"), ("n33", "trente-trois"),
    ("n34", "trente-quatre"), ("n35", "trente-cinq"), ("n36", "trente-six"), ("n37", "trente-sept"),
    ("n38", "trente-huit"), ("n39", "trente-neuf"), ("n40", "quarante"), ("n41", "quarante et un"),
    ("n42", "quarante-deux"), ("n43", "quarante-trois"), ("n44", "quarante-quatre"),
    ("n45", "quarante-cinq"), ("n46", "quarante-six"), ("n47", "quarante-sept"), ("n48", "quarante-huit"),
    ("n49", "quarante-neuf"), ("n50", "cinquante"), ("n51", "cinquante et un"), ("n52", "cinquante-deux"),
    ("n53", "cinquante-trois"), ("n54", "cinquante-quatre"), ("n55", "cinquante-cinq"),
    ("n56", "cinquante-six"), ("n57", "cinquante-sept"), ("n58", "cinquante-huit"),
    ("n59", "cinquante-neuf"), ("n60", "soixante"), ("n61", "soixante et un"), ("n62", "soixante-deux"),
    ("n63", "soixante-trois"), ("n64", "soixante-quatre"), ("n65", "soixante-cinq"),
    ("n66", "soixante-six"), ("n67", "soixante-sept"), ("n68", "soixante-huit"), ("n69", "soixante-neuf"),
    ("n70", "soixante-dix"), ("n71", "soixante et onze"), ("n72", "soixante-douze"),
    ("n73", "soixante-treize"), ("n74", "soixante-quatorze"), ("n75", "soixante-quinze"),
    ("n76", "soixante-seize"), ("n77", "soixante-dix-sept"), ("n78", "soixante-dix-huit"),
    ("n79", "soixante-dix-neuf"), ("n80", "quatre-vingts"), ("n81", "quatre-vingt-un"),
    ("n82", "quatre-vingt-deux"), ("n83", "quatre-vingt-trois"), ("n84", "quatre-vingt-quatre"),
    ("n85", "quatre-vingt-cinq"), ("n86", "quatre-vingt-six"), ("n87", "quatre-vingt-sept"),
    ("n88", "quatre-vingt-huit"), ("n89", "quatre-vingt-neuf"), ("n90", "quatre-vingt-dix"),
    ("n91", "quatre-vingt-onze"), ("n92", "quatre-vingt-douze"), ("n93", "quatre-vingt-treize"),
    ("n94", "quatre-vingt-quatorze"), ("n95", "quatre-vingt-quinze"), ("n96", "quatre-vingt-seize"),
    ("n97", "quatre-vingt-dix-sept"), ("n98", "quatre-vingt-dix-huit"), ("n99", "quatre-vingt-dix-neuf"),
    ("f1", "une"), ("f21", "vingt et une"), ("f31", "trente et une"), ("f41", "quarante et une"),
    ("f51", "cinquante et une"), ("f61", "soixante et une"), ("f81", "quatre-vingt-une"), ("c1", "cent"),
    ("c2", "deux cents"), ("c3", "trois cents"), ("c4", "quatre cents"), ("c5", "cinq cents"),
    ("c6", "six cents"), ("c7", "sept cents"), ("c8", "huit cents"), ("c9", "neuf cents"),
    ("thousand", "mille"), ("h0", "minuit"), ("h1", "une heure"), ("h2", "deux heures"),
    ("h3", "trois heures"), ("h4", "quatre heures"), ("h5", "cinq heures"), ("h6", "six heures"),
    ("h7", "sept heures"), ("h8", "huit heures"), ("h9", "neuf heures"), ("h10", "dix heures"),
    ("h11", "onze heures"), ("h12", "midi"), ("h13", "treize heures"), ("h14", "quatorze heures"),
    ("h15", "quinze heures"), ("h16", "seize heures"), ("h17", "dix-sept heures"),
    ("h18", "dix-huit heures"), ("h19", "dix-neuf heures"), ("h20", "vingt heures"),
    ("h21", "vingt et une heures"), ("h22", "vingt-deux heures"), ("h23", "vingt-trois heures"),
    ("first", "premier"), ("monday", "lundi"), ("tuesday", "mardi"), ("wednesday", "mercredi"),
    ("thursday", "jeudi"), ("friday", "vendredi"), ("saturday", "samedi"), ("sunday", "dimanche"),
    ("january", "janvier"), ("february", "février"), ("march", "mars"), ("april", "avril"), ("may", "mai"),
    ("june", "juin"), ("july", "juillet"), ("august", "août"), ("september", "septembre"),
    ("october", "octobre"), ("november", "novembre"), ("december", "décembre"), ("star", "étoile"),
    ("hash", "dièse"), ("plus", "plus"), ("you-have", "vous avez"), ("none", "vous n'avez aucun message"),
    ("and", "et"), ("one-urgent", "un message urgent"), ("urgent", "messages urgents"),
    ("one-new", "un nouveau message"), ("new", "nouveaux messages"), ("one-old", "un ancien message"),
    ("old", "anciens messages"), ("message", "message"), ("of", "sur"), ("received", "reçu"),
    ("today", "aujourd'hui"), ("yesterday", "hier"), ("the", "le"), ("at", "à"), ("it-is", "il est"),
    ("from", "de la part de"), ("from-extension", "du poste"), ("from-number", "du numéro"),
    ("from-unknown", "d'un numéro masqué"), ("lasts", "durée"), ("one-minute", "une minute"),
    ("minutes", "minutes"), ("one-second", "une seconde"), ("seconds", "secondes"),
    ("extension", "le poste"), ("no-answer", "ne répond pas"), ("busy", "est en communication"),
    ("unreachable", "n'est pas joignable"), ("locked-for", "Trop d'essais. Réessayez dans"),
    ("pin-at-least", "Le code doit avoir au moins"), ("pin-digits", "chiffres"),
    ("forwarded-to", "Vos appels sont renvoyés vers le"), ("number", "le numéro"),
    ("nobody-has", "n'est pas attribué"), ("you-are-next", "Vous êtes le prochain."),
    ("queue-position", "Vous êtes en position"), ("wait-short", "L'attente est de moins d'une minute."),
    ("wait-about", "L'attente est d'environ"), ("for", "pour"), ("press", "faites le"),
    ("for-mailbox", "pour laisser un message au poste"), ("for-operator", "pour l'accueil"), ("for-repeat", "pour réécouter"),
    ("for-more", "pour d'autres choix"), ("for-hang-up", "pour quitter"), ("for-language", "pour le français"),
    ("goodbye", "Au revoir."),
    ("thank-you", "Merci."),
    ("please-wait", "Veuillez patienter."),
    ("apology", "Ce service n'est pas disponible pour le moment. Veuillez rappeler plus tard."),
    ("invalid-choice", "Ce choix n'est pas valable."),
    ("nothing-heard", "Nous n'avons pas reçu votre choix."),
    ("too-many-tries", "Trop d'essais sans succès."),
    (
        "leave-message",
        "Veuillez laisser un message après le bip. Ensuite, raccrochez, ou appuyez sur dièse pour \
         d'autres choix.",
    ),
    ("message-too-short", "Votre message est trop court."),
    ("mailbox-full", "Cette messagerie est pleine."),
    (
        "recording-menu",
        "Pour garder cet enregistrement, faites le 1. Pour l'écouter, faites le 2. Pour le \
         recommencer, faites le 3. Pour le marquer urgent, faites le 4.",
    ),
    ("marked-urgent", "Message marqué urgent."),
    ("marked-normal", "Message marqué normal."),
    ("recording-kept", "Votre enregistrement est gardé."),
    ("recording-dropped", "Votre enregistrement est supprimé."),
    ("enter-mailbox", "Composez votre numéro de messagerie, puis dièse."),
    ("enter-pin", "Composez votre code, puis dièse."),
    ("wrong-pin", "Le numéro ou le code n'est pas juste."),
    ("no-messages", "Il n'y a pas de message."),
    (
        "mailbox-menu",
        "Pour écouter vos messages, faites le 1. Pour changer de dossier, faites le 2. Pour les \
         options de votre messagerie, faites le zéro. Pour quitter, faites dièse.",
    ),
    (
        "message-menu",
        "Pour rappeler, faites le 3. Pour le message précédent, faites le 4. Pour réécouter, faites \
         le 5. Pour le message suivant, faites le 6. Pour supprimer, faites le 7. Pour transférer, \
         faites le 8. Pour garder, faites le 9.",
    ),
    ("first-message", "Premier message."),
    ("last-message", "Dernier message."),
    ("urgent-message", "Message urgent."),
    ("no-more-messages", "Il n'y a plus de message."),
    ("message-deleted", "Message supprimé."),
    ("message-restored", "Message rétabli."),
    ("message-kept", "Message gardé."),
    ("enter-extension", "Composez le numéro du destinataire, puis dièse."),
    ("record-comment", "Enregistrez un commentaire après le bip, puis appuyez sur dièse."),
    ("message-forwarded", "Votre message est transféré."),
    ("no-such-mailbox", "Ce numéro n'a pas de messagerie."),
    ("calling-back", "Nous appelons votre correspondant."),
    ("cannot-call-back", "Ce numéro ne peut pas être rappelé."),
    (
        "options-menu",
        "Pour l'annonce d'absence, faites le 1. Pour l'annonce d'occupation, faites le 2. Pour votre \
         nom, faites le 3. Pour l'annonce temporaire, faites le 4. Pour changer votre code, faites le \
         5. Pour revenir, faites étoile.",
    ),
    (
        "record-no-answer-greeting",
        "Enregistrez votre annonce d'absence après le bip, puis appuyez sur dièse.",
    ),
    ("record-busy-greeting", "Enregistrez votre annonce d'occupation après le bip, puis appuyez sur dièse."),
    (
        "record-temporary-greeting",
        "Enregistrez votre annonce temporaire après le bip, puis appuyez sur dièse.",
    ),
    ("temporary-greeting-removed", "Votre annonce temporaire est supprimée."),
    ("record-name", "Dites votre nom après le bip, puis appuyez sur dièse."),
    ("enter-new-pin", "Composez votre nouveau code, puis dièse."),
    ("repeat-new-pin", "Composez-le une seconde fois, puis dièse."),
    ("pin-changed", "Votre code est changé."),
    ("pins-differ", "Les deux codes ne sont pas les mêmes."),
    ("pin-too-simple", "Ce code est trop simple."),
    ("transferring", "Nous vous mettons en relation."),
    ("nobody-answers", "Personne ne répond."),
    ("closed", "Nos bureaux sont fermés."),
    ("welcome", "Bienvenue."),
    ("dial-extension", "Si vous connaissez le numéro de poste de votre correspondant, composez-le."),
    ("night-on", "Le mode nuit est activé."),
    ("night-off", "Le mode nuit est désactivé."),
    ("when-busy", "quand votre ligne est occupée."),
    ("when-no-answer", "quand vous ne répondez pas."),
    ("when-unreachable", "quand votre téléphone n'est pas joignable."),
    ("follow-me-on", "Vos appels sonnent aussi sur vos autres numéros."),
    ("follow-me-off", "Vos appels ne sonnent plus sur vos autres numéros."),
    ("forwarding-off", "Vos appels ne sont plus renvoyés."),
    ("do-not-disturb-on", "Votre téléphone ne sonnera plus."),
    ("do-not-disturb-off", "Votre téléphone sonne de nouveau."),
    ("all-agents-busy", "Tous nos conseillers sont en ligne. Veuillez patienter."),
    ("may-be-recorded", "Cette conversation peut être enregistrée."),
];
