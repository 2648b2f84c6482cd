//! The emulated program gives the fixed-point interpreter's integers, bit for bit, in both ways of running it.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};

use seamount::{CalibrationText, Compilation, CompileError, CompileOptions, Division, Roots, compile, embedded};
use seamount_arch::Arch;
use seamount_emulator::{Emulator, Engine, Kernel, Observer, Options, Recorder, Site};
use seamount_ir::fixed::{Interpreter, LOGITS};
use seamount_partition::{Effort, Objective, WeightEncoding};
use seamount_program::{Place, Program};
use seamount_quant::config::QuantConfig;
use seamount_report::Report;
use seamount_tests::{checkpoint, heldout_tokens};

const N_TOKENS: usize = 256;

/// Steps in which every spike of every kernel is looked at.
const N_OBSERVED: usize = 64;

fn options() -> CompileOptions {
    let arch = Arch::shipped("loihi2-alia-point").unwrap();
    CompileOptions {
        probes: true,
        calibration: CalibrationText::Lines(embedded::CALIBRATION.to_owned()),
        ..CompileOptions::new(arch)
    }
}

fn stories() -> &'static Compilation {
    static STORIES: OnceLock<Compilation> = OnceLock::new();
    STORIES.get_or_init(|| compile(&checkpoint("stories-2m"), &options(), &mut ()).unwrap())
}

/// Named vectors of integers, one for each token.
type Trace = Vec<BTreeMap<String, Vec<i32>>>;

/// Logits and every named output by the oracle.
fn interpreted(compilation: &Compilation, tokens: &[u32]) -> Trace {
    let interpreter = Interpreter::new(&compilation.fixed).unwrap();
    let mut state = interpreter.initial_state();
    let names: Vec<&String> = compilation.fixed.outputs.keys().collect();
    let one = |&token: &u32| {
        let values = interpreter.step(token, &mut state).unwrap();
        names.iter().map(|&name| (name.clone(), values.output(name).unwrap().to_vec())).collect()
    };
    tokens.iter().map(one).collect()
}

/// Adds what probes showed: the k-th value of a neuron's probe is that of the k-th token.
fn add_probes(trace: &mut Trace, recorder: &Recorder) {
    let mut shown: BTreeMap<(&str, u32), usize> = BTreeMap::new();
    for record in &recorder.probes {
        let n_shown = shown.entry((&record.name, record.site.neuron)).or_default();
        let channels = trace[*n_shown].entry(record.name.clone()).or_default();
        *n_shown += 1;
        let neuron = record.site.neuron as usize;
        if channels.len() <= neuron {
            channels.resize(neuron + 1, 0);
        }
        channels[neuron] = record.value;
    }
}

fn trace_of(logits: Vec<Vec<i32>>, recorder: &Recorder) -> Trace {
    let mut trace: Trace = logits.into_iter().map(|logits| BTreeMap::from([(LOGITS.to_owned(), logits)])).collect();
    add_probes(&mut trace, recorder);
    trace
}

fn assert_same(expected: &Trace, found: &Trace) {
    assert_eq!(expected.len(), found.len());
    for (token, (expected, found)) in expected.iter().zip(found).enumerate() {
        assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
        for (name, values) in expected {
            assert_eq!(values, &found[name], "{name} of token {token}");
        }
    }
}

#[test]
fn logits_layers_and_states_equal_the_interpreter_one_token_at_a_time_and_one_every_step() {
    let compilation = stories();
    let tokens = &heldout_tokens(&checkpoint("stories-2m"))[..N_TOKENS];
    let expected = interpreted(compilation, tokens);
    assert_eq!(expected[0].len(), 1 + 5 + 5, "logits, five layers, five states");
    let program = Arc::new(compilation.program.clone());

    let mut emulator = Emulator::new(Arc::clone(&program)).unwrap();
    let mut recorder = Recorder::default();
    let mut logits = Vec::new();
    for &token in tokens {
        logits.push(emulator.generate_observed(token, &mut recorder).unwrap());
    }
    assert_same(&expected, &trace_of(logits, &recorder));
    let steps_one_at_a_time = emulator.n_steps();

    let mut emulator = Emulator::new(program).unwrap();
    let mut recorder = Recorder::default();
    let logits = emulator.prefill_observed(tokens, &mut recorder).unwrap();
    assert_same(&expected, &trace_of(logits, &recorder));

    let latency = u64::from(compilation.program.host.latency_steps);
    assert_eq!(latency, 8 * 5 + 3, "eight steps a block, the embedding, and the head with its norm");
    assert_eq!(steps_one_at_a_time, N_TOKENS as u64 * latency);
    assert_eq!(emulator.n_steps(), N_TOKENS as u64 + latency - 1);
}

