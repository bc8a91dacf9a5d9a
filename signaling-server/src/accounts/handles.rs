//! Handles: what people are called, how two spellings are the same one, and which ones look alike.
//!
//! A handle is kept as its owner typed it, in normal form NFKC. Beside it go the *folded* form (case and compatibility
//! folded), by which log-in finds it, and its *skeletons* (UTS #39 §4): the form in which everything that looks alike
//! is equal. Uniqueness is by skeleton, in `accounts`.
//!
//! # Invariants
//! 1. Handles that a reader can mistake for each other share a skeleton. Test: `look_alikes_share_a_skeleton`.
//! 2. Names that differ only in their numbers do not. Test: `numbered_names_stay_apart`.
//! 3. A handle has 2 to 32 characters of one script, none of them invisible. Test: `what_is_not_a_handle`.
//!
//! The skeleton of a name as it is typed counts beside that of its folded form, since a capital I looks like a small l:
//! folding first would hide it.

use std::collections::BTreeSet;
use std::fmt;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::{GeneralSecurityProfile, MixedScript, skeleton};

/// Characters of a handle.
pub const CHARS_MIN: usize = 2;
/// Characters of a handle.
pub const CHARS_MAX: usize = 32;
/// Bytes looked at before any normalisation, so that a megabyte of marks costs nothing.
const INPUT_BYTES_MAX: usize = 512;
/// Marks in a row on one letter; some scripts need two.
const MARKS_IN_A_ROW_MAX: usize = 3;
/// Joins the letters of a handle.
const SEPARATORS: [char; 3] = ['_', '-', '.'];

/// A handle that may be taken, if nobody has one like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handle {
    shown: String,
    folded: String,
    skeletons: BTreeSet<String>,
}

/// Why a text is no handle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    #[error("A handle has {CHARS_MIN} to {CHARS_MAX} characters.")]
    Length,
    #[error("A handle has letters and digits, joined by _ - or . if you like; it cannot have {}.", shown(*.0))]
    Character(char),
    #[error("A handle begins with a letter or a digit.")]
    Beginning,
    #[error("A handle keeps to one script: letters of several cannot be told from one another.")]
    MixedScripts,
}

impl Handle {
    /// The handle that `text` spells.
    ///
    /// # Errors
    /// [`HandleError`], whose sentence is meant for the person who typed it.
    pub fn parse(text: &str) -> Result<Self, HandleError> {
        if text.len() > INPUT_BYTES_MAX {
            return Err(HandleError::Length);
        }
        let shown: String = text.nfkc().collect();
        let mut marks = 0;
        for character in shown.chars() {
            let letter = character.is_alphanumeric() || is_combining_mark(character);
            if !(SEPARATORS.contains(&character) || (letter && character.identifier_allowed())) {
                return Err(HandleError::Character(character));
            }
            marks = if is_combining_mark(character) { marks + 1 } else { 0 };
            if marks > MARKS_IN_A_ROW_MAX {
                return Err(HandleError::Character(character));
            }
        }
        if !(CHARS_MIN..=CHARS_MAX).contains(&shown.chars().count()) {
            return Err(HandleError::Length);
        }
        if !shown.starts_with(char::is_alphanumeric) {
            return Err(HandleError::Beginning);
        }
        if !shown.as_str().is_single_script() {
            return Err(HandleError::MixedScripts);
        }
        let folded = fold(&shown);
        let skeletons = [fold(&skeleton_of(&folded)), fold(&skeleton_of(&shown))].into();
        Ok(Self { shown, folded, skeletons })
    }

