//! A report as text for a terminal.

use std::fmt;

use crate::account::count;
use crate::activity::{Activity, Busiest, EventKind};
use crate::cost::Cost;
use crate::report::{
    CoreRow, EncodingRow, GroupRow, LayerRow, LinkDirection, Report, RunsOn, SliceRow, WeightEncoding,
};
use crate::resource::ratio;
use crate::table::{Table, bar, counted, extra, flexible, grouped, kib, number, percent, tenths, text};
use crate::usage::Usage;

/// Characters of a line if nobody says otherwise.
pub const DEFAULT_WIDTH: usize = 100;

/// The narrowest lines that are tried.
const MIN_WIDTH: usize = 72;

/// Where labels end and values begin.
const LABEL_WIDTH: usize = 16;

/// Rows of a table whose length grows with the model.
const MAX_ROWS: usize = 40;

impl Report {
    /// The report in lines of `width` characters, 72 at least.
    ///
    /// Groups that differ only in the number of their layer share a row, and long tables end early: the JSON has all.
    pub fn to_text(&self, width: usize) -> String {
        let mut page = Page { width: width.max(MIN_WIDTH), lines: Vec::new() };
        page.header(self);
        page.used(self);
        page.limits(self);
        page.memory(self);
        page.chips(self);
        page.layers(self);
        page.groups(self);
        page.fullest(self);
        page.token(self);
        if let Some(cost) = &self.cost {
            page.cost(cost);
        }
        if let Some(activity) = &self.activity {
            page.activity(activity);
        }
        page.lines.join("\n") + "\n"
    }
}

/// [`Report::to_text`] in [`DEFAULT_WIDTH`].
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text(DEFAULT_WIDTH))
    }
}

struct Page {
    width: usize,
    lines: Vec<String>,
}

impl Page {
    fn header(&mut self, report: &Report) {
        let (program, arch) = (&report.program, &report.arch);
        self.lines.push(format!("{} on {}", program.model, arch.name));
        self.field("system", &format!("{}, sha256 {:.16}", arch.description, arch.sha256));
        self.field("producer", &program.producer);
        let options: Vec<_> =
            program.flat_options().iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
        self.field("options", &options.join(", "));
        let file = program.file_bytes.map(|bytes| format!("{} bytes", grouped(bytes)));
        self.field("file", &file.unwrap_or_default());
        self.field("weights", &weights(report, RunsOn::Chip));
        self.field("host weights", &weights(report, RunsOn::Host));
        let bodies = if program.n_bodies == 1 { "body" } else { "bodies" };
        let (bodies, groups) = (format!("{} {bodies}", grouped(program.n_bodies)), counted(program.n_groups, "group"));
        let instructions = counted(program.n_instructions, "instruction");
        self.field("microcode", &format!("{bodies} with {instructions} for {groups}"));
        let (tokens, outputs) =
            (counted(program.vocab_size.into(), "token"), counted(program.n_outputs.into(), "logit"));
        let (channels, bytes) = (counted(program.n_embedding_channels.into(), "channel"), kib(program.embedding_bytes));
        let tokenizer = match program.tokenizer_bytes {
            0 => "no tokenizer".to_owned(),
            bytes => format!("tokenizer of {} KiB", kib(bytes)),
        };
        self.field("host", &format!("embeds {tokens} in {channels} ({bytes} KiB), {tokenizer}"));
        let steps = counted(program.latency_steps.into(), "step");
        self.field("latency", &format!("{steps} from a token to its {outputs}"));
    }

