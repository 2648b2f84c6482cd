//! A program as bytes and back. `docs/program-format.md` describes every byte.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use bytes::Bytes;
use memmap2::MmapMut;
use seamount_arch::Arch;
use seamount_microcode::{AccId, Body, SlotDecl, SlotKind, decode, encode};
use sha2::{Digest as _, Sha256};

use crate::container::{self, ALIGN_BYTES};
use crate::embedding::Embedding;
use crate::error::{ProgramError, Section};
use crate::program::{Core, Dest, Encoding, Group, Host, Place, Program, Routes, Slice, SynapseBlock, index};
use crate::verify::verify;
use crate::wire::{Reader, Writer};

impl Program {
    /// The program's file. Equal programs have equal bytes.
    ///
    /// It is that of a program that keeps the rules of [`verify`](crate::verify()): from the bytes of another, another
    /// or none is read.
    ///
    /// # Panics
    /// If a list has 2³² items or more.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut file = Vec::new();
        self.write(|bytes| file.extend_from_slice(bytes));
        file
    }

    /// The SHA-256 of the program's file, which tells it from all others.
    ///
    /// # Panics
    /// As [`to_bytes`](Self::to_bytes).
    pub fn sha256(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        self.write(|bytes| hasher.update(bytes));
        hasher.finalize().into()
    }

    fn write(&self, give: impl FnMut(&[u8])) {
        let (cores, synapses) = write_cores(&self.cores);
        let meta = serde_json::to_vec_pretty(&self.meta).expect("invariant: meta data has text keys only");
        let mut sections = vec![
            (Section::Arch, self.arch.to_toml().into_bytes()),
            (Section::Meta, meta),
            (Section::Bodies, write_list(&self.bodies, write_body)),
            (Section::Groups, write_list(&self.groups, write_group)),
            (Section::Cores, cores),
            (Section::Synapses, synapses),
            (Section::Host, write_host(&self.host)),
        ];
        sections.extend(self.tokenizer.as_ref().map(|bytes| (Section::Tokenizer, bytes.to_vec())));
        container::write(self.arch.sha256(), &sections, give);
    }

    /// Reads a program and verifies it.
    ///
    /// # Errors
    /// [`ProgramError`] for any bytes that [`to_bytes`](Self::to_bytes) does not write; never a panic.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProgramError> {
        Self::from_shared(&Bytes::copy_from_slice(bytes))
    }

    /// As [`from_bytes`](Self::from_bytes), but synapse images, embedding and tokenizer share the memory of `file`.
    ///
    /// # Errors
    /// As [`from_bytes`](Self::from_bytes).
    pub fn from_shared(file: &Bytes) -> Result<Self, ProgramError> {
        let container = container::read(file)?;
        let arch = Arch::from_toml(&read_text(Section::Arch, &container.section(Section::Arch)?)?)?;
        if arch.sha256() != container.arch_sha256 {
            return Err(ProgramError::ArchHash);
        }
        let section = |section| Ok::<_, ProgramError>(Reader::new(section, container.section(section)?, file.len()));
        let meta = serde_json::from_slice(&container.section(Section::Meta)?).map_err(|error| {
            ProgramError::Malformed { section: Section::Meta, offset: 0, message: error.to_string() }
        })?;
        let program = Self {
            arch,
            meta,
            bodies: read_list(section(Section::Bodies)?, 24, read_body)?,
            groups: read_list(section(Section::Groups)?, 16, read_group)?,
            cores: read_cores(section(Section::Cores)?, &container.section(Section::Synapses)?)?,
            host: read_host(section(Section::Host)?)?,
            tokenizer: container.optional(Section::Tokenizer),
        };
        verify(&program).map_err(ProgramError::Invalid)?;
        Ok(program)
    }

    /// Reads a program from a file.
    ///
    /// # Errors
    /// [`ProgramError`] if the file cannot be read, or as [`from_bytes`](Self::from_bytes).
    pub fn open(path: &Path) -> Result<Self, ProgramError> {
        let file = read_file(path).map_err(|source| ProgramError::Io { path: path.to_owned(), source })?;
        Self::from_shared(&file)
    }

    /// Writes the program to a file: beside it first, then renamed, so that `path` never holds a part of one.
    ///
    /// # Errors
    /// [`ProgramError::Io`]; `path` is then as it was.
    pub fn save(&self, path: &Path) -> Result<(), ProgramError> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".partial-{}", std::process::id()));
        let write = || {
            let mut file = fs::File::create(&beside)?;
            let mut written = Ok(());
            self.write(|bytes| {
                if written.is_ok() {
                    written = file.write_all(bytes);
                }
            });
            written?;
            file.sync_all()?;
            fs::rename(&beside, path)
        };
        write().map_err(|source| {
            // Nothing more can be done about a partial file that cannot be removed either.
            let _ = fs::remove_file(&beside);
            ProgramError::Io { path: path.to_owned(), source }
        })
    }
}

