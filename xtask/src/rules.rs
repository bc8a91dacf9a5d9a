//! The rules of `docs/protocol.md`, and the tests that cite them.

use std::collections::BTreeMap;

/// What a citation begins with.
const MARK: &str = "// Rules: ";

/// The ids of the rules in a document, in order: what stands in bold at the start of a line.
pub fn defined(text: &str) -> Vec<String> {
    let bold = |line: &str| {
        let (id, _) = line.strip_prefix("**")?.split_once("** ")?;
        is_id(id).then(|| id.to_owned())
    };
    text.lines().filter_map(bold).collect()
}

/// The citations in a source, each with the test that follows it.
///
/// # Errors
/// A sentence, where a citation is malformed or no test follows.
pub fn cited(path: &str, source: &str) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut cited: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    for (number, line) in lines.iter().enumerate() {
        let Some(ids) = line.strip_prefix(MARK) else { continue };
        let behind: Vec<&&str> = lines.iter().skip(number + 1).take(12).collect();
        let next = behind.iter().find(|line| !line.starts_with("//"));
        if !next.is_some_and(|line| line.starts_with("#[") && line.contains("test")) {
            return Err(format!("{path}:{}: no test follows this citation", number + 1));
        }
        let name = behind.iter().find_map(|line| Some(line.split_once("fn ")?.1.split_once('(')?.0));
        let Some(name) = name else { return Err(format!("{path}:{}: the test has no name", number + 1)) };
        for id in ids.trim_end_matches('.').split(", ") {
            if !is_id(id) {
                return Err(format!("{path}:{}: {id:?} is no rule's id", number + 1));
            }
            cited.entry(id.to_owned()).or_default().push(name.to_owned());
        }
    }
    Ok(cited)
}

/// Two capital letters and a number.
fn is_id(text: &str) -> bool {
    let (letters, digits) = text.split_at_checked(2).unwrap_or_default();
    letters.len() == 2
        && letters.chars().all(|c| c.is_ascii_uppercase())
        && !digits.is_empty()
        && digits.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_and_citations_are_found() {
        assert_eq!(defined("**EN1** One.\n**bold** no\nx **EN2** no\n**SY12** Two."), ["EN1", "SY12"]);
        let source = ["  // Rules: EN1, SY12", "  #[test]", "  fn holds() {"].join("\n");
        let found = cited("x.rs", &source).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["EN1", "SY12"]);
        assert_eq!(found["EN1"], ["holds"]);
        assert!(cited("x.rs", &source.replace("#[test]", "")).is_err());
        assert!(cited("x.rs", &source.replace("EN1", "one")).is_err());
    }
}
