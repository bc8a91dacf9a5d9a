//! Blocks from and into the fragment that y-prosemirror keeps a document in: elements are blocks, `XmlText` in them is text,
//! whose formats are marks.

use std::collections::HashMap;
use std::sync::Arc;

use yrs::types::text::YChange;
use yrs::types::{Attrs, Delta};
use yrs::{
    Any, In, Out, ReadTxn, Text as _, TransactionMut, Xml as _, XmlElementPrelim, XmlElementRef, XmlFragment,
    XmlFragmentRef, XmlOut, XmlTextPrelim, XmlTextRef,
};

use super::{Block, Cell, Inline, Item, ListKind, Marks, push_text, safe_address};
use crate::documents::graft::{Between, graft, id_of, remove};
use crate::documents::update::UpdateError;

/// Blocks of a document's beginning: as many lines as fit on no screen.
const BEGINNING_BLOCKS_MAX: usize = 96;

/// Characters of it, with those of the block that passes this.
const BEGINNING_LENGTH_MAX: usize = 12_000;

/// Characters of one block in it: a longer one ends it, and is not in it. What it is for is over sooner than such a block is drawn.
const BEGINNING_BLOCK_LENGTH_MAX: usize = 48_000;

/// All blocks of a document.
pub(in crate::documents) fn read<T: ReadTxn>(fragment: &XmlFragmentRef, txn: &T) -> Vec<Block> {
    blocks_of(fragment.children(txn), txn)
}

/// The first blocks, bounded however long the document is.
pub(in crate::documents) fn read_beginning<T: ReadTxn>(fragment: &XmlFragmentRef, txn: &T) -> Vec<Block> {
    let mut beginning = Vec::new();
    let mut length = 0;
    for child in fragment.children(txn) {
        let at = beginning.len();
        read_child(child, txn, &mut beginning);
        let added = beginning.iter().skip(at).map(length_of).sum::<usize>();
        if added > BEGINNING_BLOCK_LENGTH_MAX {
            beginning.truncate(at);
            break;
        }
        length += added;
        if beginning.len() >= BEGINNING_BLOCKS_MAX || length >= BEGINNING_LENGTH_MAX {
            break;
        }
    }
    beginning
}

/// About how many characters a block takes up: one that is empty takes up a line.
fn length_of(block: &Block) -> usize {
    const LINE: usize = 40;
    let inline = |piece: &Inline| match piece {
        Inline::Text(text, _) => text.len(),
        Inline::Break => LINE,
    };
    let all = |blocks: &[Block]| blocks.iter().map(length_of).sum::<usize>();
    let within = match block {
        Block::Paragraph(line) | Block::Heading(_, line) => line.iter().map(inline).sum(),
        Block::Quote(blocks) => all(blocks),
        Block::Code { text, .. } => text.len(),
        Block::Rule => 0,
        Block::List(_, items) => items.iter().map(|item| all(&item.blocks)).sum(),
        Block::Table(rows) => rows.iter().flatten().map(|cell| all(&cell.blocks)).sum(),
    };
    within + LINE
}

fn blocks_of<T: ReadTxn>(children: impl Iterator<Item = XmlOut>, txn: &T) -> Vec<Block> {
    let mut blocks = Vec::new();
    for child in children {
        read_child(child, txn, &mut blocks);
    }
    blocks
}

fn read_child<T: ReadTxn>(child: XmlOut, txn: &T, blocks: &mut Vec<Block>) {
    match child {
        XmlOut::Text(text) => {
            // It lies in the container itself, without a block.
            let mut line = Vec::new();
            read_text(&text, txn, &mut line);
            blocks.push(Block::Paragraph(line));
        }
        XmlOut::Fragment(_) => {}
        XmlOut::Element(element) => read_block(&element, txn, blocks),
    }
}