#[test]
fn what_a_token_does_is_the_same_in_both_ways() {
    let program = Arc::new(stories().program.clone());
    let tokens = &heldout_tokens(&checkpoint("stories-2m"))[..32];
    let mut one_at_a_time = Emulator::new(Arc::clone(&program)).unwrap();
    for &token in tokens {
        one_at_a_time.generate(token).unwrap();
    }
    let mut every_step = Emulator::new(program).unwrap();
    every_step.prefill(tokens).unwrap();
    for (a, b) in one_at_a_time.events().iter().zip(every_step.events()) {
        assert_eq!((a.spikes, a.synaptic_ops, a.hops), (b.spikes, b.synaptic_ops, b.hops));
        assert!(a.instructions >= b.instructions, "quiet steps cost instructions");
    }
}

#[test]
fn groups_send_in_the_step_that_the_report_says_and_no_more_than_it_says() {
    let program = Arc::new(stories().program.clone());
    let report = Report::of(&program);
    let mut emulator = Emulator::new(Arc::clone(&program)).unwrap();
    let tokens = &heldout_tokens(&checkpoint("stories-2m"))[..4];
    let latency = report.steps.len() as u64;
    assert_eq!(latency, u64::from(program.host.latency_steps));
    let mut senders = BTreeMap::<u32, Vec<u32>>::new();
    for &token in tokens {
        for step in &report.steps {
            let mut recorder = Recorder::default();
            let token = (step.step == 0).then_some(token);
            emulator.step_observed(token, &mut recorder).unwrap();
            for spike in &recorder.spikes {
                assert_eq!(spike.site.step % latency, u64::from(step.step));
                senders.entry(step.step).or_default().push(spike.site.group);
            }
            let events = emulator.step_events().iter().map(|events| events.synaptic_ops);
            assert!(events.clone().sum::<u64>() <= step.n_synaptic_ops, "step {}", step.step);
            assert!(events.max().unwrap() <= step.n_synaptic_ops_max, "step {}", step.step);
        }
    }
    for step in &report.steps {
        let sent = senders.entry(step.step).or_default();
        sent.sort_unstable();
        sent.dedup();
        assert_eq!(*sent, step.groups, "step {}", step.step);
    }
}

#[test]
fn weights_of_eight_bits_and_a_head_on_the_host_change_no_integer() {
    let tokens = &heldout_tokens(&checkpoint("stories-2m"))[..32];
    let expected = Emulator::new(Arc::new(stories().program.clone())).unwrap().prefill(tokens).unwrap();
    let variants = [
        CompileOptions { weights: WeightEncoding::Int8, ..options() },
        CompileOptions { head_on_host: true, ..options() },
    ];
    for variant in variants {
        let program = compile(&checkpoint("stories-2m"), &variant, &mut ()).unwrap().program;
        let on_host = program.cores.iter().any(|core| core.place == Place::Host);
        assert_eq!(on_host, variant.head_on_host);
        assert_eq!(expected, Emulator::new(Arc::new(program)).unwrap().prefill(tokens).unwrap());
    }
}

#[test]
fn every_mapping_gives_the_same_integers() {
    // A chip of few cores, one of which is bad, so that layers are on several.
    let arch = |n_chips: u32| {
        let text = format!(
            "extends = \"loihi2-alia-point\"\nname = \"few-cores\"\ndescription = \"Eight cores a chip.\"\n\
             [system]\nchips = {{ value = {n_chips}, status = \"assumed\" }}\n\
             [chip]\ncores = {{ value = 8, status = \"assumed\" }}\n\
             bad_cores = {{ value = [[0, 1], [1, 0]], status = \"assumed\" }}\n"
        );
        Arch::from_toml(&text).unwrap()
    };
    let tokens = &heldout_tokens(&checkpoint("stories-1m"))[..16];
    let options = CompileOptions { probes: false, ..options() };
    let first = compile(&checkpoint("stories-1m"), &options, &mut ()).unwrap();
    let expected = Emulator::new(Arc::new(first.program)).unwrap().prefill(tokens).unwrap();
    let objectives = [Objective::Chips, Objective::Latency, Objective::Throughput, Objective::Energy];
    let mappings = objectives.into_iter().zip([Effort::Quick, Effort::Normal, Effort::High, Effort::Highest]);
    for (objective, effort) in mappings {
        // For throughput, neurons compute roots themselves; for the last one, wide sums are taken in parts as well.
        let max_fan_in = NonZeroU32::new(100).filter(|_| effort == Effort::Highest);
        let roots = if effort >= Effort::High { Roots::Local { max_ops: usize::MAX } } else { Roots::Shared };
        let division = (effort >= Effort::High).then_some(Division { roots, max_fan_in, max_part: None });
        let variant = CompileOptions { objective, effort, division, arch: arch(32), ..options.clone() };
        let program = compile(&checkpoint("stories-1m"), &variant, &mut ()).unwrap().program;
        let is_bad =
            |place: Place| matches!(place, Place::Chip { chip: 0, core: 1 } | Place::Chip { chip: 1, core: 0 });
        assert!(!program.cores.iter().any(|core| is_bad(core.place)), "{objective:?}");
        assert_eq!(expected, Emulator::new(Arc::new(program)).unwrap().prefill(tokens).unwrap(), "{objective:?}");
    }
}

