//! Bytes: there and back, and nothing but an error for any other bytes.

mod common;

use common::sample;
use proptest::prelude::*;
use seamount_program::{ALIGN_BYTES, Dest, Program, ProgramError, Routes, Section};
use sha2::Digest as _;

#[test]
fn a_program_comes_back_from_its_bytes() {
    let program = sample();
    let bytes = program.to_bytes();
    let again = Program::from_bytes(&bytes).unwrap();
    assert_eq!(again, program);
    assert_eq!(again.to_bytes(), bytes);
    let sha256: [u8; 32] = sha2::Sha256::digest(&bytes).into();
    assert_eq!(again.sha256(), sha256);
}

#[test]
fn a_program_without_a_tokenizer_has_no_such_section() {
    let program = Program { tokenizer: None, ..sample() };
    assert_eq!(Program::from_bytes(&program.to_bytes()).unwrap(), program);
}

#[test]
fn shared_bytes_are_not_copied_and_images_are_aligned() {
    let file = bytes::Bytes::from(sample().to_bytes());
    let program = Program::from_shared(&file).unwrap();
    for core in &program.cores {
        let offset = core.synapses.as_ptr() as usize - file.as_ptr() as usize;
        assert!(offset < file.len());
        assert_eq!(offset % ALIGN_BYTES, 0);
    }
}

#[test]
fn every_truncation_is_refused() {
    let bytes = sample().to_bytes();
    for length in 0..bytes.len() {
        assert!(Program::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert!(matches!(Program::from_bytes(&longer), Err(ProgramError::Length { .. })));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let mut bytes = sample().to_bytes();
    for at in 0..bytes.len() {
        let bit = 1 << (at % 8);
        bytes[at] ^= bit;
        assert!(Program::from_bytes(&bytes).is_err(), "byte {at}");
        bytes[at] ^= bit;
    }
}

#[test]
fn messages_say_what_is_wrong_with_the_frame() {
    let message = |bytes: &[u8]| Program::from_bytes(bytes).unwrap_err().to_string();
    let bytes = sample().to_bytes();
    assert_eq!(message(b"{}"), "not a Seamount program: the file does not begin with `SEAMOUNT`");
    let mut other_version = bytes.clone();
    other_version[8] = 9;
    assert_eq!(message(&other_version), "format version 9, this build reads version 2; compile the model again");
    let n_bytes = bytes.len();
    assert_eq!(
        message(&bytes[..n_bytes - 1]),
        format!("the program has {} bytes, its header says {n_bytes}; the file is truncated or has grown", n_bytes - 1)
    );
    let mut damaged = bytes;
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(message(&damaged), "section `tokenizer` is damaged: its checksum does not fit its bytes");
}

/// How many bytes a section has.
fn section_bytes(program: &Program, section: Section) -> u64 {
    let length_at = 64 + 32 * (section as usize - 1) + 16;
    u64::from_le_bytes(program.to_bytes()[length_at..][..8].try_into().expect("eight bytes"))
}

/// The bytes with one section's bytes changed, and all checksums right again.
fn with_changed_section(bytes: &[u8], section: Section, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let entry = 64 + 32 * (section as usize - 1);
    let u64_at = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let start = usize::try_from(u64_at(&bytes, entry + 8)).expect("a small file");
    let length = usize::try_from(u64_at(&bytes, entry + 16)).expect("a small file");
    change(&mut bytes[start..start + length]);
    let crc = crc32fast::hash(&bytes[start..start + length]);
    bytes[entry + 24..entry + 28].copy_from_slice(&crc.to_le_bytes());
    let table_end = 64 + 32 * u32::from_le_bytes(bytes[12..16].try_into().expect("four bytes")) as usize;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..56]);
    hasher.update(&bytes[64..table_end]);
    bytes[56..60].copy_from_slice(&hasher.finalize().to_le_bytes());
    bytes
}

