//! Two honest ends, whatever happens to their messages.

use proptest::{collection, prelude::*};

use super::*;
use crate::identity::SecretKey;

#[derive(Debug, Clone, Copy)]
enum Step {
    /// One calls the other.
    Call { first: bool, ending: Ending },
    /// One proposes; then the proposal is lost, or the answer is, or neither.
    Propose { first: bool, arrives: bool, answered: bool },
    /// Time passes.
    Wait(u32),
    /// One loses all that it has not kept, and begins anew.
    Forget { first: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let ending = prop::sample::select(vec![Ending::Good, Ending::Slow, Ending::Lost, Ending::Fault]);
    prop_oneof![
        5 => (any::<bool>(), ending).prop_map(|(first, ending)| Step::Call { first, ending }),
        4 => any::<(bool, bool, bool)>()
            .prop_map(|(first, arrives, answered)| Step::Propose { first, arrives, answered }),
        3 => (1..200_000_000_u32).prop_map(Step::Wait),
        1 => any::<bool>().prop_map(|first| Step::Forget { first }),
    ]
}

/// Everything that the two have signed, by signer.
struct World {
    ends: [Pair; 2],
    keys: [SecretKey; 2],
    now: u64,
    signed: Vec<Signed<PairReceipt>>,
}

impl World {
    fn step(&mut self, step: Step) {
        match step {
            Step::Wait(ms) => self.now += u64::from(ms),
            Step::Call { first, ending } => {
                self.ends[usize::from(first)].called(ending, UnixMillis(self.now));
                self.ends[usize::from(!first)].answered();
            }
            Step::Forget { first } => {
                self.now += 1;
                let [one, other] = [first, !first].map(|side| self.keys[usize::from(side)].node_id());
                self.ends[usize::from(first)] = Pair::begin(one, other, UnixMillis(self.now));
            }
            Step::Propose { first, arrives, answered } => self.propose(first, arrives, answered),
        }
    }

    fn propose(&mut self, first: bool, arrives: bool, answered: bool) {
        let (one, other) = (usize::from(first), usize::from(!first));
        let now = UnixMillis(self.now);
        let Some(half) = self.ends[one].propose(&self.keys[one], &network(), now).unwrap() else { return };
        self.signed.push(half.clone());
        if !arrives {
            return;
        }
        match self.ends[other].countersign(half, &self.keys[other], &network(), now) {
            Ok(Countersign::Agreed(receipt)) => {
                self.signed.extend(receipt.halves());
                if answered {
                    self.ends[one].agree(&receipt, &network()).unwrap();
                }
            }
            Ok(Countersign::Fraud(proof)) => panic!("{proof:?}"),
            Err(NotSigned::Void(error)) => panic!("{error}"),
            Err(_) => {
                let known = self.ends[other].agreed().map(|agreed| agreed.signed.clone());
                if let Some(known) = known.filter(|_| answered) {
                    self.ends[one].agree(&known, &network()).unwrap();
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Nobody who is honest can be convicted, whatever is lost, crosses or is forgotten; and two that can talk always come to agree.
    #[test]
    fn the_honest_never_contradict_themselves(steps in collection::vec(step(), 1..40)) {
        let keys = [key(), other_key()];
        let [a, b] = [0, 1].map(|side: usize| {
            Pair::begin(keys[side].node_id(), keys[1 - side].node_id(), UnixMillis(1_700_000_000_000))
        });
        let mut world = World { ends: [a, b], keys, now: 1_700_000_000_000, signed: Vec::new() };
        for step in steps {
            world.step(step);
        }
        let signed: Vec<_> = world.signed.iter().map(|half| half.clone().open(&network()).unwrap()).collect();
        for (at, one) in signed.iter().enumerate() {
            prop_assert!(signed[at..].iter().all(|other| FraudProof::of(one, other).is_none()));
        }
        for _ in 0..3 {
            for first in [true, false] {
                world.now += 2_000;
                world.step(Step::Call { first, ending: Ending::Good });
                world.propose(first, true, true);
            }
        }
        let [a, b] = &world.ends;
        prop_assert_eq!(&a.agreed().unwrap().receipt, &b.agreed().unwrap().receipt);
    }
}
