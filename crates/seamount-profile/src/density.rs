//! How often neurons send.

use seamount_program::Program;

/// By group and port, the share of the neurons that send in a step in which the group works, 0 to 1.
///
/// A payload of zero is not sent, so that sparse payloads save work.
#[derive(Clone, Debug, PartialEq)]
pub struct Densities {
    by_group: Vec<Vec<f64>>,
}

impl Densities {
    /// Every neuron sends: no payload is zero.
    ///
    /// Only what the program itself rules out is left out: a port on which nothing but the first neuron can send would be
    /// known from its parameters alone, which are not read here.
    #[must_use]
    pub fn full(program: &Program) -> Self {
        let groups = (0..).zip(&program.groups);
        let n_ports = |group: u32| program.body_of(group).map_or(0, |body| body.ports.len());
        Self { by_group: groups.map(|(group, _)| vec![1.0; n_ports(group)]).collect() }
    }

    /// The shares that a program's record has, every neuron for ports that it does not name.
    #[must_use]
    pub fn recorded(program: &Program) -> Self {
        let mut densities = Self::full(program);
        for (group, shares) in program.groups.iter().zip(&mut densities.by_group) {
            let recorded = program.meta.densities.get(&group.name);
            for (share, &recorded) in shares.iter_mut().zip(recorded.into_iter().flatten()) {
                *share = recorded.clamp(0.0, 1.0);
            }
        }
        densities
    }

    /// The share of a port, by their numbers in the program; 1 if there is no such port.
    #[must_use]
    pub fn get(&self, group: u32, port: usize) -> f64 {
        let shares = self.by_group.get(crate::index(group));
        shares.and_then(|shares| shares.get(port)).copied().unwrap_or(1.0)
    }

    /// Sets the share of a port; nothing happens if there is no such port.
    pub fn set(&mut self, group: u32, port: usize, share: f64) {
        if let Some(known) = self.by_group.get_mut(crate::index(group)).and_then(|shares| shares.get_mut(port)) {
            *known = share;
        }
    }
}
