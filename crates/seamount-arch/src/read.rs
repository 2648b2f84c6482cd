//! Reading a description, on top of the one that it extends.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::arch::{Arch, Entry};
use crate::error::ArchError;
use crate::nearest::nearest;
use crate::parameter::{Overflow, Status, Value};
use crate::schema::{Kind, SCHEMA, SECTIONS, Spec};
use crate::shipped::{extensible, extensible_names};

/// The keys above all sections.
const HEADER: [&str; 3] = ["name", "description", "extends"];
/// A shipped description that has every parameter.
const COMPLETE_BASE: &str = "loihi2-oheo-gulch";
/// The keys of a parameter.
const FIELDS: [&str; 5] = ["value", "unit", "source", "status", "note"];

impl Arch {
    /// Reads a description from the text of a file.
    ///
    /// `extends = "name"` starts from a shipped description; a parameter that the text has replaces the whole of the
    /// one it starts from, provenance included. Without `extends` every parameter must be there.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line: see [`ArchError`]. Whether the parameters agree with each other
    /// is for [`check`](crate::check) to say.
    pub fn from_toml(text: &str) -> Result<Self, ArchError> {
        let draft = Draft::read(text)?;
        let missing = |key: &str| ArchError::Missing { line: 1, key: key.to_owned() };
        let mut entries = Vec::with_capacity(SCHEMA.len());
        for (spec, entry) in SCHEMA.iter().zip(draft.entries) {
            let missing = ArchError::MissingParameter { key: spec.name, base: COMPLETE_BASE };
            entries.push(entry.ok_or(missing)?);
        }
        Ok(Self {
            name: draft.name.ok_or_else(|| missing("name"))?,
            description: draft.description.ok_or_else(|| missing("description"))?,
            entries,
        })
    }
}

/// A description that may not have everything yet.
struct Draft {
    name: Option<String>,
    description: Option<String>,
    entries: Vec<Option<Entry>>,
}

impl Draft {
    fn read(text: &str) -> Result<Self, ArchError> {
        let root = DeTable::parse(text).map_err(|error| ArchError::Syntax {
            line: line_at(text, error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })?;
        let reader = Reader { text };
        let root = root.get_ref();
        let mut draft = match root.get("extends") {
            Some(base) => {
                let name = reader.string("extends", base)?;
                let base_text = extensible(name).ok_or_else(|| ArchError::UnknownBase {
                    line: reader.line(base),
                    name: name.to_owned(),
                    nearest: nearest(name, extensible_names()).to_owned(),
                })?;
                // A base's own name is no name for what extends it.
                Self { name: None, description: None, ..Self::read(base_text)? }
            }
            None => Self { name: None, description: None, entries: vec![None; SCHEMA.len()] },
        };
        for (key, value) in reader.in_order(root) {
            match key {
                "extends" => {}
                "name" => draft.name = Some(reader.name(value)?),
                "description" => draft.description = Some(reader.string(key, value)?.to_owned()),
                section if SECTIONS.contains(&section) => draft.read_section(&reader, section, value)?,
                key => {
                    let nearest = nearest(key, HEADER.into_iter().chain(SECTIONS));
                    return Err(reader.unknown_key(value, key.to_owned(), nearest));
                }
            }
        }
        Ok(draft)
    }

    fn read_section(
        &mut self,
        reader: &Reader<'_>,
        section: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), ArchError> {
        for (key, value) in reader.in_order(reader.table(section, value)?) {
            let name = format!("{section}.{key}");
            let Some(index) = SCHEMA.iter().position(|spec| spec.name == name) else {
                // A right key in the wrong section is more likely than a typing error that leads to another key.
                let same_key = SCHEMA.iter().find(|spec| spec.short_name() == key);
                let in_section = SCHEMA.iter().filter(|spec| spec.section == section).map(|spec| spec.name);
                let nearest = same_key.map_or_else(|| nearest(&name, in_section), |spec| spec.name);
                return Err(reader.unknown_key(value, name.clone(), nearest));
            };
            self.entries[index] = Some(reader.entry(&SCHEMA[index], value)?);
        }
        Ok(())
    }
}

/// Turns TOML values into ours, and knows the lines they stand on.
struct Reader<'t> {
    text: &'t str,
}

