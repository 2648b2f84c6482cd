//! Saved states as bytes; `docs/state-format.md` describes each of them.
//!
//! What is read is held against the program: no state that is accepted holds a value that a run of the program could not
//! hold in the same place, so that neither engine has to doubt what was loaded.

use seamount_microcode::semantics::Word;
use seamount_microcode::{Body, SlotKind};
use seamount_program::{Place, Program, Slice};

use super::{CoreSnapshot, STATE_VERSION, SliceSnapshot, Snapshot, StateError};
use crate::events::Events;
use crate::fast::most_sent;
use crate::image::index;
use crate::reach::Reach;

const MAGIC: [u8; 8] = *b"SEASTATE";
const HEADER_BYTES: usize = 64;
const CRC_AT: usize = 56;

/// Counts and step numbers are below this, so that none can overflow in what is left of the universe's time.
const MOST: u64 = 1 << 60;

/// A state of a program as bytes, with the logits that came last, if any.
pub(crate) fn encode(program: &Program, snapshot: &Snapshot, logits: &[i32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(MAGIC);
    bytes.extend(STATE_VERSION.to_le_bytes());
    bytes.extend([0; 12]);
    bytes.extend(program.sha256());
    bytes.extend([0; HEADER_BYTES - CRC_AT]);

    let mut writer = Writer { bytes };
    writer.u64(snapshot.step);
    writer.list(&snapshot.due, |writer, &step| writer.u64(step));
    writer.list(&snapshot.tokens, |writer, &(step, token)| {
        writer.u64(step);
        writer.u32(token);
    });
    writer.list(logits, |writer, &logit| writer.i32(logit));
    writer.events(&snapshot.host_events);
    for (core, snapshot) in program.cores.iter().zip(&snapshot.cores) {
        writer.events(&snapshot.events);
        writer.u64(snapshot.arriving_ops);
        let spikes: Vec<_> = snapshot.spikes.iter().filter(|&(_, &payload)| payload != 0).collect();
        writer.list(&spikes, |writer, &(&(step, source), &payload)| {
            writer.u64(step);
            writer.u32(u32::try_from(source).expect("invariant: a route table has fewer than 2³² sources"));
            writer.u64(payload.cast_unsigned());
        });
        for (slice, snapshot) in core.slices.iter().zip(&snapshot.slices) {
            let states = states(body(program, slice));
            for slots in snapshot.slots.chunks_exact(states.len().max(1)) {
                slots.iter().zip(&states).filter(|&(_, &is_state)| is_state).for_each(|(&slot, _)| writer.i32(slot));
            }
            snapshot.accumulators.iter().for_each(|&value| writer.i32(value));
        }
    }

    let mut bytes = writer.bytes;
    let length = bytes.len() as u64;
    bytes[16..24].copy_from_slice(&length.to_le_bytes());
    let crc = checksum(&bytes);
    bytes[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// A state of a program, and the logits that came last.
///
/// # Errors
/// [`StateError`] for any bytes that [`encode`] does not write for some run of the program.
pub(crate) fn decode(program: &Program, bytes: &[u8]) -> Result<(Snapshot, Vec<i32>), StateError> {
    check_header(program, bytes)?;
    let mut reader = Reader { bytes, at: HEADER_BYTES };
    let reach = Reach::new(program);
    let step = reader.below(MOST, "a step")?;
    let due = read_due(&mut reader, program, step)?;
    let tokens = read_tokens(&mut reader, program, &reach, step)?;
    let logits = reader.list(4, Reader::i32)?;
    let n_outputs = index(program.host.n_outputs);
    if !logits.is_empty() && logits.len() != n_outputs {
        return Err(reader.error(format!("{} logits, the program has {n_outputs}", logits.len())));
    }
    let host_events = reader.events()?;
    let mut cores = Vec::with_capacity(program.cores.len());
    for (core_idx, core) in program.cores.iter().enumerate() {
        let mut snapshot = CoreSnapshot {
            events: reader.events()?,
            arriving_ops: reader.below(MOST, "a count")?,
            ..CoreSnapshot::default()
        };
        if core.place == Place::Host && snapshot.events != Events::default() {
            return Err(reader.error("what a core of the host counts is counted for the host".to_owned()));
        }
        read_spikes(&mut reader, program, core_idx, &reach, step, &mut snapshot)?;
        for slice in &core.slices {
            snapshot.slices.push(read_slice(&mut reader, program, slice)?);
        }
        cores.push(snapshot);
    }
    if reader.at != bytes.len() {
        return Err(reader.error(format!("{} bytes after the last value", bytes.len() - reader.at)));
    }
    Ok((Snapshot { step, due, tokens, host_events, cores }, logits))
}

fn check_header(program: &Program, bytes: &[u8]) -> Result<(), StateError> {
    if !bytes.starts_with(&MAGIC) {
        return Err(StateError::NotAState);
    }
    let found = bytes.len() as u64;
    let header: &[u8; HEADER_BYTES] =
        bytes.first_chunk().ok_or(StateError::Length { found, expected: HEADER_BYTES as u64 })?;
    let mut reader = Reader { bytes: header, at: MAGIC.len() };
    let version = reader.u32()?;
    if version != STATE_VERSION {
        return Err(StateError::Version { found: version });
    }
    let zero = reader.u32()?;
    let expected = reader.u64()?;
    if expected != found {
        return Err(StateError::Length { found, expected });
    }
    let sha256: [u8; 32] = reader.array()?;
    if reader.u32()? != checksum(bytes) || zero != 0 || reader.u32()? != 0 {
        return Err(StateError::Checksum);
    }
    let expected = program.sha256();
    if sha256 != expected {
        return Err(StateError::Program { found: hex(sha256), expected: hex(expected) });
    }
    Ok(())
}

/// A token's logits are due at most a latency after the step that it was sent in, which has passed.
fn read_due(reader: &mut Reader<'_>, program: &Program, step: u64) -> Result<Vec<u64>, StateError> {
    let end = step + u64::from(program.host.latency_steps) - 1;
    let due = reader.list(8, Reader::u64)?;
    match due.iter().find(|due| !(step..end).contains(due)) {
        Some(due) => Err(reader.error(format!("logits due in step {due}, expected {step} to before {end}"))),
        None if due.is_sorted_by(|a, b| a < b) => Ok(due),
        None => Err(reader.error("steps in which logits are due do not ascend".to_owned())),
    }
}

fn read_tokens(
    reader: &mut Reader<'_>,
    program: &Program,
    reach: &Reach,
    step: u64,
) -> Result<Vec<(u64, u32)>, StateError> {
    let tokens = reader.list(12, |reader| Ok((reader.u64()?, reader.u32()?)))?;
    for &(sent, token) in &tokens {
        if sent >= step || step - sent >= reach.host as u64 || token >= program.host.vocab_size {
            return Err(reader.error(format!("token {token}, sent in step {sent}, is not on its way in step {step}")));
        }
    }
    if tokens.is_sorted_by(|a, b| a.0 < b.0) {
        Ok(tokens)
    } else {
        Err(reader.error("the steps of tokens do not ascend".to_owned()))
    }
}

fn read_spikes(
    reader: &mut Reader<'_>,
    program: &Program,
    core_idx: usize,
    reach: &Reach,
    step: u64,
    snapshot: &mut CoreSnapshot,
) -> Result<(), StateError> {
    let spikes = reader.list(20, |reader| Ok(((reader.u64()?, reader.u32()?), reader.u64()?.cast_signed())))?;
    if !spikes.is_sorted_by(|a, b| a.0 < b.0) {
        return Err(reader.error("spikes are out of order".to_owned()));
    }
    if spikes.is_empty() {
        return Ok(());
    }
    let most = most_of_sources(program, core_idx);
    for ((sent, source), payload) in spikes {
        let (reach, most) = (reach.sources[core_idx].get(index(source)), most.get(index(source)));
        let (Some(&reach), Some(&most)) = (reach, most) else {
            let n_sources = program.cores[core_idx].routes.n_sources();
            return Err(reader.error(format!("source {source} of core {core_idx}, which has {n_sources}")));
        };
        if sent >= step || step - 1 - sent >= reach as u64 {
            return Err(
                reader.error(format!("a spike of source {source}, sent in step {sent}, has arrived before {step}"))
            );
        }
        if payload == 0 || payload.unsigned_abs() > most {
            return Err(
                reader.error(format!("source {source} sent {payload}, expected 1 to {most} or their negatives"))
            );
        }
        snapshot.spikes.insert((sent, index(source)), payload);
    }
    Ok(())
}

/// For each source of a core the largest magnitude of what it can send in a step; beyond 39 bits, what no neuron has the
/// time to send.
fn most_of_sources(program: &Program, core_idx: usize) -> Vec<u64> {
    let bits = program.arch.payload_bits_max().min(program.arch.register_bits());
    let largest = 1_u64 << (bits - 1);
    let mut most = Vec::new();
    for slice in &program.cores[core_idx].slices {
        let body = body(program, slice);
        for port in 0..body.ports.len() {
            let of_port = most_sent(body, port).saturating_mul(largest).min(1 << 39);
            most.resize(most.len() + index(slice.n_neurons), of_port);
        }
    }
    most
}

fn read_slice(reader: &mut Reader<'_>, program: &Program, slice: &Slice) -> Result<SliceSnapshot, StateError> {
    let valid = "invariant: an arch's words have 8 to 32 bits";
    let word = Word::new(program.arch.register_bits()).expect(valid);
    let accumulator = Word::new(program.arch.accumulator_bits()).expect(valid);
    let body = body(program, slice);
    let n_neurons = index(slice.n_neurons);
    let states = states(body);
    let n_states = states.iter().filter(|&&is_state| is_state).count();
    let mut read = reader.words(n_neurons * n_states, word, "a slot")?.into_iter();
    // Parameters are the program's.
    let mut slots = slice.slots.clone();
    for (slot, _) in slots.iter_mut().zip(states.iter().cycle()).filter(|&(_, &is_state)| is_state) {
        *slot = read.next().expect("invariant: as many as there are state slots");
    }
    let accumulators = reader.words(n_neurons * body.accumulators.len(), accumulator, "an accumulator")?;
    Ok(SliceSnapshot { slots, accumulators })
}

fn body<'a>(program: &'a Program, slice: &Slice) -> &'a Body {
    program.body_of(slice.group).expect("invariant: a verified program's groups have bodies")
}

/// For each slot whether microcode can write it.
fn states(body: &Body) -> Vec<bool> {
    body.slots.iter().map(|slot| slot.kind == SlotKind::State).collect()
}

/// Of all bytes but its own.
fn checksum(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..CRC_AT]);
    hasher.update(&bytes[CRC_AT + 4..]);
    hasher.finalize()
}

