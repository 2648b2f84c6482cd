//! What the debugger shows.

use std::fmt::Write as _;

use seamount::record::near;
use seamount::tokens::TextTokens;
use seamount_emulator::{Debugger, Events, Position};
use seamount_microcode::{Body, Instr, SlotKind};
use seamount_program::{Place, Program};

/// Tokens of logits that are shown.
const N_LIKELIEST: usize = 3;
/// Instructions that are shown before the next one, and from it on.
const BEFORE: usize = 5;
const AFTER: usize = 11;

/// The next instruction, and where it is.
pub(super) fn position(program: &Program, at: Position) -> String {
    let Position { step, core, slice: _, group, neuron, pc } = at;
    let name = &program.groups[group as usize].name;
    let instr = body(program, group).instructions.get(pc);
    let text = instr.map(|instr| instruction(program, group, instr)).unwrap_or_default();
    format!("step {step}, core {core}, {name}[{neuron}] @{pc}: {text}")
}

/// An instruction with the name of its operand.
fn instruction(program: &Program, group: u32, instr: &Instr) -> String {
    let name = body(program, group).operand_name(instr);
    name.map_or_else(|| instr.to_string(), |name| format!("{instr}  ; {name}"))
}

/// All of a group's microcode, or what is around the next instruction.
pub(super) fn microcode(program: &Program, group: u32, next: Option<usize>, breaks: impl Fn(usize) -> bool) -> String {
    let mut text = String::new();
    let near = |pc: usize| next.is_none_or(|next| (next.saturating_sub(BEFORE)..next + AFTER).contains(&pc));
    for (pc, instr) in body(program, group).instructions.iter().enumerate().filter(|&(pc, _)| near(pc)) {
        let arrow = if next == Some(pc) { "=>" } else { "  " };
        let dot = if breaks(pc) { '*' } else { ' ' };
        _ = writeln!(text, "{arrow}{dot}@{pc:<3} {}", instruction(program, group, instr));
    }
    text
}

/// Those that the microcode writes.
pub(super) fn registers(debugger: &Debugger, at: Position) -> String {
    let written = body(debugger.program(), at.group).instructions.iter().filter_map(Instr::written_register);
    let n_registers = written.map(|reg| reg.index() + 1).max().unwrap_or(0);
    let values = debugger.registers().iter().take(n_registers).enumerate();
    let values: Vec<String> = values.map(|(number, value)| format!("r{number} = {value}")).collect();
    format!("{}\nflag = {}", values.join("  "), debugger.flag())
}

pub(super) fn accumulators(debugger: &Debugger, at: Position) -> String {
    let (_, accumulators) = memory(debugger, at);
    let names = body(debugger.program(), at.group).accumulators.iter().enumerate();
    names.zip(accumulators).fold(String::new(), |mut text, ((number, name), value)| {
        _ = writeln!(text, "a{number} {name} = {value}");
        text
    })
}

pub(super) fn slots(debugger: &Debugger, at: Position) -> String {
    let (slots, _) = memory(debugger, at);
    let names = body(debugger.program(), at.group).slots.iter().enumerate();
    names.zip(slots).fold(String::new(), |mut text, ((number, slot), value)| {
        let kind = if slot.kind == SlotKind::Param { "  (parameter)" } else { "" };
        _ = writeln!(text, "s{number} {} = {value}{kind}", slot.name);
        text
    })
}

/// A register, slot or accumulator of the neuron that runs, by number or name.
pub(super) fn operand(debugger: &Debugger, at: Position, text: &str) -> Option<String> {
    let (slots, accumulators) = memory(debugger, at);
    let number = text.strip_prefix('r').and_then(|number| number.parse::<usize>().ok());
    if let Some(value) = number.and_then(|number| debugger.registers().get(number)) {
        return Some(format!("{text} = {value}"));
    }
    if text == "flag" {
        return Some(format!("flag = {}", debugger.flag()));
    }
    value(body(debugger.program(), at.group), slots, accumulators, text).map(|value| format!("{text} = {value}"))
}

/// A slot or accumulator of a neuron, by number or name.
pub(super) fn value(body: &Body, slots: &[i32], accumulators: &[i32], text: &str) -> Option<i32> {
    let number = |letter: char| text.strip_prefix(letter).and_then(|number| number.parse::<usize>().ok());
    let slot = body.slot(text).map(|slot| slot.index()).or_else(|| number('s'));
    let accumulator = body.accumulator(text).map(|acc| acc.index()).or_else(|| number('a'));
    slot.and_then(|slot| slots.get(slot)).or_else(|| accumulators.get(accumulator?)).copied()
}

/// That a group has no such slot or accumulator.
pub(super) fn unknown(body: &Body, group: &str, value: &str) -> String {
    let names = body.slots.iter().map(|slot| &slot.name).chain(&body.accumulators).map(String::as_str);
    format!("`{group}` has no `{value}`; there is `{}`", near(value, names).join("`, `"))
}

pub(super) fn logits(program: &Program, tokens: Option<&TextTokens>, step: u64, logits: &[i32]) -> String {
    let mut likeliest: Vec<(usize, i32)> = logits.iter().copied().enumerate().collect();
    likeliest.sort_by_key(|&(token, logit)| (std::cmp::Reverse(logit), token));
    let shown = likeliest.iter().take(N_LIKELIEST).map(|&(token, logit)| {
        let text = u32::try_from(token).ok().and_then(|token| tokens?.text(&[token]).ok());
        let text = text.map(|text| format!(" {text:?}")).unwrap_or_default();
        format!("{token}{text} {:.3}", f64::from(logit) * program.host.logit_scale)
    });
    format!("step {step} gave logits; likeliest: {}\n", shown.collect::<Vec<_>>().join(", "))
}

pub(super) fn cores(program: &Program) -> String {
    let mut text = String::new();
    for (core_idx, core) in program.cores.iter().enumerate() {
        let place = match core.place {
            Place::Chip { chip, core } => format!("chip {chip} neurocore {core}"),
            Place::Host => "host".to_owned(),
        };
        _ = writeln!(text, "core {core_idx}: {place}, {} neurons, {} axons", core.n_neurons(), core.n_axons());
        for slice in &core.slices {
            let (name, end) = (&program.groups[slice.group as usize].name, slice.first_neuron + slice.n_neurons);
            _ = writeln!(text, "  {name}[{}..{end}]", slice.first_neuron);
        }
    }
    text
}

pub(super) fn groups(program: &Program) -> String {
    program.groups.iter().fold(String::new(), |mut text, group| {
        _ = writeln!(text, "{}: {} neurons", group.name, group.n_neurons);
        text
    })
}

pub(super) fn events(program: &Program, events: &[Events]) -> String {
    let mut text = format!("{:>5}{:>12}{:>20}{:>14}\n", "core", "spikes", "synaptic operations", "instructions");
    for (core, events) in events.iter().enumerate().take(program.cores.len()) {
        let Events { spikes, synaptic_ops, instructions, .. } = events;
        _ = writeln!(text, "{core:>5}{spikes:>12}{synaptic_ops:>20}{instructions:>14}");
    }
    text
}

fn body(program: &Program, group: u32) -> &Body {
    program.body_of(group).expect("invariant: a verified program's groups have bodies")
}

/// Slots and accumulators of the neuron that runs.
fn memory(debugger: &Debugger, at: Position) -> (&[i32], &[i32]) {
    let slice = &debugger.program().cores[at.core as usize].slices[at.slice as usize];
    let neuron = at.neuron - slice.first_neuron;
    (debugger.slots(at.core, at.slice, neuron), debugger.accumulators(at.core, at.slice, neuron))
}
