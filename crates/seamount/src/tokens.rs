//! Text to tokens and back.

use std::fmt;

use tokenizers::Tokenizer;

/// A tokenizer with the tokens that begin and end a text.
pub struct TextTokens {
    tokenizer: Tokenizer,
    /// The token that begins a text.
    pub bos_id: Option<u32>,
    /// The token that ends a text.
    pub eos_id: Option<u32>,
}

/// A tokenizer's file or a text that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// `tokenizer.json` is not one.
    #[error("tokenizer.json cannot be read: {0}")]
    Tokenizer(String),
    /// A text cannot be encoded, or ids cannot be decoded.
    #[error("the tokenizer fails: {0}")]
    Text(String),
    /// Ids are written wrongly.
    #[error("{0:?} is no token id; expected numbers between blanks or commas")]
    Id(String),
}

impl fmt::Debug for TextTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextTokens").field("bos_id", &self.bos_id).field("eos_id", &self.eos_id).finish_non_exhaustive()
    }
}

impl TextTokens {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`TokensError::Tokenizer`].
    pub fn from_bytes(bytes: &[u8], bos_id: Option<u32>, eos_id: Option<u32>) -> Result<Self, TokensError> {
        let tokenizer = Tokenizer::from_bytes(bytes).map_err(|error| TokensError::Tokenizer(error.to_string()))?;
        Ok(Self { tokenizer, bos_id, eos_id })
    }

    /// The tokens of a text that is to be continued: the beginning token, then the text's.
    ///
    /// # Errors
    /// [`TokensError::Text`].
    pub fn prompt(&self, text: &str) -> Result<Vec<u32>, TokensError> {
        Ok(self.bos_id.into_iter().chain(self.continuation(text)?).collect())
    }

    /// The tokens of a text that continues another.
    ///
    /// # Errors
    /// [`TokensError::Text`].
    pub fn continuation(&self, text: &str) -> Result<Vec<u32>, TokensError> {
        let encoding = self.tokenizer.encode(text, false).map_err(|error| TokensError::Text(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The tokens of a text of lines, each between the beginning and the ending token; blank lines are skipped.
    ///
    /// # Errors
    /// [`TokensError::Text`].
    pub fn lines(&self, text: &str) -> Result<Vec<u32>, TokensError> {
        let mut ids = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            ids.extend(self.prompt(line)?);
            ids.extend(self.eos_id);
        }
        Ok(ids)
    }

    /// The text of tokens, without special ones.
    ///
    /// # Errors
    /// [`TokensError::Text`].
    pub fn text(&self, ids: &[u32]) -> Result<String, TokensError> {
        self.tokenizer.decode(ids, true).map_err(|error| TokensError::Text(error.to_string()))
    }
}

/// Token ids written as numbers between blanks or commas.
///
/// # Errors
/// [`TokensError::Id`].
pub fn parse_ids(text: &str) -> Result<Vec<u32>, TokensError> {
    text.split(|c: char| c.is_whitespace() || c == ',')
        .filter(|word| !word.is_empty())
        .map(|word| word.parse().map_err(|_| TokensError::Id(word.to_owned())))
        .collect()
}
