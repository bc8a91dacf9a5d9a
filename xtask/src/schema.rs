//! CDDL (RFC 8610), as far as the protocol's schema uses it, and whether CBOR fits it.
//!
//! Arrays with optional and repeated entries, choices, numbers, `bstr`, `tstr`, `uint`, `int`, `bool`, `null`, the
//! controls `.size` and `.cbor`, and enumerations `&( name: number )`. No maps, groups, generics or sockets: the protocol has none.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::vec::IntoIter;

use minicbor::Decoder;
use minicbor::data::Type as Kind;

/// Values within each other. The protocol's have twelve at most.
const DEPTH_MAX: usize = 32;

/// A schema: its rules by name.
#[derive(Debug, Default)]
pub struct Schema {
    rules: BTreeMap<String, Type>,
}

#[derive(Debug, Clone)]
enum Type {
    Number(u64),
    Name(String),
    Array(Vec<Entry>),
    Sized(Box<Self>, u64),
    Cbor(Box<Self>),
    Choice(Vec<Self>),
}

#[derive(Debug, Clone)]
struct Entry {
    least: usize,
    most: usize,
    kind: Type,
}

/// One CBOR item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Uint(u64),
    /// A number below zero.
    Nint(i64),
    Bytes(Vec<u8>),
    Text(String),
    Bool(bool),
    Null,
    Array(Vec<Self>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Name(String),
    Number(u64),
    Mark(char),
}

type Tokens = Peekable<IntoIter<Token>>;

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// A sentence that says what is wrong where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = tokens(text)?.into_iter().peekable();
        let mut schema = Self::default();
        while let Some(token) = tokens.next() {
            let Token::Name(name) = token else { return Err(format!("a rule begins with its name, not {token:?}")) };
            expect(&mut tokens, '=').map_err(|error| format!("{name}: {error}"))?;
            let kind = choice(&mut tokens).map_err(|error| format!("{name}: {error}"))?;
            if schema.rules.insert(name.clone(), kind).is_some() {
                return Err(format!("{name} is defined twice"));
            }
        }
        Ok(schema)
    }

    /// The names of its rules.
    pub fn names(&self) -> BTreeSet<&str> {
        self.rules.keys().map(String::as_str).collect()
    }

    /// The names that its rules use.
    pub fn used(&self) -> BTreeSet<&str> {
        let mut used = BTreeSet::new();
        self.rules.values().for_each(|kind| kind.names_into(&mut used));
        used
    }

    /// Whether a name means something without a rule.
    pub fn is_built_in(name: &str) -> bool {
        matches!(name, "bstr" | "tstr" | "uint" | "int" | "bool" | "null")
    }

    /// Whether bytes are the encoding of one item that fits a rule.
    pub fn fits(&self, rule: &str, bytes: &[u8]) -> bool {
        let Some(value) = read(bytes) else { return false };
        self.rules.get(rule).is_some_and(|kind| self.matches(kind, &value))
    }

    fn matches(&self, kind: &Type, value: &Value) -> bool {
        match kind {
            Type::Number(number) => *value == Value::Uint(*number),
            Type::Name(name) => match (name.as_str(), value) {
                ("bstr", Value::Bytes(_))
                | ("tstr", Value::Text(_))
                | ("uint" | "int", Value::Uint(_))
                | ("int", Value::Nint(_))
                | ("bool", Value::Bool(_))
                | ("null", Value::Null) => true,
                (name, value) => self.rules.get(name).is_some_and(|kind| self.matches(kind, value)),
            },
            Type::Array(entries) => matches!(value, Value::Array(items) if self.matches_items(entries, items)),
            Type::Sized(kind, size) => {
                let sized = match value {
                    Value::Bytes(bytes) => bytes.len() as u64 == *size,
                    Value::Uint(number) => *size >= 8 || *number < 1 << (size * 8),
                    Value::Nint(_) | Value::Text(_) | Value::Bool(_) | Value::Null | Value::Array(_) => false,
                };
                sized && self.matches(kind, value)
            }
            Type::Cbor(kind) => {
                let Value::Bytes(bytes) = value else { return false };
                read(bytes).is_some_and(|inner| self.matches(kind, &inner))
            }
            Type::Choice(kinds) => kinds.iter().any(|kind| self.matches(kind, value)),
        }
    }

    /// Each entry takes as many items as it can: no entry of the schema could take what a later one needs.
    fn matches_items(&self, entries: &[Entry], items: &[Value]) -> bool {
        let mut rest = items;
        for entry in entries {
            let mut count = 0;
            while let Some((first, behind)) = rest.split_first()
                && count < entry.most
                && self.matches(&entry.kind, first)
            {
                rest = behind;
                count += 1;
            }
            if count < entry.least {
                return false;
            }
        }
        rest.is_empty()
    }
}

