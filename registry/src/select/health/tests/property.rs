//! Whatever the calls do, some things are never true.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Op {
    Wait(u64),
    Begin,
    /// One of the calls under way ends; without an outcome it is abandoned.
    End(prop::sample::Index, Option<Result<(), Fault>>),
    /// One of them is never heard of again.
    Forget(prop::sample::Index),
    /// A call that succeeds at once.
    Good,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![4 => Just(Fault::Answer), 1 => Just(Fault::Contact)]
}

fn op() -> impl Strategy<Value = Op> {
    let outcome = prop_oneof![
        3 => fault().prop_map(|fault| Some(Err(fault))),
        1 => Just(Some(Ok(()))),
        1 => Just(None),
    ];
    prop_oneof![
        2 => (0_u64..3_000).prop_map(Op::Wait),
        1 => (0_u64..70_000).prop_map(Op::Wait),
        6 => Just(Op::Begin),
        6 => (any::<prop::sample::Index>(), outcome).prop_map(|(index, outcome)| Op::End(index, outcome)),
        1 => any::<prop::sample::Index>().prop_map(Op::Forget),
        1 => Just(Op::Good),
    ]
}

/// What must be true whatever happened, seen from outside.
#[derive(Default)]
struct Model {
    calls: Vec<Admission>,
    /// Faults that were reported since it was certainly well.
    answers: u32,
    contacts: u32,
    /// Until when the probe under way keeps the others away at least.
    probe: Option<u64>,
}

impl Model {
    fn run(&mut self, world: &mut World, op: Op) -> Result<(), TestCaseError> {
        match op {
            Op::Wait(millis) => world.wait(millis),
            Op::Begin => self.begin(world)?,
            Op::End(index, outcome) => self.end(world, index, outcome),
            Op::Forget(_) if self.calls.is_empty() => {}
            Op::Forget(index) => {
                let _forgotten = self.calls.swap_remove(index.index(self.calls.len()));
            }
            Op::Good => {
                self.begin(world)?;
                let call = self.calls.pop().unwrap();
                world.succeed(call);
                prop_assert!(!world.blocked(), "it has just answered");
                *self = Self { calls: std::mem::take(&mut self.calls), ..Self::default() };
            }
        }
        self.probe = self.probe.filter(|until| world.now < *until);
        Ok(())
    }

    fn begin(&mut self, world: &mut World) -> Result<(), TestCaseError> {
        let blocked = world.blocked();
        let call = world.begin();
        prop_assert_eq!(call.is_regardless(), blocked);
        if call.is_probe() {
            prop_assert_eq!(self.probe, None, "one probe at a time");
            self.probe = Some(world.now + 10_000);
        }
        self.calls.push(call);
        Ok(())
    }

    fn end(&mut self, world: &mut World, index: prop::sample::Index, outcome: Option<Result<(), Fault>>) {
        if self.calls.is_empty() {
            return;
        }
        let call = self.calls.swap_remove(index.index(self.calls.len()));
        // Any success may have ended the probe, too.
        if call.is_probe() || outcome == Some(Ok(())) {
            self.probe = None;
        }
        match outcome {
            Some(Ok(())) => world.succeed(call),
            Some(Err(fault)) => {
                match fault {
                    Fault::Answer => self.answers += 1,
                    Fault::Contact => self.contacts += 1,
                }
                world.fail(call, fault);
            }
            None => world.abandon(call),
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens(ops in prop::collection::vec(op(), 0..120)) {
        let mut world = World::default();
        let mut model = Model::default();
        for op in ops {
            model.run(&mut world, op)?;
            if model.contacts == 0 && model.answers < 5 {
                prop_assert!(!world.blocked(), "blocked without a fault");
            }
            if model.probe.is_some() {
                prop_assert!(world.blocked(), "the probe keeps the others away");
            }
            let later = Time(world.now) + Health::LONGEST_EJECTION;
            prop_assert!(!world.health.blocked(later), "it gets another chance");
        }
    }
}
