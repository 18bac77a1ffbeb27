//! Against models that do it the slow way.

use std::collections::BTreeSet;

use super::{super::stretches::Stretches, *};

fn positions(set: &Stretches) -> BTreeSet<u64> {
    set.iter().flat_map(|stretch| stretch.from.0..=stretch.to.0).collect()
}

proptest! {
    #[test]
    fn stretches_are_sets(steps in prop::collection::vec((any::<bool>(), 1..60_u64, 0..20_u64), 0..30), asked in 1..80_u64) {
        let (mut set, mut model) = (Stretches::default(), BTreeSet::new());
        for (insert, from, more) in steps {
            let part = stretch(from, from + more);
            if insert {
                set.insert(part);
                model.extend(from..=from + more);
            } else {
                set.remove(part);
                model.retain(|seq| !part.contains(Seq(*seq)));
            }
            prop_assert_eq!(&positions(&set), &model);
            prop_assert!(set.iter().collect::<Vec<_>>().array_windows().all(|[a, b]| a.to.next() < b.from));
        }
        prop_assert_eq!(set.contains(Seq(asked)), model.contains(&asked));
        prop_assert_eq!(set.from(Seq(asked)).map(|s| s.to >= Seq(asked)), model.range(asked..).next().map(|_| true));
        let missing: BTreeSet<u64> = set.missing(stretch(1, 90)).into_iter().flat_map(|s| s.from.0..=s.to.0).collect();
        prop_assert_eq!(missing, (1..=90).filter(|seq| !model.contains(seq)).collect::<BTreeSet<_>>());
    }

    /// Whatever order batches come in, with holes and without, and whatever is skipped and dropped meanwhile: a reader is told every position in
    /// ascending order at most once, as an entry or within a gap, and entries only if they were taken in.
    #[test]
    fn readers_are_told_everything_once(steps in prop::collection::vec((0..4_u8, 0..12_usize, 1..25_u64), 1..60)) {
        let (batches, mut held, mut cursor) = (pairs(12), Held::new(), Cursor::default());
        let epoch = epoch(&batches);
        let mut told = 0;
        for (what, nth, seq) in steps {
            match what {
                0 => {
                    let _ = held.accept(&batches[nth]);
                }
                1 => {
                    let _ = held.take(&batches[nth], How::Apart);
                }
                2 => held.log.skip(epoch, stretch(1, seq)),
                _ => held.log.drop_before(epoch, Seq(2 * (seq / 4) + 1)),
            }
            while let Some(step) = held.log.read(&cursor) {
                let (Step::Read { entries, .. } | Step::Gap(Gap { entries, .. })) = step;
                prop_assert_eq!(entries.from.0, told + 1);
                told = entries.to.0;
                if let Step::Read { .. } = step {
                    let chain = held.log.chain(epoch).unwrap();
                    prop_assert!(chain.taken().any(|taken| taken.overlap(entries) == Some(entries)));
                }
                cursor.pass(epoch, entries.to);
            }
        }
        // Once all have come, everything that is wanted is there.
        for batch in &batches {
            let _ = held.accept(batch);
        }
        if let Some(chain) = held.log.chain(epoch) {
            prop_assert_eq!(chain.missing(Seq(24)), []);
        }
    }
}