#[test]
fn sums_are_taken_in_parts_where_a_model_fits_in_no_other_way() {
    let arch = Arch::from_toml(
        "extends = \"loihi2-alia-point\"\nname = \"small-cores\"\ndescription = \"36 cores that read few neurons.\"\n\
         [system]\nchips = { value = 1, status = \"assumed\" }\n\
         [chip]\ncores = { value = 36, status = \"assumed\" }\n\
         [core]\ninput_axons = { value = 512, status = \"assumed\" }\n\
         synapse_bytes = { value = 12288, status = \"assumed\" }\n",
    )
    .unwrap();
    let tokens = &heldout_tokens(&checkpoint("stories-1m"))[..16];
    let options = CompileOptions { probes: false, arch, ..options() };
    let whole = CompileOptions { division: Some(Division::default()), ..options.clone() };
    let refused = compile(&checkpoint("stories-1m"), &whole, &mut ()).unwrap_err();
    assert!(matches!(refused, CompileError::Partition(_)), "{refused}");
    let in_parts = compile(&checkpoint("stories-1m"), &options, &mut ()).unwrap();
    let expected: Vec<Vec<i32>> =
        interpreted(&in_parts, tokens).into_iter().map(|mut token| token.remove(LOGITS).unwrap()).collect();
    assert_eq!(Emulator::new(Arc::new(in_parts.program)).unwrap().prefill(tokens).unwrap(), expected);
}

#[test]
fn every_choice_of_quantization_is_exact() {
    let choices = [
        ("early norms", "[norm]\nplacement = \"early\"\n"),
        ("early norms of 8 bits", "[norm]\nplacement = \"early\"\n[payload]\nbits = 8\n"),
        ("norms as written down", "[norm]\nfold = false\nepsilon = 1e-3\n"),
        ("8 bits, small payloads dropped", "[payload]\nbits = 8\nspike_threshold = 3\n"),
        (
            "small payloads dropped by tolerance",
            "[payload]\nbits = 8\nspike_tolerance = 0.01\n[payload.thresholds]\ndown_proj = 2\n",
        ),
        ("powers of two", "[payload]\nscales = \"pow2\"\n[payload.widths]\no_proj = 10\n"),
        (
            "narrow state",
            "[state]\nresidual_bits = 16\nbranch_bits = 14\ngate_bits = 12\nrecurrent_input_bits = 12\n\
             recurrent_state_bits = 14\nlogit_bits = 16\nvalue_bits = 18\n",
        ),
    ];
    let tokens = &heldout_tokens(&checkpoint("stories-1m"))[..48];
    for (name, toml) in choices {
        let options = CompileOptions { quant: QuantConfig::from_toml(toml).unwrap(), ..options() };
        let compilation = compile(&checkpoint("stories-1m"), &options, &mut ()).unwrap();
        let expected = interpreted(&compilation, tokens);
        let mut recorder = Recorder::default();
        let mut emulator = Emulator::new(Arc::new(compilation.program)).unwrap();
        let logits = emulator.prefill_observed(tokens, &mut recorder).unwrap();
        println!("{name}");
        assert_same(&expected, &trace_of(logits, &recorder));
    }
}

