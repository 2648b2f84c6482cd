//! The work that is counted without running a program against what the emulator counts.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::sync::{Arc, OnceLock};

use seamount::{CalibrationText, CompileOptions, compile, embedded};
use seamount_arch::Arch;
use seamount_cost::{CoreWork, LinkKind, Wavefront};
use seamount_emulator::{Emulator, Events, Observer, Site};
use seamount_profile::{Densities, Profile, Sent, TokenTrace, TraceStep};
use seamount_program::{Place, Program};
use seamount_quant::config::QuantConfig;
use seamount_tests::{checkpoint, heldout_tokens};

fn late() -> &'static Arc<Program> {
    static LATE: OnceLock<Arc<Program>> = OnceLock::new();
    LATE.get_or_init(|| Arc::new(program("late")))
}

/// Narrow payloads, so that some are zero, on chips so small that messages go from chip to chip.
fn program(norm: &str) -> Program {
    let small = "extends = \"loihi2-alia-point\"\nname = \"small\"\ndescription = \"two cores a chip\"\n\
                 [chip]\ncores = { value = 2, status = \"assumed\", note = \"test\" }\n\
                 [core]\nsynapse_bytes = { value = 32768, status = \"assumed\", note = \"test\" }";
    let quant = format!("[payload]\nbits = 8\n[norm]\nplacement = \"{norm}\"");
    let options = CompileOptions {
        quant: QuantConfig::from_toml(&quant).unwrap(),
        calibration: CalibrationText::Lines(embedded::CALIBRATION.to_owned()),
        ..CompileOptions::new(Arch::from_toml(small).unwrap())
    };
    compile(&checkpoint("stories-1m"), &options, &mut ()).unwrap().program
}

#[derive(Default)]
struct Spikes(Vec<Sent>);

impl Observer for Spikes {
    fn spike(&mut self, site: Site, port: seamount_microcode::PortId, _payload: i32) {
        self.0.push(Sent { core: site.core, group: site.group, neuron: site.neuron, port });
    }
}

/// One token through the idle program: what was sent, and what was counted in each step on each core.
fn run(program: &Arc<Program>, token: u32) -> (TokenTrace, Vec<Vec<Events>>) {
    let mut emulator = Emulator::new(Arc::clone(program)).unwrap();
    let (mut trace, mut counted) = (TokenTrace { token, steps: Vec::new() }, Vec::new());
    for step in 0..program.host.latency_steps {
        let mut spikes = Spikes::default();
        emulator.step_observed((step == 0).then_some(token), &mut spikes).unwrap();
        let instructions = emulator.step_events().iter().map(|events| events.instructions).collect();
        trace.steps.push(TraceStep { spikes: spikes.0, instructions });
        counted.push(emulator.step_events().to_vec());
    }
    (trace, counted)
}

/// What each core does in each step.
fn dense(wavefront: &Wavefront) -> Vec<Vec<CoreWork>> {
    let step = |step: &seamount_cost::Step| {
        let mut cores = wavefront.quiet.clone();
        for &(core, work) in &step.cores {
            cores[core as usize] += work;
        }
        cores
    };
    wavefront.steps.iter().map(step).collect()
}

#[test]
fn a_token_that_ran_is_counted_exactly() {
    let program = late();
    let profile = Profile::new(program).unwrap();
    let (trace, counted) = run(program, 77);
    let wavefront = profile.observed(&trace);
    assert_eq!(wavefront.steps.len(), counted.len());
    for (work, events) in dense(&wavefront).iter().zip(&counted) {
        for (work, events) in work.iter().zip(events) {
            assert_eq!(work.synaptic_ops, events.synaptic_ops as f64);
            assert_eq!(work.instructions, events.instructions as f64);
            assert_eq!(work.spikes, events.spikes as f64);
            assert_eq!(work.messages_out, events.messages as f64);
        }
    }
    let links = wavefront.steps.iter().flat_map(|step| &step.links);
    let (mut hops, mut crossings) = (0.0, 0.0);
    for &(link, n_messages) in links {
        match wavefront.links[link as usize] {
            LinkKind::EastWest | LinkKind::NorthSouth => hops += n_messages,
            LinkKind::Chip => crossings += n_messages,
        }
    }
    let events: Events = counted.iter().flatten().sum();
    assert!(events.chip_crossings > 0);
    assert_eq!((hops, crossings), (events.hops as f64, events.chip_crossings as f64));
}

#[test]
fn exact_shares_give_what_the_emulator_counts() {
    for (norm, program) in [("late", late()), ("early", &Arc::new(program("early")))] {
        let profile = Profile::new(program).unwrap();
        let (trace, counted) = run(program, 77);
        let mut densities = Densities::full(program);
        for (group, number) in program.groups.iter().zip(0_u32..) {
            for port in 0..program.body_of(number).unwrap().ports.len() {
                let spikes = trace.steps.iter().flat_map(|step| &step.spikes);
                let n_sent = spikes.filter(|spike| spike.group == number && spike.port.index() == port).count();
                densities.set(number, port, n_sent as f64 / f64::from(group.n_neurons));
            }
        }
        let expected = dense(&profile.expected(&densities));
        for (step, (work, events)) in expected.iter().zip(&counted).enumerate() {
            let sum = |field: fn(&CoreWork) -> f64| work.iter().map(field).sum::<f64>();
            let events: Events = events.iter().sum();
            let close = |name: &str, expected: f64, counted: u64| {
                let slack = 0.02 * counted as f64 + 8.0;
                assert!((expected - counted as f64).abs() <= slack, "{norm} step {step} {name}: {expected} {counted}");
            };
            close("spikes", sum(|work| work.spikes), events.spikes);
            close("messages", sum(|work| work.messages_out), events.messages);
            close("synaptic ops", sum(|work| work.synaptic_ops), events.synaptic_ops);
            // Neurons that work are charged the longest way through their body.
            close("instructions", sum(|work| work.instructions), events.instructions);
        }
    }
}

