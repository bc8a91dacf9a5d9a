//! A document as a tree of blocks, on its way in or out: the nodes and marks of TipTap's schema, free of Yjs.
//!
//! `page` reads it from a document and writes it into one, `markdown_in` and `markdown_out` speak CommonMark with GitHub's
//! tables, task lists and strikethrough, `html_out` writes a page of its own, `editor_out` what the window shows until its
//! editor has the document. Only what the editor's schema knows is made
//! here: an editor throws away what it does not know, for everybody.
//!
//! # Invariants
//! 1. A tree that was written as Markdown, or into a page, is read as the same tree. Tests: `prop_markdown_comes_back`,
//!    `prop_a_page_comes_back`.
//! 2. No text of a document becomes markup, and no address runs a script. Tests: `hostile_text_stays_text`,
//!    `prop_markdown_comes_back`.
//! 3. No input nests deeper than the editor or a stack can bear. Test: `what_nests_too_deep_lies_flat`.

mod editor_out;
mod html_out;
mod markdown_in;
mod markdown_out;
mod page;

pub(crate) use editor_out::to_editor;
pub(crate) use html_out::to_html;
pub(crate) use markdown_in::from_markdown;
pub(crate) use markdown_out::to_markdown;
pub(super) use page::{read, read_beginning, replace, write};

/// What may be linked to: the window opens nothing else.
const SCHEMES: [&str; 4] = ["http", "https", "mailto", "momoland"];

/// A block, as the editor's schema has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block {
    Paragraph(Vec<Inline>),
    /// With its level, 1 to 6.
    Heading(u8, Vec<Inline>),
    Quote(Vec<Self>),
    Code {
        language: Option<String>,
        text: String,
    },
    Rule,
    List(ListKind, Vec<Item>),
    /// Rows of cells.
    Table(Vec<Vec<Cell>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListKind {
    Bullets,
    Numbers { start: u32 },
    Tasks,
}

/// An item of a list. Its first block is a paragraph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Of a list of tasks: whether it is done.
    pub(crate) done: bool,
    pub(crate) blocks: Vec<Block>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) header: bool,
    pub(crate) blocks: Vec<Block>,
}

/// What a line is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Inline {
    Text(String, Marks),
    /// A line break within the block.
    Break,
}

/// How a text is formatted. Code has no other format, as in the editor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) link: Option<String>,
    pub(crate) underline: bool,
    pub(crate) bold: bool,
    pub(crate) italic: bool,
    pub(crate) strike: bool,
    pub(crate) code: bool,
}

/// Plain text as blocks: each line is a paragraph.
pub(crate) fn from_text(text: &str) -> Vec<Block> {
    text.lines().map(|line| Block::Paragraph(line_of(line))).collect()
}

fn line_of(text: &str) -> Vec<Inline> {
    let mut line = Vec::new();
    push_text(&mut line, text, &Marks::default());
    line
}

/// Adds a text to a line, to the piece before it where both look alike.
fn push_text(line: &mut Vec<Inline>, text: &str, marks: &Marks) {
    for (number, piece) in text.split('\n').enumerate() {
        if number > 0 {
            line.push(Inline::Break);
        }
        let piece: String = piece.chars().filter(|it| *it == '\t' || !it.is_control()).collect();
        if piece.is_empty() {
            continue;
        }
        let marks = match marks.code {
            true => Marks { code: true, ..Marks::default() },
            false => marks.clone(),
        };
        match line.last_mut() {
            Some(Inline::Text(before, of_it)) if *of_it == marks => before.push_str(&piece),
            _ => line.push(Inline::Text(piece, marks)),
        }
    }
}

/// An address that a link may have: of a scheme that runs nothing, without characters that hide one.
fn safe_address(address: &str) -> Option<&str> {
    let address = address.trim();
    if address.chars().any(|it| it.is_control() || it.is_whitespace()) {
        return None;
    }
    let (scheme, rest) = address.split_once(':')?;
    (!rest.is_empty() && SCHEMES.iter().any(|it| it.eq_ignore_ascii_case(scheme))).then_some(address)
}

#[cfg(test)]
mod tests;
