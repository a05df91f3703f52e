//! Which of the queued cleanups have run, and who waits for which.
//!
//! Every cleanup carries a ticket, numbered as they are queued. They finish in any order, so "all tickets below
//! T have finished" needs more than a count: the ledger keeps the lowest unfinished ticket and the finished
//! stretches above it. A gap between two stretches is a cleanup that is running, so there are never many more
//! stretches than workers, however many cleanups finish while one is blocked.

use std::collections::BTreeMap;

/// What a waiter waits for: every ticket below `below` has finished, `except` one perhaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Goal {
    pub(super) below: u64,
    /// The ticket of the cleanup that waits, which cannot finish before its own wait ends.
    pub(super) except: Option<u64>,
}

/// The tickets that have finished. Lives under a lock.
#[derive(Debug)]
pub(super) struct Ledger {
    /// Every ticket below has finished, this one has not.
    low: u64,
    /// Finished stretches above `low`: start to one past the end. They neither overlap nor touch.
    above: BTreeMap<u64, u64>,
    executed: u64,
    panicked: u64,
    waiters: Vec<Goal>,
}

impl Ledger {
    pub(super) const fn new() -> Self {
        Ledger { low: 0, above: BTreeMap::new(), executed: 0, panicked: 0, waiters: Vec::new() }
    }

    /// Cleanups that have finished, those that panicked among them.
    pub(super) fn executed(&self) -> u64 {
        self.executed
    }

    pub(super) fn panicked(&self) -> u64 {
        self.panicked
    }

    /// Enters a finished ticket. True if some waiter has reached its goal.
    pub(super) fn finish(&mut self, ticket: u64, panicked: bool) -> bool {
        self.executed += 1;
        self.panicked += u64::from(panicked);
        let end = self.above.remove(&(ticket + 1)).unwrap_or(ticket + 1);
        if ticket == self.low {
            self.low = end;
        } else if let Some((_, before)) = self.above.range_mut(..ticket).next_back().filter(|(_, e)| **e == ticket) {
            *before = end;
        } else {
            self.above.insert(ticket, end);
        }
        self.waiters.iter().any(|&goal| self.reached(goal))
    }

    pub(super) fn reached(&self, goal: Goal) -> bool {
        if self.low >= goal.below {
            return true;
        }
        // One unfinished ticket is excused if it is the lowest and a finished stretch covers all that follow.
        goal.except == Some(self.low) && {
            let next = self.low + 1;
            next >= goal.below || self.above.get(&next).is_some_and(|&end| end >= goal.below)
        }
    }

    /// Has [`finish`](Self::finish) look at this goal from now on.
    pub(super) fn watch(&mut self, goal: Goal) {
        self.waiters.push(goal);
    }

    /// Ends one [`watch`](Self::watch) of an equal goal.
    pub(super) fn unwatch(&mut self, goal: Goal) {
        if let Some(at) = self.waiters.iter().position(|&g| g == goal) {
            self.waiters.swap_remove(at);
        }
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiters.len()
    }

    #[cfg(test)]
    pub(super) fn stretches(&self) -> usize {
        self.above.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(below: u64, except: Option<u64>) -> Goal {
        Goal { below, except }
    }

    #[test]
    fn low_passes_a_ticket_only_when_all_before_it_finished() {
        let mut ledger = Ledger::new();
        for ticket in [3, 1, 4, 2] {
            ledger.finish(ticket, false);
            assert!(!ledger.reached(goal(1, None)), "ticket 0 is unfinished after {ticket}");
        }
        assert_eq!(ledger.stretches(), 1, "1 to 4 touch");
        ledger.finish(0, true);
        assert!(ledger.reached(goal(5, None)));
        assert!(!ledger.reached(goal(6, None)));
        assert_eq!((ledger.executed(), ledger.panicked(), ledger.stretches()), (5, 1, 0));
    }

    #[test]
    fn every_order_of_finishing_gives_the_same_answers() {
        const N: u64 = if cfg!(miri) { 4 } else { 7 };
        // Heap's algorithm over all orders.
        fn orders(k: usize, order: &mut Vec<u64>, check: &mut dyn FnMut(&[u64])) {
            if k <= 1 {
                return check(order);
            }
            for i in 0..k {
                orders(k - 1, order, check);
                order.swap(if k % 2 == 0 { i } else { 0 }, k - 1);
            }
        }
        orders(N as usize, &mut (0..N).collect(), &mut |order| {
            let mut ledger = Ledger::new();
            for (done, &ticket) in order.iter().enumerate() {
                ledger.finish(ticket, false);
                let finished = &order[..=done];
                for below in 0..=N {
                    for except in std::iter::once(None).chain((0..N).map(Some)) {
                        // An excuse is only ever asked for a ticket that is still running.
                        if except.is_some_and(|e| finished.contains(&e)) {
                            continue;
                        }
                        let want = (0..below).all(|t| finished.contains(&t) || except == Some(t));
                        assert_eq!(ledger.reached(goal(below, except)), want, "{finished:?} {below} {except:?}");
                    }
                }
            }
        });
    }

    #[test]
    fn one_unfinished_ticket_costs_one_stretch() {
        let mut ledger = Ledger::new();
        for ticket in (1..1000).rev() {
            ledger.finish(ticket, false);
            assert_eq!(ledger.stretches(), 1);
        }
    }

    #[test]
    fn finish_tells_when_a_watched_goal_is_reached() {
        let mut ledger = Ledger::new();
        let (a, b) = (goal(2, None), goal(3, Some(2)));
        ledger.watch(a);
        ledger.watch(b);
        assert!(!ledger.finish(1, false));
        assert!(ledger.finish(0, false), "tickets 0 and 1 are all that either waits for");
        ledger.unwatch(a);
        ledger.unwatch(b);
        assert_eq!(ledger.waiting(), 0);
        assert!(!ledger.finish(2, false), "nobody waits any more");
    }
}
