//! A rich document as plain text: one line for each block that holds text, and where each line begins.
//!
//! The content of a document is the `XmlFragment` named `default`, which is where TipTap's collaboration extension
//! (y-prosemirror) keeps it. `docs.text` shows the text of its blocks with line breaks between them, `docs.edit` changes
//! the same blocks. So there is one content and no conversion, and whoever types by offsets and whoever types in an
//! editor merge like two editors do.
//!
//! - A *line* is a block that holds text (a paragraph, a heading, what is inside of a list's item or a table's cell), in
//!   the document's order. A picture or a rule is a line too, of one [`OBJECT`].
//! - A line break that is typed splits its line into two blocks side by side, as an editor does; in a code block it is
//!   typed as it is. A line break that is deleted joins two. Beside an object it stays.
//! - Offsets count UTF-16 code units, as Yjs does.
//!
//! The index costs a walk over all blocks; one's own edits keep it up to date, everybody else's drop it.
//!
//! # Invariants
//! 1. An edit changes the text as the same edit changes a string. Test: `prop_edits_are_those_of_a_string`.
//! 2. The index kept over edits is the one that a fresh walk gives. Test: `prop_edits_are_those_of_a_string`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use yrs::types::text::YChange;
use yrs::types::{Attrs, Delta};
use yrs::{
    Any, BranchID, In, Out, ReadTxn, Text, TransactionMut, Xml, XmlElementPrelim, XmlElementRef, XmlFragment,
    XmlFragmentRef, XmlOut, XmlTextPrelim, XmlTextRef,
};

use super::graft::{Between, graft, id_of};
use super::update::{UpdateError, units};

/// Stands for what is no text: a picture, a rule, a mention.
const OBJECT: char = '\u{fffc}';

/// The block that plain text is typed into.
const PARAGRAPH: &str = "paragraph";

/// Blocks that hold text even while they are empty.
const TEXT_BLOCKS: [&str; 3] = [PARAGRAPH, "heading", CODE];

/// The block in which a line break is text.
const CODE: &str = "codeBlock";

/// Elements that stand within a line.
const INLINE: [&str; 4] = ["hardBreak", "image", "mention", "emoji"];

/// From so many new lines on they are grafted: each by itself takes a walk from the beginning of the document.
const GRAFTED_FROM: usize = 16;

/// A document's lines, as they are now.
#[derive(Debug)]
pub(super) struct Lines {
    lines: Vec<Line>,
    /// A line, and where it begins: the next edit is mostly near the last.
    cursor: (usize, u32),
    /// UTF-16 code units of the whole text.
    units: u32,
    /// Whether any character takes two units, or once did.
    wide: bool,
}

#[derive(Debug)]
struct Line {
    block: Block,
    runs: Vec<Run>,
    units: u32,
    /// Whether any of its characters takes two units, so that an offset may fall into the middle of one.
    wide: bool,
}

#[derive(Debug)]
enum Block {
    Text(XmlElementRef),
    Code(XmlElementRef),
    /// A picture or a rule: nothing is typed into it.
    Object(XmlElementRef),
    /// Text that lies in the fragment itself, without a block.
    Bare(XmlTextRef),
}

#[derive(Debug)]
enum Run {
    Text(XmlTextRef, u32),
    Object,
}

/// What stands behind a place in a line, to be put elsewhere.
enum Piece {
    Text(Vec<(String, Option<Box<Attrs>>)>),
    Object(Arc<str>, Vec<(String, Any)>),
}

impl Lines {
    /// Walks over all blocks.
    pub(super) fn walk<T: ReadTxn>(fragment: &XmlFragmentRef, txn: &T) -> Self {
        let mut lines = Vec::new();
        // The blocks that are still to be looked at, the next one last.
        let mut ahead: Vec<XmlOut> = fragment.children(txn).collect();
        ahead.reverse();
        while let Some(node) = ahead.pop() {
            match node {
                XmlOut::Text(text) => {
                    let units = text.len(txn);
                    let wide = is_wide(&text, txn);
                    lines.push(Line {
                        block: Block::Bare(text.clone()),
                        runs: vec![Run::Text(text, units)],
                        units,
                        wide,
                    });
                }
                XmlOut::Fragment(_) => {}
                XmlOut::Element(element) => {
                    let children: Vec<XmlOut> = element.children(txn).collect();
                    let inline = |child: &XmlOut| match child {
                        XmlOut::Text(_) => true,
                        XmlOut::Element(element) => INLINE.contains(&&**element.tag()),
                        XmlOut::Fragment(_) => false,
                    };
                    if children.is_empty() || children.iter().all(inline) {
                        lines.push(Line::of(element, children, txn));
                    } else {
                        ahead.extend(children.into_iter().rev());
                    }
                }
            }
        }
        let wide = lines.iter().any(|line: &Line| line.wide);
        let mut lines = Self { lines, cursor: (0, 0), units: 0, wide };
        lines.units = lines.count();
        lines
    }