/// Reads a file into memory of large pages, where the system has them: all weights are read for every token, in an order
/// that small pages make slow.
fn read_file(path: &Path) -> io::Result<Bytes> {
    let mut file = fs::File::open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if length < LARGE_PAGE_BYTES {
        let mut bytes = Vec::with_capacity(length);
        file.read_to_end(&mut bytes)?;
        return Ok(bytes.into());
    }
    let mut memory = MmapMut::map_anon(length)?;
    #[cfg(target_os = "linux")]
    // It is a wish: a system that has no large pages refuses it.
    let _ = memory.advise(memmap2::Advice::HugePage);
    read_pieces(&file, &mut memory)?;
    Ok(Bytes::from_owner(memory))
}

/// Fills memory with a file, on all threads: where large pages are to be found first, that takes longer than copying.
#[cfg(unix)]
fn read_pieces(file: &fs::File, memory: &mut [u8]) -> io::Result<()> {
    use std::os::unix::fs::FileExt as _;

    use rayon::prelude::*;

    let pieces = memory.par_chunks_mut(PIECE_BYTES).enumerate();
    pieces.try_for_each(|(n, piece)| file.read_exact_at(piece, (n * PIECE_BYTES) as u64))
}

#[cfg(not(unix))]
fn read_pieces(mut file: &fs::File, memory: &mut [u8]) -> io::Result<()> {
    file.read_exact(memory)
}

const LARGE_PAGE_BYTES: usize = 2 << 20;

/// What one thread reads at a time.
#[cfg(unix)]
const PIECE_BYTES: usize = 2 * LARGE_PAGE_BYTES;

const PLACE_CHIP: u32 = 0;
const PLACE_HOST: u32 = 1;

const ENCODING_DENSE2: u32 = 0;
const ENCODING_DENSE8: u32 = 1;
const ENCODING_SPARSE: u32 = 2;

const SLOT_PARAM: u8 = 0;
const SLOT_STATE: u8 = 1;

const SLOT_SAME: u8 = 0;
const SLOT_EACH: u8 = 1;

fn write_list<T>(items: &[T], write: impl FnMut(&mut Writer, &T)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.list(items, write);
    writer.bytes
}

fn read_list<T>(
    mut reader: Reader,
    item_bytes: usize,
    read: impl FnMut(&mut Reader) -> Result<T, ProgramError>,
) -> Result<Vec<T>, ProgramError> {
    let list = reader.list(item_bytes, read)?;
    reader.end()?;
    Ok(list)
}

fn read_text(section: Section, bytes: &[u8]) -> Result<String, ProgramError> {
    let malformed = |error: std::str::Utf8Error| ProgramError::Malformed {
        section,
        offset: error.valid_up_to(),
        message: "not UTF-8".to_owned(),
    };
    std::str::from_utf8(bytes).map(str::to_owned).map_err(malformed)
}

