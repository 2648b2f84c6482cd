//! Saving a state and loading it, into either engine, changes nothing; and nothing else can be loaded.

mod common;

use std::sync::Arc;

use common::arch_with_delays;
use common::generated::{Chance, program};
use proptest::prelude::*;
use seamount_emulator::{Emulator, EmulatorError, Engine, Events, Options, Recorder, StateError, Streams};
use seamount_program::Program;

fn emulator(program: &Arc<Program>, engine: Engine) -> Emulator {
    Emulator::with_options(Arc::clone(program), Options { engine, kernel: None }).expect("a valid program")
}

/// All that can be seen of a piece of a run.
type Seen = (Result<Vec<Option<Vec<i32>>>, EmulatorError>, Recorder, Option<(Vec<Events>, Vec<Events>, Events, u64)>);

fn run(emulator: &mut Emulator, tokens: &[Option<u32>]) -> Seen {
    let mut recorder = Recorder::default();
    let steps = tokens.iter().map(|&token| Ok(emulator.step_observed(token, &mut recorder)?.logits));
    let logits: Result<Vec<_>, _> = steps.collect();
    let counts = logits.is_ok().then(|| {
        let (all, last) = (emulator.events().to_vec(), emulator.step_events().to_vec());
        (all, last, emulator.host_events(), emulator.n_steps())
    });
    (logits, recorder, counts)
}

fn tokens(chance: &mut Chance, n: u32) -> Vec<Option<u32>> {
    let every_step = !chance.once_in(3);
    (0..n).map(|_| (every_step || chance.once_in(2)).then(|| chance.below(4))).collect()
}

/// With a checksum that fits.
fn repaired(mut state: Vec<u8>) -> Vec<u8> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&state[..56]);
    hasher.update(&state[60..]);
    let crc = hasher.finalize();
    state[56..60].copy_from_slice(&crc.to_le_bytes());
    state
}

proptest! {
    #![proptest_config(common::cases(100))]

    #[test]
    fn a_state_in_the_middle_of_a_text_goes_on_in_either_engine(seed: u64) {
        let mut chance = Chance::new(seed);
        let program = program(&mut chance, &arch_with_delays());
        // Not a multiple of anything: tokens are on their way, some of them in synapses that delay.
        let n_before = 1 + chance.below(40);
        let (before, after) = (tokens(&mut chance, n_before), tokens(&mut chance, 70));
        let mut original = emulator(&program, Engine::Reference);
        let mut same = emulator(&program, Engine::Fast);
        let is_sound = run(&mut original, &before).0.is_ok();
        prop_assert_eq!(run(&mut same, &before).0.is_ok(), is_sound);
        if is_sound {
            let state = original.save_state();
            prop_assert_eq!(&same.save_state(), &state);
            let expected = run(&mut original, &after);
            for engine in [Engine::Reference, Engine::Fast] {
                let mut other = emulator(&program, engine);
                // What it did before does not matter.
                run(&mut other, &after[..5]).0.ok();
                other.reset();
                other.step(Some(0)).ok();
                other.load_state(&state).expect("a saved state");
                prop_assert_eq!(&other.save_state(), &state, "{:?}", engine);
                prop_assert_eq!(&run(&mut other, &after), &expected, "{:?}", engine);
                if expected.0.is_ok() {
                    prop_assert_eq!(&other.save_state(), &original.save_state());
                }
            }
        }
    }

    #[test]
    fn damaged_states_are_refused_or_harmless(seed: u64) {
        let mut chance = Chance::new(seed);
        let program = program(&mut chance, &arch_with_delays());
        let before = tokens(&mut chance, 20);
        let mut original = emulator(&program, Engine::Fast);
        run(&mut original, &before).0.ok();
        let state = original.save_state();
        let size = u32::try_from(state.len()).expect("a short state");

        let cut = &state[..chance.below(size) as usize];
        let mut loaded = emulator(&program, Engine::Fast);
        prop_assert!(loaded.load_state(cut).is_err());
        let longer = [&state[..], &[0; 4]].concat();
        prop_assert!(loaded.load_state(&longer).is_err());
        let mut flipped = state.clone();
        flipped[chance.below(size) as usize] ^= 1 << chance.below(8);
        prop_assert!(loaded.load_state(&flipped).is_err());

        // A forged checksum: what is accepted is a state that both engines agree on and do not choke on.
        for _ in 0..8 {
            let mut forged = state.clone();
            let at = 64 + chance.below(size - 64) as usize;
            forged[at] = [0, 1, 0x7f, 0x80, 0xff, forged[at] ^ 1][chance.below(6) as usize];
            let forged = repaired(forged);
            let after = tokens(&mut chance, 10);
            let seen = [Engine::Reference, Engine::Fast].map(|engine| {
                let mut loaded = emulator(&program, engine);
                let result = loaded.load_state(&forged);
                let again = result.is_ok().then(|| loaded.save_state());
                (result, again, run(&mut loaded, &after))
            });
            prop_assert_eq!(&seen[0].0, &seen[1].0);
            prop_assert_eq!(&seen[0].1, &seen[1].1);
            prop_assert_eq!(&seen[0].2.0, &seen[1].2.0);
            prop_assert_eq!(&seen[0].2.2, &seen[1].2.2);
            prop_assert_eq!(&seen[0].2.1, &seen[1].2.1);
            if let Some(again) = &seen[0].1 {
                prop_assert_eq!(again, &forged, "there is one way to write a state");
            }
        }
    }
}

#[test]
fn a_state_is_of_one_program_and_says_so() {
    let programs = [2, 3].map(|seed| program(&mut Chance::new(seed), &arch_with_delays()));
    let mut emulator = emulator(&programs[0], Engine::Fast);
    emulator.step(Some(1)).expect("a sound program");
    let state = emulator.save_state();
    let logits = emulator.step(None);
    let hex = |program: &Program| program.sha256().map(|byte| format!("{byte:02x}")).concat();
    let error =
        Emulator::new(Arc::clone(&programs[1])).expect("valid").load_state(&state).expect_err("another program");
    assert_eq!(error, StateError::Program { found: hex(&programs[0]), expected: hex(&programs[1]) });
    for (bytes, expected) in
        [(&b"SEAMOUNT"[..], StateError::NotAState), (b"SEASTATE", StateError::Length { found: 8, expected: 64 })]
    {
        assert_eq!(emulator.load_state(bytes), Err(expected));
    }
    // What is refused changes nothing.
    let mut again = Emulator::new(Arc::clone(&programs[0])).expect("valid");
    again.load_state(&state).expect("its state");
    assert!(again.load_state(&state[..99]).is_err());
    assert_eq!(again.step(None), logits);
}

#[test]
fn streams_go_on_from_a_state_and_leave_the_others_alone() {
    let program = program(&mut Chance::new(2), &arch_with_delays());
    for engine in [Engine::Reference, Engine::Fast] {
        let mut original = emulator(&program, engine);
        original.prefill(&[1, 2, 3]).expect("a sound program");
        let mut streams = Streams::new(Arc::clone(&program), 2, Options { engine, kernel: None }).expect("valid");
        let logits = streams.load_state(1..2, &original.save_state()).expect("its state");
        assert_eq!(logits.as_deref(), original.logits());
        let found = streams.prefill(&[[2, 1], [2, 1]]).expect("a sound program");
        assert_eq!(found[1], original.prefill(&[2, 1]).expect("a sound program"));
        assert_eq!(found[0], emulator(&program, engine).prefill(&[2, 1]).expect("a sound program"));
        assert_eq!(streams.events(1), original.events());
    }
}