    /// UTF-16 code units of the whole text.
    pub(super) fn units(&self) -> u32 {
        self.units
    }

    /// Whether a character may take two units, so that an offset may fall into the middle of one.
    pub(super) fn is_wide(&self) -> bool {
        self.wide
    }

    /// Whether an offset that is not beyond the end lies between two characters.
    pub(super) fn is_between_characters<T: ReadTxn>(&mut self, txn: &T, at: u32) -> bool {
        if !self.wide {
            return true;
        }
        let (place, offset) = self.locate(at);
        let Some(line) = self.lines.get(place).filter(|line| line.wide) else { return true };
        let mut text = String::new();
        line.push_text(txn, &mut text);
        super::update::offset_of(&text, offset).is_some()
    }

    /// The whole text.
    pub(super) fn text<T: ReadTxn>(&self, txn: &T) -> String {
        let mut text = String::with_capacity(self.units as usize);
        for (place, line) in self.lines.iter().enumerate() {
            if place > 0 {
                text.push('\n');
            }
            line.push_text(txn, &mut text);
        }
        text
    }

    /// Types a text at an offset that is not beyond the end.
    pub(super) fn insert(&mut self, fragment: &XmlFragmentRef, txn: &mut TransactionMut<'_>, at: u32, text: &str) {
        if text.is_empty() {
            return;
        }
        self.wide |= has_wide(text);
        if self.lines.is_empty() {
            let block = fragment.insert(txn, 0, XmlElementPrelim::empty(PARAGRAPH));
            self.lines.push(Line { block: Block::Text(block), runs: Vec::new(), units: 0, wide: false });
        }
        let (mut place, offset) = self.locate(at);
        if let Some(Line { block: Block::Object(element), .. }) = self.lines.get(place) {
            // Beside it, in a paragraph of its own.
            let (element, before) = (element.clone(), offset == 0);
            let new = Line::beside(txn, &element, fragment, before, &XmlElementTemplate::paragraph());
            let Some(new) = new else { return };
            if !before {
                place += 1;
            }
            self.lines.insert(place, new);
            self.cursor = (0, 0);
            // The break between the two is new as well, and takes the place of the first or last one that was typed.
            let text = if before { text.strip_suffix('\n') } else { text.strip_prefix('\n') }.unwrap_or(text);
            self.type_into(fragment, txn, place, 0, text);
            self.units = self.count();
            return;
        }
        let literal = self.lines.get(place).is_some_and(Line::takes_breaks);
        if literal || !text.contains('\n') {
            if let Some(line) = self.lines.get_mut(place) {
                line.insert(txn, offset, text);
            }
            self.units += units(text);
            return;
        }
        match offset {
            0 => self.type_before(fragment, txn, place, text),
            _ => self.type_into(fragment, txn, place, offset, text),
        }
        self.units += units(text);
    }

    /// Types lines at the beginning of a block that holds text: those before go before it, so that what others type into
    /// it meanwhile stays with it.
    fn type_before(&mut self, fragment: &XmlFragmentRef, txn: &mut TransactionMut<'_>, place: usize, text: &str) {
        let held = self.lines.get_mut(place).filter(|line| line.units > 0);
        let Some((line, element)) = held.and_then(|line| line.element().map(|element| (line, element))) else {
            self.type_into(fragment, txn, place, 0, text);
            return;
        };
        let (before, last) = text.rsplit_once('\n').unwrap_or(("", text));
        line.insert(txn, 0, last);
        // As where a line is split in its middle: both parts are blocks like it.
        let like = XmlElementTemplate::of(&element, txn);
        let paragraph = XmlElementTemplate::paragraph();
        let template = |number| if number == 0 { &like } else { &paragraph };
        let blocks: Vec<_> = before.split('\n').enumerate().map(|(number, text)| (template(number), text)).collect();
        let new = Line::all_beside(txn, &element, fragment, true, &blocks);
        self.lines.splice(place..place, new);
    }

