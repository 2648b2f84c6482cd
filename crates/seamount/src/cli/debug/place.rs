//! Where a breakpoint is, and what can be printed.

use std::fmt;

use seamount::record::near;
use seamount_emulator::Position;
use seamount_program::Program;

/// Where a program stops: on a core or in a group, at an address of its microcode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Breakpoint {
    pub(super) place: Place,
    pub(super) pc: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Every neuron of a core.
    Core(u32),
    /// Every neuron of a group, or one.
    Group { group: u32, name: String, neuron: Option<u32> },
}

impl Breakpoint {
    /// Reads `CORE`, `GROUP` or `GROUP[NEURON]`, and perhaps `:PC`.
    pub(super) fn parse(program: &Program, text: &str) -> Result<Self, String> {
        let (place, pc) = match text.rsplit_once(':') {
            Some((place, pc)) => {
                let digits = pc.strip_prefix('@').unwrap_or(pc);
                (place, digits.parse().map_err(|_| format!("`{pc}` is no address of an instruction"))?)
            }
            None => (text, 0),
        };
        let (place, n_instructions) = if let Ok(core) = place.parse::<u32>() {
            let Some(found) = program.cores.get(core as usize) else {
                return Err(format!("core {core} of {} that there are", program.cores.len()));
            };
            let lengths = found.slices.iter().filter_map(|slice| program.body_of(slice.group));
            (Place::Core(core), lengths.map(|body| body.instructions.len()).max().unwrap_or(0))
        } else {
            let (name, neuron) = indexed(place)?;
            let group = group_of(program, name)?;
            let n_neurons = program.groups[group as usize].n_neurons;
            if let Some(neuron) = neuron.filter(|&neuron| neuron >= n_neurons) {
                return Err(format!("neuron {neuron} of the {n_neurons} of `{name}`"));
            }
            let n_instructions = program.body_of(group).map_or(0, |body| body.instructions.len());
            (Place::Group { group, name: name.to_owned(), neuron }, n_instructions)
        };
        if pc >= n_instructions {
            return Err(format!("address {pc}, the microcode there has {n_instructions} instructions"));
        }
        Ok(Self { place, pc })
    }

    /// Whether it may stop a neuron of a group.
    pub(super) fn is_in(&self, program: &Program, group: u32) -> bool {
        match self.place {
            Place::Core(core) => program.cores[core as usize].slices.iter().any(|slice| slice.group == group),
            Place::Group { group: of, .. } => of == group,
        }
    }

    /// Whether it may stop the neuron that runs.
    pub(super) fn concerns(&self, at: &Position) -> bool {
        match self.place {
            Place::Core(core) => core == at.core,
            Place::Group { group, name: _, neuron } => {
                group == at.group && neuron.is_none_or(|neuron| neuron == at.neuron)
            }
        }
    }
}

impl fmt::Display for Breakpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Core(core) => write!(f, "core {core}")?,
            Place::Group { group: _, name, neuron: None } => f.write_str(name)?,
            Place::Group { group: _, name, neuron: Some(neuron) } => write!(f, "{name}[{neuron}]")?,
        }
        write!(f, " @{}", self.pc)
    }
}

/// The number of a group.
pub(super) fn group_of(program: &Program, name: &str) -> Result<u32, String> {
    let names = program.groups.iter().map(|group| group.name.as_str());
    let found = (0..).zip(names.clone()).find(|&(_, group)| group == name);
    found.map(|(group, _)| group).ok_or_else(|| {
        let near = near(name, names);
        format!("no group is called `{name}`; there is `{}`", near.join("`, `"))
    })
}

/// A name, and a neuron in brackets if there is one.
pub(super) fn indexed(text: &str) -> Result<(&str, Option<u32>), String> {
    match text.strip_suffix(']').and_then(|text| text.split_once('[')) {
        Some((name, neuron)) => {
            let neuron = neuron.parse().map_err(|_| format!("`{neuron}` is no number of a neuron"))?;
            Ok((name, Some(neuron)))
        }
        None => Ok((text, None)),
    }
}

/// Core, slice and number in the slice of a group's neuron.
pub(super) fn home_of(program: &Program, group: u32, neuron: u32) -> Option<(u32, u32, u32)> {
    (0..).zip(&program.cores).find_map(|(core_idx, core)| {
        (0..).zip(&core.slices).find_map(|(slice_idx, slice)| {
            let in_slice = neuron.checked_sub(slice.first_neuron)?;
            (slice.group == group && in_slice < slice.n_neurons).then_some((core_idx, slice_idx, in_slice))
        })
    })
}