    /// As its owner writes it.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// The form in which all spellings of this handle are equal.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// The forms, one or two, that it shares with everything that looks like it.
    pub fn skeletons(&self) -> &BTreeSet<String> {
        &self.skeletons
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// The form by which log-in finds an account: of any text, since a handle that could not be registered is simply unknown.
pub fn fold_for_lookup(text: &str) -> Option<String> {
    Handle::parse(text).ok().map(|handle| handle.folded)
}

/// Unicode's toNFKC_Casefold, without its removal of ignorable characters, which no handle has.
fn fold(text: &str) -> String {
    let once: String = caseless::default_case_fold_str(&text.nfd().collect::<String>()).nfkc().collect();
    caseless::default_case_fold_str(&once).nfkc().collect()
}

fn skeleton_of(text: &str) -> String {
    skeleton(text).collect()
}

/// The character itself where it can be seen, else its number.
fn shown(character: char) -> String {
    if character == ' ' {
        "a space".to_owned()
    } else if character.is_alphanumeric() || character.is_ascii_punctuation() {
        format!("\u{201c}{character}\u{201d}")
    } else {
        format!("U+{:04X}", u32::from(character))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle(text: &str) -> Handle {
        Handle::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
    }

    fn alike(a: &str, b: &str) -> bool {
        !handle(a).skeletons.is_disjoint(&handle(b).skeletons)
    }

    #[test]
    fn what_is_a_handle() {
        for text in
            ["al", "alice", "Alice", "a.b-c_d", "0x", "Ægir", "жанна", "李小龍", "さくら", "यामी", "ab9", "josé"]
        {
            assert_eq!(handle(text).as_str(), text.nfkc().collect::<String>());
        }
        assert_eq!(handle(&"a".repeat(32)).as_str().len(), 32);
    }

    #[test]
    fn what_is_not_a_handle() {
        use HandleError::{Beginning, Character, Length, MixedScripts};
        for (text, why) in [
            ("", Length),
            ("a", Length),
            (&*"a".repeat(33), Length),
            (&*format!("a{}", "\u{301}".repeat(100_000)), Length),
            (&*format!("a{}", "\u{316}".repeat(20)), Character('\u{316}')),
            ("alice ", Character(' ')),
            ("a\u{200B}lice", Character('\u{200B}')),
            ("a\u{202E}lice", Character('\u{202E}')),
            ("a\u{0}b", Character('\u{0}')),
            ("a\nb", Character('\n')),
            ("a\u{AD}b", Character('\u{AD}')),
            ("a@b", Character('@')),
            ("a/b", Character('/')),
            ("a:b", Character(':')),
            ("a\u{1F600}b", Character('\u{1F600}')),
            ("a\u{E000}b", Character('\u{E000}')),
            ("_ab", Beginning),
            (".ab", Beginning),
            ("\u{430}lice", MixedScripts),
            ("ali\u{3f2}e", MixedScripts),
        ] {
            let found = Handle::parse(text);
            // Compatibility folding may turn one refused character into another; what matters is that it is refused.
            let same = match (&found, &why) {
                (Err(Character(_)), MixedScripts) => true,
                (Err(found), why) => found == why,
                (Ok(_), _) => false,
            };
            assert!(same, "{text:.20?}: {found:?}, not {why:?}");
        }
    }

    #[test]
    fn spellings_of_one_handle_fold_alike() {
        for text in ["Alice", "ALICE", "ＡＬＩＣＥ", "aLiCe"] {
            assert_eq!(handle(text).folded(), "alice", "{text}");
        }
        assert_eq!(handle("jose\u{301}").folded(), handle("JOS\u{c9}").folded());
        assert_eq!(handle("stra\u{df}e").folded(), handle("STRASSE").folded());
    }

    #[test]
    fn look_alikes_share_a_skeleton() {
        for (a, b) in [
            ("alice", "Alice"),
            ("alice", "ＡＬＩＣＥ"),
            ("alice", "aIice"),
            ("alice", "a1ice"),
            ("bob", "b0b"),
            ("bob", "BOB"),
            ("b0b", "bOb"),
            ("modern", "modem"),
            ("ace", "\u{430}\u{441}\u{435}"),
        ] {
            assert!(alike(a, b), "{a} {b}: {:?} {:?}", handle(a).skeletons, handle(b).skeletons);
        }
        for (a, b) in [("alice", "alicia"), ("bob", "rob"), ("anna", "ana"), ("li", "lj")] {
            assert!(!alike(a, b), "{a} {b}");
        }
    }

    #[test]
    fn numbered_names_stay_apart() {
        let mut seen = BTreeSet::new();
        for number in 0..5_000 {
            for skeleton in handle(&format!("user{number}")).skeletons() {
                assert!(seen.insert(skeleton.clone()), "user{number}");
            }
        }
    }
}