    /// Types lines into a block that holds text.
    fn type_into(
        &mut self,
        fragment: &XmlFragmentRef,
        txn: &mut TransactionMut<'_>,
        place: usize,
        offset: u32,
        text: &str,
    ) {
        let mut pieces = text.split('\n');
        let first = pieces.next().unwrap_or_default();
        let rest: Vec<&str> = pieces.collect();
        let Some(line) = self.lines.get_mut(place) else { return };
        if rest.is_empty() {
            line.insert(txn, offset, first);
            return;
        }
        let Some(element) = line.element() else { return };
        let tail = line.take_from(txn, offset);
        line.insert(txn, offset, first);
        // What goes on behind the break goes on in a block like this; a break at the end begins a paragraph.
        let like =
            if tail.is_empty() { XmlElementTemplate::paragraph() } else { XmlElementTemplate::of(&element, txn) };
        let paragraph = XmlElementTemplate::paragraph();
        let template = |number| if number + 1 == rest.len() { &like } else { &paragraph };
        let blocks: Vec<_> = rest.iter().enumerate().map(|(number, text)| (template(number), *text)).collect();
        let mut new = Line::all_beside(txn, &element, fragment, false, &blocks);
        if let Some(last) = new.last_mut() {
            last.append(txn, tail);
        }
        self.lines.splice(place + 1..place + 1, new);
    }

    /// Deletes what lies between two offsets, neither beyond the end. A line break beside an object stays.
    pub(super) fn delete(&mut self, fragment: &XmlFragmentRef, txn: &mut TransactionMut<'_>, at: u32, len: u32) {
        if len == 0 {
            return;
        }
        let (first, from) = self.locate(at);
        let cursor = self.cursor;
        let (last, to) = self.locate(at + len);
        if first == last {
            if let Some(line) = self.lines.get_mut(first) {
                line.delete(txn, fragment, from, to - from);
            }
            self.units = self.units.saturating_sub(len);
            if self.lines.get(first).is_some_and(|line| matches!(line.block, Block::Object(_))) {
                self.units = self.count();
            }
            return;
        }
        let joins = |line: Option<&Line>| line.is_some_and(|line| line.element().is_some() && !line.is_object());
        let joined = joins(self.lines.get(first)) && joins(self.lines.get(last));
        let mut tail = Vec::new();
        if let Some(line) = self.lines.get_mut(last) {
            match joined {
                true => tail = line.take_from(txn, to),
                false => line.delete(txn, fragment, 0, to),
            }
        }
        let end = if joined { last + 1 } else { last };
        let gone: Vec<Line> = self.lines.drain(first + 1..end).collect();
        remove_all(gone.iter().map(Line::node).collect(), txn, fragment);
        if let Some(line) = self.lines.get_mut(first) {
            let behind = line.units.saturating_sub(from);
            line.delete(txn, fragment, from, behind);
            line.append(txn, tail);
        }
        self.cursor = cursor;
        self.units = self.count();
    }

    /// The line of an offset, and where in it.
    fn locate(&mut self, at: u32) -> (usize, u32) {
        let (mut place, mut start) = self.cursor;
        while at < start && place > 0 {
            place -= 1;
            start -= self.lines.get(place).map_or(0, |line| line.units + 1);
        }
        while let Some(line) = self.lines.get(place)
            && at > start + line.units
            && place + 1 < self.lines.len()
        {
            start += line.units + 1;
            place += 1;
        }
        self.cursor = (place, start);
        (place, at.saturating_sub(start))
    }

    fn count(&self) -> u32 {
        let breaks = u32::try_from(self.lines.len().saturating_sub(1)).unwrap_or(u32::MAX);
        self.lines.iter().map(|line| line.units).fold(breaks, u32::saturating_add)
    }

    /// # Panics
    /// Where the index is not what a walk gives.
    #[cfg(test)]
    pub(super) fn check_invariants<T: ReadTxn>(&self, fragment: &XmlFragmentRef, txn: &T) {
        let fresh = Self::walk(fragment, txn);
        let of = |lines: &Self| lines.lines.iter().map(|line| (line.units, line.runs.len())).collect::<Vec<_>>();
        assert_eq!(of(self), of(&fresh), "the index has drifted");
        assert_eq!(self.units, fresh.units, "the length has drifted");
        assert_eq!(self.text(txn), fresh.text(txn));
        for (held, fresh) in self.lines.iter().zip(&fresh.lines) {
            assert!(held.wide || !fresh.wide, "a wide character was overlooked");
        }
    }
}

