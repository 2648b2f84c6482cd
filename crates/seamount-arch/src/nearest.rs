//! The known word most like an unknown one.

/// The candidate with the smallest edit distance from `word`, one that contains it before all others; of equals, the
/// first.
///
/// The result is empty only if there are no candidates.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> &'a str {
    candidates
        .into_iter()
        .min_by_key(|candidate| (!candidate.contains(word), distance(word, candidate)))
        .unwrap_or_default()
}

/// The Levenshtein distance of two words, in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(x != y)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_insertions_deletions_and_changes() {
        assert_eq!(distance("", ""), 0);
        assert_eq!(distance("core", ""), 4);
        assert_eq!(distance("", "core"), 4);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("neuron", "neurons"), 1);
    }

    #[test]
    fn nearest_takes_the_first_of_equals() {
        assert_eq!(nearest("cpre", ["core", "chip", "cure"]), "core");
        assert_eq!(nearest("x", ["a", "b"]), "a");
    }

    #[test]
    fn nearest_prefers_what_contains_the_word() {
        assert_eq!(nearest("loihi2-alia", ["loihi2-vpx", "loihi2-alia-point"]), "loihi2-alia-point");
    }
}
