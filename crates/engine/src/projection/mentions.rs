//! Whom a text names: `@handle` of a member, and `@room`.
//!
//! The author's engine looks once, when the message is written, and puts the accounts into its content; names that
//! change later change nothing. What stands in code is quoted, not meant: code spans, fenced and indented blocks as
//! CommonMark has them (spec 0.31, §4.4, §4.5, §6.1).
//!
//! Not here: how a mention is drawn (the window finds the names again), who is told of it.

use std::collections::{BTreeMap, BTreeSet};

use momoland_protocol::content::Mentions;
use momoland_protocol::id::AccountId;
use momoland_protocol::limits::MENTIONS_MAX;
use unicode_normalization::UnicodeNormalization as _;

/// The handle that means everybody.
const EVERYBODY: &str = "room";

/// What may stand between the letters of a handle.
const SEPARATORS: [char; 3] = ['.', '-', '_'];

/// Characters that a handle is looked for in; longer ones are nobody's.
const NAME_CHARS_MAX: usize = momoland_protocol::limits::HANDLE_CHARS.1 * 4;

/// Finds who is named in a text, among members with these handles.
pub(crate) fn find<'a>(text: &str, members: impl Iterator<Item = (AccountId, &'a str)>) -> Option<Mentions> {
    if !text.contains('@') {
        return None;
    }
    let by_handle: BTreeMap<String, AccountId> = members.map(|(account, handle)| (folded(handle), account)).collect();
    let mut found = Mentions { accounts: Vec::new(), room: false };
    let mut accounts = BTreeSet::new();
    for line in prose(text) {
        for name in names(&line) {
            match longest(name, &by_handle) {
                Some(Named::Room) => found.room = true,
                Some(Named::Account(account)) if accounts.len() < MENTIONS_MAX => {
                    accounts.insert(account);
                }
                Some(Named::Account(_)) | None => {}
            }
        }
    }
    found.accounts = accounts.into_iter().collect();
    (found.room || !found.accounts.is_empty()).then_some(found)
}

enum Named {
    Room,
    Account(AccountId),
}

/// Who a name means: of “ada.” at the end of a sentence the handle is “ada”.
fn longest(mut name: &str, by_handle: &BTreeMap<String, AccountId>) -> Option<Named> {
    loop {
        let folded = folded(name);
        if let Some(account) = by_handle.get(&folded) {
            return Some(Named::Account(*account));
        }
        if folded == EVERYBODY {
            return Some(Named::Room);
        }
        let shorter = name.trim_end_matches(SEPARATORS);
        if shorter.len() == name.len() || shorter.is_empty() {
            return None;
        }
        name = shorter;
    }
}

/// What follows each `@` that does not stand within a word, as an address has it.
fn names(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices('@').filter_map(|(at, _)| {
        let before = line.get(..at)?.chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || SEPARATORS.contains(&c) || c == '@' || c == '/') {
            return None;
        }
        let rest = line.get(at + 1..)?;
        let in_name = |c: char| c.is_alphanumeric() || SEPARATORS.contains(&c) || is_mark(c);
        let end = rest.char_indices().find(|(_, c)| !in_name(*c)).map_or(rest.len(), |(end, _)| end);
        let name = rest.get(..end)?;
        (!name.is_empty() && name.chars().take(NAME_CHARS_MAX + 1).count() <= NAME_CHARS_MAX).then_some(name)
    })
}

fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// The form in which all spellings of a handle are equal, as the server folds them (`docs/protocol.md`, HT5).
fn folded(handle: &str) -> String {
    let once: String = caseless::default_case_fold_str(&handle.nfd().collect::<String>()).nfkc().collect();
    caseless::default_case_fold_str(&once).nfkc().collect()
}

/// The text without what is code in it, paragraph by paragraph: a code span may go over the end of a line.
fn prose(text: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    let mut fence: Option<(char, usize)> = None;
    let mut after_blank = true;
    for line in text.lines() {
        let indent = line.chars().take_while(|c| *c == ' ').count();
        let content = line.trim_start_matches(' ');
        let blank = content.trim().is_empty();
        match fence {
            Some((mark, length)) => {
                let run = content.chars().take_while(|c| *c == mark).count();
                if indent < 4 && run >= length && content.trim_start_matches(mark).trim().is_empty() {
                    fence = None;
                    after_blank = true;
                    paragraphs.push(String::new());
                }
            }
            None if indent < 4 && opened_fence(content).is_some() => {
                fence = opened_fence(content);
                paragraphs.push(String::new());
            }
            // Indented code does not interrupt a paragraph.
            None if !blank && after_blank && (indent >= 4 || content.starts_with('\t')) => {}
            None => {
                if blank {
                    paragraphs.push(String::new());
                }
                if let Some(paragraph) = paragraphs.last_mut() {
                    paragraph.push_str(content);
                    paragraph.push('\n');
                }
                after_blank = blank;
            }
        }
    }
    paragraphs.iter().map(|paragraph| without_spans(paragraph)).collect()
}