fn write_body(writer: &mut Writer, body: &Body) {
    let name = |writer: &mut Writer, name: &String| writer.text(name);
    writer.text(&body.name);
    writer.list(&body.accumulators, name);
    writer.list(&body.slots, |writer, decl| {
        writer.u8(match decl.kind {
            SlotKind::Param => SLOT_PARAM,
            SlotKind::State => SLOT_STATE,
        });
        writer.text(&decl.name);
    });
    writer.list(&body.ports, name);
    writer.list(&body.probes, name);
    writer.list(&body.instructions, |writer, instr| writer.bytes.extend(encode(instr)));
}

fn read_body(reader: &mut Reader) -> Result<Body, ProgramError> {
    Ok(Body {
        name: reader.text()?,
        accumulators: reader.list(4, Reader::text)?,
        slots: reader.list(5, |reader| {
            let kind = match reader.u8()? {
                SLOT_PARAM => SlotKind::Param,
                SLOT_STATE => SlotKind::State,
                other => return Err(reader.error(format!("{other} is no kind of slot"))),
            };
            Ok(SlotDecl { name: reader.text()?, kind })
        })?,
        ports: reader.list(4, Reader::text)?,
        probes: reader.list(4, Reader::text)?,
        instructions: reader.list(8, |reader| {
            let bytes = reader.array()?;
            decode(bytes).map_err(|error| reader.error(format!("no instruction: {error}")))
        })?,
    })
}

fn write_group(writer: &mut Writer, group: &Group) {
    writer.text(&group.name);
    writer.option(group.layer);
    writer.u32(group.body);
    writer.u32(group.n_neurons);
}

fn read_group(reader: &mut Reader) -> Result<Group, ProgramError> {
    Ok(Group { name: reader.text()?, layer: reader.option()?, body: reader.u32()?, n_neurons: reader.u32()? })
}

/// The cores' section and the synapses' section, in which the images lie one after the other, aligned.
fn write_cores(cores: &[Core]) -> (Vec<u8>, Vec<u8>) {
    let mut images = Vec::new();
    let cores = write_list(cores, |writer, core| {
        images.resize(images.len().next_multiple_of(ALIGN_BYTES), 0);
        let image_offset = images.len() as u64;
        images.extend_from_slice(&core.synapses);
        let (kind, chip, number) = match core.place {
            Place::Chip { chip, core } => (PLACE_CHIP, chip, core),
            Place::Host => (PLACE_HOST, 0, 0),
        };
        writer.u32s([kind, chip, number]);
        writer.u64(image_offset);
        writer.u64(core.synapses.len() as u64);
        writer.list(&core.slices, write_slice);
        writer.list(&core.synapse_blocks, write_block);
        write_routes(writer, &core.routes);
    });
    (cores, images)
}

fn read_cores(reader: Reader, images: &Bytes) -> Result<Vec<Core>, ProgramError> {
    let mut images_end = 0_usize;
    let cores = read_list(reader, 44, |reader| {
        let place = match [reader.u32()?, reader.u32()?, reader.u32()?] {
            [PLACE_CHIP, chip, core] => Place::Chip { chip, core },
            [PLACE_HOST, 0, 0] => Place::Host,
            [kind, _, _] => return Err(reader.error(format!("{kind} is no kind of place"))),
        };
        let start = images_end.next_multiple_of(ALIGN_BYTES);
        let (offset, length) = (reader.u64()?, reader.u64()?);
        let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
        let Some(end) = end.filter(|&end| offset == start as u64 && end <= images.len()) else {
            return Err(reader.error(format!("no image of {length} bytes at {offset}")));
        };
        if images[images_end..start].iter().any(|&byte| byte != 0) {
            return Err(reader.error("padding before the image is not zero".to_owned()));
        }
        images_end = end;
        Ok(Core {
            place,
            synapses: images.slice(start..end),
            slices: reader.list(16, read_slice)?,
            synapse_blocks: reader.list(40, read_block)?,
            routes: read_routes(reader)?,
        })
    })?;
    if images_end == images.len() {
        return Ok(cores);
    }
    let message = "bytes after the last image".to_owned();
    Err(ProgramError::Malformed { section: Section::Synapses, offset: images_end, message })
}

