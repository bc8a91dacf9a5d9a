//! What may stand in a reaction: one emoji, in one spelling.
//!
//! Unicode's list of emoji (UTS #51) decides, not the shape of the text: so nobody reacts with words, and “❤” with and
//! without its variation selector is one reaction. An emoji that is newer than the list is kept, and shown once the
//! list has it.

/// The emoji that a text is, in its fully qualified spelling; `None` where it is not exactly one.
pub(crate) fn canonical(text: &str) -> Option<&'static str> {
    emojis::get(text).map(emojis::Emoji::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(canonical(text), expected, "{text:?}");
    }

    #[test]
    fn one_emoji_and_nothing_else() {
        for emoji in ["👍", "👍🏽", "❤️", "🇩🇪", "👨‍👩‍👧‍👦", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]
        {
            check(emoji, Some(emoji));
        }
        check("❤", Some("❤️"));
        for text in ["", "a", "1", "👍👍", "👍 ", " 👍", ":+1:", "thumbs", "\u{200d}", "🇩", "👍\0", &"👍".repeat(500)]
        {
            check(text, None);
        }
    }
}
