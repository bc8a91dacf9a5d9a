//! Blocks as Markdown: CommonMark, with GitHub's tables, task lists and strikethrough.
//!
//! What Markdown cannot say is left out (empty paragraphs) or said as the few tags that it allows (`<u>`, `<br>`). What of a
//! text would be read as markup is escaped, by a backslash or, where that does not help, as a character reference: around
//! `**` and `_`, which count only beside the right neighbours.

use super::{Block, Cell, Inline, Item, ListKind, Marks, safe_address};

/// Where a line stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Paragraph,
    /// It has one line only.
    Heading,
    /// So has this, and `|` ends it.
    Cell,
}

/// The whole document.
pub(crate) fn to_markdown(blocks: &[Block]) -> String {
    let mut text = lines_of(blocks).join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn lines_of(blocks: &[Block]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut before: Option<(&Block, bool)> = None;
    for block in blocks {
        // Two lists of a kind would be one.
        let other = match (&before, block) {
            (Some((Block::List(last, _), other)), Block::List(kind, _)) => {
                is_numbered(*last) == is_numbered(*kind) && !other
            }
            _ => false,
        };
        let of_it = lines_of_block(block, other);
        if of_it.is_empty() {
            continue;
        }
        // A list may stand right below what it belongs to.
        let below = matches!(&before, Some((Block::Paragraph(line), _)) if !is_blank(line)) && lines.len() == 1;
        let close = below && is_tight(block);
        if !lines.is_empty() && !close {
            lines.push(String::new());
        }
        lines.extend(of_it);
        before = Some((block, other));
    }
    lines
}

fn is_numbered(kind: ListKind) -> bool {
    matches!(kind, ListKind::Numbers { .. })
}

/// Whether a list may follow a paragraph, and its items each other, without empty lines.
fn is_tight(block: &Block) -> bool {
    let Block::List(kind, items) = block else { return false };
    let begins = matches!(kind, ListKind::Bullets | ListKind::Tasks | ListKind::Numbers { start: 1 });
    let is_short = |item: &Item| match item.blocks.as_slice() {
        [Block::Paragraph(line)] => !is_blank(line),
        [Block::Paragraph(line), list @ Block::List(..)] => !is_blank(line) && is_tight(list),
        _ => false,
    };
    begins && items.iter().all(is_short)
}

/// Whether a line shows nothing. `<br>` alone takes what stands right below it for its own, as HTML.
fn is_blank(line: &[Inline]) -> bool {
    line.iter().all(|piece| *piece == Inline::Break)
}

fn lines_of_block(block: &Block, other: bool) -> Vec<String> {
    match block {
        Block::Paragraph(line) => lines_of_line(line, Place::Paragraph),
        Block::Heading(level, line) => {
            let text = lines_of_line(line, Place::Heading).concat();
            let marks = "#".repeat(usize::from(*level));
            vec![if text.is_empty() { marks } else { format!("{marks} {text}") }]
        }
        Block::Quote(blocks) => {
            let mut lines = lines_of(blocks);
            if lines.is_empty() {
                lines.push(String::new());
            }
            let quoted = |line: String| if line.is_empty() { ">".to_owned() } else { format!("> {line}") };
            lines.into_iter().map(quoted).collect()
        }
        Block::Code { language, text } => {
            let longest = text.split(|it| it != '`').map(str::len).max().unwrap_or_default();
            let fence = "`".repeat(longest.saturating_add(1).max(3));
            let plain = |it: &char| it.is_ascii_alphanumeric() || "+#.-".contains(*it);
            let language: String = language.iter().flat_map(|it| it.chars()).filter(plain).collect();
            let mut lines = vec![format!("{fence}{language}")];
            if !text.is_empty() {
                lines.extend(text.split('\n').map(ToOwned::to_owned));
            }
            lines.push(fence);
            lines
        }
        // Of `-` or `*`, it and an item's mark before it would be one rule.
        Block::Rule => vec!["___".to_owned()],
        Block::List(kind, items) => lines_of_list(*kind, items, other, is_tight(block)),
        Block::Table(rows) => lines_of_table(rows),
    }
}

fn lines_of_list(kind: ListKind, items: &[Item], other: bool, tight: bool) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut number = if let ListKind::Numbers { start } = kind { start } else { 0 };
    for item in items {
        if !lines.is_empty() && !tight {
            lines.push(String::new());
        }
        let bullet = if other { '*' } else { '-' };
        let (mark, task) = match kind {
            ListKind::Bullets => (format!("{bullet} "), ""),
            ListKind::Tasks => (format!("{bullet} "), if item.done { "[x] " } else { "[ ] " }),
            ListKind::Numbers { .. } => (format!("{number}{} ", if other { ')' } else { '.' }), ""),
        };
        number = number.saturating_add(1).min(999_999_999);
        let indent = " ".repeat(mark.len());
        let mut of_it = lines_of(&item.blocks);
        // A box is one by the text behind it, and not every reader knows where an empty item ends: a break is there.
        let begins_empty = matches!(item.blocks.first(), Some(Block::Paragraph(line)) if line.is_empty());
        if of_it.is_empty() || (kind == ListKind::Tasks && begins_empty) {
            let rest = !of_it.is_empty();
            of_it.splice(0..0, std::iter::once("<br>".to_owned()).chain(rest.then(String::new)));
        }
        let mut of_it = of_it.into_iter();
        let first = of_it.next().unwrap_or_default();
        lines.push(format!("{mark}{task}{first}").trim_end().to_owned());
        lines.extend(of_it.map(|line| if line.is_empty() { line } else { format!("{indent}{line}") }));
    }
    lines
}