/// What the reader says of the sample's bytes after a change of four of a section's.
fn refused(program: &Program, section: Section, at: usize, value: u32) -> String {
    let bytes = with_changed_section(&program.to_bytes(), section, |section| {
        section[at..at + 4].copy_from_slice(&value.to_le_bytes());
    });
    Program::from_bytes(&bytes).err().map(|error| error.to_string()).unwrap_or_default()
}

/// Where the first run of the host's routes begins, behind how many there are.
const FIRST_RUN: usize = 36;

#[test]
fn routes_that_ascend_together_are_one_run() {
    let length = |n_channels: u32| {
        let to = |core_idx, axon| Dest { core_idx, axon };
        let mut program = sample();
        program.host.width = n_channels;
        program.host.input = Routes::from_lists((0..n_channels).map(|channel| [to(0, channel), to(1, 7 + channel)]));
        section_bytes(&program, Section::Host)
    };
    assert_eq!(length(1000), length(2));
}

#[test]
fn only_the_runs_that_are_written_are_read() {
    let mut program = sample();
    let to = |axon| Dest { core_idx: 0, axon };
    program.host.input = Routes::from_lists([[to(0)], [to(0)]]);
    assert_eq!(Program::from_bytes(&program.to_bytes()).unwrap(), program);
    // A run: how many sources, how many destinations, core and axon.
    let message = "byte 68: a run of routes is empty, or continues the one before it";
    assert_eq!(refused(&program, Section::Host, FIRST_RUN + 28, 1), format!("section `host`, {message}"));
    assert!(refused(&program, Section::Host, FIRST_RUN, 0).contains("a run of routes is empty"));
    program.host.input = Routes::from_lists([[to(2)], [to(2)]]);
    let message = "byte 52: no 4294967295 axons from 2";
    assert_eq!(refused(&program, Section::Host, FIRST_RUN, u32::MAX), format!("section `host`, {message}"));
}

#[test]
fn what_a_run_stands_for_is_bounded_before_it_is_unfolded() {
    let program = sample();
    let message = refused(&program, Section::Host, FIRST_RUN, u32::MAX);
    let most = (64 << 20) + 64 * program.to_bytes().len();
    let expected = format!("4294967295 times 1 items are more than the {most} bytes that they may take");
    assert_eq!(message, format!("section `host`, byte 60: {expected}"));
}

#[test]
fn an_embedding_takes_as_few_bytes_as_its_values_need() {
    let with = |values: [i16; 6]| {
        let mut program = sample();
        program.host.embedding = values.into_iter().collect();
        program
    };
    let narrow = with([-128, 0, 127, 1, 2, 3]);
    let wide = with([-129, 0, 127, 1, 2, 3]);
    assert_eq!([&narrow, &wide].map(|program| program.host.embedding.bytes_per_value()), [1, 2]);
    assert_eq!(section_bytes(&wide, Section::Host) - section_bytes(&narrow, Section::Host), 6);
    for (program, first) in [(narrow, -128), (wide.clone(), -129)] {
        let again = Program::from_bytes(&program.to_bytes()).unwrap();
        assert_eq!(again, program);
        let rows: Vec<Vec<i16>> = (0..3).map(|token| again.host.payloads(token).collect()).collect();
        assert_eq!(rows, [[first, 0], [127, 1], [2, 3]]);
        assert_eq!(again.host.embedding.n_not_zero(), 5);
    }
    // The first two values are the last twelve bytes' first four.
    let values_at = usize::try_from(section_bytes(&wide, Section::Host)).expect("a small section") - 12;
    let message = "2 bytes a value are not as few as hold each of them";
    assert!(refused(&wide, Section::Host, values_at, 0).ends_with(message));
    let file = bytes::Bytes::from(wide.to_bytes());
    let shared = Program::from_shared(&file).unwrap();
    assert!(file.as_ptr_range().contains(&shared.host.embedding.as_bytes().as_ptr()));
}

/// Where the slots of the first slice begin, behind how many there are.
const FIRST_SLOT: usize = 52;