    fn used(&mut self, report: &Report) {
        self.heading("Used of the system");
        let mapping = &report.mapping;
        let mut table = Table::new([text(""), number("used"), number("of"), number("share"), text("")]);
        let width = self.bar_width();
        let mut row = |name: &str, used: u64, of: u64, format: fn(u64) -> String| {
            table.row([name.to_owned(), format(used), format(of), percent(ratio(used, of)), bar(used, of, width)]);
        };
        row("chips", mapping.n_chips_used, mapping.n_chips_available, grouped);
        row("neurocores", mapping.n_cores_used, mapping.n_cores_available, grouped);
        if mapping.n_cores_on_used_chips != mapping.n_cores_available {
            row("neurocores of these chips", mapping.n_cores_used, mapping.n_cores_on_used_chips, grouped);
        }
        let bytes = mapping.usage.total_bytes;
        row("KiB of these neurocores", bytes, bytes + mapping.free_bytes, kib);
        self.table(&table);
        if mapping.n_host_cores != 0 {
            let (cores, neurons) = (mapping.n_host_cores, counted(mapping.host_usage.n_neurons, "neuron"));
            let (cores, bytes) = (counted(cores, "core"), kib(mapping.host_usage.total_bytes));
            self.line(&format!("The host runs another {neurons}, laid out as {cores} with {bytes} KiB in all."));
        }
    }

    fn limits(&mut self, report: &Report) {
        self.heading("Limits of a neurocore");
        let columns = [text(""), number("limit"), number("mean fill"), number("most"), number("fill")];
        let [name, limit, mean, most, fill] = columns;
        let mut table = Table::new([name, limit, mean, most, fill, text(""), extra("chip:core"), extra("binds on")]);
        for row in &report.limits {
            let core = row.fullest_core_idx.and_then(|core_idx| report.core(core_idx));
            table.row([
                row.resource.name().to_owned(),
                grouped(row.available),
                percent(row.fill_mean),
                grouped(row.used_max),
                percent(row.fill_max),
                bar(row.used_max, row.available, self.bar_width()),
                core.map(place).unwrap_or_default(),
                grouped(row.n_cores_bound),
            ]);
        }
        self.table(&table);
        let nearest = report.mapping.nearest_limit;
        if let Some(row) = report.limits.iter().find(|row| Some(row.resource) == nearest) {
            let (name, fill, bound) = (row.resource.name(), percent(row.fill_max), grouped(row.n_cores_bound));
            let n_cores = counted(report.mapping.n_cores_used, "core");
            self.line(&format!("What binds: {name}, up to {fill}, nearest to the limit on {bound} of {n_cores}."));
        }
    }

    fn memory(&mut self, report: &Report) {
        self.heading("Memory of the used neurocores by use");
        let usage = &report.mapping.usage;
        let all = usage.total_bytes + report.mapping.free_bytes;
        let mut table = Table::new([text(""), number("KiB"), number("share"), text("")]);
        let uses = [
            ("synapses", usage.synapse_bytes),
            ("input axons", usage.input_axon_bytes),
            ("output axons", usage.output_axon_bytes),
            ("state", usage.state_bytes),
            ("microcode", usage.microcode_bytes),
            ("free", report.mapping.free_bytes),
        ];
        for (name, bytes) in uses {
            let bar = bar(bytes, all, self.bar_width());
            table.row([name.to_owned(), kib(bytes), percent(ratio(bytes, all)), bar]);
        }
        self.table(&table);
    }

    /// Left out for a single chip, of which everything is said above.
    fn chips(&mut self, report: &Report) {
        if report.chips.len() < 2 {
            return;
        }
        self.heading("Chips (memory in KiB)");
        let columns = [number("chip"), number("cores"), number("of"), number("neurons"), number("weights")];
        let [chip, cores, of, neurons, weights] = columns;
        let mut table = Table::new([chip, cores, of, neurons, weights, number("memory"), number("fill"), text("")]);
        for row in report.chips.iter().take(MAX_ROWS) {
            let whole = row.n_cores_available * report.limits.first().map_or(0, |limit| limit.available);
            table.row([
                row.chip.to_string(),
                grouped(row.n_cores_used),
                grouped(row.n_cores_available),
                grouped(row.usage.n_neurons),
                grouped(row.usage.n_weights),
                kib(row.usage.total_bytes),
                percent(row.fill),
                bar(row.usage.total_bytes, whole, self.bar_width()),
            ]);
        }
        self.table(&table);
        self.more(report.chips.len(), "chips");
    }

