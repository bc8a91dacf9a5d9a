//! Blocks as a page of HTML of its own, in which nothing runs.

use super::{Block, Cell, Inline, Item, ListKind, Marks, safe_address};

/// Browsers load and run nothing for it, whatever is in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

const STYLE: &str = "body{max-width:44rem;margin:2rem auto;padding:0 1rem;font:1rem/1.6 system-ui,sans-serif}\
    table{border-collapse:collapse}th,td{border:1px solid;padding:.25rem .5rem;text-align:start;vertical-align:top}\
    pre{overflow-x:auto}blockquote{border-inline-start:3px solid;margin-inline:0;padding-inline-start:1rem}\
    ul.tasks{list-style:none;padding-inline-start:.5rem}";

/// A whole page.
pub(crate) fn to_html(title: &str, blocks: &[Block]) -> String {
    let mut page = String::from("<!doctype html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n");
    page.push_str("<meta http-equiv=\"Content-Security-Policy\" content=\"");
    page.push_str(POLICY);
    page.push_str("\">\n<title>");
    push_escaped(&mut page, title);
    page.push_str("</title>\n<style>");
    page.push_str(STYLE);
    page.push_str("</style>\n</head>\n<body dir=\"auto\">\n");
    push_blocks(&mut page, blocks);
    page.push_str("</body>\n</html>\n");
    page
}

fn push_blocks(page: &mut String, blocks: &[Block]) {
    for block in blocks {
        match block {
            Block::Paragraph(line) => push_line(page, "p", line),
            Block::Heading(level, line) => push_line(page, &format!("h{level}"), line),
            Block::Quote(blocks) => {
                page.push_str("<blockquote>\n");
                push_blocks(page, blocks);
                page.push_str("</blockquote>\n");
            }
            Block::Code { language, text } => {
                page.push_str("<pre><code");
                if let Some(language) = language {
                    page.push_str(" class=\"language-");
                    push_escaped(page, language);
                    page.push('"');
                }
                page.push('>');
                push_escaped(page, text);
                page.push_str("</code></pre>\n");
            }
            Block::Rule => page.push_str("<hr>\n"),
            Block::List(kind, items) => push_list(page, *kind, items),
            Block::Table(rows) => push_table(page, rows),
        }
    }
}

fn push_list(page: &mut String, kind: ListKind, items: &[Item]) {
    let tag = if matches!(kind, ListKind::Numbers { .. }) { "ol" } else { "ul" };
    match kind {
        ListKind::Bullets => page.push_str("<ul>\n"),
        ListKind::Numbers { start: 1 } => page.push_str("<ol>\n"),
        ListKind::Numbers { start } => page.push_str(&format!("<ol start=\"{start}\">\n")),
        ListKind::Tasks => page.push_str("<ul class=\"tasks\">\n"),
    }
    for item in items {
        page.push_str("<li>");
        if kind == ListKind::Tasks {
            page.push_str(if item.done {
                "<input type=\"checkbox\" disabled checked> "
            } else {
                "<input type=\"checkbox\" disabled> "
            });
        }
        match item.blocks.as_slice() {
            [Block::Paragraph(line)] => push_inline(page, line),
            blocks => push_blocks(page, blocks),
        }
        page.push_str("</li>\n");
    }
    page.push_str(&format!("</{tag}>\n"));
}

fn push_table(page: &mut String, rows: &[Vec<Cell>]) {
    page.push_str("<table>\n");
    for row in rows {
        page.push_str("<tr>");
        for cell in row {
            let tag = if cell.header { "th" } else { "td" };
            page.push_str(&format!("<{tag}>"));
            match cell.blocks.as_slice() {
                [Block::Paragraph(line)] => push_inline(page, line),
                blocks => push_blocks(page, blocks),
            }
            page.push_str(&format!("</{tag}>"));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table>\n");
}

fn push_line(page: &mut String, tag: &str, line: &[Inline]) {
    page.push_str(&format!("<{tag}>"));
    push_inline(page, line);
    page.push_str(&format!("</{tag}>\n"));
}

fn push_inline(page: &mut String, line: &[Inline]) {
    for piece in line {
        match piece {
            Inline::Break => page.push_str("<br>"),
            Inline::Text(text, marks) => {
                let Marks { link, underline, bold, italic, strike, code } = marks;
                let tags = [("u", underline), ("strong", bold), ("em", italic), ("s", strike), ("code", code)];
                let tags: Vec<&str> = tags.into_iter().filter(|(_, on)| **on).map(|(tag, _)| tag).collect();
                let link = link.as_deref().and_then(safe_address);
                if let Some(address) = link {
                    page.push_str("<a rel=\"noopener noreferrer\" href=\"");
                    push_escaped(page, address);
                    page.push_str("\">");
                }
                tags.iter().for_each(|tag| page.push_str(&format!("<{tag}>")));
                push_escaped(page, text);
                tags.iter().rev().for_each(|tag| page.push_str(&format!("</{tag}>")));
                if link.is_some() {
                    page.push_str("</a>");
                }
            }
        }
    }
}

fn push_escaped(page: &mut String, text: &str) {
    for it in text.chars() {
        match it {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            it => page.push(it),
        }
    }
}
