//! Searching: by words in names, and in what services say of themselves.

use std::hint::black_box;

use atoll_registry::services::SearchQuery;
use criterion::Criterion;

use crate::network::full;

pub(crate) fn benches(criterion: &mut Criterion) {
    let (directory, _) = full();
    let mut group = criterion.benchmark_group("search of 10 000");
    for words in ["service-17", "number 1234", "service questions", "answers nothing", "cannot asked well where"] {
        let query = SearchQuery::new(words).unwrap();
        group.bench_function(words, |bench| bench.iter(|| black_box(directory.search(&query))));
    }
    let near = "some.servize-17".parse().unwrap();
    group.bench_function("names near one", |bench| bench.iter(|| black_box(directory.names_near(&near))));
    group.finish();
}