    fn layers(&mut self, report: &Report) {
        self.heading("Layers (memory in KiB)");
        let mut table = parts("layer", "chips");
        for row in report.layers.iter().take(MAX_ROWS) {
            table.row(part(row.name.clone(), chips(row), row.n_cores, &row.usage));
        }
        let mapping = &report.mapping;
        let all = if mapping.n_host_cores == 0 { "all" } else { "all on chips" };
        table.row(part(all.to_owned(), String::new(), mapping.n_cores_used, &mapping.usage));
        self.table(&table);
        self.more(report.layers.len(), "layers");
    }

    fn groups(&mut self, report: &Report) {
        self.heading("Neuron groups (memory in KiB)");
        let kinds = alike(&report.groups);
        let mut table = parts("group", "times");
        for kind in kinds.iter().take(MAX_ROWS) {
            let host = if kind.runs_on == RunsOn::Host { " (host)" } else { "" };
            let name = format!("{}{host}", kind.name);
            table.row(part(name, grouped(kind.n_groups), kind.n_cores, &kind.usage));
        }
        self.table(&table);
        self.more(kinds.len(), "kinds of groups");
    }

    fn fullest(&mut self, report: &Report) {
        self.heading("Fullest neurocores");
        let columns = [number("chip:core"), number("KiB"), text("nearest limit"), number("fill"), text("")];
        let [core, bytes, limit, fill, gauge] = columns;
        let mut table = Table::new([core, bytes, limit, fill, gauge, flexible("what lives there")]);
        for row in report.fullest_cores.iter().filter_map(|row| report.core(row.core_idx)) {
            let limit = report.limits.iter().find(|limit| limit.resource == row.nearest_limit);
            let available = limit.map_or(0, |limit| limit.available);
            table.row([
                place(row),
                kib(row.usage.total_bytes),
                row.nearest_limit.name().to_owned(),
                percent(row.fill),
                bar(row.nearest_limit.used(&row.usage), available, 10),
                row.slices.iter().map(slice).collect::<Vec<_>>().join(", "),
            ]);
        }
        self.table(&table);
    }

    /// What a token does if no payload is zero, which needs no run to know.
    fn token(&mut self, report: &Report) {
        self.heading("A token without zero payloads");
        let traffic = &report.traffic;
        let in_all: u64 = report.steps.iter().map(|step| step.n_synaptic_ops).sum();
        let in_series: u64 = report.steps.iter().map(|step| step.n_synaptic_ops_max).sum();
        let busiest = report.steps.iter().rev().max_by_key(|step| step.n_synaptic_ops_max);
        let work = format!(
            "{} synaptic operations, {} on the busiest core of each step in series",
            grouped(in_all),
            grouped(in_series)
        );
        self.field("work", &work);
        let core = |core_idx: Option<u32>| core_idx.and_then(|core_idx| report.core(core_idx)).map(place);
        if let Some((step, core)) = busiest.and_then(|step| Some((step, core(step.busiest_core_idx)?))) {
            let of = step.groups.iter().filter_map(|group| report.groups.iter().find(|row| row.group_idx == *group));
            let groups: Vec<_> = of.map(|row| row.name.as_str()).collect();
            let during = if groups.is_empty() { String::new() } else { format!(", while {} works", groups.join(", ")) };
            let n_ops = grouped(step.n_synaptic_ops_max);
            self.field("busiest step", &format!("{} with {n_ops} on {core}{during}", step.step));
        }
        let (messages, hops) = (counted(traffic.n_messages, "message"), counted(traffic.n_hops, "hop"));
        let crossings = counted(traffic.n_chip_crossings, "chip crossing");
        let host = grouped(traffic.n_host_messages);
        self.field("traffic", &format!("{messages} between cores, {hops}, {crossings}; {host} with the host"));
        if let Some(link) = traffic.router_links.iter().rev().max_by_key(|link| link.n_messages) {
            let direction = match link.direction {
                LinkDirection::East => "east",
                LinkDirection::West => "west",
                LinkDirection::South => "south",
                LinkDirection::North => "north",
            };
            let messages = counted(link.n_messages, "message");
            self.field("busiest link", &format!("{messages} from router ({}, {}) {direction}", link.x, link.y));
        }
    }