fn lines_of_table(rows: &[Vec<Cell>]) -> Vec<String> {
    let width = rows.iter().map(Vec::len).max().unwrap_or_default();
    if width == 0 {
        return Vec::new();
    }
    let row_of = |row: &[Cell]| {
        let mut cells: Vec<String> = row.iter().map(text_of_cell).collect();
        cells.resize(width, String::new());
        let cells: String = cells.iter().map(|cell| format!(" {cell} |")).collect();
        format!("|{cells}")
    };
    let has_head = rows.first().is_some_and(|row| row.iter().any(|cell| cell.header));
    let (head, body) = match rows.split_first() {
        Some((head, body)) if has_head => (row_of(head), body),
        _ => (row_of(&[]), rows),
    };
    let mut lines = vec![head, format!("|{}", " --- |".repeat(width))];
    lines.extend(body.iter().map(|row| row_of(row)));
    lines
}

/// The lines of all blocks of a cell, with breaks between them.
fn text_of_cell(cell: &Cell) -> String {
    let mut line = Vec::new();
    gather(&cell.blocks, &mut line);
    lines_of_line(&line, Place::Cell).concat()
}

fn gather(blocks: &[Block], line: &mut Vec<Inline>) {
    for block in blocks {
        let of_it: Vec<Inline> = match block {
            Block::Paragraph(of_it) | Block::Heading(_, of_it) => of_it.clone(),
            Block::Code { text, .. } => {
                let mut of_it = Vec::new();
                super::push_text(&mut of_it, text, &Marks { code: true, ..Marks::default() });
                of_it
            }
            Block::Rule => continue,
            Block::Quote(blocks) => {
                gather(blocks, line);
                continue;
            }
            Block::List(_, items) => {
                items.iter().for_each(|item| gather(&item.blocks, line));
                continue;
            }
            Block::Table(rows) => {
                rows.iter().flatten().for_each(|cell| gather(&cell.blocks, line));
                continue;
            }
        };
        if !line.is_empty() && !of_it.is_empty() {
            line.push(Inline::Break);
        }
        line.extend(of_it);
    }
}