fn hex(bytes: [u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn u32(&mut self, value: u32) {
        self.bytes.extend(value.to_le_bytes());
    }

    fn i32(&mut self, value: i32) {
        self.bytes.extend(value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.bytes.extend(value.to_le_bytes());
    }

    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.u32(u32::try_from(items.len()).expect("invariant: a list has fewer than 2³² items"));
        items.iter().for_each(|item| write(self, item));
    }

    fn events(&mut self, events: &Events) {
        events.to_array().into_iter().for_each(|count| self.u64(count));
    }
}

/// Reads values; every read is checked against what is left, and so is every length before anything is allocated.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let bytes = self.bytes[self.at..].first_chunk().copied();
        let bytes = bytes.ok_or_else(|| self.error(format!("{N} bytes expected, the state ends")))?;
        self.at += N;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, StateError> {
        self.array().map(u32::from_le_bytes)
    }

    fn i32(&mut self) -> Result<i32, StateError> {
        self.array().map(i32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, StateError> {
        self.array().map(u64::from_le_bytes)
    }

    fn below(&mut self, end: u64, what: &str) -> Result<u64, StateError> {
        let value = self.u64()?;
        if value < end { Ok(value) } else { Err(self.error(format!("{what} is {value}, expected less than {end}"))) }
    }

    fn events(&mut self) -> Result<Events, StateError> {
        let mut counts = Events::default().to_array();
        for count in &mut counts {
            *count = self.below(MOST, "a count")?;
        }
        Ok(Events::from_array(counts))
    }

    /// A list whose items take `item_bytes` each.
    fn list<T>(
        &mut self,
        item_bytes: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, StateError>,
    ) -> Result<Vec<T>, StateError> {
        let n = index(self.u32()?);
        self.check_room(n, item_bytes)?;
        (0..n).map(|_| read(self)).collect()
    }

    /// `n` words of a width.
    fn words(&mut self, n: usize, word: Word, what: &str) -> Result<Vec<i32>, StateError> {
        self.check_room(n, 4)?;
        let (min, max) = (word.min(), word.max());
        let mut words = Vec::with_capacity(n);
        for _ in 0..n {
            let value = self.i32()?;
            if value < min || value > max {
                return Err(self.error(format!("{what} holds {value}, expected {min} to {max}")));
            }
            words.push(value);
        }
        Ok(words)
    }

    fn check_room(&self, n: usize, item_bytes: usize) -> Result<(), StateError> {
        let left = self.bytes.len() - self.at;
        if n <= left / item_bytes {
            return Ok(());
        }
        Err(self.error(format!("{n} items of {item_bytes} bytes expected, {left} bytes are left")))
    }

    fn error(&self, message: String) -> StateError {
        StateError::Malformed { offset: self.at, message }
    }
}