/// The mark and length of the fence that a line opens. The text after backticks has none.
fn opened_fence(content: &str) -> Option<(char, usize)> {
    let mark = content.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = content.chars().take_while(|c| *c == mark).count();
    let info = content.trim_start_matches(mark);
    (length >= 3 && !(mark == '`' && info.contains('`'))).then_some((mark, length))
}

/// A paragraph without its code spans: from a run of backticks to the next run of the same length.
fn without_spans(paragraph: &str) -> String {
    let mut prose = String::with_capacity(paragraph.len());
    let runs = backtick_runs(paragraph);
    // Where a run of each length is next, so that many runs without a match cost one look each.
    let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (number, (_, length)) in runs.iter().enumerate() {
        places.entry(*length).or_default().push(number);
    }
    let (mut from, mut number) = (0, 0);
    while let Some((at, length)) = runs.get(number).copied() {
        prose.push_str(paragraph.get(from..at).unwrap_or_default());
        let same = places.get(&length).map(Vec::as_slice).unwrap_or_default();
        let closing = same.get(same.partition_point(|other| *other <= number)).copied();
        let escaped = is_escaped(paragraph, at);
        match closing.filter(|_| !escaped) {
            Some(closing) => {
                // A name does not go on behind a span.
                prose.push('\u{fffc}');
                let (end, length) = runs.get(closing).copied().unwrap_or((at, length));
                (from, number) = (end + length, closing + 1);
            }
            None => {
                prose.push('\u{fffc}');
                (from, number) = (at + length, number + 1);
            }
        }
    }
    prose.push_str(paragraph.get(from..).unwrap_or_default());
    prose
}

/// Where runs of backticks begin, and how long they are.
fn backtick_runs(text: &str) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, _) in text.match_indices('`') {
        match runs.last_mut() {
            Some((start, length)) if *start + *length == at => *length += 1,
            Some(_) | None => runs.push((at, 1)),
        }
    }
    runs
}

fn is_escaped(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    before.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: AccountId = AccountId([1; 16]);
    const GRACE: AccountId = AccountId([2; 16]);
    const JOSE: AccountId = AccountId([3; 16]);
    const DOT: AccountId = AccountId([4; 16]);

    fn check(text: &str, accounts: &[AccountId], room: bool) {
        let members = [(ADA, "ada"), (GRACE, "Grace-H"), (JOSE, "josé"), (DOT, "ada.b")];
        let found = find(text, members.into_iter());
        let found = found.map_or_else(|| (Vec::new(), false), |found| (found.accounts, found.room));
        assert_eq!(found, (accounts.to_vec(), room), "{text:?}");
    }

    #[test]
    fn members_are_found_by_their_handles() {
        check("@ada", &[ADA], false);
        check("Ask @GRACE-h, @ada and @ada.", &[ADA, GRACE], false);
        check("(@ada)", &[ADA], false);
        check("@jose\u{301}!", &[JOSE], false);
        check("@ada.b knows, says @ada...", &[ADA, DOT], false);
        check("@room: low water", &[], true);
        check("@Room and @ada", &[ADA], true);
    }

    #[test]
    fn what_is_nobody_is_nobody() {
        for text in ["", "ada", "@", "@ ada", "@adam", "mail me: me@ada", "@@ada", "a/@ada", "@nobody", "@rooms"] {
            check(text, &[], false);
        }
        check(&format!("@{}", "ada".repeat(5000)), &[], false);
    }

    #[test]
    fn what_stands_in_code_is_quoted() {
        check("`@ada`", &[], false);
        check("``a ` @ada`` @Grace-H", &[GRACE], false);
        check("`over\nlines @ada` end", &[], false);
        check("`no end @ada", &[ADA], false);
        check("`one\n\nparagraph each @ada`", &[ADA], false);
        check("\\`@ada\\`", &[ADA], false);
        check("```\n@ada\n```\n@Grace-H", &[GRACE], false);
        check("~~~rust\n@ada\n```\n@ada\n~~~~", &[], false);
        check("```\n@ada, and the fence stays open", &[], false);
        check("    @ada in a block", &[], false);
        check("prose\n    @ada goes on", &[ADA], false);
        check("\t@ada in a block", &[], false);
    }

    #[test]
    fn a_hostile_text_costs_no_more_than_a_look() {
        for hostile in ["`a``".repeat(6_000), "@ada`".repeat(6_000), "@".repeat(30_000), "@a.".repeat(10_000)] {
            let named = hostile.contains("@ada");
            assert_eq!(find(&hostile, [(ADA, "ada")].into_iter()).is_some(), named);
        }
    }
}
