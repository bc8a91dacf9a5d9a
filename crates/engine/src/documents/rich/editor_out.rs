//! Blocks as the window's editor takes them: ProseMirror's JSON of nodes, in TipTap's schema.

use serde_json::{Value, json};

use super::{Block, Cell, Inline, Item, ListKind, Marks};

/// A node for each block.
pub(crate) fn to_editor(blocks: &[Block]) -> Vec<Value> {
    blocks.iter().map(node_of).collect()
}

fn node_of(block: &Block) -> Value {
    match block {
        Block::Paragraph(line) => json!({ "type": "paragraph", "content": line_of(line) }),
        Block::Heading(level, line) => {
            json!({ "type": "heading", "attrs": { "level": level }, "content": line_of(line) })
        }
        Block::Quote(blocks) => json!({ "type": "blockquote", "content": to_editor(blocks) }),
        Block::Code { language, text } => {
            json!({ "type": "codeBlock", "attrs": { "language": language }, "content": text_of(text, Vec::new()) })
        }
        Block::Rule => json!({ "type": "horizontalRule" }),
        Block::List(kind, items) => list_of(*kind, items),
        Block::Table(rows) => {
            let row =
                |row: &Vec<Cell>| json!({ "type": "tableRow", "content": row.iter().map(cell_of).collect::<Vec<_>>() });
            json!({ "type": "table", "content": rows.iter().map(row).collect::<Vec<_>>() })
        }
    }
}

fn list_of(kind: ListKind, items: &[Item]) -> Value {
    let item = |item: &Item| match kind {
        ListKind::Tasks => {
            json!({ "type": "taskItem", "attrs": { "checked": item.done }, "content": to_editor(&item.blocks) })
        }
        ListKind::Bullets | ListKind::Numbers { .. } => {
            json!({ "type": "listItem", "content": to_editor(&item.blocks) })
        }
    };
    let items: Vec<Value> = items.iter().map(item).collect();
    match kind {
        ListKind::Bullets => json!({ "type": "bulletList", "content": items }),
        ListKind::Numbers { start } => json!({ "type": "orderedList", "attrs": { "start": start }, "content": items }),
        ListKind::Tasks => json!({ "type": "taskList", "content": items }),
    }
}

fn cell_of(cell: &Cell) -> Value {
    let kind = if cell.header { "tableHeader" } else { "tableCell" };
    json!({ "type": kind, "content": to_editor(&cell.blocks) })
}

fn line_of(line: &[Inline]) -> Vec<Value> {
    let piece = |piece: &Inline| match piece {
        Inline::Text(text, marks) => text_of(text, marks_of(marks)),
        Inline::Break => vec![json!({ "type": "hardBreak" })],
    };
    line.iter().flat_map(piece).collect()
}

/// An editor knows no text of no length.
fn text_of(text: &str, marks: Vec<Value>) -> Vec<Value> {
    if text.is_empty() {
        return Vec::new();
    }
    vec![json!({ "type": "text", "text": text, "marks": marks })]
}

fn marks_of(marks: &Marks) -> Vec<Value> {
    let formats = [
        ("bold", marks.bold),
        ("italic", marks.italic),
        ("underline", marks.underline),
        ("strike", marks.strike),
        ("code", marks.code),
    ];
    let link = marks.link.as_ref().map(|address| json!({ "type": "link", "attrs": { "href": address } }));
    let formats = formats.into_iter().filter(|(_, is)| *is).map(|(name, _)| json!({ "type": name }));
    link.into_iter().chain(formats).collect()
}
