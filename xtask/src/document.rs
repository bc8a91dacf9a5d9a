//! Markdown, as far as the documents use it: tables, fenced blocks, links.

/// The cells of every table row, without the code marks around them, and without the lines of dashes.
pub fn rows(text: &str) -> Vec<Vec<String>> {
    let rows = text.lines().map(str::trim).filter(|line| line.starts_with('|') && line.ends_with('|'));
    let cells = rows.map(|line| {
        let inner = line.trim_matches('|');
        inner.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect::<Vec<_>>()
    });
    cells.filter(|cells| !cells.iter().all(|cell| !cell.is_empty() && cell.chars().all(|c| c == '-'))).collect()
}

/// The lines of the first fenced block in a language.
pub fn fenced(text: &str, language: &str) -> Option<String> {
    let begin = format!("```{language}");
    let mut lines = text.lines().skip_while(|line| *line != begin);
    lines.next()?;
    Some(lines.take_while(|line| *line != "```").collect::<Vec<_>>().join("\n"))
}

/// The text from a heading to the next one of its depth or less.
pub fn section<'a>(text: &'a str, heading: &str) -> Option<&'a str> {
    let at = text.find(&format!("{heading}\n"))?;
    let rest = text.get(at..)?;
    let depth = heading.chars().take_while(|c| *c == '#').count();
    let ends = |line: &str| {
        let marks = line.chars().take_while(|c| *c == '#').count();
        (1..=depth).contains(&marks)
    };
    let mut length = heading.len() + 1;
    for line in rest.get(length..)?.split_inclusive('\n') {
        if ends(line) {
            break;
        }
        length += line.len();
    }
    rest.get(..length)
}

/// Where a document's links lead, without those to other sites and within itself.
pub fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("](") {
        rest = rest.get(at + 2..).unwrap_or_default();
        let target = rest.split(')').next().unwrap_or_default();
        let target = target.split('#').next().unwrap_or_default();
        if !target.is_empty() && !target.contains("://") {
            links.push(target.to_owned());
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_sections_blocks_and_links_are_found() {
        let text = "# One\n\n| a | `b` |\n| --- | --- |\n| c | d |\n\n## Two\nsee [x](y.md#z) and [w](https://w)\n\n```t\nin\n```\n# Three\n";
        assert_eq!(rows(text), [["a", "b"], ["c", "d"]]);
        assert_eq!(
            section(text, "## Two").map(str::len),
            text.find("# Three").map(|end| end - text.find("## Two").unwrap())
        );
        assert_eq!(fenced(text, "t").as_deref(), Some("in"));
        assert_eq!(links(text), ["y.md"]);
    }
}
