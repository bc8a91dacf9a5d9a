//! What is typed: a recorded trace of a paper's keystrokes (`--trace FILE`), or a seeded one with the same counts.
//!
//! A recording is JSON, gzipped or not, as josephg/editing-traces has it: `{startContent, endContent, txns: [{patches:
//! [[position, deleted, inserted], …]}]}`, with positions that count characters.

use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};
use support::split_mix::SplitMix;

/// What the recorded one has: the seeded one has as many.
const INSERTED: usize = 182_315;
const DELETED: usize = 77_463;

/// A keystroke, in UTF-16 code units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) at: u32,
    pub(super) deleted: u32,
    pub(super) inserted: String,
}

#[derive(Debug)]
pub(super) struct Trace {
    pub(super) keys: Vec<Key>,
    /// The text that they leave.
    pub(super) end: String,
}

impl Trace {
    /// # Errors
    /// A sentence, where the file cannot be read or is no such trace.
    pub(super) fn load(path: &Path) -> Result<Self, String> {
        let unreadable = |error: &dyn std::fmt::Display| format!("{} cannot be read: {error}", path.display());
        let bytes = std::fs::read(path).map_err(|error| unreadable(&error))?;
        let mut text = String::new();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            flate2::read::GzDecoder::new(bytes.as_slice())
                .read_to_string(&mut text)
                .map_err(|error| unreadable(&error))?;
        } else {
            text = String::from_utf8(bytes).map_err(|error| unreadable(&error))?;
        }
        let recorded: Value = serde_json::from_str(&text).map_err(|error| unreadable(&error))?;
        Self::understand(&recorded).ok_or_else(|| format!("{} is no trace of keystrokes", path.display()))
    }

    fn understand(recorded: &Value) -> Option<Self> {
        let mut keys = Vec::new();
        let start = recorded["startContent"].as_str()?;
        if !start.is_empty() {
            keys.push(Key { at: 0, deleted: 0, inserted: start.to_owned() });
        }
        for txn in recorded["txns"].as_array()? {
            for patch in txn["patches"].as_array()? {
                keys.push(Key {
                    at: u32::try_from(patch[0].as_u64()?).ok()?,
                    deleted: u32::try_from(patch[1].as_u64()?).ok()?,
                    inserted: patch[2].as_str()?.to_owned(),
                });
            }
        }
        let end = recorded["endContent"].as_str()?.to_owned();
        // Positions that count characters and those that count code units are the same here, or the two would differ.
        let narrow = keys.iter().all(|key| key.inserted.chars().all(|c| c.len_utf16() == 1));
        narrow.then_some(Self { keys, end })
    }

    /// Somebody who types words, corrects the last one, and now and then goes elsewhere.
    pub(super) fn seeded(seed: u64) -> Self {
        let mut chance = SplitMix::new(seed);
        let mut below = |limit: usize| usize::try_from(chance.draw() % limit as u64).unwrap_or(0);
        let (mut keys, mut text) = (Vec::with_capacity(INSERTED + DELETED), Vec::<u8>::new());
        let (mut inserted, mut deleted, mut caret) = (0, 0, 0);
        while inserted < INSERTED || deleted < DELETED {
            if below(400) == 0 {
                caret = below(text.len() + 1);
            }
            let deletes = inserted == INSERTED || below(INSERTED + DELETED) < DELETED;
            let run = 1 + below(12);
            for _ in 0..run {
                if deletes && deleted < DELETED && caret > 0 {
                    caret -= 1;
                    text.remove(caret);
                    keys.push(Key { at: caret as u32, deleted: 1, inserted: String::new() });
                    deleted += 1;
                } else if !deletes && inserted < INSERTED {
                    let letter = match below(80) {
                        0 => b'\n',
                        1..12 => b' ',
                        _ => b'a' + below(26) as u8,
                    };
                    text.insert(caret, letter);
                    keys.push(Key { at: caret as u32, deleted: 0, inserted: char::from(letter).to_string() });
                    caret += 1;
                    inserted += 1;
                }
            }
            if deletes && caret == 0 {
                caret = text.len();
            }
        }
        Self { keys, end: String::from_utf8_lossy(&text).into_owned() }
    }

    /// As the editors that this is measured beside read it.
    pub(super) fn as_json(&self) -> Value {
        let ops: Vec<Value> = self.keys.iter().map(|key| json!([key.at, key.deleted, key.inserted])).collect();
        json!({ "ops": ops, "end": self.end })
    }
}

impl Key {
    /// As `docs.edit` takes it.
    pub(super) fn ops(&self) -> impl Iterator<Item = Value> {
        let deletes = (self.deleted > 0).then(|| json!({ "at": self.at, "delete": self.deleted }));
        let inserts = (!self.inserted.is_empty()).then(|| json!({ "at": self.at, "insert": self.inserted }));
        deletes.into_iter().chain(inserts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(trace: &Trace) -> String {
        let mut text = String::new();
        for Key { at, deleted, inserted } in &trace.keys {
            let at = *at as usize;
            text.replace_range(at..at + *deleted as usize, inserted);
        }
        text
    }

    #[test]
    fn the_seeded_trace_leaves_what_it_says() {
        let trace = Trace::seeded(7);
        assert_eq!(trace.keys.len(), INSERTED + DELETED);
        assert_eq!(typed(&trace), trace.end);
    }

    #[test]
    fn a_recorded_trace_is_understood() {
        let recorded = json!({
            "startContent": "", "endContent": "hey",
            "txns": [{ "patches": [[0, 0, "hi"]] }, { "patches": [[1, 1, "ey"]] }],
        });
        let trace = Trace::understand(&recorded).expect("it is a trace");
        assert_eq!(typed(&trace), trace.end);
        assert!(Trace::understand(&json!({ "txns": [] })).is_none());
    }
}