impl Line {
    fn push_text<T: ReadTxn>(&self, txn: &T, text: &mut String) {
        if matches!(self.block, Block::Object(_)) {
            text.push(OBJECT);
        }
        for run in &self.runs {
            match run {
                Run::Text(run, _) => push_text(run, txn, text),
                Run::Object => text.push(OBJECT),
            }
        }
    }

    fn of<T: ReadTxn>(element: XmlElementRef, children: Vec<XmlOut>, txn: &T) -> Self {
        let tag = Arc::clone(element.tag());
        if children.is_empty() && !TEXT_BLOCKS.contains(&&*tag) {
            return Self { block: Block::Object(element), runs: Vec::new(), units: 1, wide: false };
        }
        let (mut runs, mut units, mut wide) = (Vec::with_capacity(children.len()), 0_u32, false);
        for child in children {
            let run = match child {
                XmlOut::Text(text) => {
                    let units = text.len(txn);
                    wide = wide || is_wide(&text, txn);
                    Run::Text(text, units)
                }
                XmlOut::Element(_) | XmlOut::Fragment(_) => Run::Object,
            };
            units = units.saturating_add(run.units());
            runs.push(run);
        }
        let block = if &*tag == CODE { Block::Code(element) } else { Block::Text(element) };
        Self { block, runs, units, wide }
    }

    /// A new, empty block before or behind another.
    fn beside(
        txn: &mut TransactionMut<'_>,
        element: &XmlElementRef,
        fragment: &XmlFragmentRef,
        before: bool,
        template: &XmlElementTemplate,
    ) -> Option<Self> {
        let parent = Container::of(&XmlOut::Element(element.clone()), fragment)?;
        let place = parent.place_of(element, txn)? + u32::from(!before);
        let new = template.insert(txn, |txn, new| parent.insert(txn, place, new));
        let block = if &*template.tag == CODE { Block::Code(new) } else { Block::Text(new) };
        Some(Self { block, runs: Vec::new(), units: 0, wide: false })
    }

    /// New blocks with their texts, in this order, before or behind another.
    fn all_beside(
        txn: &mut TransactionMut<'_>,
        element: &XmlElementRef,
        fragment: &XmlFragmentRef,
        before: bool,
        blocks: &[(&XmlElementTemplate, &str)],
    ) -> Vec<Self> {
        if blocks.len() >= GRAFTED_FROM {
            match Self::graft_beside(txn, element, before, blocks) {
                Ok(lines) => return lines,
                Err(error) => tracing::error!(%error, "lines could not be put in at once: they go in one by one"),
            }
        }
        let mut lines: Vec<Self> = Vec::with_capacity(blocks.len());
        let mut beside = element.clone();
        for (template, text) in blocks {
            let Some(mut line) = Self::beside(txn, &beside, fragment, before, template) else { break };
            line.insert(txn, 0, text);
            if !before && let Some(element) = line.element() {
                beside = element;
            }
            lines.push(line);
        }
        lines
    }

    fn graft_beside(
        txn: &mut TransactionMut<'_>,
        element: &XmlElementRef,
        before: bool,
        blocks: &[(&XmlElementTemplate, &str)],
    ) -> Result<Vec<Self>, UpdateError> {
        let own = id_of(&XmlOut::Element(element.clone()));
        let between = match before {
            true => Between { left: element.siblings(txn).next_back().as_ref().and_then(id_of), right: own },
            false => Between { left: own, right: element.siblings(txn).next().as_ref().and_then(id_of) },
        };
        graft(txn, between, |content, writing| {
            for (template, text) in blocks.iter().rev() {
                let block = template.insert(writing, |txn, new| content.insert(txn, 0, new));
                if !text.is_empty() {
                    block.insert(writing, 0, XmlTextPrelim::new(*text));
                }
            }
        })?;
        let mut siblings = element.siblings(txn);
        let next = || if before { siblings.next_back() } else { siblings.next() };
        let made = std::iter::from_fn(next).take(blocks.len()).filter_map(XmlOut::into_xml_element);
        let lines = made.map(|element| {
            let children = element.children(txn).collect();
            Self::of(element, children, txn)
        });
        let mut lines: Vec<Self> = lines.collect();
        if before {
            lines.reverse();
        }
        Ok(lines)
    }