fn read_block<T: ReadTxn>(element: &XmlElementRef, txn: &T, blocks: &mut Vec<Block>) {
    let block = match &**element.tag() {
        "paragraph" => Block::Paragraph(line_of(element, txn)),
        "heading" => {
            let level = u8::try_from(number(element, txn, "level", 1, 6)).unwrap_or(1);
            Block::Heading(level, line_of(element, txn))
        }
        "blockquote" => Block::Quote(blocks_of(element.children(txn), txn)),
        "codeBlock" => {
            let language = attribute(element, txn, "language").and_then(|it| match it {
                Any::String(language) => Some(language.to_string()),
                _ => None,
            });
            Block::Code { language, text: plain(element, txn) }
        }
        "horizontalRule" => Block::Rule,
        "bulletList" => Block::List(ListKind::Bullets, items_of(element, txn)),
        "orderedList" => {
            let start = number(element, txn, "start", 0, 999_999_999);
            Block::List(ListKind::Numbers { start }, items_of(element, txn))
        }
        "taskList" => Block::List(ListKind::Tasks, items_of(element, txn)),
        "table" => {
            let rows = elements_of(element, txn).map(|row| {
                let cells = elements_of(&row, txn).map(|cell| Cell {
                    header: &**cell.tag() == "tableHeader",
                    blocks: blocks_of(cell.children(txn), txn),
                });
                cells.collect()
            });
            Block::Table(rows.collect())
        }
        _ => {
            // Nothing that this version knows: what is written in it, at least.
            let children: Vec<XmlOut> = element.children(txn).collect();
            if children.iter().any(|child| matches!(child, XmlOut::Text(_))) {
                Block::Paragraph(line_of(element, txn))
            } else {
                blocks.extend(blocks_of(children.into_iter(), txn));
                return;
            }
        }
    };
    blocks.push(block);
}

fn elements_of<T: ReadTxn>(element: &XmlElementRef, txn: &T) -> impl Iterator<Item = XmlElementRef> {
    let elements: Vec<XmlElementRef> = element.children(txn).filter_map(XmlOut::into_xml_element).collect();
    elements.into_iter()
}

fn items_of<T: ReadTxn>(list: &XmlElementRef, txn: &T) -> Vec<Item> {
    let item = |item: XmlElementRef| Item {
        done: matches!(attribute(&item, txn, "checked"), Some(Any::Bool(true))),
        blocks: blocks_of(item.children(txn), txn),
    };
    elements_of(list, txn).map(item).collect()
}

fn line_of<T: ReadTxn>(element: &XmlElementRef, txn: &T) -> Vec<Inline> {
    let mut line = Vec::new();
    for child in element.children(txn) {
        match child {
            XmlOut::Text(text) => read_text(&text, txn, &mut line),
            XmlOut::Element(element) if &**element.tag() == "hardBreak" => line.push(Inline::Break),
            XmlOut::Element(element) => {
                // A picture, a mention: what stands for it in words.
                let words = ["alt", "label", "name"].into_iter().find_map(|key| match attribute(&element, txn, key) {
                    Some(Any::String(words)) => Some(words),
                    _ => None,
                });
                push_text(&mut line, words.as_deref().unwrap_or_default(), &Marks::default());
            }
            XmlOut::Fragment(_) => {}
        }
    }
    line
}

fn read_text<T: ReadTxn>(text: &XmlTextRef, txn: &T, line: &mut Vec<Inline>) {
    for piece in text.diff(txn, YChange::identity) {
        if let Out::Any(Any::String(chunk)) = &piece.insert {
            push_text(line, chunk, &marks_of(piece.attributes.as_deref()));
        }
    }
}

fn plain<T: ReadTxn>(element: &XmlElementRef, txn: &T) -> String {
    let mut plain = String::new();
    for child in element.children(txn) {
        let XmlOut::Text(text) = child else { continue };
        for piece in text.diff(txn, YChange::identity) {
            if let Out::Any(Any::String(chunk)) = &piece.insert {
                plain.extend(chunk.chars().filter(|it| matches!(it, '\n' | '\t') || !it.is_control()));
            }
        }
    }
    plain
}