#[test]
fn a_slot_that_is_the_same_for_all_neurons_is_written_once() {
    let program = sample();
    let with = |slots: [i32; 6]| {
        let mut program = program.clone();
        program.cores[0].slices[0].slots = slots.into();
        program
    };
    let n_bytes = |slots| section_bytes(&with(slots), Section::Cores);
    assert_eq!(n_bytes([1, 2, 3, 4, 5, 6]) - n_bytes([1, 2, 1, 2, 1, 2]), 2 * 2 * 4);

    let different = with([1, 2, 1, 2, 2, 2]);
    let message = "a slot lists one word for all neurons";
    assert!(refused(&different, Section::Cores, FIRST_SLOT + 9, 1).ends_with(message));
    let message = refused(&program, Section::Cores, FIRST_SLOT - 8, 1 << 30);
    assert!(message.contains("1073741824 times 2 items are more than"), "{message}");
    assert!(refused(&program, Section::Cores, FIRST_SLOT - 8, 0).ends_with("2 slots of no neurons"));
}

fn section() -> impl Strategy<Value = Section> {
    proptest::sample::select(Section::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Damage behind right checksums: the decoder and the verifier must hold. What they accept has canonical bytes, but
    /// for the texts of JSON and TOML, which say the same in many ways.
    #[test]
    fn no_bytes_make_the_reader_panic(section in section(), changes in prop::collection::vec((any::<u32>(), any::<u8>()), 1..4)) {
        let bytes = with_changed_section(&sample().to_bytes(), section, |section| {
            for (at, byte) in changes {
                let at = at as usize % section.len();
                section[at] = byte;
            }
        });
        if let Ok(program) = Program::from_bytes(&bytes) {
            let _ = program.to_string();
            if section != Section::Arch && section != Section::Meta {
                prop_assert_eq!(program.to_bytes(), bytes);
            }
        }
    }

    #[test]
    fn routes_come_back_as_they_were(lists in prop::collection::vec(prop::collection::vec((0..2_u32, 0..3_u32), 0..3), 0..12)) {
        let mut program = sample();
        program.host.width = u32::try_from(lists.len()).expect("a short list");
        program.host.embedding = std::iter::repeat_n(7, 3 * lists.len()).collect();
        let dest = |(core_idx, axon)| Dest { core_idx, axon };
        program.host.input = Routes::from_lists(lists.into_iter().map(|list| list.into_iter().map(dest)));
        prop_assert_eq!(Program::from_bytes(&program.to_bytes()).unwrap(), program);
    }

    #[test]
    fn lengths_are_not_believed(at in any::<u32>(), length in any::<u32>(), section in section()) {
        let bytes = with_changed_section(&sample().to_bytes(), section, |section| {
            let at = at as usize % (section.len() - 3);
            section[at..at + 4].copy_from_slice(&length.to_le_bytes());
        });
        let _ = Program::from_bytes(&bytes);
    }

    #[test]
    fn arbitrary_bytes_are_no_program(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Program::from_bytes(&bytes).is_err());
        let with_magic = [b"SEAMOUNT\x02\0\0\0".as_slice(), &bytes].concat();
        prop_assert!(Program::from_bytes(&with_magic).is_err());
    }
}

#[test]
fn saving_replaces_the_file_and_leaves_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.smt");
    std::fs::write(&path, "something older").unwrap();
    let program = sample();
    program.save(&path).unwrap();
    assert_eq!(Program::open(&path).unwrap(), program);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_large_file_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.smt");
    let bytes: Vec<u8> = (0..9_000_001_u32).map(|at| (at.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
    let program = Program { tokenizer: Some(bytes.into()), ..sample() };
    program.save(&path).unwrap();
    assert!(Program::open(&path).unwrap() == program, "what was saved comes back");
}

#[test]
fn files_that_cannot_be_read_or_written_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("x.smt");
    for error in [Program::open(&path).unwrap_err(), sample().save(&path).unwrap_err()] {
        assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
    }
}
