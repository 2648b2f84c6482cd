//! The file's frame: header, section table, checksums, padding.
//!
//! All numbers are little endian. The frame of a valid file is determined by its sections, so that equal programs have
//! equal bytes; the reader refuses any other frame. See `docs/program-format.md`.

use bytes::Bytes;

use crate::error::{ProgramError, Section};

/// The first bytes of a program.
pub const MAGIC: [u8; 8] = *b"SEAMOUNT";

/// The version of the format that this build reads and writes.
pub const FORMAT_VERSION: u32 = 2;

/// Sections, and images in the synapse section, begin at multiples of this many bytes: a cache line, so that a mapped
/// image can be read in place.
pub const ALIGN_BYTES: usize = 64;

const HEADER_BYTES: usize = 64;
const ENTRY_BYTES: usize = 32;
/// The header's checksum covers what is before it, and the table.
const HEADER_CRC_AT: usize = 56;

/// A file taken apart.
pub(crate) struct Container {
    pub arch_sha256: [u8; 32],
    /// The sections by [`Section::ALL`]; only the tokenizer may be missing.
    sections: [Option<Bytes>; 8],
}

/// Puts a file together, and gives it piece by piece. `sections` are in the order of the file.
pub(crate) fn write(arch_sha256: [u8; 32], sections: &[(Section, Vec<u8>)], mut give: impl FnMut(&[u8])) {
    let table_end = HEADER_BYTES + ENTRY_BYTES * sections.len();
    let mut table = Vec::new();
    let mut end = table_end;
    for (section, bytes) in sections {
        let offset = end.next_multiple_of(ALIGN_BYTES);
        end = offset + bytes.len();
        table.extend(section.number().to_le_bytes());
        table.extend([0; 4]);
        table.extend((offset as u64).to_le_bytes());
        table.extend((bytes.len() as u64).to_le_bytes());
        table.extend(crc32fast::hash(bytes).to_le_bytes());
        table.extend([0; 4]);
    }
    let n_sections = u32::try_from(sections.len()).expect("invariant: there are at most eight sections");
    let mut head = Vec::with_capacity(table_end);
    head.extend(MAGIC);
    head.extend(FORMAT_VERSION.to_le_bytes());
    head.extend(n_sections.to_le_bytes());
    head.extend((end as u64).to_le_bytes());
    head.extend(arch_sha256);
    head.extend(header_crc(&head, &table).to_le_bytes());
    head.extend([0; 4]);
    head.extend(table);
    give(&head);
    let mut end = table_end;
    for (_, bytes) in sections {
        give(&[0; ALIGN_BYTES][..end.next_multiple_of(ALIGN_BYTES) - end]);
        give(bytes);
        end = end.next_multiple_of(ALIGN_BYTES) + bytes.len();
    }
}

/// Takes a file apart, and checks all of its frame. Sections share the file's memory.
pub(crate) fn read(file: &Bytes) -> Result<Container, ProgramError> {
    let short = || ProgramError::Length { found: file.len() as u64, expected: HEADER_BYTES as u64 };
    if !file.starts_with(&MAGIC) {
        return Err(ProgramError::NotAProgram);
    }
    let header: &[u8; HEADER_BYTES] = file.first_chunk().ok_or_else(short)?;
    let found = u32_at(header, 8);
    if found != FORMAT_VERSION {
        return Err(ProgramError::Version { found, expected: FORMAT_VERSION });
    }
    let (n_sections, expected) = (u32_at(header, 12), u64_at(header, 16));
    if expected != file.len() as u64 {
        return Err(ProgramError::Length { found: file.len() as u64, expected });
    }
    let n_sections = usize::try_from(n_sections).unwrap_or(usize::MAX);
    if n_sections > Section::ALL.len() {
        return Err(ProgramError::Header("too many sections"));
    }
    let table_end = HEADER_BYTES + ENTRY_BYTES * n_sections;
    let table = file.get(HEADER_BYTES..table_end).ok_or(ProgramError::Header("the section table is cut off"))?;
    if header_crc(&header[..HEADER_CRC_AT], table) != u32_at(header, HEADER_CRC_AT) || u32_at(header, 60) != 0 {
        return Err(ProgramError::Header("its checksum does not fit its bytes"));
    }
    let arch_sha256 = *header[24..].first_chunk().expect("invariant: a header has 64 bytes");
    let mut container = Container { arch_sha256, sections: Default::default() };
    let mut end = table_end;
    let mut last = 0;
    for entry in table.as_chunks::<ENTRY_BYTES>().0 {
        let number = u32_at(entry, 0);
        let section = Section::ALL.into_iter().find(|section| section.number() == number);
        let section = section.ok_or(ProgramError::Header("an unknown section"))?;
        if number <= last || u32_at(entry, 4) != 0 || u32_at(entry, 28) != 0 {
            return Err(ProgramError::Header("the section table is out of order"));
        }
        last = number;
        let bytes = section_bytes(file, end, u64_at(entry, 8), u64_at(entry, 16))?;
        end = end.next_multiple_of(ALIGN_BYTES) + bytes.len();
        if crc32fast::hash(&bytes) != u32_at(entry, 24) {
            return Err(ProgramError::Checksum(section));
        }
        container.sections[section as usize - 1] = Some(bytes);
    }
    if end != file.len() {
        return Err(ProgramError::Header("bytes after the last section"));
    }
    Ok(container)
}

impl Container {
    /// A section that every file has.
    pub(crate) fn section(&self, section: Section) -> Result<Bytes, ProgramError> {
        self.optional(section).ok_or(ProgramError::Header("a section is missing"))
    }

    /// A section, if the file has it.
    pub(crate) fn optional(&self, section: Section) -> Option<Bytes> {
        self.sections[section as usize - 1].clone()
    }
}

/// The bytes of a section that must begin at the first aligned byte after `previous_end`.
fn section_bytes(file: &Bytes, previous_end: usize, offset: u64, length: u64) -> Result<Bytes, ProgramError> {
    let start = previous_end.next_multiple_of(ALIGN_BYTES);
    if offset != start as u64 {
        return Err(ProgramError::Header("a section is not where it belongs"));
    }
    let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
    let end = end.filter(|&end| end <= file.len()).ok_or(ProgramError::Header("a section leaves the file"))?;
    if file[previous_end..start].iter().any(|&byte| byte != 0) {
        return Err(ProgramError::Header("padding is not zero"));
    }
    Ok(file.slice(start..end))
}

fn header_crc(header: &[u8], table: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(table);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("invariant: fields lie inside header and entry"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("invariant: fields lie inside header and entry"))
}