    /// What holds it.
    fn node(&self) -> XmlOut {
        match &self.block {
            Block::Text(element) | Block::Code(element) | Block::Object(element) => XmlOut::Element(element.clone()),
            Block::Bare(text) => XmlOut::Text(text.clone()),
        }
    }

    fn element(&self) -> Option<XmlElementRef> {
        match &self.block {
            Block::Text(element) | Block::Code(element) | Block::Object(element) => Some(element.clone()),
            Block::Bare(_) => None,
        }
    }

    fn is_object(&self) -> bool {
        matches!(self.block, Block::Object(_))
    }

    /// Whether a line break is text here.
    fn takes_breaks(&self) -> bool {
        matches!(self.block, Block::Code(_) | Block::Bare(_))
    }

    fn insert(&mut self, txn: &mut TransactionMut<'_>, offset: u32, text: &str) {
        if text.is_empty() {
            return;
        }
        let (len, mut start) = (units(text), 0);
        self.units += len;
        self.wide = self.wide || has_wide(text);
        for run in &mut self.runs {
            if let Run::Text(run, held) = run
                && (start..=start + *held).contains(&offset)
            {
                run.insert(txn, offset - start, text);
                *held += len;
                return;
            }
            start += run.units();
        }
        // Between two objects, or in an empty block.
        let Some(element) = self.element() else { return };
        let mut place = 0;
        let mut start = 0;
        for run in &self.runs {
            if start >= offset {
                break;
            }
            start += run.units();
            place += 1;
        }
        let new = element.insert(txn, place, XmlTextPrelim::new(text));
        self.runs.insert(place as usize, Run::Text(new, len));
    }

    /// Deletes part of the line. An object that goes leaves an empty line.
    fn delete(&mut self, txn: &mut TransactionMut<'_>, fragment: &XmlFragmentRef, from: u32, len: u32) {
        if len == 0 {
            return;
        }
        if let Block::Object(element) = &self.block {
            let element = element.clone();
            if let Some(line) = Self::beside(txn, &element, fragment, false, &XmlElementTemplate::paragraph()) {
                remove_all(vec![self.node()], txn, fragment);
                *self = line;
            }
            return;
        }
        let (mut start, mut place) = (0, 0);
        let end = from + len;
        let element = self.element();
        self.runs.retain_mut(|run| {
            let (begin, length) = (start, run.units());
            start += length;
            let (cut_from, cut_to) = (from.max(begin), end.min(begin + length));
            if cut_from >= cut_to {
                place += 1;
                return true;
            }
            match run {
                Run::Text(text, held) => {
                    text.remove_range(txn, cut_from - begin, cut_to - cut_from);
                    *held -= cut_to - cut_from;
                    place += 1;
                    true
                }
                Run::Object => {
                    if let Some(element) = &element {
                        element.remove(txn, place);
                    }
                    false
                }
            }
        });
        self.units = self.units.saturating_sub(len);
    }

    /// Takes out what stands behind an offset, with its formatting.
    fn take_from(&mut self, txn: &mut TransactionMut<'_>, offset: u32) -> Vec<Piece> {
        let Some(element) = self.element() else { return Vec::new() };
        let (mut start, mut place) = (0, 0);
        let mut pieces = Vec::new();
        self.runs.retain_mut(|run| {
            let (begin, length) = (start, run.units());
            start += length;
            if start <= offset {
                place += 1;
                return true;
            }
            match run {
                Run::Text(text, held) => {
                    let from = offset.saturating_sub(begin);
                    pieces.push(Piece::Text(chunks_from(text, txn, from)));
                    // What others type into it meanwhile stays with it, so it stays, empty or not.
                    text.remove_range(txn, from, length - from);
                    *held = from;
                    place += 1;
                    true
                }
                Run::Object => {
                    if let Some(XmlOut::Element(object)) = element.get(txn, place) {
                        pieces.push(Piece::Object(Arc::clone(object.tag()), attributes_of(&object, txn)));
                    }
                    element.remove(txn, place);
                    false
                }
            }
        });
        self.units = self.units.min(offset);
        pieces
    }