#[test]
fn a_network_cut_into_many_small_cores_gives_the_same_integers() {
    let small = r#"
extends = "loihi2-alia-point"
name = "small-cores"
description = "Cores with an eighth of the memory, and axons for less than the widest layer."
[core]
input_axons = { value = 300, status = "assumed" }
synapse_bytes = { value = 16384, status = "assumed" }
total_bytes = { value = 24576, status = "assumed" }
"#;
    let arch = Arch::from_toml(small).unwrap();
    let tokens = &heldout_tokens(&checkpoint("stories-2m"))[..32];
    let program = compile(&checkpoint("stories-2m"), &CompileOptions { arch, ..options() }, &mut ()).unwrap().program;
    assert!(program.groups.iter().any(|group| group.name.ends_with(".part1")), "sums are taken in parts");
    assert!(program.cores.len() > 4 * stories().program.cores.len(), "{} cores", program.cores.len());
    let expected = Emulator::new(Arc::new(stories().program.clone())).unwrap().prefill(tokens).unwrap();
    assert_eq!(expected, Emulator::new(Arc::new(program)).unwrap().prefill(tokens).unwrap());
}

#[test]
fn the_same_input_gives_the_same_bytes_at_any_number_of_threads() {
    let bytes = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| compile(&checkpoint("stories-1m"), &options(), &mut ()).unwrap().program.to_bytes())
    };
    let one = bytes(1);
    assert!(one == bytes(3), "one thread and three give other bytes");
    assert_eq!(Program::from_bytes(&one).unwrap().to_bytes(), one);
}

/// The spikes of each step and core, hashed in their order.
#[derive(Debug, Default, PartialEq)]
struct Spikes(BTreeMap<(u64, u32), u64>);

impl Observer for Spikes {
    fn spike(&mut self, site: Site, port: seamount_microcode::PortId, payload: i32) {
        let hash = self.0.entry((site.step, site.core)).or_default();
        let parts =
            [u64::from(site.group), u64::from(site.neuron), u64::from(port.0), u64::from(payload.cast_unsigned())];
        for part in parts {
            *hash = (*hash ^ part).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
        }
    }
}

/// Reads a text in bulk, but for its last tokens, and those one at a time.
fn read(emulator: &mut Emulator, tokens: &[u32], observer: Option<&mut Spikes>) -> Vec<Vec<i32>> {
    let (prompt, rest) = tokens.split_at(tokens.len() - 8);
    let Some(observer) = observer else {
        let mut logits = emulator.prefill(prompt).unwrap();
        logits.extend(rest.iter().map(|&token| emulator.generate(token).unwrap()));
        return logits;
    };
    let mut logits = emulator.prefill_observed(prompt, observer).unwrap();
    logits.extend(rest.iter().map(|&token| emulator.generate_observed(token, observer).unwrap()));
    logits
}

#[test]
fn the_fast_engine_sends_the_reference_s_spikes_with_any_instructions_and_on_any_number_of_threads() {
    let program = Arc::new(stories().program.clone());
    let tokens = &heldout_tokens(&checkpoint("stories-2m"))[..1000];
    let run = |options: Options, observed: bool| {
        let mut emulator = Emulator::with_options(Arc::clone(&program), options).unwrap();
        let mut spikes = Spikes::default();
        let logits = read(&mut emulator, tokens, observed.then_some(&mut spikes));
        (logits, emulator.events().to_vec(), emulator.host_events(), spikes)
    };
    let expected = run(Options { engine: Engine::Reference, kernel: None }, true);
    let options = |kernel| Options { engine: Engine::Fast, kernel: Some(kernel) };
    let with_threads = |n_threads, options, observed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| run(options, observed))
    };
    assert!(with_threads(2, options(Kernel::fastest()), true) == expected, "every spike");
    // Looking on takes longer than running: the others are looked at in the first steps, which later tokens do not change.
    let kernels = [Kernel::Portable, Kernel::Avx2, Kernel::Avx512].into_iter().filter(|kernel| kernel.is_available());
    for (kernel, n_threads) in kernels.zip([1, 8, 1]) {
        let (logits, events, host_events, _) = with_threads(n_threads, options(kernel), false);
        let same = (&logits, &events, host_events) == (&expected.0, &expected.1, expected.2);
        assert!(same, "{kernel:?} on {n_threads} threads");
        let mut emulator = Emulator::with_options(Arc::clone(&program), options(kernel)).unwrap();
        let mut spikes = Spikes::default();
        emulator.prefill_observed(&tokens[..N_OBSERVED], &mut spikes).unwrap();
        let first = |spikes: &Spikes| {
            let of_steps = spikes.0.range(..(N_OBSERVED as u64, 0));
            of_steps.map(|(&site, &hash)| (site, hash)).collect::<Vec<_>>()
        };
        assert_eq!(first(&spikes), first(&expected.3), "{kernel:?}");
    }
}
