//! What groups, accumulators and ports are called: after the weights that they meet, or what they carry.

use std::collections::BTreeSet;

use seamount_ir::ValueId;
use seamount_ir::fixed::{Fixed, LOGITS, Op};

use crate::body::Input;
use crate::grouping::Grouping;
use crate::lower_to_network::Sent;
use crate::tick::is_inverse_root;

/// Gives each name once; whoever asks for it again gets it with a number.
#[derive(Debug, Default)]
pub(crate) struct Unique(BTreeSet<String>);

impl Unique {
    pub(crate) fn name(&mut self, base: &str) -> String {
        let mut name = base.to_owned();
        let mut n_asked = 1;
        while !self.0.insert(name.clone()) {
            n_asked += 1;
            name = format!("{base}.{n_asked}");
        }
        name
    }
}

impl Extend<String> for Unique {
    fn extend<T: IntoIterator<Item = String>>(&mut self, taken: T) {
        self.0.extend(taken);
    }
}

/// Groups are called after the weights that feed them; the others, such as inverse roots, after one that they serve.
pub(crate) fn groups(fixed: &Fixed, grouping: &Grouping) -> Vec<String> {
    let fed = |members: &[ValueId]| {
        let weights = members.iter().filter_map(|&value| match &fixed.graph.node(value).op {
            Op::Linear { weight } => Some(layer(weight).to_owned()),
            Op::Embed { .. } => Some("embed".to_owned()),
            _ => None,
        });
        weights.reduce(|a, b| common_path(&a, &b))
    };
    let names: Vec<Option<String>> = grouping.groups().iter().map(|members| fed(members)).collect();
    let by_user = |place: usize| {
        let users = grouping.groups()[place].iter().flat_map(|&value| fixed.graph.users(value));
        let mut users = users.map(|user| grouping.of(user)).filter(|&user| user != place);
        let served = users.find_map(|user| names[user].as_ref());
        served.map_or_else(|| "group".to_owned(), |served| format!("{served}.norm"))
    };
    let mut unique = Unique::default();
    let base = |(place, name): (usize, &Option<String>)| name.clone().unwrap_or_else(|| by_user(place));
    names.iter().enumerate().map(base).map(|base| unique.name(&base)).collect()
}

/// What an accumulator is called.
pub(crate) fn accumulator(fixed: &Fixed, input: Input) -> String {
    match input {
        Input::Tick | Input::Forwarded(_) => "tick".to_owned(),
        Input::Gathered(value) => match &fixed.graph.node(value).op {
            Op::Linear { weight } => last(weight).to_owned(),
            Op::ReduceSum { .. } => "sum".to_owned(),
            _ => "embedding".to_owned(),
        },
        Input::Carried(value) => carried(fixed, value),
    }
}

/// What a port is called: by the weights that it meets first, if any.
pub(crate) fn port(fixed: &Fixed, sent: Sent) -> String {
    let value = match sent {
        Sent::Value(value) => value,
        Sent::Biased(..) => return "squares".to_owned(),
        Sent::Tick(_) => return "tick".to_owned(),
    };
    let met = fixed.graph.users(value).into_iter().find_map(|user| match &fixed.graph.node(user).op {
        Op::Linear { weight } => Some(format!("to_{}", last(weight))),
        _ => None,
    });
    let is_logits = fixed.outputs[LOGITS] == value;
    met.unwrap_or_else(|| if is_logits { LOGITS.to_owned() } else { carried(fixed, value) })
}

fn carried(fixed: &Fixed, value: ValueId) -> String {
    if is_inverse_root(fixed, value) { "inverse_root".to_owned() } else { format!("carry_{}", value.0) }
}

/// `layers.0.attn.i_proj` of `layers.0.attn.i_proj.weight`.
fn layer(weight: &str) -> &str {
    weight.strip_suffix(".weight").unwrap_or(weight)
}

/// `i_proj` of `layers.0.attn.i_proj.weight`.
fn last(weight: &str) -> &str {
    let layer = layer(weight);
    layer.rsplit('.').next().unwrap_or(layer)
}

/// `layers.0.attn` of `layers.0.attn.i_proj` and `layers.0.attn.f_proj`; the first where they have nothing in common.
fn common_path(a: &str, b: &str) -> String {
    let common: Vec<&str> = a.split('.').zip(b.split('.')).take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
    if common.is_empty() { a.to_owned() } else { common.join(".") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let mut unique = Unique::default();
        unique.extend(["sum.2".to_owned()]);
        assert_eq!(["sum", "sum", "sum"].map(|base| unique.name(base)), ["sum", "sum.3", "sum.4"]);
    }

    #[test]
    fn layers_of_a_block_are_called_after_the_block() {
        assert_eq!(last("layers.0.attn.i_proj.weight"), "i_proj");
        assert_eq!(common_path(layer("layers.0.attn.i_proj.weight"), "layers.0.attn.f_proj"), "layers.0.attn");
        assert_eq!(common_path("lm_head", "gate"), "lm_head");
    }
}