    /// Figures with the ends of what is believed in brackets.
    fn cost(&mut self, cost: &Cost) {
        self.heading("Predicted time and energy");
        let columns = [text(""), number("tokens/s"), number("us a token"), number("mJ a token"), text("time goes to")];
        let [name, tokens, time, energy, bound] = columns;
        let mut table = Table::new([name, tokens, time, energy, bound, text("energy to")]);
        for row in &cost.modes {
            table.row([
                row.name(),
                row.tokens_per_s.to_string(),
                row.token_us.to_string(),
                row.mj_per_token.to_string(),
                row.time_bound.clone(),
                row.energy_bound.clone(),
            ]);
        }
        self.table(&table);
        let (n_tokens, first) = (counted(cost.prompt_tokens, "token"), cost.first_token_us);
        self.field("first token", &format!("{first} us after a prompt of {n_tokens}"));
        if let Some(row) = cost.modes.first() {
            let basis = row.time_rests_on;
            let (published, measured) = (percent(basis.published), percent(basis.measured));
            let assumed = percent(basis.assumed);
            let rests = format!("{published} published constants, {measured} fitted or measured, {assumed} assumed");
            self.field("time rests on", &rests);
        }
    }

    fn activity(&mut self, activity: &Activity) {
        let (tokens, steps) = (counted(activity.n_tokens, "token"), counted(activity.n_steps, "step"));
        self.heading(&format!("Activity: {tokens} in {steps}"));
        let columns = [text(""), number("total"), number("a token"), extra("the host's"), number("busiest core")];
        let [name, total, a_token, host, core] = columns;
        let mut table = Table::new([name, total, a_token, host, core, number("has"), extra("times the mean")]);
        for kind in EventKind::ALL {
            let busiest = activity.busiest.iter().find(|busiest| busiest.event == kind);
            let of = |value: fn(&Busiest) -> String| busiest.map(value).unwrap_or_default();
            table.row([
                kind.name().to_owned(),
                grouped(kind.of(&activity.counts)),
                activity.per_token.map(|averages| tenths(kind.per_token(&averages))).unwrap_or_default(),
                grouped(kind.of(&activity.host_counts)),
                of(|busiest| format!("{}:{}", busiest.chip, busiest.core)),
                of(|busiest| grouped(busiest.n_events)),
                of(|busiest| tenths(busiest.imbalance)),
            ]);
        }
        self.table(&table);
        let share = percent(activity.zero_payload_share);
        self.line(&format!("{share} of the payloads were zero and were not sent."));
    }

    fn heading(&mut self, text: &str) {
        self.lines.push(String::new());
        self.lines.push(text.to_owned());
    }

    fn table(&mut self, table: &Table) {
        self.lines.extend(table.lines(self.width));
    }

    fn line(&mut self, text: &str) {
        self.wrapped(String::new(), 0, text);
    }

    /// A label and its value; nothing if the value is empty.
    fn field(&mut self, label: &str, value: &str) {
        if !value.is_empty() {
            self.wrapped(label.to_owned(), LABEL_WIDTH - 2, value);
        }
    }

