//! Spreads groups evenly over cores.
//!
//! Slices of a group are as large as the plan lets them be, and each goes to the first core in use that has room for it,
//! else to a new one. Groups that work in the same step find no time left on each other's cores and come to lie side by
//! side; those of other steps come to lie on the same cores, until these are full. So a layer uses as many cores as its
//! slices are, and all cores work for all layers.
//!
//! Source: first fit for bins of several dimensions (Garey, Graham, Johnson and Yao 1976). Ours differs in that what items
//! take is not a sum, since slices share input axons and microcode, and that an item may be cut smaller to fill a core.

use seamount_ir::network::GroupId;

use crate::demand::Load;
use crate::fill::Part;
use crate::plan::Frame;

/// How slices are spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Evenly {
    /// Least part of a slice's size that is put on a core that others share.
    pub(crate) least: f64,
    /// Cores that are looked at for a slice: those before are taken as full.
    pub(crate) n_open: usize,
}

/// Spreads all groups, in the order of the data, over as many cores as they need.
///
/// Gives nothing if not even one neuron of a group fits an empty core, or more than `most_cores` are needed.
pub(crate) fn spread(frame: Frame<'_>, style: Evenly, most_cores: usize) -> Option<Vec<Vec<Part>>> {
    let mut spreader = Spreader { frame, style, cores: Vec::new(), loads: Vec::new() };
    for group in frame.demand.on_chips() {
        spreader.put(group)?;
        if spreader.cores.len() > most_cores {
            return None;
        }
    }
    Some(spreader.cores)
}

struct Spreader<'a> {
    frame: Frame<'a>,
    style: Evenly,
    cores: Vec<Vec<Part>>,
    loads: Vec<Load>,
}

impl Spreader<'_> {
    fn put(&mut self, group: GroupId) -> Option<()> {
        let n_neurons = self.frame.demand.group(group).n_neurons;
        let size = self.frame.plan.most_neurons[group.index()].min(n_neurons);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a part of a number of neurons"
        )]
        let least = (size as f64 * self.style.least).ceil() as usize;
        let mut left = n_neurons;
        let mut core = self.cores.len().saturating_sub(self.style.n_open);
        // What the core before held, and that the slice did not fit it: alike cores follow each other.
        let mut full: Option<usize> = None;
        while left > 0 && core < self.cores.len() {
            let wanted = size.min(left);
            let is_alike = full.is_some_and(|full| self.cores[full] == self.cores[core]);
            if !is_alike {
                let room = self.frame.room(&self.loads[core], group, wanted);
                if room >= least.min(wanted) && room > 0 {
                    self.add(core, group, room);
                    left -= room;
                } else {
                    full = Some(core);
                }
            }
            core += 1;
        }
        while left > 0 {
            let room = self.frame.room(&Load::default(), group, size.min(left));
            if room == 0 {
                return None;
            }
            self.cores.push(Vec::new());
            self.loads.push(Load::default());
            self.add(self.cores.len() - 1, group, room);
            left -= room;
        }
        Some(())
    }

    fn add(&mut self, core: usize, group: GroupId, n_neurons: usize) {
        let with = self.frame.with(&self.loads[core], group, n_neurons);
        self.loads[core] = with.expect("invariant: there was room");
        self.cores[core].push((group, n_neurons));
    }
}
