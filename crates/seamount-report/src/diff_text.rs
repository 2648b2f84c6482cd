//! A comparison of two reports as text for a terminal.

use std::fmt;

use crate::account::count;
use crate::cost::significant;
use crate::diff::{AmountChange, DiffSide, ReportDiff, Share, ValueChange};
use crate::report::RunsOn;
use crate::table::{Table, counted, flexible, grouped, kib, number, percent, tenths, text};
use crate::text::{DEFAULT_WIDTH, plain, runs};

/// Rows of a table whose length grows with the model.
const MAX_ROWS: usize = 40;

/// In lines of [`DEFAULT_WIDTH`]; amounts that did not change are left out.
impl fmt::Display for ReportDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "before  {}", side(&self.before))?;
        writeln!(f, "after   {}", side(&self.after))?;
        if self.is_empty() {
            return writeln!(f, "\nThe mappings are the same.");
        }
        values(f, "Options", &self.options)?;
        values(f, "System", &self.parameters)?;
        self.amounts(f)?;
        self.costs(f)?;
        self.limits(f)?;
        let layers = self.layers.iter().map(|row| (row.name.as_str(), row.runs_on, &row.before, &row.after, 0));
        parts(f, "Layers that changed", "", layers.collect())?;
        let groups = self.groups.iter();
        let groups = groups.map(|row| (row.name.as_str(), row.runs_on, &row.before, &row.after, row.n_neurons_moved));
        parts(f, "Neuron groups that changed", "neurons moved", groups.collect())?;
        let n_moved: u64 = self.groups.iter().map(|row| row.n_neurons_moved).sum();
        let n_to_chips: u64 = self.groups.iter().map(|row| row.n_neurons_moved_to_other_chips).sum();
        let (moved, to_chips) = (counted(n_moved, "neuron"), grouped(n_to_chips));
        writeln!(f, "\n{moved} moved to another neurocore, {to_chips} of them to another chip.")
    }
}

impl ReportDiff {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        let same_limits = self.limits.iter().all(|row| {
            (row.available_before, row.fill_mean_before, row.fill_max_before)
                == (row.available_after, row.fill_mean_after, row.fill_max_after)
        });
        let same_amounts = self.amounts.iter().all(|row| row.before == row.after);
        let lists = [self.options.len(), self.parameters.len(), self.layers.len(), self.groups.len()];
        let same_costs = self.costs.iter().all(|row| {
            (row.tokens_per_s_before, row.mj_per_token_before) == (row.tokens_per_s_after, row.mj_per_token_after)
        });
        same_limits && same_amounts && same_costs && lists.iter().all(|&n| n == 0)
    }

    fn amounts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new([text(""), number("before"), number("after"), number("change")]);
        for row in self.amounts.iter().filter(|row| row.before != row.after) {
            let show = |value: f64| if value.fract() == 0.0 { whole(value) } else { tenths(value) };
            table.row([label(&row.name), show(row.before), show(row.after), change(row)]);
        }
        lines(f, "Amounts that changed", &table)
    }

    fn costs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new([text(""), number("tokens/s"), number("mJ a token"), text("most of the time is")]);
        for row in &self.costs {
            table.row([
                row.mode.name(row.n_streams),
                arrow(&significant(row.tokens_per_s_before), &significant(row.tokens_per_s_after)),
                arrow(&significant(row.mj_per_token_before), &significant(row.mj_per_token_after)),
                arrow(&row.time_bound_before, &row.time_bound_after),
            ]);
        }
        lines(f, "Predicted", &table)
    }

    fn limits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = [text(""), number("a neurocore has"), number("mean fill"), number("fullest")];
        let mut table = Table::new(columns);
        for row in &self.limits {
            table.row([
                row.resource.name().to_owned(),
                arrow(&grouped(row.available_before), &grouped(row.available_after)),
                arrow(&percent(row.fill_mean_before), &percent(row.fill_mean_after)),
                arrow(&percent(row.fill_max_before), &percent(row.fill_max_after)),
            ]);
        }
        lines(f, "Limits of a neurocore", &table)
    }
}

fn side(side: &DiffSide) -> String {
    format!("{} on {}, {}", side.model, side.arch, side.producer)
}

fn values(f: &mut fmt::Formatter<'_>, heading: &str, changes: &[ValueChange]) -> fmt::Result {
    let mut table = Table::new([text(""), flexible("before"), text("after")]);
    for row in changes {
        let show = |value: &Option<serde_json::Value>| value.as_ref().map(plain).unwrap_or_default();
        table.row([row.name.clone(), show(&row.before), show(&row.after)]);
    }
    lines(f, heading, &table)
}

/// Layers or groups: name, who runs it, before, after, neurons that moved.
type Part<'a> = (&'a str, RunsOn, &'a Option<Share>, &'a Option<Share>, u64);

fn parts(f: &mut fmt::Formatter<'_>, heading: &str, moved: &'static str, rows: Vec<Part<'_>>) -> fmt::Result {
    let columns = [flexible("name"), number("cores"), text("chips"), number("KiB"), number(moved)];
    let mut table = Table::new(columns);
    for (name, runs_on, before, after, n_moved) in rows.iter().take(MAX_ROWS) {
        let of = |value: fn(&Share) -> String| {
            let show = |share: &Option<Share>| share.as_ref().map_or_else(|| "none".to_owned(), value);
            arrow(&show(before), &show(after))
        };
        let host = if *runs_on == RunsOn::Host { " (host)" } else { "" };
        table.row([
            format!("{name}{host}"),
            of(|share| grouped(share.n_cores)),
            of(|share| runs(&share.chips)),
            of(|share| kib(share.total_bytes)),
            if *n_moved == 0 { String::new() } else { grouped(*n_moved) },
        ]);
    }
    lines(f, heading, &table)?;
    match rows.len().saturating_sub(MAX_ROWS) {
        0 => Ok(()),
        more => writeln!(f, "  … and {} more.", grouped(count(more))),
    }
}

/// A heading and a table; nothing if the table has no rows.
fn lines(f: &mut fmt::Formatter<'_>, heading: &str, table: &Table) -> fmt::Result {
    if table.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{heading}")?;
    table.lines(DEFAULT_WIDTH).into_iter().try_for_each(|line| writeln!(f, "{line}"))
}

/// One value if nothing changed.
fn arrow(before: &str, after: &str) -> String {
    if before == after { after.to_owned() } else { format!("{before} → {after}") }
}

fn change(row: &AmountChange) -> String {
    let sign = if row.after > row.before { "+" } else { "-" };
    if row.before == 0.0 {
        return format!("{sign}{}", whole((row.after - row.before).abs()));
    }
    format!("{sign}{}", percent((row.after / row.before - 1.0).abs()))
}

fn whole(value: f64) -> String {
    tenths(value).trim_end_matches(".0").to_owned()
}

/// What people call an amount.
fn label(name: &str) -> String {
    let words = match name {
        "n_chips_used" => "chips",
        "n_cores_used" => "neurocores",
        "n_host_cores" => "cores that the host plays",
        "latency_steps" => "steps a token",
        "total_bytes" => "memory bytes",
        "n_synapses" => "synaptic operations a token at most",
        "n_synaptic_ops_max" => "most of them on one core in one step",
        "n_synaptic_ops_in_series" => "sum over steps of the busiest core's",
        "n_hops" => "hops a token at most",
        "n_chip_crossings" => "chip crossings a token at most",
        "n_messages_max" => "messages on the busiest link",
        other => return other.trim_start_matches("n_").replace('_', " "),
    };
    words.to_owned()
}
