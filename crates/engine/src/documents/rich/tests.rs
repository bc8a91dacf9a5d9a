use proptest::prelude::*;
use serde_json::{Value, json};
use yrs::updates::decoder::Decode as _;
use yrs::{ReadTxn as _, Transact as _};

use super::*;
use crate::documents::document::Page;

fn page_of(blocks: &[Block]) -> Page {
    let page = Page::new(1);
    write(&page.content, &mut page.doc.transact_mut(), blocks).unwrap();
    page
}

fn through_a_page(blocks: &[Block]) -> Vec<Block> {
    let page = page_of(blocks);
    let txn = page.doc.transact();
    assert!(txn.state_vector().len() <= 1);
    read(&page.content, &txn)
}

/// Gives `to` what `from` has more.
fn exchange(from: &Page, to: &Page) {
    let known = to.doc.transact().state_vector();
    let update = from.doc.transact().encode_state_as_update_v1(&known);
    to.doc.transact_mut().apply_update(yrs::Update::decode_v1(&update).unwrap()).unwrap();
}

fn text(text: &str) -> Inline {
    Inline::Text(text.to_owned(), Marks::default())
}

/// Characters that mean something, more often than others.
fn words() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[a-z]{1,4}",
        2 => Just(" ".to_owned()),
        4 => "[-+*_`~#>!&|<\\[\\]():.=\"'\\\\/1-9]{1,3}",
        1 => prop::sample::select(vec!["é", "😀", "“", "\u{a0}", "&amp;", "<b>", "javascript:", "\t", "—"]).prop_map(ToOwned::to_owned),
    ];
    prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat())
}

fn marks() -> impl Strategy<Value = Marks> {
    let link = prop::option::weighted(0.2, "https://[a-z]{1,5}\\.example/[a-z()&<>_*?=\\\\]{0,6}");
    let formats = prop::array::uniform5(prop::bool::weighted(0.25));
    (link, formats).prop_map(|(link, [underline, bold, italic, strike, code])| match code {
        true => Marks { code, ..Marks::default() },
        false => Marks { link, underline, bold, italic, strike, code },
    })
}

fn line() -> impl Strategy<Value = Vec<Inline>> {
    let piece = prop_oneof![6 => (words(), marks()).prop_map(Some), 1 => Just(None)];
    prop::collection::vec(piece, 1..6).prop_map(|pieces| {
        let mut line = Vec::new();
        for piece in pieces {
            match piece {
                Some((text, marks)) => push_text(&mut line, &text, &marks),
                None => line.push(Inline::Break),
            }
        }
        line
    })
}

fn table() -> impl Strategy<Value = Block> {
    // Of its text, code with a pipe behind a backslash has no form in a table.
    let cell = line().prop_map(|line| {
        line.into_iter()
            .filter(|piece| !matches!(piece, Inline::Text(text, marks) if marks.code && text.contains('\\')))
            .collect()
    });
    let cells = prop::collection::vec(prop::collection::vec(cell, 3), 1..4);
    (cells, any::<bool>()).prop_map(|(rows, headed)| {
        let rows = rows.into_iter().enumerate().map(|(number, row)| {
            let cell = |line: Vec<Inline>| {
                let mut joined = Vec::new();
                for piece in line {
                    match piece {
                        Inline::Text(text, marks) => push_text(&mut joined, &text, &marks),
                        Inline::Break => joined.push(Inline::Break),
                    }
                }
                let line = if joined.is_empty() { vec![text("a")] } else { joined };
                Cell { header: headed && number == 0, blocks: vec![Block::Paragraph(line)] }
            };
            row.into_iter().map(cell).collect()
        });
        Block::Table(rows.collect())
    })
}