/// A piece of a line, before anything is escaped.
enum Token {
    /// A character of the text.
    Char(char),
    /// Markup that stands as it is.
    Markup(String),
    /// The beginning or end of a format, which counts only beside the right neighbours.
    Delimiter { opens: bool, mark: &'static str },
}

fn lines_of_line(line: &[Inline], place: Place) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = String::new();
    let segments: Vec<&[Inline]> = line.split(|piece| *piece == Inline::Break).collect();
    let last = segments.len().saturating_sub(1);
    for (number, segment) in segments.into_iter().enumerate() {
        current.push_str(&text_of(segment, place));
        if number == last {
            break;
        }
        // At the end of a block a backslash is one, and so where nothing follows.
        let ends = number + 1 == last && matches!(line.last(), Some(Inline::Break));
        if place == Place::Paragraph && !ends && !current.is_empty() {
            current.push('\\');
            lines.push(std::mem::take(&mut current));
        } else {
            current.push_str("<br>");
        }
    }
    if !current.is_empty() {
        lines.push(current);
    }
    lines
}

/// Text without breaks.
fn text_of(segment: &[Inline], place: Place) -> String {
    let mut tokens = Vec::new();
    let mut open: Vec<Format<'_>> = Vec::new();
    for piece in segment {
        let Inline::Text(text, marks) = piece else { continue };
        let formats = formats_of(marks);
        let shared = open.iter().zip(&formats).take_while(|(one, other)| one == other).count();
        while open.len() > shared {
            close(open.pop(), &mut tokens);
        }
        for format in formats.into_iter().skip(shared) {
            tokens.push(match &format {
                Format::Link(_) => Token::Markup("[".to_owned()),
                Format::Underline => Token::Markup("<u>".to_owned()),
                Format::Delimited(mark) => Token::Delimiter { opens: true, mark },
            });
            open.push(format);
        }
        match marks.code {
            true => tokens.push(Token::Markup(code_span(text, place))),
            false => tokens.extend(text.chars().map(Token::Char)),
        }
    }
    while let Some(format) = open.pop() {
        close(Some(format), &mut tokens);
    }
    render(&tokens, place)
}

#[derive(PartialEq, Eq)]
enum Format<'a> {
    Link(&'a str),
    Underline,
    Delimited(&'static str),
}

fn formats_of(marks: &Marks) -> Vec<Format<'_>> {
    let Marks { link, underline, bold, italic, strike, code: _ } = marks;
    let mut formats = Vec::new();
    formats.extend(link.as_deref().and_then(safe_address).map(Format::Link));
    formats.extend(underline.then_some(Format::Underline));
    formats.extend(bold.then_some(Format::Delimited("**")));
    formats.extend(italic.then_some(Format::Delimited("_")));
    formats.extend(strike.then_some(Format::Delimited("~~")));
    formats
}

fn close(format: Option<Format<'_>>, tokens: &mut Vec<Token>) {
    match format {
        Some(Format::Link(address)) => tokens.push(Token::Markup(format!("]({})", destination(address)))),
        Some(Format::Underline) => tokens.push(Token::Markup("</u>".to_owned())),
        Some(Format::Delimited(mark)) => tokens.push(Token::Delimiter { opens: false, mark }),
        None => {}
    }
}

fn destination(address: &str) -> String {
    let plain = |it: char| it.is_ascii_alphanumeric() || !it.is_ascii() || ":/?#@!$'*+,;=%._~-".contains(it);
    if address.chars().all(plain) {
        return address.to_owned();
    }
    let mut written = String::from("<");
    for it in address.chars() {
        match it {
            '|' => written.push_str("%7C"),
            '<' | '>' | '\\' | '&' => written.extend(['\\', it]),
            it => written.push(it),
        }
    }
    written.push('>');
    written
}