impl Type {
    fn names_into<'a>(&'a self, names: &mut BTreeSet<&'a str>) {
        match self {
            Self::Number(_) => {}
            Self::Name(name) => {
                names.insert(name);
            }
            Self::Array(entries) => entries.iter().for_each(|entry| entry.kind.names_into(names)),
            Self::Sized(kind, _) | Self::Cbor(kind) => kind.names_into(names),
            Self::Choice(kinds) => kinds.iter().for_each(|kind| kind.names_into(names)),
        }
    }
}

/// The one item that `bytes` are.
pub fn read(bytes: &[u8]) -> Option<Value> {
    let mut decoder = Decoder::new(bytes);
    let value = read_item(&mut decoder, 0)?;
    (decoder.position() == bytes.len()).then_some(value)
}

fn read_item(decoder: &mut Decoder<'_>, depth: usize) -> Option<Value> {
    if depth > DEPTH_MAX {
        return None;
    }
    match decoder.datatype().ok()? {
        Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64 => decoder.u64().ok().map(Value::Uint),
        Kind::I8 | Kind::I16 | Kind::I32 | Kind::I64 => decoder.i64().ok().map(Value::Nint),
        Kind::Bytes => decoder.bytes().ok().map(|bytes| Value::Bytes(bytes.to_vec())),
        Kind::String => decoder.str().ok().map(|text| Value::Text(text.to_owned())),
        Kind::Bool => decoder.bool().ok().map(Value::Bool),
        Kind::Null => decoder.null().ok().map(|()| Value::Null),
        Kind::Array => {
            let length = decoder.array().ok()??;
            let mut items = Vec::new();
            for _ in 0..length {
                items.push(read_item(decoder, depth + 1)?);
            }
            Some(Value::Array(items))
        }
        _ => None,
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    for line in text.lines() {
        let mut letters = line.split(';').next().unwrap_or_default().chars().peekable();
        while let Some(letter) = letters.next() {
            let word = |first: char, letters: &mut Peekable<std::str::Chars<'_>>| {
                let mut word = String::from(first);
                while let Some(next) = letters.next_if(|c| c.is_ascii_alphanumeric() || *c == '-') {
                    word.push(next);
                }
                word
            };
            match letter {
                _ if letter.is_whitespace() => {}
                '0'..='9' => {
                    let word = word(letter, &mut letters);
                    tokens.push(Token::Number(word.parse().map_err(|_| format!("{word} is no number"))?));
                }
                'a'..='z' => tokens.push(Token::Name(word(letter, &mut letters))),
                '[' | ']' | '(' | ')' | ',' | ':' | '/' | '*' | '?' | '&' | '=' | '.' => {
                    tokens.push(Token::Mark(letter))
                }
                other => return Err(format!("{other:?} is nothing that this schema uses")),
            }
        }
    }
    Ok(tokens)
}

fn expect(tokens: &mut Tokens, mark: char) -> Result<(), String> {
    match tokens.next() {
        Some(Token::Mark(found)) if found == mark => Ok(()),
        other => Err(format!("{mark:?} is missing; there is {other:?}")),
    }
}

fn take(tokens: &mut Tokens, mark: char) -> bool {
    tokens.next_if_eq(&Token::Mark(mark)).is_some()
}

fn choice(tokens: &mut Tokens) -> Result<Type, String> {
    let mut kinds = vec![controlled(tokens)?];
    while take(tokens, '/') {
        kinds.push(controlled(tokens)?);
    }
    Ok(if kinds.len() == 1 { kinds.remove(0) } else { Type::Choice(kinds) })
}

fn controlled(tokens: &mut Tokens) -> Result<Type, String> {
    let kind = primary(tokens)?;
    if !take(tokens, '.') {
        return Ok(kind);
    }
    match (tokens.next(), tokens.next()) {
        (Some(Token::Name(control)), Some(Token::Number(size))) if control == "size" => {
            Ok(Type::Sized(Box::new(kind), size))
        }
        (Some(Token::Name(control)), Some(Token::Name(of))) if control == "cbor" => {
            Ok(Type::Cbor(Box::new(Type::Name(of))))
        }
        other => Err(format!("{other:?} is no control")),
    }
}

