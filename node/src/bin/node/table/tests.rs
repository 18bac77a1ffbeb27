use super::*;

fn table() -> Table {
    let mut table = Table::new(["NAME", "VERSION", "AGE"]);
    table.row(["math.calc".to_owned(), "1.0.0".to_owned(), "3s".to_owned()]);
    table.row(["…x".to_owned(), String::new(), "12m".to_owned()]);
    table
}

#[test]
fn columns_are_as_wide_as_their_content() {
    let expected = "\
NAME       VERSION  AGE
math.calc  1.0.0    3s
…x         -        12m";
    assert_eq!(table().render(None), expected);
}

#[test]
fn lines_are_cut_only_at_the_edge_of_a_terminal() {
    assert_eq!(table().render(Some(23)), table().render(None));
    let expected = "\
NAME       VER…
math.calc  1.0…
…x         -  …";
    assert_eq!(table().render(Some(15)), expected);
    assert_eq!(table().render(Some(0)), table().render(None));
}

#[test]
fn strangers_text_cannot_command_the_terminal() {
    let mut table = Table::new(["AGENT"]);
    table.row(["evil\u{1b}[2J\nrow".to_owned()]);
    assert_eq!(table.render(None), "AGENT\nevil\u{fffd}[2J\u{fffd}row");
}

#[test]
fn blank_cells_stay_blank_where_asked() {
    let mut table = Table::default();
    table.blank_row(["a".to_owned(), String::new(), "b".to_owned()]);
    table.blank_row(["long".to_owned(), String::new(), String::new()]);
    assert_eq!(table.render(None), "a       b\nlong");
    assert_eq!(Table::default().render(None), "");
}

#[test]
fn long_lines_are_broken_between_words() {
    let text = "one two three four five six\n  - an item of a list that is long\nshort";
    let expected = "one two three four\nfive six\n  - an item of a\n  list that is long\nshort";
    assert_eq!(wrapped(text, Some(20)), expected);
    assert_eq!(wrapped(text, None), text);
    assert_eq!(wrapped(text, Some(5)), text, "too narrow to help");
    let long = "x".repeat(50);
    assert_eq!(wrapped(&format!("a {long} b"), Some(20)), format!("a\n{long}\nb"));
    assert_eq!(wrapped("", Some(20)), "");
}

#[test]
fn only_the_last_column_is_broken() {
    let mut table = Table::default();
    table.blank_row(["a", "integer", "one two three four five"].map(str::to_owned));
    table.blank_row(["bb", "string", ""].map(str::to_owned));
    assert_eq!(table.wrapped(Some(33)), "a   integer  one two three four\n             five\nbb  string");
    assert_eq!(table.wrapped(None), "a   integer  one two three four five\nbb  string");
}
