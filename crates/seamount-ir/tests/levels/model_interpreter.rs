//! The float interpreter on generated models.

use proptest::prelude::*;
use seamount_ir::model::{InterpretError, Interpreter, LOGITS};

use crate::random_model::models_and_tokens;

/// The bits of floats, so that what is no number compares too.
fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

proptest! {
    #[test]
    fn several_tokens_at_once_are_those_one_by_one((model, tokens) in models_and_tokens()) {
        let model = model.verify().unwrap();
        let interpreter = Interpreter::new(&model).unwrap();
        let mut state = interpreter.initial_state();
        let mut one_by_one = Vec::new();
        for &token in &tokens {
            let values = interpreter.step(token, &mut state).unwrap();
            prop_assert_eq!(values.output(LOGITS).unwrap().len(), model.vocab_size);
            one_by_one.extend(bits(values.output(LOGITS).unwrap()));
        }
        let mut state_at_once = interpreter.initial_state();
        let values = interpreter.run(&tokens, &mut state_at_once).unwrap();
        prop_assert_eq!(bits(values.output(LOGITS).unwrap()), one_by_one);
        let states = |state: &seamount_ir::model::State| state.0.iter().map(|h| bits(h)).collect::<Vec<_>>();
        prop_assert_eq!(states(&state), states(&state_at_once));
    }

    #[test]
    fn a_token_outside_the_vocabulary_changes_nothing((model, mut tokens) in models_and_tokens()) {
        let interpreter = Interpreter::new(&model.clone().verify().unwrap()).unwrap();
        let token = u32::try_from(model.vocab_size).unwrap();
        tokens.push(token);
        let mut state = interpreter.initial_state();
        let error = interpreter.run(&tokens, &mut state).unwrap_err();
        prop_assert_eq!(error, InterpretError::Token { token, vocab_size: model.vocab_size });
        prop_assert_eq!(state, interpreter.initial_state());
    }
}