#[test]
fn shares_measured_in_calibration_give_the_average_work_of_a_text() {
    let program = late();
    let profile = Profile::new(program).unwrap();
    let tokens = &heldout_tokens(&checkpoint("stories-1m"))[..64];
    let mut emulator = Emulator::new(Arc::clone(program)).unwrap();
    emulator.prefill(tokens).unwrap();
    let counted: Events = emulator.events().iter().sum();
    let total = |densities: &Densities| {
        let steps = dense(&profile.expected(densities));
        steps.iter().flatten().map(|work| work.synaptic_ops).sum::<f64>() * tokens.len() as f64
    };
    let ratio = |densities: &Densities| total(densities) / counted.synaptic_ops as f64;
    let (recorded, full) = (ratio(&Densities::recorded(program)), ratio(&Densities::full(program)));
    assert!((0.97..1.03).contains(&recorded), "{recorded}");
    assert!(full > 1.05, "payloads of eight bits are sparse, and {full} says that all are sent");
}

#[test]
fn the_checker_finds_nothing_in_a_compiled_program_and_each_thing_that_is_broken() {
    assert_eq!(seamount_check::check(late()), []);
    let rules = |change: &dyn Fn(&mut Program)| {
        let mut program = (**late()).clone();
        change(&mut program);
        let mut rules: Vec<&str> = seamount_check::check(&program).iter().map(|finding| finding.rule.id()).collect();
        rules.dedup();
        rules
    };
    let limits = |section: &str, key: &str, value: &str| {
        let text = format!(
            "extends = \"loihi2-alia-point\"\nname = \"less\"\ndescription = \"less of it\"\n\
             [{section}]\n{key} = {{ value = {value}, status = \"assumed\", note = \"test\" }}"
        );
        rules(&|program| program.arch = Arch::from_toml(&text).unwrap())
    };
    assert_eq!(limits("core", "total_bytes", "20000"), ["total-bytes"]);
    assert_eq!(limits("core", "synapse_bytes", "20000"), ["synapse-bytes"]);
    assert_eq!(limits("core", "microcode_bytes", "80"), ["microcode-bytes"]);
    assert_eq!(limits("core", "input_axons", "100"), ["fan-in"]);
    assert_eq!(limits("core", "output_axons", "100"), ["fan-out"]);
    assert_eq!(limits("core", "neurons", "100"), ["neurons"]);
    assert_eq!(limits("synapse", "weight_bits", "[8]"), ["weight-bits"]);
    assert_eq!(limits("chip", "bad_cores", "[[0, 1]]"), ["place"]);
    assert_eq!(rules(&|program| program.cores[1].place = program.cores[0].place), ["place"]);
    assert_eq!(rules(&|program| program.cores[1].place = Place::Chip { chip: 99, core: 0 }), ["place"]);
    assert_eq!(rules(&|program| program.cores[1].synapse_blocks[0].delay_steps = 1), ["delay"]);
    assert_eq!(rules(&|program| program.cores[1].synapse_blocks[0].offset_bytes = u64::MAX), ["rows"]);
    assert_eq!(rules(&|program| program.groups[3].n_neurons += 1), ["neuron-once"]);
    assert_eq!(rules(&|program| program.cores[1].slices[0].first_neuron += 1), ["neuron-once"]);
    assert_eq!(rules(&|program| program.host.tick.clear()), ["axon-fed"]);
    assert_eq!(rules(&|program| program.host.tick[0].axon = 4_000), ["axon-fed"]);
    assert_eq!(rules(&|program| program.host.n_outputs += 1), ["output-once"]);
}

#[test]
fn one_set_of_constants_gives_each_published_figure_of_the_370m_model() {
    let reproduction = seamount::reproduce::paper_370m(&mut ()).unwrap();
    let published = &reproduction.mappings[0];
    assert_eq!((published.n_chips, published.latency_steps), (24, 24 * 8 + 3));
    for figure in &reproduction.figures {
        let is_measured = figure.name != seamount::reproduce::ONE_CHIP;
        let within = (figure.ratio[0] - 1.0).abs() <= 0.1;
        assert!(within || !is_measured, "{} {}: {:?}", figure.name, figure.unit, figure.ratio);
    }
    let fewest = &reproduction.mappings[1];
    assert!(fewest.n_chips <= 7, "{}", fewest.n_chips);
    let row = |name: &str, system: usize| {
        let made_for = |row: &&seamount::reproduce::MappingRow| {
            row.made_for.as_ref().is_none_or(|made_for| *made_for == reproduction.systems[system])
        };
        let row = reproduction.mappings.iter().filter(made_for).find(|row| row.name == name).unwrap();
        (row.n_chips, row.predictions[system].clone())
    };
    for system in [0, 1] {
        let (n_chips, frugal) = row("least energy", system);
        assert!(n_chips == 6 && frugal.generate.tokens_per_s.value >= 41.5, "{n_chips} {frugal:?}");
        assert!(frugal.generate_energy_saving >= 4.0, "{frugal:?}");
        let (n_chips, fast) = row("fastest on 24 chips", system);
        // With 8 steps a block, barriers forbid twice the speed.
        assert!(n_chips <= 24 && fast.generate_speedup >= [1.4, 2.0][system], "{n_chips} {fast:?}");
    }
    assert_eq!(row("head on chip", 0).0, 6);
}
