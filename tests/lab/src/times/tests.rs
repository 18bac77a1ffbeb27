use super::{Figure, Measured, Unit, table};

fn measured(at_most: Option<f64>, samples: &[f64], errors: &[&str]) -> Measured {
    let figure = Figure { what: "something takes", unit: Unit::Seconds, at_most };
    Measured::new("thing", figure, samples.to_vec(), errors.iter().map(|error| (*error).to_owned()).collect())
}

#[test]
fn a_figure_holds_only_if_its_worst_does_and_nothing_went_wrong() {
    assert!(measured(Some(2.0), &[1.0, 2.0], &[]).holds());
    assert!(!measured(Some(2.0), &[1.0, 2.1], &[]).holds());
    assert!(measured(None, &[100.0], &[]).holds(), "no target");
    assert!(!measured(None, &[], &[]).holds(), "nothing was measured");
    assert!(!measured(Some(2.0), &[1.0], &["lost"]).holds());
}

#[test]
fn the_median_is_one_that_half_were_no_worse_than() {
    assert_eq!(measured(None, &[3.0, 1.0, 2.0], &[]).median, Some(2.0));
    assert_eq!(measured(None, &[4.0, 1.0, 2.0, 3.0], &[]).median, Some(2.0));
    assert_eq!(measured(None, &[], &[]).median, None);
}

#[test]
fn the_table_shows_the_target_and_tells_what_went_wrong_once() {
    let failed = measured(Some(2.0), &[1.0, 0.5], &["no answer"]);
    let text = table(&[failed.clone(), failed, measured(None, &[1.0], &[])]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(lines[1])[2..], ["≤", "2.00", "s", "0.50", "s", "1.00", "s", "2", "!"]);
    assert_eq!(words(lines[3])[2..], ["-", "1.00", "s", "1.00", "s", "1"]);
    assert_eq!(lines[4], "! thing: no answer");
}