    /// Breaks at spaces; `label` stands before the first line and as much room before the others.
    fn wrapped(&mut self, label: String, label_width: usize, text: &str) {
        let mut line = format!("  {label:<label_width$}");
        let mut empty = true;
        for word in text.split(' ') {
            if !empty && line.chars().count() + 1 + word.chars().count() > self.width {
                self.lines.push(line);
                line = " ".repeat(2 + label_width);
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line += word;
            empty = false;
        }
        self.lines.push(line);
    }

    /// Says how many rows of a table are missing.
    fn more(&mut self, n_rows: usize, what: &str) {
        if n_rows > MAX_ROWS {
            self.line(&format!("… and {} more {what}.", grouped(count(n_rows - MAX_ROWS))));
        }
    }

    fn bar_width(&self) -> usize {
        (10 + (self.width - MIN_WIDTH) / 4).min(24)
    }
}

/// Groups that differ only in the number of their layer.
struct Alike {
    name: String,
    runs_on: RunsOn,
    n_groups: u64,
    n_cores: u64,
    usage: Usage,
}

/// In the order in which the first of each comes.
fn alike(groups: &[GroupRow]) -> Vec<Alike> {
    let mut kinds: Vec<Alike> = Vec::new();
    for group in groups {
        let name = without_layer(group);
        let at = kinds.iter().position(|kind| kind.name == name && kind.runs_on == group.runs_on);
        let at = at.unwrap_or_else(|| {
            let (runs_on, usage) = (group.runs_on, Usage::default());
            kinds.push(Alike { name, runs_on, n_groups: 0, n_cores: 0, usage });
            kinds.len() - 1
        });
        kinds[at].n_groups += 1;
        kinds[at].n_cores += group.n_cores;
        kinds[at].usage += group.usage;
    }
    kinds
}

/// `layers.*.mixer` of `layers.3.mixer` in layer 3.
fn without_layer(group: &GroupRow) -> String {
    let layer = group.layer.map(|layer| layer.to_string());
    let parts = group.name.split('.').map(|part| if Some(part) == layer.as_deref() { "*" } else { part });
    parts.collect::<Vec<_>>().join(".")
}

/// A table of layers or groups.
fn parts(name: &'static str, second: &'static str) -> Table {
    Table::new([
        flexible(name),
        number(second),
        number("cores"),
        number("neurons"),
        number("weights"),
        number("synapses"),
        extra("in axons"),
        extra("out axons"),
        extra("state"),
        extra("code"),
    ])
}

fn part(name: String, second: String, n_cores: u64, usage: &Usage) -> [String; 10] {
    [
        name,
        second,
        grouped(n_cores),
        grouped(usage.n_neurons),
        grouped(usage.n_weights),
        kib(usage.synapse_bytes),
        grouped(usage.n_input_axons),
        grouped(usage.n_output_axons),
        kib(usage.state_bytes),
        kib(usage.microcode_bytes),
    ]
}

fn chips(row: &LayerRow) -> String {
    match row.runs_on {
        RunsOn::Host => "host".to_owned(),
        RunsOn::Chip => runs(&row.chips),
    }
}

/// Ascending numbers in short: `0`, `0-4`, or `0-4 +2` for two more.
pub(crate) fn runs(numbers: &[u32]) -> String {
    let Some(first) = numbers.chunk_by(|a, b| a + 1 == *b).next() else { return String::new() };
    let run = match first {
        [first, .., last] => format!("{first}-{last}"),
        _ => first[0].to_string(),
    };
    match numbers.len() - first.len() {
        0 => run,
        others => format!("{run} +{others}"),
    }
}

/// A text without its quotes.
pub(crate) fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn weights(report: &Report, runs_on: RunsOn) -> String {
    let rows = report.encodings.iter().filter(|row| row.runs_on == runs_on);
    let row = |row: &EncodingRow| {
        let encoding = match row.encoding {
            WeightEncoding::Dense2 => "dense 2-bit",
            WeightEncoding::Dense8 => "dense 8-bit",
            WeightEncoding::Sparse => "sparse",
        };
        format!("{} {encoding} ({} KiB)", grouped(row.n_weights), kib(row.synapse_bytes))
    };
    rows.map(row).collect::<Vec<_>>().join(", ")
}

fn place(core: &CoreRow) -> String {
    format!("{}:{}", core.chip, core.core)
}

fn slice(slice: &SliceRow) -> String {
    let end = u64::from(slice.first_neuron) + u64::from(slice.n_neurons);
    format!("{} {}..{end}", slice.group, slice.first_neuron)
}