fn marks_of(attributes: Option<&Attrs>) -> Marks {
    let mut marks = Marks::default();
    for (name, value) in attributes.into_iter().flatten() {
        if *value == Any::Null {
            continue;
        }
        // Marks that may lie over each other have a hash behind their name.
        match name.split("--").next().unwrap_or_default() {
            "bold" => marks.bold = true,
            "italic" => marks.italic = true,
            "underline" => marks.underline = true,
            "strike" => marks.strike = true,
            "code" => marks.code = true,
            "link" => {
                if let Any::Map(map) = value
                    && let Some(Any::String(address)) = map.get("href")
                {
                    marks.link = safe_address(address).map(ToOwned::to_owned);
                }
            }
            _ => {}
        }
    }
    marks
}

fn attribute<T: ReadTxn>(element: &XmlElementRef, txn: &T, key: &str) -> Option<Any> {
    match element.get_attribute(txn, key)? {
        Out::Any(value) => Some(value),
        _ => None,
    }
}

/// A number between two others; 1 where there is none.
fn number(element: &XmlElementRef, txn: &impl ReadTxn, key: &str, low: u32, high: u32) -> u32 {
    let value = match attribute(element, txn, key) {
        Some(Any::Number(value)) => value.as_i64(),
        Some(Any::String(text)) => text.parse().ok(),
        _ => None,
    };
    let value = value.map(|value| value.clamp(i64::from(low), i64::from(high)));
    value.and_then(|value| u32::try_from(value).ok()).unwrap_or(1)
}

/// Puts blocks at the end of a document, in the place of an empty paragraph there.
pub(in crate::documents) fn write(
    fragment: &XmlFragmentRef,
    txn: &mut TransactionMut<'_>,
    blocks: &[Block],
) -> Result<(), UpdateError> {
    let last = fragment.len(txn).checked_sub(1).and_then(|place| Some((place, fragment.get(txn, place)?)));
    let mut blocks = blocks;
    if let Some((place, XmlOut::Element(last))) = last
        && &**last.tag() == "paragraph"
        && line_of(&last, txn).is_empty()
    {
        match blocks.split_first() {
            // Who types into the empty page at the same time types into what stays.
            Some((Block::Paragraph(line), rest)) => {
                write_line(&last, txn, line);
                blocks = rest;
            }
            Some(_) => fragment.remove(txn, place),
            None => {}
        }
    }
    append(fragment, txn, blocks)
}

/// Puts blocks behind the last.
fn append(fragment: &XmlFragmentRef, txn: &mut TransactionMut<'_>, blocks: &[Block]) -> Result<(), UpdateError> {
    let last = fragment.len(txn).checked_sub(1).and_then(|place| fragment.get(txn, place));
    let between = Between { left: last.as_ref().and_then(id_of), right: None };
    put(txn, between, &blocks.iter().collect::<Vec<_>>())
}

/// Puts blocks in the place of what is there. What is the same at the beginning and at the end stays as it is, and where a
/// line of text becomes another, so does what both have in common: what others write there meanwhile stays with it.
pub(in crate::documents) fn replace(
    fragment: &XmlFragmentRef,
    txn: &mut TransactionMut<'_>,
    blocks: &[Block],
) -> Result<(), UpdateError> {
    // Walked once: places are found by walking, so that each block would else cost a way as long as the document.
    let children: Vec<XmlOut> = fragment.children(txn).collect();
    let held: Vec<Vec<Block>> = children.iter().map(|child| blocks_of(std::iter::once(child.clone()), txn)).collect();
    let same = |(held, block): &(&Vec<Block>, &Block)| matches!(held.as_slice(), [only] if only == *block);
    let first = held.iter().zip(blocks).take_while(same).count();
    let (differ, blocks) = (held.get(first..).unwrap_or_default(), blocks.get(first..).unwrap_or_default());
    let last = differ.iter().rev().zip(blocks.iter().rev()).take_while(same).count();
    let end = held.len() - last;
    let (mut gone, mut runs, mut run) = (Vec::new(), Vec::new(), Vec::new());
    let mut changed = children.iter().zip(&held).enumerate().take(end).skip(first);
    for block in blocks.iter().take(blocks.len() - last) {
        if let Some((place, (child, held))) = changed.next() {
            if let XmlOut::Element(element) = child
                && rewrite_line(element, txn, held, block)
            {
                runs.push((place, std::mem::take(&mut run)));
                continue;
            }
            gone.extend(id_of(child));
        }
        run.push(block);
    }
    runs.push((end, run));
    gone.extend(changed.filter_map(|(_, (child, _))| id_of(child)));
    for (place, run) in runs {
        // Beside those that go: where they lay is where these come.
        let left = place.checked_sub(1).and_then(|before| children.get(before));
        put(txn, Between { left: left.and_then(id_of), right: children.get(place).and_then(id_of) }, &run)?;
    }
    remove(txn, gone)
}

