//! Which crate may depend on which.
//!
//! Arrows point down only. The emulator's row is the promise that it runs a program and nothing else: it cannot see the
//! model, the network or the compiler.

use super::Finding;
use super::workspace::Package;

/// Each package of the workspace with the packages of the workspace that it may depend on directly.
const LAYERS: [(&str, &[&str]); 17] = [
    ("seamount-ir", &[]),
    ("seamount-arch", &[]),
    ("seamount-cost", &["seamount-arch"]),
    ("seamount-microcode", &[]),
    ("seamount-program", &["seamount-arch", "seamount-microcode"]),
    ("seamount-profile", &["seamount-program", "seamount-arch", "seamount-microcode", "seamount-cost"]),
    ("seamount-check", &["seamount-program", "seamount-arch", "seamount-microcode"]),
    ("seamount-hf", &["seamount-ir"]),
    ("seamount-quant", &["seamount-ir"]),
    ("seamount-lower", &["seamount-ir"]),
    ("seamount-partition", &["seamount-ir", "seamount-arch", "seamount-cost"]),
    (
        "seamount-emit",
        &["seamount-ir", "seamount-arch", "seamount-partition", "seamount-microcode", "seamount-program"],
    ),
    ("seamount-emulator", &["seamount-program", "seamount-microcode", "seamount-arch"]),
    ("seamount-report", &["seamount-program", "seamount-arch", "seamount-microcode"]),
    ("seamount", LIBRARIES),
    ("seamount-tests", &LIBRARIES_AND_DRIVER),
    ("xtask", &["seamount-hf", "seamount-report"]),
];

/// All but the driver, which stands last below.
const LIBRARIES: &[&str] = LIBRARIES_AND_DRIVER.split_at(14).0;

const LIBRARIES_AND_DRIVER: [&str; 15] = [
    "seamount-ir",
    "seamount-arch",
    "seamount-cost",
    "seamount-microcode",
    "seamount-program",
    "seamount-profile",
    "seamount-check",
    "seamount-hf",
    "seamount-quant",
    "seamount-lower",
    "seamount-partition",
    "seamount-emit",
    "seamount-emulator",
    "seamount-report",
    "seamount",
];

/// Where the table is, for messages.
const TABLE: &str = "crates/xtask/src/tidy/layering.rs";

/// Dependencies that the table does not give, and packages that it does not name.
///
/// A dependency of tests may be on any package that cannot depend back.
pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let manifest = format!("{}/Cargo.toml", package.folder);
        let Some(allowed) = allowed(&package.name) else {
            let message = format!("`{}` has no row in the table of layers: add one to {TABLE}", package.name);
            findings.push(Finding::new(manifest, 0, message));
            continue;
        };
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            if dependency.dev && reaches(name, &package.name) {
                let message = format!("tests of `{}` must not depend on `{name}`, which depends on it", package.name);
                findings.push(Finding::new(&manifest, 0, message));
            } else if !dependency.dev && !allowed.contains(&name) {
                let message = format!(
                    "`{}` must not depend on `{name}`: {TABLE} gives it {}",
                    package.name,
                    if allowed.is_empty() { "no crate of ours".to_owned() } else { allowed.join(", ") }
                );
                findings.push(Finding::new(&manifest, 0, message));
            }
        }
    }
    for (name, _) in LAYERS {
        if !packages.iter().any(|package| package.name == name) {
            findings.push(Finding::new(TABLE, 0, format!("the table of layers names `{name}`, which does not exist")));
        }
    }
    findings
}

fn allowed(name: &str) -> Option<&'static [&'static str]> {
    LAYERS.iter().find(|(package, _)| *package == name).map(|(_, allowed)| *allowed)
}

/// Whether `from` may depend on `to`, directly or through others.
fn reaches(from: &str, to: &str) -> bool {
    from == to || allowed(from).unwrap_or_default().iter().any(|next| reaches(next, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::workspace::Dependency;

    /// The workspace of the table itself, with no dependencies.
    fn workspace() -> Vec<Package> {
        let package = |(name, _): (&str, _)| Package {
            name: name.to_owned(),
            folder: format!("crates/{name}"),
            dependencies: vec![],
        };
        LAYERS.into_iter().map(package).collect()
    }

    /// The messages after `from` was made to depend on `to`.
    fn with_dependency(from: &str, to: &str, dev: bool) -> Vec<String> {
        let mut packages = workspace();
        let package = packages.iter_mut().find(|package| package.name == from).unwrap();
        package.dependencies.push(Dependency { name: to.to_owned(), dev });
        check(&packages).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_table_has_no_cycles() {
        for (name, allowed) in LAYERS {
            for next in allowed {
                assert!(!reaches(next, name), "{name} -> {next} -> ... -> {name}");
            }
        }
    }

    #[test]
    fn what_the_table_gives_is_fine() {
        assert_eq!(check(&workspace()), []);
        assert!(with_dependency("seamount-emulator", "seamount-program", false).is_empty());
    }

    #[test]
    fn the_emulator_cannot_see_the_model() {
        let expected = "crates/seamount-emulator/Cargo.toml: `seamount-emulator` must not depend on `seamount-ir`: \
                        crates/xtask/src/tidy/layering.rs gives it seamount-program, seamount-microcode, seamount-arch";
        assert_eq!(with_dependency("seamount-emulator", "seamount-ir", false), [expected]);
    }

    #[test]
    fn a_crate_at_the_bottom_depends_on_nobody() {
        let expected = "crates/seamount-ir/Cargo.toml: `seamount-ir` must not depend on `seamount-arch`: \
                        crates/xtask/src/tidy/layering.rs gives it no crate of ours";
        assert_eq!(with_dependency("seamount-ir", "seamount-arch", false), [expected]);
    }

    #[test]
    fn tests_may_use_what_cannot_depend_back() {
        assert!(with_dependency("seamount-quant", "seamount-hf", true).is_empty());
        let expected = "crates/seamount-ir/Cargo.toml: tests of `seamount-ir` must not depend on `seamount-hf`, which \
                        depends on it";
        assert_eq!(with_dependency("seamount-ir", "seamount-hf", true), [expected]);
    }

    #[test]
    fn table_and_workspace_name_the_same_packages() {
        let mut packages = workspace();
        packages[0].name = "seamount-new".to_owned();
        let messages: Vec<String> = check(&packages).iter().map(ToString::to_string).collect();
        assert_eq!(
            messages,
            [
                "crates/seamount-ir/Cargo.toml: `seamount-new` has no row in the table of layers: add one to \
                 crates/xtask/src/tidy/layering.rs",
                "crates/xtask/src/tidy/layering.rs: the table of layers names `seamount-ir`, which does not exist",
            ]
        );
    }
}
