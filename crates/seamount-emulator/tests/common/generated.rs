//! Programs by chance: any body, any weights, any routes.

#![expect(clippy::cast_possible_truncation, reason = "all numbers are small")]

use std::sync::Arc;

use seamount_arch::Arch;
use seamount_microcode::{
    AccId, Body, Condition, Instr, Machine, Polarity, PortId, ProbeId, Reg, Rounding, Slot, SlotDecl, SlotKind, Src,
    semantics::Word, verify,
};
use seamount_program::{
    Core, Dest, Encoding, Group, HOST_OUTPUT, Host, Meta, Program, Routes, Slice, SynapseBlock, rows,
};

use super::on_core;

const N_REGISTERS: u8 = 5;

/// SplitMix64: enough chance for tests, and the same everywhere.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u32) -> u32 {
        u32::try_from(self.next() % u64::from(n.max(1))).expect("less than a u32")
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }

    /// A small number, or one of some bits.
    fn word(&mut self, bits: u32) -> i32 {
        let bits = if self.once_in(3) { bits } else { bits.min(6) };
        self.below(1 << bits).cast_signed() - (1 << (bits - 1))
    }

    fn byte(&mut self, n: usize) -> u8 {
        u8::try_from(self.below(u32::try_from(n).expect("few"))).expect("a byte")
    }

    fn reg(&mut self) -> Reg {
        Reg(self.byte(usize::from(N_REGISTERS)))
    }

    fn src(&mut self, bits: u32) -> Src {
        if self.once_in(2) { Src::Reg(self.reg()) } else { Src::Imm(self.word(bits)) }
    }
}