/// Puts blocks between two others.
fn put(txn: &mut TransactionMut<'_>, between: Between, blocks: &[&Block]) -> Result<(), UpdateError> {
    if blocks.is_empty() {
        return Ok(());
    }
    graft(txn, between, |content, writing| {
        for block in blocks.iter().rev() {
            let element = content.insert(writing, 0, XmlElementPrelim::empty(tag_of(block)));
            write_block(&element, writing, block);
        }
    })
}

/// Makes a line of text another one by what differs in it alone. `false` where these are no two lines of one kind that
/// hold one text each; then nothing changed.
fn rewrite_line(element: &XmlElementRef, txn: &mut TransactionMut<'_>, held: &[Block], block: &Block) -> bool {
    let [held] = held else { return false };
    let alike = match (held, block) {
        (Block::Paragraph(_), Block::Paragraph(_)) => true,
        (Block::Heading(one, _), Block::Heading(other, _)) => one == other,
        (Block::Code { language: one, .. }, Block::Code { language: other, .. }) => one == other,
        _ => false,
    };
    let children: Vec<XmlOut> = element.children(txn).collect();
    let ([XmlOut::Text(text)], true) = (children.as_slice(), alike) else { return false };
    let (Some(held), Some(new)) = (letters_of(held), letters_of(block)) else { return false };
    let units = |letters: &[(char, Marks)]| letters.iter().map(|(c, _)| c.len_utf16() as u32).sum::<u32>();
    if units(&held) != text.len(txn) {
        // Something in it is not shown.
        return false;
    }
    let same = |(one, other): &(&(char, Marks), &(char, Marks))| one == other;
    let before = held.iter().zip(&new).take_while(same).count();
    let (kept, held) = held.split_at(before);
    let new = new.get(before..).unwrap_or_default();
    let after = held.iter().rev().zip(new.iter().rev()).take_while(same).count();
    let (gone, new) = (held.get(..held.len() - after).unwrap_or_default(), new.get(..new.len() - after));
    let mut delta: Vec<Delta<In>> = Vec::new();
    if !kept.is_empty() {
        delta.push(Delta::Retain(units(kept), None));
    }
    if !gone.is_empty() {
        delta.push(Delta::Deleted(units(gone)));
    }
    for piece in new.unwrap_or_default().chunk_by(|(_, one), (_, other)| one == other) {
        let written: String = piece.iter().map(|(c, _)| *c).collect();
        let formats = piece.first().map(|(_, marks)| formats_of(marks)).unwrap_or_default();
        delta.push(Delta::Inserted(In::from(written), Some(Box::new(formats))));
    }
    text.apply_delta(txn, delta);
    true
}

/// The characters of a line, each as it is formatted; `None` where it holds more than text.
fn letters_of(block: &Block) -> Option<Vec<(char, Marks)>> {
    let line = match block {
        Block::Paragraph(line) | Block::Heading(_, line) => line,
        Block::Code { language: _, text } => return Some(text.chars().map(|c| (c, Marks::default())).collect()),
        Block::Quote(_) | Block::Rule | Block::List(..) | Block::Table(_) => return None,
    };
    let mut letters = Vec::new();
    for piece in line {
        let Inline::Text(text, marks) = piece else { return None };
        letters.extend(text.chars().map(|c| (c, marks.clone())));
    }
    Some(letters)
}