    /// Puts pieces at its end.
    fn append(&mut self, txn: &mut TransactionMut<'_>, pieces: Vec<Piece>) {
        for piece in pieces {
            match piece {
                Piece::Text(chunks) => {
                    for (text, attributes) in chunks {
                        self.append_text(txn, &text, attributes);
                    }
                }
                Piece::Object(tag, attributes) => {
                    let Some(element) = self.element() else { continue };
                    let place = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
                    let object = element.insert(txn, place, XmlElementPrelim::empty(tag));
                    for (key, value) in attributes {
                        object.insert_attribute(txn, key, value);
                    }
                    self.runs.push(Run::Object);
                    self.units += 1;
                }
            }
        }
    }

    fn append_text(&mut self, txn: &mut TransactionMut<'_>, text: &str, attributes: Option<Box<Attrs>>) {
        let Some(element) = self.element() else { return };
        if !matches!(self.runs.last(), Some(Run::Text(..))) {
            let place = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
            let new = element.insert(txn, place, XmlTextPrelim::new(""));
            self.runs.push(Run::Text(new, 0));
        }
        let Some(Run::Text(run, held)) = self.runs.last_mut() else { return };
        // Without attributes, what comes would take on those of what it comes behind.
        let attributes = attributes.map(|attributes| *attributes).unwrap_or_default();
        let delta: [Delta<In>; 2] =
            [Delta::Retain(*held, None), Delta::Inserted(In::from(text), Some(Box::new(attributes)))];
        let skip = usize::from(*held == 0);
        run.apply_delta(txn, delta.into_iter().skip(skip));
        let len = units(text);
        *held += len;
        self.units += len;
        self.wide = self.wide || has_wide(text);
    }
}

impl Run {
    fn units(&self) -> u32 {
        match self {
            Self::Text(_, units) => *units,
            Self::Object => 1,
        }
    }
}

/// A kind of block: its name and attributes.
#[derive(Clone)]
struct XmlElementTemplate {
    tag: Arc<str>,
    attributes: Vec<(String, Any)>,
}

impl XmlElementTemplate {
    fn paragraph() -> Self {
        Self { tag: PARAGRAPH.into(), attributes: Vec::new() }
    }

    fn of<T: ReadTxn>(element: &XmlElementRef, txn: &T) -> Self {
        Self { tag: Arc::clone(element.tag()), attributes: attributes_of(element, txn) }
    }

    fn insert(
        &self,
        txn: &mut TransactionMut<'_>,
        insert: impl FnOnce(&mut TransactionMut<'_>, XmlElementPrelim) -> XmlElementRef,
    ) -> XmlElementRef {
        let new = insert(txn, XmlElementPrelim::empty(Arc::clone(&self.tag)));
        for (key, value) in &self.attributes {
            new.insert_attribute(txn, key.as_str(), value.clone());
        }
        new
    }
}

/// Takes nodes out of the document, and what is empty without them. Those side by side go at once.
fn remove_all(mut gone: Vec<XmlOut>, txn: &mut TransactionMut<'_>, fragment: &XmlFragmentRef) {
    while !gone.is_empty() {
        let mut containers: Vec<(Container, HashSet<BranchID>)> = Vec::new();
        let mut known: HashMap<BranchID, usize> = HashMap::new();
        for node in gone.drain(..) {
            let Some(container) = Container::of(&node, fragment) else { continue };
            let place = *known.entry(container.id()).or_insert_with(|| {
                containers.push((container, HashSet::new()));
                containers.len() - 1
            });
            if let Some((_, nodes)) = containers.get_mut(place) {
                nodes.insert(node.id());
            }
        }
        for (container, nodes) in containers {
            // From the last to the first, so that places stay right.
            for (place, len) in container.ranges_of(&nodes, txn).into_iter().rev() {
                container.remove_range(txn, place, len);
            }
            if let Container::Element(emptied) = container
                && emptied.len(txn) == 0
            {
                gone.push(XmlOut::Element(emptied));
            }
        }
    }
}

/// What blocks lie in.
enum Container {
    Element(XmlElementRef),
    Fragment(XmlFragmentRef),
}

impl Container {
    fn of(node: &XmlOut, fragment: &XmlFragmentRef) -> Option<Self> {
        let parent = match node {
            XmlOut::Element(element) => element.parent()?,
            XmlOut::Text(text) => text.parent()?,
            XmlOut::Fragment(_) => return None,
        };
        match parent {
            XmlOut::Element(parent) => Some(Self::Element(parent)),
            // The root knows its own kind by the name under which it was asked for.
            XmlOut::Fragment(_) => Some(Self::Fragment(fragment.clone())),
            XmlOut::Text(_) => None,
        }
    }

