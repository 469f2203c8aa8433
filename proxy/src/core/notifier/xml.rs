//! As much of XML as bodies of notifications need: text and attributes with their escapes.

use std::fmt::{self, Display, Formatter, Write};

/// A text as the value of an attribute or between tags. What XML 1.0 cannot hold is left out.
pub(super) struct Escaped<'a>(pub &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                '\'' => out.write_str("&apos;")?,
                '\t' | '\n' | '\r' => out.write_char(' ')?,
                '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
                other => out.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_the_document_is_escaped() {
        for (text, escaped) in [
            ("sip:a@b", "sip:a@b"),
            ("\"<&>'", "&quot;&lt;&amp;&gt;&apos;"),
            ("a\u{0}b\u{b}c\r\nd", "abc  d"),
            ("Ä\u{ffff}", "Ä"),
        ] {
            assert_eq!(Escaped(text).to_string(), escaped);
        }
    }
}