fn tag_of(block: &Block) -> &'static str {
    match block {
        Block::Paragraph(_) => "paragraph",
        Block::Heading(..) => "heading",
        Block::Quote(_) => "blockquote",
        Block::Code { .. } => "codeBlock",
        Block::Rule => "horizontalRule",
        Block::List(ListKind::Bullets, _) => "bulletList",
        Block::List(ListKind::Numbers { .. }, _) => "orderedList",
        Block::List(ListKind::Tasks, _) => "taskList",
        Block::Table(_) => "table",
    }
}

fn write_block(element: &XmlElementRef, txn: &mut TransactionMut<'_>, block: &Block) {
    match block {
        Block::Paragraph(line) => write_line(element, txn, line),
        Block::Heading(level, line) => {
            element.insert_attribute(txn, "level", Any::from(i64::from(*level)));
            write_line(element, txn, line);
        }
        Block::Quote(blocks) => write_blocks(element, txn, blocks),
        Block::Code { language, text } => {
            if let Some(language) = language {
                element.insert_attribute(txn, "language", Any::from(language.as_str()));
            }
            if !text.is_empty() {
                element.push_back(txn, XmlTextPrelim::new(text.as_str()));
            }
        }
        Block::Rule => {}
        Block::List(kind, items) => {
            if let ListKind::Numbers { start } = kind {
                element.insert_attribute(txn, "start", Any::from(i64::from(*start)));
            }
            let tag = if *kind == ListKind::Tasks { "taskItem" } else { "listItem" };
            for item in items.iter().rev() {
                let new = element.insert(txn, 0, XmlElementPrelim::empty(tag));
                if *kind == ListKind::Tasks {
                    new.insert_attribute(txn, "checked", Any::Bool(item.done));
                }
                write_blocks(&new, txn, &item.blocks);
            }
        }
        Block::Table(rows) => {
            for row in rows.iter().rev() {
                let new = element.insert(txn, 0, XmlElementPrelim::empty("tableRow"));
                for cell in row {
                    let tag = if cell.header { "tableHeader" } else { "tableCell" };
                    let cell_element = new.push_back(txn, XmlElementPrelim::empty(tag));
                    write_blocks(&cell_element, txn, &cell.blocks);
                }
            }
        }
    }
}

/// Writes blocks into an element that is empty: from the last to the first, since the beginning is where `yrs` need not
/// walk to.
fn write_blocks(element: &XmlElementRef, txn: &mut TransactionMut<'_>, blocks: &[Block]) {
    for block in blocks.iter().rev() {
        let new = element.insert(txn, 0, XmlElementPrelim::empty(tag_of(block)));
        write_block(&new, txn, block);
    }
}

fn write_line(element: &XmlElementRef, txn: &mut TransactionMut<'_>, line: &[Inline]) {
    for pieces in line.chunk_by(|one, other| matches!((one, other), (Inline::Text(..), Inline::Text(..)))) {
        if let [Inline::Break] = pieces {
            element.push_back(txn, XmlElementPrelim::empty("hardBreak"));
            continue;
        }
        let text = element.push_back(txn, XmlTextPrelim::new(""));
        let pieces = pieces.iter().filter_map(|piece| match piece {
            Inline::Text(text, marks) => {
                Some(Delta::<In>::Inserted(In::from(text.as_str()), Some(Box::new(formats_of(marks)))))
            }
            Inline::Break => None,
        });
        text.apply_delta(txn, pieces);
    }
}

fn formats_of(marks: &Marks) -> Attrs {
    let Marks { link, underline, bold, italic, strike, code } = marks;
    let on = || Any::Map(Arc::new(HashMap::new()));
    let plain = [("underline", underline), ("bold", bold), ("italic", italic), ("strike", strike), ("code", code)];
    let mut formats: Attrs =
        plain.into_iter().filter(|(_, is_on)| **is_on).map(|(name, _)| (Arc::from(name), on())).collect();
    if let Some(address) = link {
        let address = HashMap::from([("href".to_owned(), Any::from(address.as_str()))]);
        formats.insert(Arc::from("link"), Any::Map(Arc::new(address)));
    }
    formats
}