    fn id(&self) -> BranchID {
        match self {
            Self::Element(element) => XmlOut::Element(element.clone()).id(),
            Self::Fragment(fragment) => XmlOut::Fragment(fragment.clone()).id(),
        }
    }

    fn ids<'a, T: ReadTxn>(&'a self, txn: &'a T) -> impl Iterator<Item = BranchID> + 'a {
        let children = match self {
            Self::Element(parent) => parent.children(txn),
            Self::Fragment(parent) => parent.children(txn),
        };
        children.map(|child| child.id())
    }

    fn place_of<T: ReadTxn>(&self, element: &XmlElementRef, txn: &T) -> Option<u32> {
        let id = XmlOut::Element(element.clone()).id();
        let place = self.ids(txn).position(|child| child == id);
        place.and_then(|place| u32::try_from(place).ok())
    }

    /// Where these lie: first places and lengths, in order.
    fn ranges_of<T: ReadTxn>(&self, nodes: &HashSet<BranchID>, txn: &T) -> Vec<(u32, u32)> {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for (place, _) in (0_u32..).zip(self.ids(txn)).filter(|(_, id)| nodes.contains(id)) {
            match ranges.last_mut() {
                Some((first, len)) if *first + *len == place => *len += 1,
                Some(_) | None => ranges.push((place, 1)),
            }
        }
        ranges
    }

    fn insert(&self, txn: &mut TransactionMut<'_>, place: u32, new: XmlElementPrelim) -> XmlElementRef {
        match self {
            Self::Element(parent) => parent.insert(txn, place, new),
            Self::Fragment(parent) => parent.insert(txn, place, new),
        }
    }

    fn remove_range(&self, txn: &mut TransactionMut<'_>, place: u32, len: u32) {
        match self {
            Self::Element(parent) => parent.remove_range(txn, place, len),
            Self::Fragment(parent) => parent.remove_range(txn, place, len),
        }
    }
}

/// The text of a run behind an offset, in pieces of one formatting each.
fn chunks_from<T: ReadTxn>(text: &XmlTextRef, txn: &T, from: u32) -> Vec<(String, Option<Box<Attrs>>)> {
    let mut skip = from;
    let mut chunks = Vec::new();
    for piece in text.diff(txn, YChange::identity) {
        let chunk = match &piece.insert {
            Out::Any(Any::String(chunk)) => chunk.to_string(),
            _ => OBJECT.to_string(),
        };
        let len = units(&chunk);
        if len <= skip {
            skip -= len;
            continue;
        }
        let at = super::update::offset_of(&chunk, skip).unwrap_or(chunk.len());
        skip = 0;
        chunks.push((chunk.get(at..).unwrap_or_default().to_owned(), piece.attributes));
    }
    chunks
}

fn push_text<T: ReadTxn>(run: &XmlTextRef, txn: &T, text: &mut String) {
    for piece in run.diff(txn, YChange::identity) {
        match &piece.insert {
            Out::Any(Any::String(chunk)) => text.push_str(chunk),
            _ => text.push(OBJECT),
        }
    }
}

fn attributes_of<T: ReadTxn>(element: &XmlElementRef, txn: &T) -> Vec<(String, Any)> {
    let attributes = element.attributes(txn).filter_map(|(key, value)| match value {
        Out::Any(value) => Some((key.to_owned(), value)),
        _ => None,
    });
    let mut attributes: Vec<(String, Any)> = attributes.collect();
    // Yrs keeps them in a hash map; in one order, so that one edit is one update.
    attributes.sort_by(|(one, _), (other, _)| one.cmp(other));
    attributes
}

fn is_wide<T: ReadTxn>(text: &XmlTextRef, txn: &T) -> bool {
    text.diff(txn, YChange::identity).iter().any(|piece| match &piece.insert {
        Out::Any(Any::String(chunk)) => has_wide(chunk),
        _ => false,
    })
}

fn has_wide(text: &str) -> bool {
    // Four bytes of UTF-8 are two units of UTF-16.
    text.bytes().any(|byte| byte >= 0xf0)
}

#[cfg(test)]
mod tests;
