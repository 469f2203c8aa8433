//! As much of JSON as `cargo metadata` writes.

use std::iter::Peekable;
use std::str::Chars;

/// One value. Numbers, true and false are not told apart: nobody here asks for them.
#[derive(Debug, PartialEq)]
pub enum Json {
    /// `null`, a number, `true` or `false`.
    Other,
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object, in the order in which it was written.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads one value; the text comes from cargo, so it is well-formed.
    pub fn read(text: &str) -> Self {
        value(&mut text.chars().peekable())
    }

    /// A member of an object.
    pub fn at(&self, name: &str) -> &Self {
        let Self::Object(members) = self else { return &Self::Other };
        members.iter().find(|(own, _)| own == name).map_or(&Self::Other, |(_, value)| value)
    }

    /// The elements of a list.
    pub fn list(&self) -> &[Self] {
        if let Self::List(elements) = self { elements } else { &[] }
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

fn value(from: &mut Peekable<Chars<'_>>) -> Json {
    match next(from) {
        '"' => Json::Text(string(from)),
        '[' => {
            let mut elements = Vec::new();
            while peek(from) != ']' {
                elements.push(value(from));
                skip_comma(from);
            }
            next(from);
            Json::List(elements)
        }
        '{' => {
            let mut members = Vec::new();
            while peek(from) != '}' {
                next(from);
                let name = string(from);
                assert_eq!(next(from), ':', "a name is followed by a colon");
                members.push((name, value(from)));
                skip_comma(from);
            }
            next(from);
            Json::Object(members)
        }
        _ => {
            while from.next_if(|letter| !",]}".contains(*letter)).is_some() {}
            Json::Other
        }
    }
}

/// What follows an opening quote, up to the closing one.
fn string(from: &mut Peekable<Chars<'_>>) -> String {
    let mut text = String::new();
    loop {
        match from.next().expect("a string ends") {
            '"' => return text,
            '\\' => match from.next().expect("an escape has a letter") {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'u' => {
                    let digits: String = from.by_ref().take(4).collect();
                    text.push(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).unwrap_or('?'));
                }
                other => text.push(other),
            },
            letter => text.push(letter),
        }
    }
}

fn peek(from: &mut Peekable<Chars<'_>>) -> char {
    while from.next_if(char::is_ascii_whitespace).is_some() {}
    *from.peek().expect("a value ends")
}

fn next(from: &mut Peekable<Chars<'_>>) -> char {
    let letter = peek(from);
    from.next();
    letter
}

fn skip_comma(from: &mut Peekable<Chars<'_>>) {
    if peek(from) == ',' {
        from.next();
    }
}

#[test]
fn what_cargo_writes_is_read() {
    let read = Json::read(r#" {"a": [1, null, "x\"\u0041"], "b": {"c": true}, "d": []} "#);
    assert_eq!(read.at("a").list()[2].text(), Some("x\"A"));
    assert_eq!(read.at("b").at("c"), &Json::Other);
    assert_eq!(read.at("d").list(), []);
}
