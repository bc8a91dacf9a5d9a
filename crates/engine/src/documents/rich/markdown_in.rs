//! Markdown as blocks. HTML in it stays text, but for underlines and line breaks, which Markdown has no words for.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::{Block, Cell, Inline, Item, ListKind, Marks, line_of, push_text, safe_address};

/// Quotes and lists within each other, at most; what lies deeper lies flat in the last. Nobody writes that deep, and a
/// document takes a hundred.
const NESTED_MAX: usize = 24;

/// What is being read.
enum Frame {
    Quote,
    List { start: Option<u32>, items: Vec<(Option<bool>, Vec<Block>)> },
    Item { done: Option<bool> },
    Table { rows: Vec<Vec<Cell>> },
    Row { header: bool, cells: Vec<Cell> },
}

struct Reader {
    frames: Vec<(Frame, Vec<Block>)>,
    blocks: Vec<Block>,
    /// The line that is being read, where there is one.
    line: Option<Vec<Inline>>,
    marks: Marks,
    code: Option<(Option<String>, String)>,
    html: Option<String>,
    /// For each quote and list that is open, whether it is kept or lies flat.
    kept: Vec<bool>,
    bold: u32,
    italic: u32,
    strike: u32,
}

/// The blocks of a Markdown text.
pub(crate) fn from_markdown(text: &str) -> Vec<Block> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut reader = Reader {
        frames: Vec::new(),
        blocks: Vec::new(),
        line: None,
        marks: Marks::default(),
        code: None,
        html: None,
        kept: Vec::new(),
        bold: 0,
        italic: 0,
        strike: 0,
    };
    for event in Parser::new_ext(text, options) {
        reader.take(event);
    }
    reader.end_line();
    reader.blocks
}