fn code_span(text: &str, place: Place) -> String {
    let longest = text.split(|it| it != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat((1..).find(|it| *it > longest).unwrap_or(1));
    let edge = |it: Option<char>| it == Some('`');
    let spaced = |it: Option<char>| it == Some(' ');
    let (first, last) = (text.chars().next(), text.chars().next_back());
    let padded = edge(first) || edge(last) || (spaced(first) && spaced(last) && text.chars().any(|it| it != ' '));
    let text = if place == Place::Cell { text.replace('|', "\\|") } else { text.to_owned() };
    if padded { format!("{fence} {text} {fence}") } else { format!("{fence}{text}{fence}") }
}

fn render(tokens: &[Token], place: Place) -> String {
    let at = |place: Option<usize>| place.and_then(|place| tokens.get(place));
    let mut written = String::new();
    for (number, token) in tokens.iter().enumerate() {
        let (before, after) = (at(number.checked_sub(1)), at(number.checked_add(1)));
        match token {
            Token::Markup(markup) => written.push_str(markup),
            Token::Delimiter { mark, .. } => written.push_str(mark),
            Token::Char(it) => {
                let edge = before.is_none() || after.is_none();
                let referenced = (it.is_whitespace() && (edge || *it != ' ' && *it != '\t'))
                    || must_be_referenced(*it, tokens, number)
                    || (*it == '|' && place == Place::Cell);
                if referenced {
                    written.push_str(&format!("&#{};", u32::from(*it)));
                } else {
                    if must_be_escaped(*it, tokens, number, &written, place) {
                        written.push('\\');
                    }
                    written.push(*it);
                }
            }
        }
    }
    written
}

/// Whether a delimiter beside a character would not count as what it is if the character stood as itself.
fn must_be_referenced(it: char, tokens: &[Token], number: usize) -> bool {
    let at = |place: Option<usize>| place.and_then(|place| tokens.get(place));
    let before = at(number.checked_sub(1));
    let after = at(number.checked_add(1));
    // Within: it may not be white space.
    let opened = matches!(before, Some(Token::Delimiter { opens: true, .. }));
    let closed = matches!(after, Some(Token::Delimiter { opens: false, .. }));
    if it.is_whitespace() && (opened || closed) {
        return true;
    }
    // Without: white space and punctuation are always right, anything else where a letter that stands as itself is the
    // first within.
    let letter = |place: Option<usize>| match (place, at(place)) {
        (Some(place), Some(Token::Char(it))) => it.is_alphanumeric() && !must_be_referenced(*it, tokens, place),
        _ => false,
    };
    let right = |mark: &str, within: Option<usize>| mark != "_" && letter(within);
    let wrong = match (before, after) {
        (_, Some(Token::Delimiter { opens: true, mark })) if !right(mark, number.checked_add(2)) => true,
        (Some(Token::Delimiter { opens: false, mark }), _) => !right(mark, number.checked_sub(2)),
        _ => false,
    };
    wrong && !(it.is_ascii_punctuation() || it.is_ascii_whitespace())
}

fn must_be_escaped(it: char, tokens: &[Token], number: usize, written: &str, place: Place) -> bool {
    let after = number.checked_add(1).and_then(|place| tokens.get(place));
    // A letter that is written as a reference ends in `;`, which is none.
    let is_word = |place: Option<usize>| match place.and_then(|place| Some((place, tokens.get(place)?))) {
        Some((place, Token::Char(it))) => it.is_ascii_alphanumeric() && !must_be_referenced(*it, tokens, place),
        _ => false,
    };
    match it {
        '\\' | '`' | '*' | '[' | ']' | '<' | '~' | '|' => true,
        '_' => !(is_word(number.checked_sub(1)) && is_word(number.checked_add(1))),
        '&' => matches!(after, Some(Token::Char(it)) if *it == '#' || it.is_ascii_alphanumeric()),
        '!' => !matches!(after, Some(Token::Char(_)) | None),
        '#' if place == Place::Heading => true,
        '#' | '+' | '-' | '=' | '>' | ':' => written.is_empty(),
        '.' | ')' => !written.is_empty() && written.bytes().all(|it| it.is_ascii_digit()),
        _ => false,
    }
}