/// A program of up to five groups on up to three cores, in a circle or not.
pub fn program(chance: &mut Chance, arch: &Arch) -> Arc<Program> {
    let width = 1 + chance.below(5);
    let vocab_size = 4;
    let bits = arch.register_bits();
    let n_cores = 1 + chance.below(3);
    let mut groups = Vec::new();
    let mut bodies = Vec::new();
    let mut cores: Vec<Core> = (0..n_cores)
        .map(|core| Core {
            place: if core == 2 && chance.once_in(3) { seamount_program::Place::Host } else { on_core(7 * core) },
            slices: Vec::new(),
            synapse_blocks: Vec::new(),
            synapses: Default::default(),
            routes: Routes::default(),
        })
        .collect();
    for group in 0..1 + chance.below(5) {
        let body = body(chance, bits, arch.payload_bits_max());
        let n_neurons = match chance.below(6) {
            0 => 1,
            1 => 16,
            2 => 250 + chance.below(400),
            _ => 2 + chance.below(38),
        };
        // Up to four slices.
        let mut bounds = vec![0, n_neurons];
        if chance.once_in(2) {
            bounds.extend((0..3).map(|_| chance.below(n_neurons)));
        }
        bounds.sort_unstable();
        bounds.dedup();
        for range in bounds.windows(2).map(|ends| ends[0]..ends[1]) {
            let n = range.len() as u32;
            let n_slots = body.slots.len() as u32 * n;
            let slots = (0..n_slots).map(|_| if chance.once_in(2) { 0 } else { chance.word(bits) }).collect();
            let slice = Slice { group, first_neuron: range.start, n_neurons: n, slots };
            cores[chance.below(n_cores) as usize].slices.push(slice);
        }
        groups.push(Group { name: format!("g{group}"), layer: None, body: group, n_neurons });
        bodies.push(body);
    }
    for core in &mut cores {
        blocks(chance, core, &groups, &bodies, arch);
    }
    let n_axons: Vec<u32> = cores.iter().map(|core| u32::try_from(core.n_axons()).expect("few")).collect();
    let n_outputs = 1 + chance.below(8);
    // Only what is sent forward keeps the groups out of a circle.
    let is_circular = chance.once_in(4);
    let mut n_heard = vec![0; n_outputs as usize];
    let mut n_on_axon: Vec<Vec<u32>> = n_axons.iter().map(|&n| vec![0; n as usize]).collect();
    for core_idx in 0..cores.len() {
        let mut lists = Vec::new();
        for slice in cores[core_idx].slices.clone() {
            for _ in 0..bodies[slice.group as usize].ports.len() {
                let regular =
                    chance.once_in(2).then(|| dest(chance, &cores, &n_axons, slice.group, is_circular)).flatten();
                for neuron in 0..slice.n_neurons {
                    let mut dests = Vec::new();
                    if let Some(Dest { core_idx, axon }) = regular {
                        let n = n_axons[core_idx as usize];
                        let next = Dest { core_idx, axon: axon + neuron };
                        if next.axon < n && leads_forward(&cores, next, slice.group, is_circular) {
                            dests.push(next);
                        }
                    } else {
                        for _ in 0..chance.below(3) {
                            dests.extend(dest(chance, &cores, &n_axons, slice.group, is_circular));
                        }
                    }
                    // Rarely more than fit in 32 bits together.
                    dests.retain(|dest| {
                        let n = &mut n_on_axon[dest.core_idx as usize][dest.axon as usize];
                        *n += 1;
                        *n < 30 || chance.once_in(1000)
                    });
                    let output = chance.below(n_outputs);
                    if chance.once_in(4) && n_heard[output as usize] < 12 {
                        n_heard[output as usize] += 1;
                        dests.push(Dest { core_idx: HOST_OUTPUT, axon: output });
                    }
                    lists.push(dests);
                }
            }
        }
        cores[core_idx].routes = Routes::from_lists(lists);
    }
    let mut from_host = |n: u32| -> Vec<Vec<Dest>> {
        let mut dests = || (0..1 + chance.below(3)).filter_map(|_| any_dest(chance, &n_axons)).collect();
        (0..n).map(|_| dests()).collect()
    };
    let input = Routes::from_lists(from_host(width));
    let tick = from_host(1).remove(0);
    let host = Host {
        vocab_size,
        width,
        embedding: (0..vocab_size * width).map(|_| chance.word(16) as i16).collect(),
        input,
        tick,
        n_outputs,
        logit_scale: 1.0,
        latency_steps: if chance.once_in(8) { 2 } else { 1 },
        bos_id: None,
        eos_id: None,
    };
    let (arch, meta) = (arch.clone(), Meta::default());
    Arc::new(Program { arch, meta, bodies, groups, cores, host, tokenizer: None })
}

fn any_dest(chance: &mut Chance, n_axons: &[u32]) -> Option<Dest> {
    let core_idx = chance.below(n_axons.len() as u32);
    let n = n_axons[core_idx as usize];
    (n > 0).then(|| Dest { core_idx, axon: chance.below(n) })
}

fn dest(chance: &mut Chance, cores: &[Core], n_axons: &[u32], from: u32, is_circular: bool) -> Option<Dest> {
    any_dest(chance, n_axons).filter(|&dest| leads_forward(cores, dest, from, is_circular))
}

fn leads_forward(cores: &[Core], dest: Dest, from: u32, is_circular: bool) -> bool {
    let core = &cores[dest.core_idx as usize];
    let hears = |block: &&SynapseBlock| (block.first_axon..block.first_axon + block.n_axons).contains(&dest.axon);
    let mut slices = core.synapse_blocks.iter().filter(hears).map(|block| &core.slices[block.slice as usize]);
    is_circular || slices.all(|slice| slice.group > from)
}

