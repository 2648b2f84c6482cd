//! `set-ranges`: ranges that are known, in place of calibration.

use indexmap::IndexMap;
use seamount_ir::model::{Model, Observed};
use seamount_ir::pass::{Pass, PassError, PassInfo};
use seamount_ir::syntax::{Attributes, ParseError, Value, nearest};
use seamount_ir::{Level, Module};

use crate::names::value_names;

/// What is known of `set-ranges`.
pub static INFO: PassInfo = PassInfo {
    name: "set-ranges",
    description: "Gives every value the range that its name has in a list, as a checkpoint trained for them carries.",
    from: Level::Model,
    to: Level::Model,
    options: &[("ranges", "required", "[[\"name\", least, largest, root mean square], ...], one for each value")],
};

/// Ranges of values by their [names](value_names).
pub type Ranges = IndexMap<String, Observed>;

/// Notes given ranges at every value, as [`calibrate`](crate::calibrate) notes observed ones.
#[derive(Debug, Clone, Default)]
pub struct SetRanges {
    /// A range for every value.
    pub ranges: Ranges,
}

impl SetRanges {
    /// Makes the pass from its options.
    ///
    /// # Errors
    /// Unknown options, and what is no list of names with three numbers.
    pub fn from_options(mut options: Attributes) -> Result<Box<dyn Pass>, ParseError> {
        let ranges = options.take("ranges");
        options.clone().finish()?;
        let wrong = |found: &Value| {
            options.error(format!(
                "`ranges` wants lists of a name, least, largest and root mean square, such as \
                 [\"layer.0\", -4.0, 4.0, 1.0], found {found}"
            ))
        };
        let list = options.require("ranges", ranges)?;
        let Value::List(items) = &list else { return Err(wrong(&list)) };
        let mut ranges = Ranges::new();
        for item in items {
            let Value::List(parts) = item else { return Err(wrong(item)) };
            let [Value::Text(name), min, max, rms, negligible @ ..] = parts.as_slice() else { return Err(wrong(item)) };
            let negligible: Option<Vec<f64>> = negligible.iter().map(number).collect();
            let Some(negligible) = negligible.filter(|numbers| numbers.len() <= 1) else { return Err(wrong(item)) };
            let (Some(min), Some(max), Some(rms)) = (number(min), number(max), number(rms)) else {
                return Err(wrong(item));
            };
            ranges.insert(name.clone(), Observed { min, max, rms, negligible: negligible.first().copied() });
        }
        Ok(Box::new(Self { ranges }))
    }
}

impl Pass for SetRanges {
    fn info(&self) -> &'static PassInfo {
        &INFO
    }

    fn run(&self, module: Module) -> Result<Module, PassError> {
        let Module::Model(mut model) = module else { return Err(PassError::level(&INFO, &module)) };
        let names = value_names(&model);
        if let Some(unknown) = self.ranges.keys().find(|name| !names.values().any(|known| known == *name)) {
            let nearest = nearest(unknown, names.values().map(String::as_str)).unwrap_or_default();
            let message = format!("is given a range, but there is no such value; did you mean `{nearest}`?");
            return Err(PassError::cannot(format!("`{unknown}`"), message));
        }
        let missing: Vec<&String> = names.values().filter(|name| !self.ranges.contains_key(*name)).collect();
        if let Some(first) = missing.first() {
            let (n_missing, n_values) = (missing.len(), names.len());
            let message = format!("has no range; {n_missing} of {n_values} values have none, all need one");
            return Err(PassError::cannot(format!("`{first}`"), message));
        }
        for (value, name) in names {
            model.graph.node_mut(value).observed = Some(self.ranges[&name]);
        }
        Ok(Module::Model(model))
    }
}

/// The ranges of a calibrated model by the names of its values; what is not calibrated is left out.
pub fn ranges_of(model: &Model) -> Ranges {
    let with_range = |(value, name)| Some((name, model.graph.node(value).observed?));
    value_names(model).into_iter().filter_map(with_range).collect()
}

#[expect(clippy::cast_precision_loss, reason = "written integers are small")]
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(float) => Some(*float),
        Value::Int(int) => Some(*int as f64),
        Value::Bool(_) | Value::Text(_) | Value::Word(_) | Value::Symbol(_) | Value::List(_) => None,
    }
}
