//! What ports have sent: rows of payloads, kept until all have heard them.

use super::kernels::{Extent, Kernel};
use super::tally::Tally;

/// What one port of a part has sent to one stream, a row for each step in which anything was sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    rows: Vec<Row>,
    /// The payloads of the last rows, zero where nothing was sent, `[row][lane]`; those of lanes that are nobody's mean
    /// nothing. Where nobody asks for more than sums, only rows that may still be on their way when the run is over have any.
    payloads: Vec<i32>,
    n_lanes: usize,
    pub tally: Tally,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    step: u64,
    extent: Extent,
}

impl Sent {
    /// Adds a row; steps ascend. Its payloads are not kept if they need not be.
    #[inline(always)]
    pub(super) fn push(&mut self, step: u64, payloads: &[i32], extent: Extent, must_keep: bool) {
        self.rows.push(Row { step, extent });
        if must_keep || !self.payloads.is_empty() {
            self.payloads.extend_from_slice(payloads);
            self.n_lanes = payloads.len();
        }
    }

    /// Adds payloads to the last row, if it is of a step and its payloads were kept; `extent` gives what the row's is then.
    ///
    /// A second message on the same axon is the same to the sums as one with the sum of the payloads.
    pub(super) fn add(&mut self, step: u64, payloads: &[i32], extent: impl FnOnce(&[i32]) -> Extent) -> bool {
        let Some(last) = self.rows.last_mut().filter(|row| row.step == step) else { return false };
        let first = self.payloads.len() - payloads.len();
        let sums = &mut self.payloads[first..];
        sums.iter_mut().zip(payloads).for_each(|(sum, payload)| *sum += payload);
        last.extent = extent(sums);
        true
    }

    /// Asks for the memory that the next row will be written to.
    pub(super) fn fetch(&mut self, kernel: Kernel) {
        let n_lanes = self.n_lanes;
        let payloads = self.payloads.spare_capacity_mut();
        kernel.fetch(payloads.get(..n_lanes).unwrap_or_default());
        kernel.fetch(self.rows.spare_capacity_mut().get(..1).unwrap_or_default());
        self.tally.fetch(kernel);
    }

    /// The steps of the rows, ascending.
    pub(super) fn steps(&self) -> impl Iterator<Item = u64> + use<'_> {
        self.rows.iter().map(|row| row.step)
    }

    /// What was sent in a step, if anything was: the payloads, none if they were not kept, and their extent.
    pub(super) fn in_step(&self, step: u64) -> Option<(&[i32], Extent)> {
        let row = self.rows.binary_search_by_key(&step, |row| row.step).ok()?;
        let payloads = row.checked_sub(self.n_without_payloads()).map(|at| &self.payloads[at * self.n_lanes..]);
        Some((payloads.map_or(&[], |payloads| &payloads[..self.n_lanes]), self.rows[row].extent))
    }

    /// The rows whose payloads were kept.
    pub(super) fn kept(&self) -> impl Iterator<Item = (u64, &[i32])> {
        self.steps().skip(self.n_without_payloads()).zip(self.payloads.chunks_exact(self.n_lanes.max(1)))
    }

    /// Forgets the rows of steps before `step`.
    pub(super) fn forget_before(&mut self, step: u64) {
        let n = self.rows.partition_point(|row| row.step < step);
        if n > 0 {
            let n_kept = n.saturating_sub(self.n_without_payloads());
            self.payloads.drain(..n_kept * self.n_lanes);
            self.rows.drain(..n);
        }
    }

    fn n_without_payloads(&self) -> usize {
        self.rows.len() - self.payloads.len() / self.n_lanes.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(payloads: &[i32]) -> Extent {
        Extent::of(payloads)
    }

    #[test]
    fn rows_without_payloads_come_before_those_with_some() {
        let mut sent = Sent::default();
        let rows = [[1, 2], [3, 4], [5, 6], [7, 8]];
        for (step, (row, must_keep)) in rows.iter().zip([false, false, true, false]).enumerate() {
            sent.push(10 * step as u64, row, extent(row), must_keep);
        }
        assert_eq!(sent.kept().collect::<Vec<_>>(), [(20, &[5, 6][..]), (30, &[7, 8])]);
        assert_eq!(sent.in_step(10), Some((&[][..], extent(&[3, 4]))));
        assert_eq!(sent.in_step(30), Some((&[7, 8][..], extent(&[7, 8]))));
        assert_eq!(sent.in_step(15), None);
        assert!(sent.add(30, &[1, -8], extent));
        assert!(!sent.add(40, &[1, 1], extent));
        sent.forget_before(30);
        assert_eq!(sent.kept().collect::<Vec<_>>(), [(30, &[8, 0][..])]);
        assert_eq!(sent.in_step(20), None);
        sent.forget_before(31);
        assert_eq!(sent.steps().count(), 0);
        sent.push(50, &[9, 9], extent(&[9, 9]), false);
        assert_eq!(sent.in_step(50), Some((&[][..], extent(&[9, 9]))));
    }
}
