//! Every level of a real model prints, parses back to the same thing, and keeps its rules after every pass.

use seamount::{CalibrationText, CompileOptions, Watcher, compile, embedded};
use seamount_arch::Arch;
use seamount_ir::Module;
use seamount_ir::syntax::DEFAULT_ELIDE_ABOVE;
use seamount_partition::CoreMap;
use seamount_tests::{CHECKPOINTS, checkpoint};

#[derive(Default)]
struct RoundTrips {
    passes: Vec<String>,
}

impl Watcher for RoundTrips {
    fn after_pass(&mut self, pass: &str, module: &Module) {
        let text = module.to_text(DEFAULT_ELIDE_ABOVE);
        let parsed = Module::parse(&text).unwrap_or_else(|error| panic!("after {pass}: {error}"));
        assert!(parsed.to_text(DEFAULT_ELIDE_ABOVE) == text, "after {pass}: the text changed on its way");
        parsed.verify().unwrap_or_else(|violations| panic!("after {pass}: {violations}"));
        self.passes.push(pass.to_owned());
    }
}

#[test]
fn every_level_parses_back_after_every_pass() {
    for name in CHECKPOINTS {
        let options = CompileOptions {
            calibration: CalibrationText::Lines(embedded::CALIBRATION.lines().take(4).collect::<Vec<_>>().join("\n")),
            probes: true,
            ..CompileOptions::new(Arch::shipped("loihi2-alia-point").unwrap())
        };
        let mut watcher = RoundTrips::default();
        let compilation = compile(&checkpoint(name), &options, &mut watcher).unwrap();
        let registered: Vec<&str> = seamount::passes::all().iter().map(|pass| pass.info.name).collect();
        for pass in &watcher.passes {
            assert!(registered.contains(&pass.as_str()), "`{pass}` runs, but is not registered");
        }
        let map = compilation.core_map.to_string();
        assert_eq!(CoreMap::parse(&map).unwrap(), compilation.core_map);
    }
}

#[test]
fn an_imported_model_parses_back_with_all_its_weights() {
    for name in CHECKPOINTS {
        let model = Module::Model(checkpoint(name).to_model().unwrap());
        let text = model.to_text(usize::MAX);
        let parsed = Module::parse(&text).unwrap();
        assert!(parsed.to_block() == model.to_block(), "{name}: the model changed on its way");
        assert!(parsed.to_text(usize::MAX) == text, "{name}: the text changed on its way");
        parsed.verify().unwrap();
    }
}
