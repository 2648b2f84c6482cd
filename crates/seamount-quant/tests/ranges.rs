//! No text leaves its worst case, and a text that means to reaches it.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

#[path = "../../seamount-lower/tests/common/graphs.rs"]
mod graphs;

use graphs::{Plan, VOCAB_SIZE, build, plans};
use proptest::prelude::*;
use seamount_ir::Verified;
use seamount_ir::fixed::{Fixed, Interpreter, Op};
use seamount_quant::ranges::{Holder, Interval, Observed, Ranges};

/// Tables that are as large as they can be here and there.
fn extreme_plans() -> impl Strategy<Value = Plan> {
    let extremes = proptest::collection::vec(
        prop_oneof![4 => Just(None), 1 => Just(Some(i16::MIN)), 1 => Just(Some(i16::MAX))],
        VOCAB_SIZE * 4,
    );
    (plans(), extremes).prop_map(|(mut plan, extremes)| {
        plan.embedding.iter_mut().zip(extremes).for_each(|(entry, extreme)| *entry = extreme.unwrap_or(*entry));
        plan
    })
}

/// Every value of every token lies within, channel by channel; what never saturates in the worst case never does.
fn stays_within(fixed: &Verified<Fixed>, tokens: &[u32]) {
    let ranges = Ranges::of(fixed).unwrap();
    let interpreter = Interpreter::new(fixed).unwrap();
    let mut state = interpreter.initial_state();
    for &token in tokens {
        let values = interpreter.step(token, &mut state).unwrap();
        for (value, channels) in values.iter() {
            let range = ranges.get(value).unwrap();
            for (channel, (&x, within)) in channels.iter().zip(&range.channels).enumerate() {
                assert!(within.holds(Interval::point(i64::from(x))), "{value}[{channel}] is {x}, not in {within:?}");
            }
        }
        for (bound, &n_saturations) in ranges.bounds().iter().zip(&values.saturations.0) {
            if bound.is_sum() && !bound.may_overflow() {
                assert_eq!(n_saturations, 0, "{} cannot overflow and did", bound.value);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_leaves_its_worst_case(
        plan in extreme_plans(),
        tokens in proptest::collection::vec(0..u32::try_from(VOCAB_SIZE).unwrap(), 1..24),
    ) {
        stays_within(&build(&plan), &tokens);
    }
}

const HEAD: &str = "fixed \"text\" {\n vocab_size = 2\n word_bits = 24\n accumulator_bits = 24\n overflow = wrap\n";

/// The first token has the signs of the first row, the second token the opposite ones.
#[test]
fn a_sum_reaches_its_worst_case() {
    let fixed = fixed(
        " @embed : i16[2, 3] = [32767, -32768, 32767, -32768, 32767, -32768]\n @w : i8[2, 3] = [127, -127, 127, 0, 0, 1]\n \
         %0 = embed @embed : s16[3] * 1.0\n %1 = linear %0, @w : s24[2] * 1.0\n output \"logits\", %1\n}",
    );
    let ranges = Ranges::of(&fixed).unwrap();
    let bound = ranges.sums().next().unwrap();
    let most = 127 * (2 * 32767 + 32768);
    assert_eq!(bound.exact, Interval { least: -127 * (2 * 32768 + 32767), most });
    assert_eq!(
        (bound.name.as_str(), bound.holder, bound.exact.bits(), bound.headroom_bits()),
        ("w", Holder::LayerSum, 25, -1)
    );
    let observed = Observed::of(&fixed, &[vec![0, 1]]).unwrap();
    let seen = observed.values[1];
    // Both wrapped around: the interpreter counts them, and the worst case has every value of the accumulator.
    assert_eq!((seen.value, seen.n_saturations, observed.n_tokens), (bound.value, 2, 2));
    let held = &ranges.get(bound.value).unwrap().channels;
    assert_eq!(
        (held[0], held[1]),
        (Interval { least: -1 << 23, most: (1 << 23) - 1 }, Interval { least: -32768, most: 32767 })
    );
    stays_within(&fixed, &[0, 1, 0]);
}

/// A gate from 0 to 1 keeps a state within its inputs, to the unit; another gate does not.
#[test]
fn a_convex_state_stays_within_its_inputs() {
    let with_gates = |gates: &str| {
        fixed(&format!(
            " @embed : i16[2, 2] = [{gates}]\n @pick : ternary[1, 2] = [1, 0]\n @input : ternary[1, 2] = [0, 1]\n \
             %0 = embed @embed : s16[2] * 1.0\n %1 = linear %0, @pick : s24[1] * 1.0\n \
             %2 = affine %1, 1 {{shift = 0}} : s24[1] * 2^-10\n %3 = linear %0, @input : s24[1] * 1.0\n \
             %4 = gated_recurrence %2, %3 {{shift = 10}} : s16[1] * 1.0\n @head : ternary[2, 1] = [1, -1]\n \
             %5 = linear %4, @head : s24[2] * 1.0\n output \"logits\", %5\n}}"
        ))
    };
    let state = |fixed: &Verified<Fixed>| {
        let ranges = Ranges::of(fixed).unwrap();
        let is_state = |value| matches!(fixed.graph.node(value).op, Op::GatedRecurrence { .. });
        ranges.bounds().iter().find(|bound| is_state(bound.value)).unwrap().clone()
    };
    let convex = with_gates("0, 77, 1024, -300");
    assert_eq!(state(&convex).exact, Interval { least: -300, most: 77 });
    stays_within(&convex, &[0, 1, 1, 0, 1, 0, 0, 1]);
    let wild = with_gates("-1, 77, 1024, -300");
    assert!(state(&wild).may_overflow());
    stays_within(&wild, &[0, 1, 1, 0, 1, 0, 0, 1]);
}

fn fixed(rest: &str) -> Verified<Fixed> {
    Fixed::parse(&format!("{HEAD}{rest}")).unwrap().verify().unwrap()
}
