//! Work in phases by several threads: all of a phase is done before the next one begins.
//!
//! A token goes through hundreds of stages of some microseconds each, too short to wake a thread for. So the threads that
//! help stay awake for a whole block of steps, and look for work in turn. The one that leads is one of the pool's as well: a
//! thread from elsewhere would often have the others put behind it on its own processor. It never waits for a thread that
//! has not come: it does everything itself if nobody helps.

use std::hint;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::thread;

use crate::image::index;

/// How often a thread looks for work before it lets others run.
const LOOKS: u32 = 1 << 10;

/// Nothing is to be done any more.
const OVER: u32 = u32::MAX;

/// Work of which every phase has some items.
pub(super) trait Phases: Sync {
    /// How many items a phase has; phases count from 0.
    fn n_items(&self, phase: usize) -> usize;

    /// Does an item of a phase. Any thread does any item.
    fn work(&self, phase: usize, item: usize);
}

/// What the threads of a team share. Phases count from 1 here.
struct Team {
    n_threads: usize,
    /// The phase that is open.
    open: AtomicU32,
    /// By item, the last phase of which somebody has taken it.
    taken: Vec<AtomicU32>,
    /// Items of the phase that are done.
    n_done: AtomicUsize,
}

/// Runs `n_phases` one after the other, each on up to `n_threads`.
///
/// A thread takes first what it took in phases of as many items before: item `i` if it is the thread number `i`, modulo
/// `n_threads`.
pub(super) fn run(phases: &impl Phases, n_phases: usize, n_threads: usize) {
    let most_items = (0..n_phases).map(|phase| phases.n_items(phase)).max().unwrap_or(0);
    let team = Team {
        n_threads,
        open: AtomicU32::new(0),
        taken: (0..most_items).map(|_| AtomicU32::new(0)).collect(),
        n_done: AtomicUsize::new(0),
    };
    if n_threads <= 1 {
        return team.lead(phases, n_phases);
    }
    rayon::scope(|scope| {
        for thread in 1..n_threads {
            let team = &team;
            scope.spawn(move |_| team.help(phases, thread));
        }
        let _over = Closing(&team);
        team.lead(phases, n_phases);
    });
}

impl Team {
    fn lead(&self, phases: &impl Phases, n_phases: usize) {
        let mut hand = Hand::default();
        for phase in 0..n_phases {
            let n_items = phases.n_items(phase);
            if self.n_threads > 1 && n_items > 1 {
                self.n_done.store(0, Ordering::Relaxed);
                self.open.store(u32::try_from(phase + 1).expect("invariant: fewer than 2³² phases"), Ordering::Release);
                while let Some((phase, item)) = self.take(phases, &mut hand) {
                    self.work(phases, phase, item);
                }
                let mut patience = Patience::default();
                while self.n_done.load(Ordering::Acquire) < n_items {
                    patience.wait();
                }
            } else {
                (0..n_items).for_each(|item| phases.work(phase, item));
            }
        }
    }

    fn help(&self, phases: &impl Phases, thread: usize) {
        let mut hand = Hand { thread, ..Hand::default() };
        let mut patience = Patience::default();
        while self.open.load(Ordering::Acquire) != OVER {
            match self.take(phases, &mut hand) {
                Some((phase, item)) => {
                    self.work(phases, phase, item);
                    patience = Patience::default();
                }
                None => patience.wait(),
            }
        }
    }

    /// Takes an item of the open phase, if one is left: one of the thread's own, or any.
    fn take(&self, phases: &impl Phases, hand: &mut Hand) -> Option<(usize, usize)> {
        let open = self.open.load(Ordering::Acquire);
        let phase = index(open).checked_sub(1).filter(|_| open != OVER)?;
        if hand.phase != open {
            *hand = Hand { phase: open, own: hand.thread, any: 0, ..*hand };
        }
        // Of a phase that is over meanwhile all items are taken.
        let take = |item: usize| self.taken[item].fetch_max(open, Ordering::AcqRel) < open;
        let n_items = phases.n_items(phase);
        while hand.own < n_items {
            let item = hand.own;
            hand.own += self.n_threads;
            if take(item) {
                return Some((phase, item));
            }
        }
        while hand.any < n_items {
            let item = hand.any;
            hand.any += 1;
            if take(item) {
                return Some((phase, item));
            }
        }
        None
    }

    fn work(&self, phases: &impl Phases, phase: usize, item: usize) {
        // Counted even if it panics, so that nobody waits for it.
        let _done = Done(self);
        phases.work(phase, item);
    }
}

/// What a thread will look at next.
#[derive(Default)]
struct Hand {
    thread: usize,
    phase: u32,
    /// The next of its own items.
    own: usize,
    /// The next of all.
    any: usize,
}

/// An item is done.
struct Done<'a>(&'a Team);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.n_done.fetch_add(1, Ordering::Release);
    }
}

/// All is over.
struct Closing<'a>(&'a Team);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.open.store(OVER, Ordering::Release);
    }
}

#[derive(Default)]
struct Patience(u32);

impl Patience {
    fn wait(&mut self) {
        self.0 += 1;
        if self.0 < LOOKS {
            hint::spin_loop();
        } else {
            self.0 = 0;
            thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Phases of 0, 1, 2 and so on items, each of which finds all items of the phase before done.
    struct Triangle {
        done: Vec<AtomicUsize>,
    }

    impl Phases for Triangle {
        fn n_items(&self, phase: usize) -> usize {
            phase % 20
        }

        fn work(&self, phase: usize, item: usize) {
            assert!(item < self.n_items(phase));
            if let Some(before) = phase.checked_sub(1) {
                assert_eq!(self.done[before].load(Ordering::SeqCst), self.n_items(before));
            }
            self.done[phase].fetch_add(1, Ordering::SeqCst);
        }
    }

    fn check(n_threads: usize) {
        let triangle = Triangle { done: (0..500).map(|_| AtomicUsize::new(0)).collect() };
        run(&triangle, 500, n_threads);
        for (phase, n_done) in triangle.done.iter().enumerate() {
            assert_eq!(n_done.load(Ordering::SeqCst), triangle.n_items(phase));
        }
    }

    #[test]
    fn every_item_is_done_once_and_in_its_phase() {
        for n_threads in [1, 2, 3, 8] {
            check(n_threads);
        }
    }

    #[test]
    fn teams_within_each_other_do_not_wait_for_threads_that_are_busy() {
        use rayon::prelude::*;
        (0..16).into_par_iter().for_each(|_| check(4));
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        struct Panics;
        impl Phases for Panics {
            fn n_items(&self, _: usize) -> usize {
                8
            }

            fn work(&self, _: usize, item: usize) {
                assert!(item != 3, "item {item}");
            }
        }
        let result = std::panic::catch_unwind(|| run(&Panics, 3, 4));
        assert_eq!(result.unwrap_err().downcast_ref::<String>().map(String::as_str), Some("item 3"));
    }
}
