//! Going through a program by instructions gives what running it gives.

mod common;

use std::sync::Arc;

use common::arch_with_delays;
use common::generated::{Chance, program};
use proptest::prelude::*;
use seamount_emulator::{Debugger, Emulator, Engine, Options, Pace, Recorder};

proptest! {
    #![proptest_config(common::cases(60))]

    #[test]
    fn stepping_is_running(seed: u64) {
        let mut chance = Chance::new(seed);
        let program = program(&mut chance, &arch_with_delays());
        let options = Options { engine: Engine::Reference, kernel: None };
        let mut emulator = Emulator::with_options(Arc::clone(&program), options).expect("a valid program");
        let mut debugger = Debugger::new(program).expect("a valid program");
        for _ in 0..12 {
            let token = chance.once_in(2).then(|| chance.below(4));
            let (mut expected, mut found) = (Recorder::default(), Recorder::default());
            let output = emulator.step_observed(token, &mut expected);
            let mut stepped = debugger.begin_step(token);
            while matches!(stepped, Ok(None)) {
                let at = debugger.position().expect("the step is not over");
                prop_assert_eq!(at.step, emulator.n_steps() - u64::from(output.is_ok()));
                let pace = if chance.once_in(3) { Pace::Neuron } else { Pace::Instruction };
                stepped = debugger.advance(pace, &mut found);
            }
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(stepped.map(|output| output.expect("the step is over")), output.clone());
            if output.is_err() {
                break;
            }
            prop_assert_eq!(debugger.events(), emulator.events());
        }
    }
}
