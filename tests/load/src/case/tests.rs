use super::*;

fn rounds(key: &'static str, values: &[f64]) -> Vec<Sample> {
    values.iter().map(|value| Sample::from([(key, *value)])).collect()
}

fn folded(case: Case, key: &'static str, values: &[f64]) -> Option<f64> {
    let figure = case.figures().iter().find(|figure| figure.key == key).unwrap();
    figure.of_rounds(&rounds(key, values))
}

#[test]
fn what_scatters_is_the_median_and_what_must_not_happen_the_worst() {
    let echo = Case::Echo { in_flight: 1 };
    assert_eq!(folded(echo, "requests_per_second", &[3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(folded(echo, "errors", &[0.0, 7.0, 0.0]), Some(7.0));
    assert_eq!(folded(Case::Failover, "success_percent", &[100.0, 99.9, 100.0]), Some(99.9));
    assert_eq!(folded(echo, "p50_us", &[]), None);
}

#[test]
fn works_name_every_case_once() {
    let cases: Vec<Case> = Work::value_variants().iter().flat_map(|work| work.cases()).copied().collect();
    assert_eq!(cases.len(), 5);
    assert!(cases.iter().all(|case| !case.figures().is_empty() && !case.title().is_empty()));
}