/// Up to three blocks for each slice.
fn blocks(chance: &mut Chance, core: &mut Core, groups: &[Group], bodies: &[Body], arch: &Arch) {
    let mut image = rows::ImageBuilder::new(arch.synapse_row_align_bytes());
    let mut first_axon = 0;
    for (slice_idx, slice) in core.slices.iter().enumerate() {
        let body = &bodies[groups[slice.group as usize].body as usize];
        for _ in 0..1 + chance.below(3) {
            let n = slice.n_neurons as usize;
            let n_axons = 1 + if chance.once_in(3) { chance.below(70) } else { chance.below(6) };
            let is_shared = chance.once_in(4);
            let n_rows = if is_shared { 1 } else { n_axons };
            let encoding = match chance.below(3) {
                0 => Encoding::Dense2,
                1 => Encoding::Dense8,
                _ => Encoding::Sparse { n_per_row: 1 + chance.below(3) },
            };
            let mut offset = None;
            let mut row_bytes = 0;
            for _ in 0..n_rows {
                let row = match encoding {
                    Encoding::Dense2 => {
                        let weights: Vec<i8> = (0..n).map(|_| chance.below(3) as i8 - 1).collect();
                        rows::pack_dense2(&weights).expect("ternary weights")
                    }
                    Encoding::Dense8 => {
                        let weights: Vec<i8> = (0..n).map(|_| chance.word(8) as i8).collect();
                        rows::pack_dense8(&weights)
                    }
                    Encoding::Sparse { n_per_row } => {
                        let entry = |_| (chance.below(slice.n_neurons) as u16, chance.word(8) as i8);
                        rows::pack_sparse(&(0..n_per_row).map(entry).collect::<Vec<_>>())
                    }
                };
                row_bytes = row.len();
                let at = image.push(&row);
                offset.get_or_insert(at);
            }
            core.synapse_blocks.push(SynapseBlock {
                slice: slice_idx as u32,
                acc: AccId(chance.byte(body.accumulators.len())),
                first_axon,
                n_axons,
                encoding,
                row_stride_bytes: if is_shared { 0 } else { image.stride_bytes(row_bytes) as u32 },
                offset_bytes: offset.expect("a row"),
                delay_steps: if chance.once_in(3) { chance.below(4) } else { 0 },
            });
            first_axon += n_axons;
        }
    }
    core.synapses = image.finish();
}

/// A body of any instructions that keeps the verifier's rules.
fn body(chance: &mut Chance, bits: u32, payload_bits: u32) -> Body {
    let names = |prefix: &str, n: u32| (0..n).map(|k| format!("{prefix}{k}x")).collect::<Vec<_>>();
    let n_accumulators = 1 + chance.below(3);
    let mut body = Body {
        name: "chance".to_owned(),
        accumulators: names("a", n_accumulators),
        slots: names("s", chance.below(4))
            .into_iter()
            .map(|name| SlotDecl { name, kind: if chance.once_in(3) { SlotKind::Param } else { SlotKind::State } })
            .collect(),
        ports: names("p", 1 + chance.below(2)),
        probes: names("q", 1),
        instructions: Vec::new(),
    };
    // A tick, or none.
    if chance.once_in(2) {
        body.instructions.push(Instr::Rdc { rd: Reg(0), acc: AccId(0) });
        let delays = body.slots.iter().position(|slot| slot.kind == SlotKind::State);
        if let Some(slot) = delays.filter(|_| chance.once_in(2)) {
            body.instructions.push(Instr::RmwXchg { rd: Reg(0), slot: Slot(slot as u8), ra: Reg(0) });
        }
        body.instructions.push(Instr::Eq { ra: Reg(0), src: Src::Imm(0) });
        body.instructions.push(Instr::JmpC { when: Condition::True, target: u16::MAX, max: None });
    }
    for reg in 0..N_REGISTERS {
        let rd = Reg(reg);
        let instr = match chance.below(3) {
            0 => Instr::Rdc { rd, acc: AccId(chance.byte(body.accumulators.len())) },
            1 if !body.slots.is_empty() => Instr::RmwLd { rd, slot: Slot(chance.byte(body.slots.len())) },
            _ => Instr::Mov { rd, src: Src::Imm(chance.word(bits)) },
        };
        body.instructions.push(instr);
    }
    body.instructions.push(Instr::Lt { ra: chance.reg(), src: chance.src(bits) });
    let n = 4 + chance.below(20);
    let first = body.instructions.len() as u16;
    for _ in 0..n {
        let instr = instr(chance, &body, bits, first, body.instructions.len() as u16);
        if let Instr::Spike { ra, .. } = instr {
            narrow(chance, &mut body, ra, bits, payload_bits);
        }
        body.instructions.push(instr);
    }
    // The last one may not skip over the end.
    let ra = chance.reg();
    narrow(chance, &mut body, ra, bits, payload_bits);
    body.instructions.push(Instr::Spike { port: PortId(0), ra });
    let end = body.instructions.len() as u16;
    // Jumps beyond the end lead to it.
    for instr in &mut body.instructions {
        if let Instr::JmpC { target, .. } = instr {
            *target = end.min(*target);
        }
    }
    let machine = Machine { word: Word::new(bits).expect("a word"), n_registers: 16 };
    verify(body, &machine).expect("a valid body").into_inner()
}

