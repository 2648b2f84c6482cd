//! Names of the network as names of the assembly language.

use std::collections::BTreeSet;

use seamount_microcode::is_name;

/// Names of one kind of declaration, all different.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// The legal name nearest to `name` that is not taken.
    pub(super) fn add(&mut self, name: &str) -> String {
        let legal = legal(name);
        let numbered = (2_u32..).map(|number| format!("{legal}_{number}"));
        let free = std::iter::once(legal.clone()).chain(numbered).find(|name| !self.0.contains(name));
        let free = free.expect("invariant: numbers do not run out");
        self.0.insert(free.clone());
        free
    }
}

/// Legal names for a list of one kind, in its order.
pub(super) fn all<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut taken = Names::default();
    names.map(|name| taken.add(name)).collect()
}

/// The name itself, or with what the assembly language does not allow as `_`.
pub(super) fn legal(name: &str) -> String {
    if is_name(name) {
        return name.to_owned();
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let replaced: String = name.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    if is_name(&replaced) { replaced } else { format!("_{replaced}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_legal_and_different() {
        let names = all(["x", "x", "r0", "layer 3", "3d", ""].into_iter());
        assert_eq!(names, ["x", "x_2", "_r0", "layer_3", "_3d", "_"]);
        assert!(names.iter().all(|name| is_name(name)));
    }
}