impl Reader<'_> {
    /// The keys of a table in the order of the text, so that the first error is the first to be read.
    fn in_order<'v, 'i>(&self, table: &'v DeTable<'i>) -> Vec<(&'v str, &'v Spanned<DeValue<'i>>)> {
        let mut pairs: Vec<_> = table.iter().collect();
        pairs.sort_by_key(|(key, _)| key.span().start);
        pairs.into_iter().map(|(key, value)| (key.get_ref().as_ref(), value)).collect()
    }

    /// Reads one parameter.
    fn entry(&self, spec: &Spec, value: &Spanned<DeValue<'_>>) -> Result<Entry, ArchError> {
        let table = self.table(spec.name, value)?;
        for (key, value) in self.in_order(table) {
            if !FIELDS.contains(&key) {
                let nearest = format!("{}.{}", spec.name, nearest(key, FIELDS));
                return Err(self.unknown_key(value, format!("{}.{key}", spec.name), &nearest));
            }
        }
        let required = |field: &str| {
            let key = format!("{}.{field}", spec.name);
            table.get(field).ok_or_else(|| ArchError::Missing { line: self.line(value), key })
        };
        if let Some(unit) = table.get("unit") {
            let found = self.string(&format!("{}.unit", spec.name), unit)?;
            if found != spec.unit {
                let (line, key, found) = (self.line(unit), spec.name.to_owned(), found.to_owned());
                return Err(ArchError::Unit { line, key, expected: spec.unit, found });
            }
        }
        let text = |field: &str| match table.get(field) {
            Some(value) => self.string(&format!("{}.{field}", spec.name), value).map(str::to_owned),
            None => Ok(String::new()),
        };
        let status = self.word(&format!("{}.status", spec.name), required("status")?, &Status::ALL, Status::name)?;
        Ok(Entry { value: self.value(spec, required("value")?)?, source: text("source")?, status, note: text("note")? })
    }

    /// Reads the value of a parameter and holds it against its kind and range.
    fn value(&self, spec: &Spec, value: &Spanned<DeValue<'_>>) -> Result<Value, ArchError> {
        match spec.kind {
            Kind::Integer { min, max } => self.integer(spec, value, min, max).map(Value::Integer),
            Kind::Decimal { min, max } => self.decimal(spec, value, min, max).map(Value::Decimal),
            Kind::Overflow => self.word(spec.name, value, &Overflow::ALL, Overflow::name).map(Value::Overflow),
            Kind::Integers { min, max } => {
                let mut values = Vec::new();
                for item in self.array(spec.name, value, "a list of whole numbers")? {
                    values.push(self.integer(spec, item, min, max)?);
                }
                if values.is_empty() || values.windows(2).any(|pair| pair[0] >= pair[1]) {
                    let (line, key, found) = (self.line(value), spec.name.to_owned(), format!("{values:?}"));
                    return Err(ArchError::Order { line, key, found });
                }
                Ok(Value::Integers(values))
            }
            Kind::Cores => {
                let expected = "a list of [chip, core] pairs";
                let mut cores = Vec::new();
                for item in self.array(spec.name, value, expected)? {
                    let pair: Vec<_> = self.array(spec.name, item, expected)?.collect();
                    let [chip, core] = pair[..] else {
                        let found = format!("a list of {}", pair.len());
                        return Err(self.type_error(item, spec.name, expected, found));
                    };
                    let index = |value| {
                        let index = self.integer(spec, value, 0, u64::from(u32::MAX))?;
                        Ok(u32::try_from(index).expect("invariant: its range ends at u32::MAX"))
                    };
                    cores.push((index(chip)?, index(core)?));
                }
                Ok(Value::Cores(cores))
            }
        }
    }

    fn integer(&self, spec: &Spec, value: &Spanned<DeValue<'_>>, min: u64, max: u64) -> Result<u64, ArchError> {
        let Some(integer) = value.get_ref().as_integer() else {
            return Err(self.type_error(value, spec.name, "a whole number", value.get_ref().type_str().to_owned()));
        };
        match u64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if (min..=max).contains(&number) => Ok(number),
            Ok(_) | Err(_) => Err(self.range_error(value, spec, integer.to_string(), min.to_string(), max.to_string())),
        }
    }

    fn decimal(&self, spec: &Spec, value: &Spanned<DeValue<'_>>, min: f64, max: f64) -> Result<f64, ArchError> {
        let digits = match (value.get_ref().as_float(), value.get_ref().as_integer()) {
            (Some(float), _) => float.as_str(),
            (None, Some(integer)) if integer.radix() == 10 => integer.as_str(),
            (None, _) => {
                let found = value.get_ref().type_str().to_owned();
                return Err(self.type_error(value, spec.name, "a decimal number", found));
            }
        };
        match digits.parse::<f64>() {
            Ok(number) if (min..=max).contains(&number) => Ok(number),
            Ok(_) | Err(_) => Err(self.range_error(value, spec, digits.to_owned(), min.to_string(), max.to_string())),
        }
    }

    /// The one of `all` whose name the value is.
    fn word<T: Copy>(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        all: &[T],
        name: fn(T) -> &'static str,
    ) -> Result<T, ArchError> {
        let found = self.string(key, value)?;
        all.iter().copied().find(|&item| name(item) == found).ok_or_else(|| ArchError::Word {
            line: self.line(value),
            key: key.to_owned(),
            found: found.to_owned(),
            known: all.iter().map(|&item| name(item)).collect::<Vec<_>>().join(", "),
        })
    }

    fn name(&self, value: &Spanned<DeValue<'_>>) -> Result<String, ArchError> {
        let name = self.string("name", value)?;
        let typable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(typable) {
            return Err(ArchError::Name { line: self.line(value), name: name.to_owned() });
        }
        Ok(name.to_owned())
    }

    fn string<'v>(&self, key: &str, value: &'v Spanned<DeValue<'_>>) -> Result<&'v str, ArchError> {
        let found = value.get_ref();
        found.as_str().ok_or_else(|| self.type_error(value, key, "a string", found.type_str().to_owned()))
    }

    fn table<'v, 'i>(&self, key: &str, value: &'v Spanned<DeValue<'i>>) -> Result<&'v DeTable<'i>, ArchError> {
        let found = value.get_ref();
        let expected = if key.contains('.') { "a table { value, source, status }" } else { "a section" };
        found.as_table().ok_or_else(|| self.type_error(value, key, expected, found.type_str().to_owned()))
    }

    fn array<'v, 'i>(
        &self,
        key: &str,
        value: &'v Spanned<DeValue<'i>>,
        expected: &str,
    ) -> Result<impl Iterator<Item = &'v Spanned<DeValue<'i>>> + use<'v, 'i>, ArchError> {
        let found = value.get_ref();
        let items = found.as_array();
        items
            .map(|items| items.iter())
            .ok_or_else(|| self.type_error(value, key, expected, found.type_str().to_owned()))
    }

    fn line(&self, value: &Spanned<DeValue<'_>>) -> usize {
        line_at(self.text, value.span().start)
    }

    fn type_error(&self, value: &Spanned<DeValue<'_>>, key: &str, expected: &str, found: String) -> ArchError {
        ArchError::Type { line: self.line(value), key: key.to_owned(), expected: expected.to_owned(), found }
    }

    fn range_error(
        &self,
        value: &Spanned<DeValue<'_>>,
        spec: &Spec,
        found: String,
        min: String,
        max: String,
    ) -> ArchError {
        ArchError::Range { line: self.line(value), key: spec.name.to_owned(), found, min, max, unit: spec.unit }
    }

    fn unknown_key(&self, value: &Spanned<DeValue<'_>>, key: String, nearest: &str) -> ArchError {
        ArchError::UnknownKey { line: self.line(value), key, nearest: nearest.to_owned() }
    }
}

/// The line of a byte of the text, counted from 1.
fn line_at(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|&b| b == b'\n').count()
}