/// Most payloads fit.
fn narrow(chance: &mut Chance, body: &mut Body, ra: Reg, bits: u32, payload_bits: u32) {
    if payload_bits < bits && !chance.once_in(20) {
        let places = payload_bits.cast_signed() - bits.cast_signed();
        body.instructions.push(Instr::Shl { rd: ra, ra, src: Src::Imm(places) });
    }
}

fn instr(chance: &mut Chance, body: &Body, bits: u32, first: u16, at: u16) -> Instr {
    let (rd, ra, src) = (chance.reg(), chance.reg(), chance.src(bits));
    let states =
        || body.slots.iter().enumerate().filter(|(_, slot)| slot.kind == SlotKind::State).map(|(k, _)| k as u8);
    let rounding = if chance.once_in(2) { Rounding::Floor } else { Rounding::HalfUp };
    match chance.below(24) {
        0..3 if states().next().is_some() => {
            let slots: Vec<u8> = states().collect();
            let slot = Slot(slots[chance.below(slots.len() as u32) as usize]);
            match chance.below(3) {
                0 => Instr::RmwSt { slot, ra },
                1 => Instr::RmwXchg { rd, slot, ra },
                _ => Instr::RmwAdd { rd, slot, ra },
            }
        }
        3 => Instr::Rdc { rd, acc: AccId(chance.byte(body.accumulators.len())) },
        4 => Instr::Sel { rd, ra, src },
        5 => Instr::And { rd, ra, src },
        6 => Instr::Or { rd, ra, src },
        7 => Instr::Shl { rd, ra, src: Src::Imm(chance.below(127).cast_signed() - 63) },
        8 => Instr::Shl { rd, ra, src: Src::Reg(chance.reg()) },
        9 => Instr::Neg { rd, ra },
        10 => Instr::Min { rd, ra, src },
        11..13 => Instr::MulShr { rd, ra, src, shift: chance.byte(48), rounding },
        13 => Instr::Lt { ra, src },
        14 => Instr::Ge { ra, src },
        15 => Instr::Eq { ra, src },
        16 => Instr::SkpC { when: if chance.once_in(2) { Polarity::True } else { Polarity::False } },
        17 => {
            let when = [Condition::True, Condition::False, Condition::Always][chance.below(3) as usize];
            Instr::JmpC { when, target: at + 1 + chance.below(9) as u16, max: None }
        }
        18 if at > first && chance.once_in(6) => {
            let when = if chance.once_in(2) { Condition::True } else { Condition::False };
            let target = first + chance.below(u32::from(at - first)) as u16;
            Instr::JmpC { when, target, max: Some(1 + chance.below(4) as u16) }
        }
        19 => Instr::Spike { port: PortId(chance.byte(body.ports.len())), ra },
        20 => Instr::Probe { probe: ProbeId(0), ra },
        _ => Instr::Add { rd, ra, src },
    }
}
