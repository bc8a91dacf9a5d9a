use proptest::prelude::*;
use yrs::updates::decoder::Decode as _;
use yrs::{Doc, OffsetKind, Options, Transact as _, WriteTxn as _, XmlFragment as _};

use super::*;

fn doc() -> (Doc, XmlFragmentRef) {
    let options = Options { offset_kind: OffsetKind::Utf16, cleanup_formatting: false, ..Options::default() };
    let doc = Doc::with_options(options);
    let fragment = doc.transact_mut().get_or_insert_xml_fragment("default");
    (doc, fragment)
}

fn block(doc: &Doc, parent: &impl XmlFragment, tag: &str, text: &str) -> XmlElementRef {
    let mut txn = doc.transact_mut();
    let element = parent.push_back(&mut txn, XmlElementPrelim::empty(tag));
    if !text.is_empty() {
        element.push_back(&mut txn, XmlTextPrelim::new(text));
    }
    element
}

/// A heading, a list of two, a code block, a rule, a paragraph.
fn rich() -> (Doc, XmlFragmentRef) {
    let (doc, fragment) = doc();
    let heading = block(&doc, &fragment, "heading", "Plan");
    heading.insert_attribute(&mut doc.transact_mut(), "level", Any::from(2.0));
    let list = block(&doc, &fragment, "bulletList", "");
    for text in ["bread", "milk"] {
        let item = block(&doc, &list, "listItem", "");
        block(&doc, &item, "paragraph", text);
    }
    block(&doc, &fragment, "codeBlock", "a\nb");
    block(&doc, &fragment, "horizontalRule", "");
    block(&doc, &fragment, "paragraph", "the end");
    (doc, fragment)
}

fn text(doc: &Doc, fragment: &XmlFragmentRef) -> String {
    let txn = doc.transact();
    Lines::walk(fragment, &txn).text(&txn)
}