/// Trees in the one form that Markdown is read as.
fn blocks() -> impl Strategy<Value = Vec<Block>> {
    let code = (prop::option::of("[a-z+#]{1,5}"), "([a-z`~ ]{0,6}\n){0,3}[a-z`~>]{0,5}");
    let leaf = prop_oneof![
        4 => line().prop_map(Block::Paragraph),
        1 => (1_u8..7, line()).prop_map(|(level, line)| Block::Heading(level, line)),
        1 => code.prop_map(|(language, text)| Block::Code { language, text }),
        1 => Just(Block::Rule),
        1 => table(),
    ];
    let block = leaf.prop_recursive(4, 24, 4, |inner| {
        let kind = prop_oneof![
            Just(ListKind::Bullets),
            Just(ListKind::Tasks),
            (0_u32..30).prop_map(|start| ListKind::Numbers { start }),
        ];
        let first = prop_oneof![4 => line(), 1 => Just(Vec::new())];
        let items = prop::collection::vec((any::<bool>(), first, prop::collection::vec(inner.clone(), 0..3)), 1..4);
        prop_oneof![
            prop::collection::vec(inner, 1..3).prop_map(Block::Quote),
            (kind, items).prop_map(|(kind, items)| {
                let items = items.into_iter().map(|(done, mut line, mut blocks)| {
                    // A break alone stands for an empty item.
                    if line == [Inline::Break] {
                        line.clear();
                    }
                    // An empty paragraph before another is none.
                    if line.is_empty() && kind != ListKind::Tasks {
                        blocks.retain(|block| !matches!(block, Block::Paragraph(_)));
                    }
                    blocks.insert(0, Block::Paragraph(line));
                    Item { done: done && kind == ListKind::Tasks, blocks }
                });
                Block::List(kind, items.collect())
            }),
        ]
    });
    prop::collection::vec(block, 1..5)
}

