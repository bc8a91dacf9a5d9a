//! The log against a model that keeps everything in maps: any sequence of calls, with batches in flight, crashes
//! between two commits, and rooms that are forgotten and come back.

use std::collections::VecDeque;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::kv::Durability;

#[derive(Debug, Clone)]
enum Step {
    Event {
        room: u8,
        log: u8,
        device: u8,
        count: u32,
    },
    Roster {
        room: u8,
    },
    Register {
        room: u8,
        name: u16,
    },
    Forget {
        room: u8,
    },
    Sweep,
    /// Hands the batch over, as to the writer.
    Submit,
    /// The oldest batch in flight reaches the store.
    Commit,
    /// Everything in flight is lost, and the log is opened again.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let room = 1u8..4;
    prop_oneof![
        6 => (room.clone(), 0u8..2, 1u8..3, 1u32..4)
            .prop_map(|(room, log, device, count)| Step::Event { room, log, device, count }),
        2 => room.clone().prop_map(|room| Step::Roster { room }),
        2 => (room.clone(), 1u16..3).prop_map(|(room, name)| Step::Register { room, name }),
        1 => room.prop_map(|room| Step::Forget { room }),
        1 => Just(Step::Sweep),
        5 => Just(Step::Submit),
        5 => Just(Step::Commit),
        1 => Just(Step::Crash),
    ]
}

/// What is written, and how often each room has been forgotten: a room that came back is another one.
#[derive(Debug, Clone, Default)]
struct Model {
    world: World,
    forgotten: [u32; 4],
}

/// The log beside two models: what is committed, and what will be once everything in flight is.
struct Run<B: Backend> {
    backend: B,
    log: EventLog,
    batch: Batch,
    staged: Model,
    in_flight: VecDeque<(Batch, Model)>,
    committed: Model,
}

pub(super) fn it_behaves_like_its_model<B: Backend>() {
    let mut runner = TestRunner::new(Config { cases: B::CASES, failure_persistence: None, ..Config::default() });
    let steps = proptest::collection::vec(step(), 1..60);
    let checked = runner.run(&steps, |steps| {
        let mut run = Run::<B>::new();
        for step in steps {
            run.step(&step);
            run.check();
        }
        run.finish();
        Ok(())
    });
    if let Err(failure) = checked {
        panic!("{failure}");
    }
}

impl<B: Backend> Run<B> {
    fn new() -> Self {
        let backend = B::new();
        let (log, held) = opened(&backend.store());
        assert_eq!(held, DurableState::default());
        Self {
            backend,
            log,
            batch: Batch::new(),
            staged: Model::default(),
            in_flight: VecDeque::new(),
            committed: Model::default(),
        }
    }

    fn step(&mut self, step: &Step) {
        let Self { backend: _, log, batch, staged: Model { world, forgotten }, in_flight: _, committed: _ } = self;
        match *step {
            Step::Event { room: of, log: number, device: by, count } => {
                world.events(log, batch, room(of), log_of(of, number), device(by), count);
            }
            Step::Roster { room: of } => world.roster(log, batch, room(of)),
            Step::Register { room: of, name } => drop(world.register(log, batch, room(of), name)),
            Step::Forget { room: of } => {
                log.forget(batch, room(of)).unwrap();
                world.forget(room(of));
                forgotten[usize::from(of)] += 1;
            }
            Step::Sweep => drop(log.sweep(batch).unwrap()),
            Step::Submit => self.in_flight.push_back((std::mem::take(&mut self.batch), self.staged.clone())),
            Step::Commit => self.commit(),
            Step::Crash => self.crash(),
        }
    }

    fn commit(&mut self) {
        if let Some((batch, model)) = self.in_flight.pop_front() {
            self.backend.store().commit(batch, Durability::Synced).unwrap();
            self.committed = model;
        }
    }

    fn crash(&mut self) {
        self.batch = Batch::new();
        self.in_flight.clear();
        self.staged = self.committed.clone();
        // The log holds the store; a backend on a disk can be opened again only once nobody does.
        self.log = opened(&(Arc::new(crate::kv::MemoryStore::new()) as Arc<dyn Store>)).0;
        self.backend.reopen();
        let (log, held) = opened(&self.backend.store());
        self.log = log;
        assert_eq!(held, self.committed.world.held());
    }

    /// A reader shows what is committed of the rooms that nobody is about to forget.
    fn check(&self) {
        self.log.check_invariants();
        let reader = self.log.reader();
        for of in 1u8..4 {
            let shown = self.staged.forgotten[usize::from(of)] == self.committed.forgotten[usize::from(of)];
            for (id, by) in [(0, 1), (0, 2), (1, 1), (1, 2)] {
                let id = log_of(of, id);
                let chain = world::chain_of(device(by), id);
                let expected = if shown { self.committed.world.chain(id, chain) } else { Vec::new() };
                assert_eq!(reader.load(id, chain, Seq(1), Seq(u64::MAX), usize::MAX).unwrap(), expected);
                let from = Seq(expected.len() as u64);
                assert_eq!(reader.event(id, chain, from).unwrap().as_ref(), expected.last());
            }
        }
    }

    /// Everything reaches the store, and what was forgotten is swept: then there is a key for everything held, and no
    /// other.
    fn finish(mut self) {
        self.step(&Step::Submit);
        while !self.in_flight.is_empty() {
            self.commit();
        }
        self.check();
        sweep_all(&mut self.log, &self.backend.store());
        self.check();
        assert_eq!(all_keys(&self.backend.store()).len(), self.committed.world.keys());
        self.crash();
    }
}

fn log_of(of: u8, number: u8) -> LogId {
    match number {
        0 => room(of).conversation(),
        number => LogId([of + 16 * number; 32]),
    }
}