fn edited(
    world: &(Doc, XmlFragmentRef),
    edit: impl FnOnce(&mut Lines, &XmlFragmentRef, &mut TransactionMut<'_>),
) -> String {
    let (doc, fragment) = world;
    let mut lines = Lines::walk(fragment, &doc.transact());
    edit(&mut lines, fragment, &mut doc.transact_mut());
    lines.check_invariants(fragment, &doc.transact());
    text(doc, fragment)
}

// Rules: DO2
#[test]
fn blocks_are_lines() {
    let (doc, fragment) = rich();
    assert_eq!(text(&doc, &fragment), "Plan\nbread\nmilk\na\nb\n\u{fffc}\nthe end");
}

#[test]
fn a_break_splits_a_block_and_keeps_its_kind() {
    let world = rich();
    let shown = edited(&world, |lines, fragment, txn| lines.insert(fragment, txn, 2, "X\nY\nZ"));
    assert_eq!(shown, "PlX\nY\nZan\nbread\nmilk\na\nb\n\u{fffc}\nthe end");
    let (doc, fragment) = &world;
    let txn = doc.transact();
    let tags: Vec<String> =
        fragment.children(&txn).filter_map(|it| Some(it.into_xml_element()?.tag().to_string())).collect();
    assert_eq!(tags[..3], ["heading", "paragraph", "heading"], "what goes on behind a break is a heading still");
    let last = fragment.get(&txn, 2).unwrap().into_xml_element().unwrap();
    assert_eq!(last.get_attribute(&txn, "level"), Some(Out::Any(Any::from(2.0))));
}

#[test]
fn a_break_in_a_code_block_is_text() {
    let world = rich();
    // In the middle of its first line.
    let shown = edited(&world, |lines, fragment, txn| lines.insert(fragment, txn, 17, "\nx"));
    assert_eq!(shown, "Plan\nbread\nmilk\na\nx\nb\n\u{fffc}\nthe end");
    assert_eq!(world.1.len(&world.0.transact()), 5, "the blocks are as many as before");
}

#[test]
fn deleting_over_blocks_joins_them_and_leaves_no_empty_list() {
    let world = rich();
    let shown = edited(&world, |lines, fragment, txn| lines.delete(fragment, txn, 2, 12));
    assert_eq!(shown, "Plk\na\nb\n\u{fffc}\nthe end");
    assert_eq!(world.1.len(&world.0.transact()), 4, "the list went with its items");
}

#[test]
fn nothing_is_typed_into_a_rule() {
    let world = rich();
    let at = 20;
    let shown = edited(&world, |lines, fragment, txn| lines.insert(fragment, txn, at, "before\n"));
    assert_eq!(shown, "Plan\nbread\nmilk\na\nb\nbefore\n\u{fffc}\nthe end");
    let world = rich();
    let shown = edited(&world, |lines, fragment, txn| lines.insert(fragment, txn, at + 1, "\nbehind"));
    assert_eq!(shown, "Plan\nbread\nmilk\na\nb\n\u{fffc}\nbehind\nthe end");
    let world = rich();
    let shown = edited(&world, |lines, fragment, txn| lines.delete(fragment, txn, at, 1));
    assert_eq!(shown, "Plan\nbread\nmilk\na\nb\n\nthe end", "a rule that is deleted leaves its line");
}

#[test]
fn formatting_goes_along_with_its_text() {
    let (doc, fragment) = doc();
    let paragraph = block(&doc, &fragment, "paragraph", "plain bold");
    let bold = Attrs::from([("bold".into(), Any::from(true))]);
    let run = paragraph.get(&doc.transact(), 0).unwrap().into_xml_text().unwrap();
    run.format(&mut doc.transact_mut(), 6, 4, bold.clone());
    let world = (doc, fragment);
    edited(&world, |lines, fragment, txn| lines.insert(fragment, txn, 8, "\n"));
    let (doc, fragment) = &world;
    let txn = doc.transact();
    let second = fragment.get(&txn, 1).unwrap().into_xml_element().unwrap();
    let run = second.get(&txn, 0).unwrap().into_xml_text().unwrap();
    let pieces = run.diff(&txn, YChange::identity);
    assert_eq!(pieces.len(), 1);
    assert_eq!(pieces[0].insert, Out::Any(Any::from("ld")));
    assert_eq!(pieces[0].attributes.as_deref(), Some(&bold));
}

/// So many line breaks, and something in most lines.
fn many(breaks: usize, word: &str) -> String {
    (0..=breaks)
        .map(|line| if line % 7 == 6 { String::new() } else { format!("{word}{line}") })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn many_lines_go_where_a_few_would() {
    for at in [0, 2, 5, 7, 9, 15, 21, 22, 26, 29] {
        let [few, all] = [3, GRAFTED_FROM + 3].map(|breaks| {
            let (world, pasted) = (rich(), many(breaks, "z"));
            let shown = edited(&world, |lines, fragment, txn| lines.insert(fragment, txn, at, &pasted));
            let (doc, fragment) = &world;
            let txn = doc.transact();
            let mut blocks: Vec<String> =
                fragment.children(&txn).filter_map(XmlOut::into_xml_element).map(|it| it.tag().to_string()).collect();
            // Of those between, one stands for all.
            blocks.dedup();
            (shown.replacen(&pasted, "PASTED", 1), blocks)
        });
        assert_eq!(all, few, "at {at}");
        assert!(all.0.contains("PASTED"), "at {at}: {}", all.0);
    }
}

#[test]
fn many_lines_stay_together_beside_those_of_others() {
    for at in [0, 5, 9] {
        let (one, fragment) = doc();
        block(&one, &fragment, "paragraph", "first");
        block(&one, &fragment, "paragraph", "second");
        let (other, _) = doc();
        let whole = |of: &Doc| of.transact().encode_state_as_update_v1(&yrs::StateVector::default());
        let take = |into: &Doc, from: Vec<u8>| {
            into.transact_mut().apply_update(yrs::Update::decode_v1(&from).unwrap()).unwrap();
        };
        take(&other, whole(&one));
        for (doc, word) in [(&one, "a"), (&other, "b")] {
            let fragment = doc.transact_mut().get_or_insert_xml_fragment("default");
            edited(&(doc.clone(), fragment), |lines, fragment, txn| {
                lines.insert(fragment, txn, at, &format!("{}\n", many(GRAFTED_FROM, word)));
            });
        }
        let (from_one, from_other) = (whole(&one), whole(&other));
        take(&one, from_other);
        take(&other, from_one);
        let merged = text(&one, &fragment);
        let in_other = other.transact_mut().get_or_insert_xml_fragment("default");
        assert_eq!(merged, text(&other, &in_other));
        for word in ["a", "b"] {
            // What was typed into the line that both were in is where it was; the rest follows.
            let behind = many(GRAFTED_FROM, word);
            let (_, behind) = behind.split_once('\n').unwrap();
            assert!(merged.contains(behind), "at {at}, {word}: {merged}");
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Insert(u32, String),
    Delete(u32, u32),
}

fn step() -> impl Strategy<Value = Step> {
    let text = prop_oneof![
        "[a-z]{1,4}",
        Just("\n".to_owned()),
        Just("one\ntwo\n\nthree".to_owned()),
        Just("😀é\n漢".to_owned()),
        (GRAFTED_FROM..GRAFTED_FROM + 5).prop_map(|lines| many(lines, "w")),
    ];
    prop_oneof![
        3 => (any::<u32>(), text).prop_map(|(at, text)| Step::Insert(at, text)),
        2 => (any::<u32>(), 0..9_u32).prop_map(|(at, len)| Step::Delete(at, len)),
        1 => (any::<u32>(), 9..99_u32).prop_map(|(at, len)| Step::Delete(at, len)),
    ]
}

proptest! {
    // Rules: DO2
    #[test]
    fn prop_edits_are_those_of_a_string(steps in prop::collection::vec(step(), 1..60)) {
        let (doc, fragment) = doc();
        let mut lines = Lines::walk(&fragment, &doc.transact());
        let mut expected: Vec<char> = Vec::new();
        let units = |chars: &[char]| chars.iter().map(|c| c.len_utf16() as u32).sum::<u32>();
        for step in steps {
            let mut txn = doc.transact_mut();
            match step {
                Step::Insert(at, text) => {
                    let place = at as usize % (expected.len() + 1);
                    lines.insert(&fragment, &mut txn, units(&expected[..place]), &text);
                    expected.splice(place..place, text.chars());
                }
                Step::Delete(at, len) => {
                    let place = at as usize % (expected.len() + 1);
                    let end = (place + len as usize).min(expected.len());
                    let (from, gone) = (units(&expected[..place]), units(&expected[place..end]));
                    lines.delete(&fragment, &mut txn, from, gone);
                    expected.drain(place..end);
                }
            }
            lines.check_invariants(&fragment, &txn);
            prop_assert_eq!(lines.text(&txn), expected.iter().collect::<String>());
        }
    }
}