#[test]
fn an_underscore_beside_a_letter_that_is_written_as_a_reference_begins_nothing() {
    let bold = Marks { bold: true, ..Marks::default() };
    let italic = Marks { italic: true, ..Marks::default() };
    let line = vec![Inline::Text(" ".to_owned(), bold), text("a_a"), Inline::Text(" ".to_owned(), italic)];
    let cell = Cell { header: false, blocks: vec![Block::Paragraph(line.clone())] };
    let item = |block| Item { done: false, blocks: vec![Block::Paragraph(vec![text("a")]), block] };
    let table = Block::Table(vec![vec![cell.clone(), cell]]);
    let deep = Block::List(ListKind::Bullets, vec![item(Block::List(ListKind::Bullets, vec![item(table)]))]);
    for blocks in [vec![Block::Paragraph(line)], vec![deep]] {
        let written = to_markdown(&blocks);
        assert_eq!(from_markdown(&written), blocks, "{written}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    // Rules: DO11
    #[test]
    fn prop_markdown_comes_back(blocks in blocks()) {
        let written = to_markdown(&blocks);
        prop_assert_eq!(from_markdown(&written), blocks, "{}", written);
    }

    #[test]
    fn prop_a_page_comes_back(blocks in blocks()) {
        prop_assert_eq!(through_a_page(&blocks), blocks);
    }

    #[test]
    fn prop_what_comes_behind_a_page_stands_behind_it(pages in prop::collection::vec(blocks(), 2..4)) {
        let page = page_of(&[]);
        let mut expected = Vec::new();
        for blocks in &pages {
            write(&page.content, &mut page.doc.transact_mut(), blocks).unwrap();
            // An empty paragraph at the end is what the next begin in.
            if expected.last() == Some(&Block::Paragraph(Vec::new())) && !blocks.is_empty() {
                expected.pop();
            }
            expected.extend(blocks.iter().cloned());
        }
        prop_assert_eq!(read(&page.content, &page.doc.transact()), expected);
    }

    #[test]
    fn prop_what_two_put_behind_a_page_at_once_is_not_mixed(first in blocks(), one in blocks(), other in blocks()) {
        let end = [Block::Rule];
        let ada = page_of(&[first.as_slice(), &end].concat());
        let grace = Page::new(2);
        exchange(&ada, &grace);
        for (page, blocks) in [(&ada, &one), (&grace, &other)] {
            write(&page.content, &mut page.doc.transact_mut(), blocks).unwrap();
        }
        exchange(&ada, &grace);
        exchange(&grace, &ada);
        let all = read(&ada.content, &ada.doc.transact());
        prop_assert_eq!(&all, &read(&grace.content, &grace.doc.transact()));
        let either = |one: &[Block], other: &[Block]| [first.as_slice(), &end, one, other].concat();
        prop_assert!(all == either(&one, &other) || all == either(&other, &one), "{:?}", all);
    }

    // Rules: DO13
    #[test]
    fn prop_a_page_becomes_another_and_everybody_sees_the_same(
        pages in prop::collection::vec(prop::collection::vec(blocks(), 0..4), 3),
        kept in blocks(),
    ) {
        let (ada, grace) = (page_of(&[]), Page::new(2));
        for page in pages {
            // Between some of the blocks stands what is the same in all.
            let blocks = page.join(&kept[..]);
            replace(&ada.content, &mut ada.doc.transact_mut(), &blocks).unwrap();
            prop_assert_eq!(&read(&ada.content, &ada.doc.transact()), &blocks);
            exchange(&ada, &grace);
            prop_assert_eq!(read(&grace.content, &grace.doc.transact()), blocks);
        }
    }

    #[test]
    fn prop_any_text_is_read_and_written(text in "[-\\PC\n*_#>`|\\[\\]]{0,200}") {
        let blocks = from_markdown(&text);
        let page = through_a_page(&blocks);
        prop_assert_eq!(&page, &blocks);
        // What is read once is read again as it is written.
        let again = from_markdown(&to_markdown(&blocks));
        prop_assert_eq!(to_markdown(&again), to_markdown(&blocks));
        to_html("", &blocks);
    }
}

fn check(markdown: &str, expected: &[Block]) {
    assert_eq!(from_markdown(markdown), expected, "{markdown}");
    assert_eq!(through_a_page(expected), expected, "{markdown}");
}

// Rules: DO11
#[test]
fn everything_that_the_editor_knows_is_read() {
    let paragraph = |line: &str| Block::Paragraph(vec![text(line)]);
    let item = |done, line| Item { done, blocks: vec![paragraph(line)] };
    check(
        "## Plan\n\nText\\\nmore",
        &[Block::Heading(2, vec![text("Plan")]), Block::Paragraph(vec![text("Text"), Inline::Break, text("more")])],
    );
    check(
        "- [x] done\n- [ ] open\n- plain\n",
        &[
            Block::List(ListKind::Tasks, vec![item(true, "done"), item(false, "open")]),
            Block::List(ListKind::Bullets, vec![item(false, "plain")]),
        ],
    );
    check(
        "3. three\n4. four",
        &[Block::List(ListKind::Numbers { start: 3 }, vec![item(false, "three"), item(false, "four")])],
    );
    check(
        "> quoted\n\n```rust\nfn main() {}\n```\n\n---",
        &[
            Block::Quote(vec![paragraph("quoted")]),
            Block::Code { language: Some("rust".to_owned()), text: "fn main() {}".to_owned() },
            Block::Rule,
        ],
    );
    let cell = |header, line| Cell { header, blocks: vec![paragraph(line)] };
    check(
        "| a | b |\n| --- | --- |\n| c | d |",
        &[Block::Table(vec![vec![cell(true, "a"), cell(true, "b")], vec![cell(false, "c"), cell(false, "d")]])],
    );
    let bold = Marks { bold: true, ..Marks::default() };
    let link = Marks { link: Some("https://momoland.example/".to_owned()), ..Marks::default() };
    check(
        "**b** [l](https://momoland.example/)",
        &[Block::Paragraph(vec![Inline::Text("b".to_owned(), bold), text(" "), Inline::Text("l".to_owned(), link)])],
    );
}

#[test]
fn the_window_is_shown_what_its_editor_knows() {
    let line =
        |words: &str| json!({ "type": "paragraph", "content": [{ "type": "text", "text": words, "marks": [] }] });
    let check =
        |markdown: &str, expected: Value| assert_eq!(Value::from(to_editor(&from_markdown(markdown))), expected);
    check(
        "# Plan\n\n- [x] done\n\n3. three\n\n- plain\n\n> quoted\n\n---",
        json!([
            { "type": "heading", "attrs": { "level": 1 }, "content": [{ "type": "text", "text": "Plan", "marks": [] }] },
            { "type": "taskList", "content": [{ "type": "taskItem", "attrs": { "checked": true }, "content": [line("done")] }] },
            { "type": "orderedList", "attrs": { "start": 3 }, "content": [{ "type": "listItem", "content": [line("three")] }] },
            { "type": "bulletList", "content": [{ "type": "listItem", "content": [line("plain")] }] },
            { "type": "blockquote", "content": [line("quoted")] },
            { "type": "horizontalRule" },
        ]),
    );
    check(
        "```rust\nfn main() {}\n```\n\n| a |\n| --- |\n| b |",
        json!([
            {
                "type": "codeBlock", "attrs": { "language": "rust" },
                "content": [{ "type": "text", "text": "fn main() {}", "marks": [] }],
            },
            {
                "type": "table",
                "content": [
                    { "type": "tableRow", "content": [{ "type": "tableHeader", "content": [line("a")] }] },
                    { "type": "tableRow", "content": [{ "type": "tableCell", "content": [line("b")] }] },
                ],
            },
        ]),
    );
    check(
        "[**b**](https://momoland.example/)\\\n`c`",
        json!([{
            "type": "paragraph",
            "content": [
                {
                    "type": "text", "text": "b",
                    "marks": [{ "type": "link", "attrs": { "href": "https://momoland.example/" } }, { "type": "bold" }],
                },
                { "type": "hardBreak" },
                { "type": "text", "text": "c", "marks": [{ "type": "code" }] },
            ],
        }]),
    );
    // An editor knows no text of no length.
    assert_eq!(to_editor(&[Block::Code { language: None, text: String::new() }])[0]["content"], json!([]));
}

#[test]
fn a_beginning_is_the_first_blocks_and_bounded() {
    let check = |blocks: &[Block], expected: usize| {
        let page = page_of(blocks);
        let beginning = read_beginning(&page.content, &page.doc.transact());
        assert_eq!(beginning, blocks[..expected]);
    };
    let paragraph = |length: usize| Block::Paragraph(vec![text(&"a".repeat(length))]);
    check(&[], 0);
    check(&vec![paragraph(1); 3], 3);
    check(&vec![paragraph(1); 500], 96);
    // The one that passes the bound is in it, so that there is something where the first is long.
    check(&vec![paragraph(5_000); 500], 3);
    check(&[paragraph(20_000), paragraph(1)], 1);
    // What takes as long to draw as an editor ends it.
    check(&[paragraph(1), paragraph(1_000_000), paragraph(1)], 1);
}

#[test]
fn ordinary_text_looks_ordinary() {
    let written = "# Notes from 3.5\n\nIt's snake_case - and **bold** text, x*y is escaped.\n\n- one\n  - two\n- three\n\n1. first\n2. second\n";
    let written = written.replace("x*y", "x\\*y");
    assert_eq!(to_markdown(&from_markdown(&written)), written);
}

// Rules: DO11
#[test]
fn hostile_text_stays_text() {
    let hostile = "<script>alert(1)</script>\n\n<img src=x onerror=alert(1)> [a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) \
                   [c](data:text/html,x) ![d](vbscript:x) [e](//evil.example) <a href=\"javascript:x\">f</a>";
    let blocks = from_markdown(hostile);
    let page = to_html("</title><script>alert(1)</script>", &blocks);
    assert!(!page.contains("<script"), "{page}");
    assert!(!page.contains("<img"), "{page}");
    assert!(!page.contains("<a "), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
    // Somebody's own client may put anything into the document itself.
    let marks = Marks { link: Some("javascript:alert(1)".to_owned()), ..Marks::default() };
    let planted = [
        Block::Paragraph(vec![Inline::Text("x".to_owned(), marks)]),
        Block::Code { language: Some("\"><script>".to_owned()), text: "</code><script>".to_owned() },
    ];
    assert!(!to_html("", &planted).contains("<script"));
    assert!(!to_html("", &planted).contains("javascript"));
    assert!(!to_markdown(&planted).contains("javascript"));
}

#[test]
fn what_nests_too_deep_lies_flat() {
    for deep in [">".repeat(5_000) + " text", "- ".repeat(5_000) + "text"] {
        let blocks = from_markdown(&deep);
        assert!(to_markdown(&blocks).contains("text"));
        assert_eq!(through_a_page(&blocks), blocks);
    }
}