fn write_slice(writer: &mut Writer, slice: &Slice) {
    writer.u32s([slice.group, slice.first_neuron, slice.n_neurons]);
    let n_slots = slice.slots.len().checked_div(index(slice.n_neurons)).unwrap_or_default();
    writer.count(n_slots);
    for slot in 0..n_slots {
        write_slot(writer, slice.slots[slot..].iter().step_by(n_slots).copied());
    }
}

/// What a slot holds at the start: one word for all neurons, or one for each.
fn write_slot(writer: &mut Writer, words: impl ExactSizeIterator<Item = i32> + Clone) {
    let same = words.clone().next().filter(|&first| words.clone().all(|word| word == first));
    writer.u8(if same.is_some() { SLOT_SAME } else { SLOT_EACH });
    let written = if same.is_some() { 1 } else { words.len() };
    for word in words.take(written) {
        writer.u32(word.cast_unsigned());
    }
}

fn read_slice(reader: &mut Reader) -> Result<Slice, ProgramError> {
    let (group, first_neuron, n_neurons) = (reader.u32()?, reader.u32()?, reader.u32()?);
    let n_slots = reader.count(5)?;
    if n_neurons == 0 && n_slots != 0 {
        return Err(reader.error(format!("{n_slots} slots of no neurons")));
    }
    let n_neurons_here = index(n_neurons);
    let n_words = reader.unfold::<i32>(n_neurons_here, n_slots)?;
    let mut slots = vec![0; n_words];
    for slot in 0..n_slots {
        let of_slot = slots[slot..].iter_mut().step_by(n_slots);
        match reader.u8()? {
            SLOT_SAME => {
                let word = reader.i32()?;
                of_slot.for_each(|of_neuron| *of_neuron = word);
            }
            SLOT_EACH => {
                let words = reader.numbers(n_neurons_here, i32::from_le_bytes)?;
                if words.windows(2).all(|two| two[0] == two[1]) {
                    return Err(reader.error("a slot lists one word for all neurons".to_owned()));
                }
                of_slot.zip(words).for_each(|(of_neuron, word)| *of_neuron = word);
            }
            other => return Err(reader.error(format!("{other} is no way to fill a slot"))),
        }
    }
    Ok(Slice { group, first_neuron, n_neurons, slots })
}

fn write_block(writer: &mut Writer, block: &SynapseBlock) {
    let (encoding, n_per_row) = match block.encoding {
        Encoding::Dense2 => (ENCODING_DENSE2, 0),
        Encoding::Dense8 => (ENCODING_DENSE8, 0),
        Encoding::Sparse { n_per_row } => (ENCODING_SPARSE, n_per_row),
    };
    writer.u32s([block.slice, block.acc.0.into(), block.first_axon, block.n_axons]);
    writer.u32s([encoding, n_per_row, block.row_stride_bytes, block.delay_steps]);
    writer.u64(block.offset_bytes);
}

fn read_block(reader: &mut Reader) -> Result<SynapseBlock, ProgramError> {
    let (slice, acc) = (reader.u32()?, reader.u32()?);
    let acc = u8::try_from(acc).map_err(|_| reader.error(format!("{acc} is no accumulator")))?;
    let (first_axon, n_axons) = (reader.u32()?, reader.u32()?);
    let encoding = match (reader.u32()?, reader.u32()?) {
        (ENCODING_DENSE2, 0) => Encoding::Dense2,
        (ENCODING_DENSE8, 0) => Encoding::Dense8,
        (ENCODING_SPARSE, n_per_row) => Encoding::Sparse { n_per_row },
        (other, _) => return Err(reader.error(format!("{other} is no encoding of rows"))),
    };
    let (row_stride_bytes, delay_steps, offset_bytes) = (reader.u32()?, reader.u32()?, reader.u64()?);
    let acc = AccId(acc);
    Ok(SynapseBlock { slice, acc, first_axon, n_axons, encoding, row_stride_bytes, offset_bytes, delay_steps })
}