fn primary(tokens: &mut Tokens) -> Result<Type, String> {
    match tokens.next() {
        Some(Token::Number(number)) => Ok(Type::Number(number)),
        Some(Token::Name(name)) => Ok(Type::Name(name)),
        Some(Token::Mark('[')) => entries(tokens).map(Type::Array),
        Some(Token::Mark('&')) => {
            expect(tokens, '(')?;
            let mut numbers = Vec::new();
            while !take(tokens, ')') {
                match (tokens.next(), expect(tokens, ':'), tokens.next()) {
                    (Some(Token::Name(_)), Ok(()), Some(Token::Number(number))) => numbers.push(Type::Number(number)),
                    other => return Err(format!("{other:?} is no case of an enumeration")),
                }
                take(tokens, ',');
            }
            Ok(Type::Choice(numbers))
        }
        other => Err(format!("{other:?} is no type")),
    }
}

fn entries(tokens: &mut Tokens) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    while !take(tokens, ']') {
        let (mut least, mut most) = (1, 1);
        if take(tokens, '?') {
            least = 0;
        } else if take(tokens, '*') {
            (least, most) = (0, usize::MAX);
        }
        let kind = choice(tokens)?;
        let entry = match kind {
            // `1*2 thing`: what was taken for a type is the least number of repetitions.
            Type::Number(number) if take(tokens, '*') => {
                least = usize::try_from(number).map_err(|error| error.to_string())?;
                let Some(Token::Number(number)) = tokens.next() else { return Err("a bound is missing".to_owned()) };
                most = usize::try_from(number).map_err(|error| error.to_string())?;
                Entry { least, most, kind: choice(tokens)? }
            }
            // `name: type`: what was taken for a type is the entry's name.
            Type::Name(_) if take(tokens, ':') => Entry { least, most, kind: choice(tokens)? },
            kind => Entry { least, most, kind },
        };
        entries.push(entry);
        take(tokens, ',');
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &str, fits: &[&[u8]], does_not: &[&[u8]]) {
        let schema = Schema::parse(schema).unwrap();
        for bytes in fits {
            assert!(schema.fits("x", bytes), "{bytes:02x?} fits {schema:?}");
        }
        for bytes in does_not {
            assert!(!schema.fits("x", bytes), "{bytes:02x?} does not fit {schema:?}");
        }
    }

    #[test]
    fn arrays_have_their_entries_in_order() {
        let (one, two) = ([0x81, 0x01], [0x82, 0x01, 0x61, b'a']);
        check("x = [n: uint, ? t: tstr]", &[&one, &two], &[&[0x80], &[0x82, 0x01, 0x02], &[0x82, 0x61, b'a', 0x01]]);
        check("x = [1*2 uint]", &[&[0x81, 0], &[0x82, 0, 0]], &[&[0x80], &[0x83, 0, 0, 0]]);
        check("x = [* y]\ny = bool", &[&[0x80], &[0x82, 0xf4, 0xf5]], &[&[0x81, 0xf6]]);
    }

    #[test]
    fn choices_numbers_and_controls_are_held_to() {
        check(
            "x = [0, [uint]] / [1, []] ; two cases",
            &[&[0x82, 0, 0x81, 9], &[0x82, 1, 0x80]],
            &[&[0x82, 1, 0x81, 9]],
        );
        check("x = &( a: 0, b: 1 )", &[&[0], &[1]], &[&[2], &[0x40]]);
        check("x = bstr .size 2", &[&[0x42, 7, 7]], &[&[0x41, 7], &[0x62, b'a', b'b']]);
        check("x = [* int]", &[&[0x82, 0x01, 0x38, 0xff]], &[&[0x81, 0x61, b'a']]);
        check("x = uint .size 1", &[&[0x18, 255]], &[&[0x19, 1, 0]]);
        check("x = bstr .cbor y\ny = uint / null", &[&[0x41, 7], &[0x41, 0xf6]], &[&[0x40], &[0x42, 7, 7], &[7]]);
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        for text in ["x", "x = ", "x = [uint", "x = {a: 1}", "x = uint .foo 1", "x = uint\nx = uint"] {
            assert!(Schema::parse(text).is_err(), "{text}");
        }
    }
}
