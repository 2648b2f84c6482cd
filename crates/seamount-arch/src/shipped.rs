//! The descriptions in `systems/`, embedded.

use crate::arch::Arch;
use crate::error::ArchError;
use crate::nearest::nearest;

/// Complete systems, the smallest Loihi 2 board first: name and text.
const SYSTEMS: [(&str, &str); 8] = [
    ("loihi2-oheo-gulch", include_str!("../systems/loihi2-oheo-gulch.toml")),
    ("loihi2-kapoho-point", include_str!("../systems/loihi2-kapoho-point.toml")),
    ("loihi2-vpx", include_str!("../systems/loihi2-vpx.toml")),
    ("loihi2-alia-point", include_str!("../systems/loihi2-alia-point.toml")),
    ("loihi2-hala-point", include_str!("../systems/loihi2-hala-point.toml")),
    ("loihi2-paper-370m", include_str!("../systems/loihi2-paper-370m.toml")),
    ("loihi2-paper-370m-12-steps", include_str!("../systems/loihi2-paper-370m-12-steps.toml")),
    ("loihi1", include_str!("../systems/loihi1.toml")),
];

/// What systems have in common, to be extended only: name and text.
const BASES: [(&str, &str); 1] = [("loihi2", include_str!("../systems/base/loihi2.toml"))];

impl Arch {
    /// The names of the shipped systems, the smallest Loihi 2 board first.
    #[must_use]
    pub fn shipped_names() -> [&'static str; 8] {
        SYSTEMS.map(|(name, _)| name)
    }

    /// The shipped system of that name.
    ///
    /// # Errors
    /// [`ArchError::UnknownSystem`] if there is none.
    pub fn shipped(name: &str) -> Result<Self, ArchError> {
        let Some((_, text)) = SYSTEMS.iter().find(|(known, _)| *known == name) else {
            return Err(ArchError::UnknownSystem {
                name: name.to_owned(),
                nearest: nearest(name, Self::shipped_names()).to_owned(),
                known: Self::shipped_names().join(", "),
            });
        };
        Self::from_toml(text)
    }
}

/// The text of a description that `extends` may name: a system or a base.
pub(crate) fn extensible(name: &str) -> Option<&'static str> {
    BASES.iter().chain(&SYSTEMS).find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// All names that `extends` may give.
pub(crate) fn extensible_names() -> impl Iterator<Item = &'static str> {
    BASES.iter().chain(&SYSTEMS).map(|(name, _)| *name)
}