/// Routes as runs: what leads to axons that ascend with the source, on the same cores, is one.
fn write_routes(writer: &mut Writer, routes: &Routes) {
    let mut runs: Vec<(u32, &[Dest])> = Vec::new();
    for source in 0..routes.n_sources() {
        let dests = routes.of(source);
        match runs.last_mut() {
            Some((n, first)) if follows(first, *n, dests) => *n += 1,
            _ => runs.push((1, dests)),
        }
    }
    writer.list(&runs, |writer, &(n, dests)| {
        writer.u32(n);
        writer.list(dests, write_dest);
    });
}

fn read_routes(reader: &mut Reader) -> Result<Routes, ProgramError> {
    let mut routes = Routes::default();
    let mut last: Option<(u32, Vec<Dest>)> = None;
    for _ in 0..reader.count(8)? {
        let (n, dests) = (reader.u32()?, reader.list(8, read_dest)?);
        if n == 0 || last.is_some_and(|(n, first)| follows(&first, n, &dests)) {
            return Err(reader.error("a run of routes is empty, or continues the one before it".to_owned()));
        }
        if let Some(dest) = dests.iter().find(|dest| dest.axon.checked_add(n - 1).is_none()) {
            return Err(reader.error(format!("no {n} axons from {}", dest.axon)));
        }
        routes.offsets.reserve(reader.unfold::<u32>(index(n), 1)?);
        routes.dests.reserve(reader.unfold::<Dest>(index(n), dests.len())?);
        for by in 0..n {
            routes.dests.extend(dests.iter().map(|dest| Dest { axon: dest.axon + by, ..*dest }));
            let end = u32::try_from(routes.dests.len());
            routes.offsets.push(end.map_err(|_| reader.error("2³² destinations or more".to_owned()))?);
        }
        last = Some((n, dests));
    }
    routes.dests.shrink_to_fit();
    routes.offsets.shrink_to_fit();
    Ok(routes)
}

/// Whether a source that comes `by` after another leads as far beyond each axon of it.
fn follows(first: &[Dest], by: u32, dests: &[Dest]) -> bool {
    let beyond = |(first, dest): (&Dest, &Dest)| {
        first.core_idx == dest.core_idx && first.axon.checked_add(by) == Some(dest.axon)
    };
    first.len() == dests.len() && first.iter().zip(dests).all(beyond)
}

fn write_dest(writer: &mut Writer, dest: &Dest) {
    writer.u32(dest.core_idx);
    writer.u32(dest.axon);
}

fn read_dest(reader: &mut Reader) -> Result<Dest, ProgramError> {
    Ok(Dest { core_idx: reader.u32()?, axon: reader.u32()? })
}

fn write_host(host: &Host) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.u32s([host.vocab_size, host.width, host.n_outputs, host.latency_steps]);
    writer.option(host.bos_id);
    writer.option(host.eos_id);
    writer.u64(host.logit_scale.to_bits());
    write_routes(&mut writer, &host.input);
    writer.list(&host.tick, write_dest);
    writer.u8(u8::try_from(host.embedding.bytes_per_value()).expect("invariant: a value has one byte or two"));
    writer.count(host.embedding.len());
    writer.bytes.extend_from_slice(host.embedding.as_bytes());
    writer.bytes
}

fn read_host(mut reader: Reader) -> Result<Host, ProgramError> {
    let (vocab_size, width) = (reader.u32()?, reader.u32()?);
    let (n_outputs, latency_steps) = (reader.u32()?, reader.u32()?);
    let (bos_id, eos_id) = (reader.option()?, reader.option()?);
    let logit_scale = f64::from_bits(reader.u64()?);
    let input = read_routes(&mut reader)?;
    let tick = reader.list(8, read_dest)?;
    let bytes_per_value = reader.u8()?;
    let packed = reader.shared(usize::from(bytes_per_value.max(1)))?;
    let embedding = Embedding::packed(bytes_per_value, packed);
    let not_packed = || reader.error(format!("{bytes_per_value} bytes a value are not as few as hold each of them"));
    let embedding = embedding.ok_or_else(not_packed)?;
    reader.end()?;
    Ok(Host { vocab_size, width, embedding, input, tick, n_outputs, logit_scale, latency_steps, bos_id, eos_id })
}
