//! One line of assembly text, cut into tokens.

/// A piece of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// Where it begins, in characters from 1.
    pub column: usize,
    /// A word, or one of `,` `[` `]` `:`.
    pub text: &'a str,
}

/// The tokens of a line up to its comment, which `;` begins. Words end at white space and punctuation.
pub(crate) fn tokens(line: &str) -> Vec<Token<'_>> {
    let code = line.split_once(';').map_or(line, |(code, _comment)| code);
    let mut tokens = Vec::new();
    let mut word_start = None;
    let end = (code.len(), ' ');
    for (column, (at, c)) in (1..).zip(code.char_indices().chain([end])) {
        let is_punctuation = matches!(c, ',' | '[' | ']' | ':');
        if !is_punctuation && !c.is_whitespace() {
            word_start.get_or_insert((column, at));
            continue;
        }
        if let Some((column, start)) = word_start.take() {
            tokens.push(Token { column, text: &code[start..at] });
        }
        if is_punctuation {
            tokens.push(Token { column, text: &code[at..=at] });
        }
    }
    tokens
}