impl Reader {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match (&mut self.code, &mut self.html) {
                (Some((_, code)), _) => code.push_str(&text),
                (None, Some(html)) => html.push_str(&text),
                (None, None) => self.text(&text, false),
            },
            Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => self.text(&text, true),
            Event::Html(text) => match &mut self.html {
                Some(html) => html.push_str(&text),
                None => self.text(&text, false),
            },
            Event::InlineHtml(tag) => match &*tag.to_ascii_lowercase() {
                "<u>" => self.marks.underline = true,
                "</u>" => self.marks.underline = false,
                "<br>" | "<br/>" | "<br />" => self.line().push(Inline::Break),
                _ => self.text(&tag, false),
            },
            Event::FootnoteReference(name) => self.text(&format!("[^{name}]"), false),
            Event::SoftBreak => self.text(" ", false),
            Event::HardBreak => self.line().push(Inline::Break),
            Event::Rule => {
                self.end_line();
                self.blocks.push(Block::Rule);
            }
            Event::TaskListMarker(done) => {
                if self.kept.last() == Some(&true)
                    && let Some((Frame::Item { done: of_it }, _)) = self.frames.last_mut()
                {
                    *of_it = Some(done);
                }
            }
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::Heading { .. } => {
                self.end_line();
                self.line = Some(Vec::new());
            }
            Tag::BlockQuote(_) => {
                self.end_line();
                if self.keep() {
                    self.push(Frame::Quote);
                }
            }
            Tag::List(start) => {
                self.end_line();
                if self.keep() {
                    let start = start.map(|it| u32::try_from(it).unwrap_or(1));
                    self.push(Frame::List { start, items: Vec::new() });
                }
            }
            Tag::Item => {
                self.end_line();
                if self.kept.last() == Some(&true) {
                    self.push(Frame::Item { done: None });
                }
            }
            Tag::CodeBlock(kind) => {
                self.end_line();
                let language = match &kind {
                    CodeBlockKind::Fenced(info) => info.split_whitespace().next().map(ToOwned::to_owned),
                    CodeBlockKind::Indented => None,
                };
                self.code = Some((language, String::new()));
            }
            Tag::HtmlBlock => {
                self.end_line();
                self.html = Some(String::new());
            }
            Tag::Table(_) => {
                self.end_line();
                self.push(Frame::Table { rows: Vec::new() });
            }
            Tag::TableHead => self.push(Frame::Row { header: true, cells: Vec::new() }),
            Tag::TableRow => self.push(Frame::Row { header: false, cells: Vec::new() }),
            Tag::TableCell => self.line = Some(Vec::new()),
            Tag::Emphasis => self.italic += 1,
            Tag::Strong => self.bold += 1,
            Tag::Strikethrough => self.strike += 1,
            // There are no pictures in documents yet: what is said of it links to it.
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.marks.link = safe_address(&dest_url).map(ToOwned::to_owned);
            }
            // Of extensions that are not on.
            Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => self.end_line(),
            TagEnd::Heading(level) => {
                self.marks = Marks::default();
                let line = self.line.take().unwrap_or_default();
                self.blocks.push(Block::Heading(level_of(level), line));
            }
            TagEnd::BlockQuote(_) => {
                self.end_line();
                if self.kept.pop() == Some(true)
                    && let Some((Frame::Quote, mut blocks)) = self.pop()
                {
                    if blocks.is_empty() {
                        blocks.push(Block::Paragraph(Vec::new()));
                    }
                    self.blocks.push(Block::Quote(blocks));
                }
            }
            TagEnd::Item => {
                self.end_line();
                if self.kept.last() == Some(&true)
                    && let Some((Frame::Item { done }, mut blocks)) = self.pop()
                {
                    // The editor has no item that begins with anything else.
                    if !matches!(blocks.first(), Some(Block::Paragraph(_))) {
                        blocks.insert(0, Block::Paragraph(Vec::new()));
                    }
                    // What an item without a text is written with.
                    if let Some(Block::Paragraph(line)) = blocks.first_mut()
                        && *line == [Inline::Break]
                    {
                        line.clear();
                    }
                    if let Some((Frame::List { items, .. }, _)) = self.frames.last_mut() {
                        items.push((done, blocks));
                    }
                }
            }
            TagEnd::List(_) => {
                self.end_line();
                if self.kept.pop() == Some(true)
                    && let Some((Frame::List { start, items }, _)) = self.pop()
                {
                    self.blocks.extend(lists(start, items));
                }
            }
            TagEnd::CodeBlock => {
                if let Some((language, mut text)) = self.code.take() {
                    if text.ends_with('\n') {
                        text.pop();
                    }
                    self.blocks.push(Block::Code { language, text });
                }
            }
            TagEnd::HtmlBlock => {
                if let Some(html) = self.html.take() {
                    let line = match &*html.trim().to_ascii_lowercase() {
                        "<br>" | "<br/>" | "<br />" => vec![Inline::Break],
                        _ => line_of(html.trim_end_matches('\n')),
                    };
                    self.blocks.push(Block::Paragraph(line));
                }
            }
            TagEnd::TableCell => {
                self.marks = Marks::default();
                let line = self.line.take().unwrap_or_default();
                if let Some((Frame::Row { header, cells }, _)) = self.frames.last_mut() {
                    cells.push(Cell { header: *header, blocks: vec![Block::Paragraph(line)] });
                }
            }
            TagEnd::TableHead | TagEnd::TableRow => {
                if let Some((Frame::Row { cells, .. }, _)) = self.pop()
                    && let Some((Frame::Table { rows }, _)) = self.frames.last_mut()
                {
                    rows.push(cells);
                }
            }
            TagEnd::Table => {
                if let Some((Frame::Table { mut rows }, _)) = self.pop() {
                    let empty = |cell: &Cell| cell.blocks == [Block::Paragraph(Vec::new())];
                    // Markdown has no table without a head; an empty one stands for none.
                    if rows.len() > 1 && rows.first().is_some_and(|head| head.iter().all(empty)) {
                        rows.remove(0);
                    }
                    self.blocks.push(Block::Table(rows));
                }
            }
            TagEnd::Emphasis => self.italic = self.italic.saturating_sub(1),
            TagEnd::Strong => self.bold = self.bold.saturating_sub(1),
            TagEnd::Strikethrough => self.strike = self.strike.saturating_sub(1),
            TagEnd::Link | TagEnd::Image => self.marks.link = None,
            TagEnd::FootnoteDefinition
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::MetadataBlock(_) => {}
        }
    }

    /// Whether a quote or a list that begins is kept.
    fn keep(&mut self) -> bool {
        let keep = self.kept.len() < NESTED_MAX;
        self.kept.push(keep);
        keep
    }

    fn push(&mut self, frame: Frame) {
        self.frames.push((frame, std::mem::take(&mut self.blocks)));
    }

    /// The frame that ends, and what lies in it.
    fn pop(&mut self) -> Option<(Frame, Vec<Block>)> {
        let (frame, around) = self.frames.pop()?;
        Some((frame, std::mem::replace(&mut self.blocks, around)))
    }

    fn line(&mut self) -> &mut Vec<Inline> {
        self.line.get_or_insert_with(Vec::new)
    }

    fn text(&mut self, text: &str, code: bool) {
        let marks = Marks {
            link: self.marks.link.clone(),
            underline: self.marks.underline,
            bold: self.bold > 0,
            italic: self.italic > 0,
            strike: self.strike > 0,
            code,
        };
        push_text(self.line(), text, &marks);
    }

    /// A paragraph ends, which in a list without empty lines begins and ends without a word.
    fn end_line(&mut self) {
        self.marks = Marks::default();
        if let Some(line) = self.line.take() {
            self.blocks.push(Block::Paragraph(line));
        }
    }
}

/// A list of Markdown may hold tasks and other items; the editor has a kind of list for each.
fn lists(start: Option<u32>, items: Vec<(Option<bool>, Vec<Block>)>) -> Vec<Block> {
    let (mut lists, mut count) = (Vec::new(), 0);
    for same in items.chunk_by(|(one, _), (other, _)| one.is_some() == other.is_some()) {
        let kind = match (same.first(), start) {
            (Some((Some(_), _)), _) => ListKind::Tasks,
            (_, Some(start)) => ListKind::Numbers { start: start.saturating_add(count) },
            (_, None) => ListKind::Bullets,
        };
        count = count.saturating_add(u32::try_from(same.len()).unwrap_or(u32::MAX));
        let items = same.iter().map(|(done, blocks)| Item { done: *done == Some(true), blocks: blocks.clone() });
        lists.push(Block::List(kind, items.collect()));
    }
    lists
}

fn level_of(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}
