//! Commands, and what they do.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;

use seamount::tokens::{TextTokens, parse_ids};
use seamount_emulator::{Debugger, Observer, Pace, Site, StepOutput};
use seamount_microcode::{PortId, ProbeId};
use seamount_program::Program;

use super::super::Failure;
use super::place::{Breakpoint, group_of, home_of, indexed};
use super::show;

/// Commands in the order in which a beginning of them is looked up, with what they say of themselves.
const COMMANDS: [(&str, &str, &str); 18] = [
    ("break", "PLACE[:PC]", "stop at an instruction: PLACE is a core's number, a group, or a neuron GROUP[N]"),
    ("step", "[N]", "execute one instruction, or N"),
    ("next", "[N]", "go to the first instruction of the next time step"),
    ("continue", "", "go on to a breakpoint, or until all logits have come"),
    ("finish", "", "go to the end of this neuron's run"),
    ("token", "IDS|TEXT", "let the host send tokens, one in each of the next steps"),
    ("print", "NAME", "show a register, slot or accumulator of this neuron; GROUP.NAME[N] of another"),
    ("registers", "", "show the registers that this neuron's microcode writes"),
    ("accumulators", "", "show this neuron's accumulators"),
    ("slots", "", "show this neuron's slots"),
    ("disassemble", "[GROUP]", "show microcode around the next instruction, or all of a group's"),
    ("info", "WHAT", "cores, groups, breakpoints, events"),
    ("where", "", "show the next instruction"),
    ("delete", "[N]", "remove a breakpoint, or all"),
    ("restart", "", "go back to the beginning"),
    ("help", "", "show this"),
    ("quit", "", "leave"),
    ("exit", "", "leave"),
];

/// What a command gives.
pub(super) enum Answer {
    Text(String),
    Error(String),
    Quit,
}

pub(super) struct Session {
    program: Arc<Program>,
    tokens: Option<TextTokens>,
    debugger: Debugger,
    /// Tokens that are still to be sent.
    queue: VecDeque<u32>,
    breakpoints: Vec<(usize, Breakpoint)>,
    n_breakpoints: usize,
    /// Why the program cannot go on.
    fault: Option<String>,
    last: String,
}

/// Tells what a neuron sends and shows.
struct Effects<'a> {
    program: &'a Program,
    said: String,
}

impl Observer for Effects<'_> {
    fn spike(&mut self, site: Site, port: PortId, payload: i32) {
        let name = self.program.body_of(site.group).and_then(|body| body.port_name(port)).unwrap_or_default();
        _ = writeln!(self.said, "  sends {payload} from {port} {name}");
    }

    fn probe(&mut self, _site: Site, _probe: ProbeId, name: &str, value: i32) {
        _ = writeln!(self.said, "  shows {value} as {name}");
    }
}

impl Session {
    pub(super) fn new(program: &seamount::Program, tokens: Option<TextTokens>) -> Result<Self, Failure> {
        Ok(Self {
            debugger: program.debugger()?,
            program: Arc::clone(program.shared()),
            tokens,
            queue: VecDeque::new(),
            breakpoints: Vec::new(),
            n_breakpoints: 0,
            fault: None,
            last: String::new(),
        })
    }

    /// Carries out a line; an empty one is the last one again, one with `#` is a remark.
    pub(super) fn command(&mut self, line: &str) -> Answer {
        let line = line.trim();
        if line.starts_with('#') {
            return Answer::Text(String::new());
        }
        if !line.is_empty() {
            line.clone_into(&mut self.last);
        }
        let line = self.last.clone();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
        if word.is_empty() {
            return Answer::Text(String::new());
        }
        let Some(&(name, ..)) = COMMANDS.iter().find(|(name, ..)| name.starts_with(word)) else {
            return Answer::Error(format!("no command is called `{word}`; `help` lists them"));
        };
        if matches!(name, "quit" | "exit") {
            return Answer::Quit;
        }
        match self.carry_out(name, rest.trim()) {
            Ok(text) => Answer::Text(text),
            Err(message) => Answer::Error(message),
        }
    }

    fn carry_out(&mut self, name: &str, rest: &str) -> Result<String, String> {
        match name {
            "break" => self.add_breakpoint(rest),
            "delete" => self.delete(rest),
            "step" => self.repeat(rest, Self::step),
            "next" => self.repeat(rest, Self::next),
            "finish" => self.repeat("", Self::finish),
            "continue" => self.repeat("", |session, said| session.go(said, None)),
            "token" => self.add_tokens(rest),
            "print" => self.print(rest),
            "registers" => self.here().map(|at| show::registers(&self.debugger, at)),
            "accumulators" => self.here().map(|at| show::accumulators(&self.debugger, at)),
            "slots" => self.here().map(|at| show::slots(&self.debugger, at)),
            "disassemble" => self.disassemble(rest),
            "info" => self.info(rest),
            "where" => Ok(self.place()),
            "restart" => {
                self.debugger.reset();
                self.queue.clear();
                self.fault = None;
                Ok(self.place())
            }
            _ => Ok(help()),
        }
    }

    fn add_breakpoint(&mut self, rest: &str) -> Result<String, String> {
        let breakpoint = match (rest, self.debugger.position()) {
            ("", Some(at)) => {
                let name = &self.program.groups[at.group as usize].name;
                Breakpoint::parse(&self.program, &format!("{name}[{}]:{}", at.neuron, at.pc))?
            }
            ("", None) => return Err("break where? give a core, a group or GROUP[N], and perhaps :PC".to_owned()),
            (place, _) => Breakpoint::parse(&self.program, place)?,
        };
        self.n_breakpoints += 1;
        let text = format!("breakpoint {}: {breakpoint}", self.n_breakpoints);
        self.breakpoints.push((self.n_breakpoints, breakpoint));
        Ok(text)
    }

    fn delete(&mut self, rest: &str) -> Result<String, String> {
        if rest.is_empty() {
            self.breakpoints.clear();
            return Ok(String::new());
        }
        let at = self.breakpoints.iter().position(|(number, _)| number.to_string() == rest);
        self.breakpoints.remove(at.ok_or_else(|| format!("there is no breakpoint {rest}"))?);
        Ok(String::new())
    }

    fn add_tokens(&mut self, rest: &str) -> Result<String, String> {
        let ids = match (parse_ids(rest), &self.tokens) {
            (Ok(ids), _) => ids,
            (Err(_), Some(tokens)) => tokens.continuation(rest).map_err(|error| error.to_string())?,
            (Err(error), None) => return Err(format!("{error}, and the program has no tokenizer")),
        };
        let vocab_size = self.program.host.vocab_size;
        if let Some(unknown) = ids.iter().find(|&&id| id >= vocab_size) {
            return Err(format!("token {unknown} of a vocabulary of {vocab_size}"));
        }
        if ids.is_empty() {
            return Err("which token? give ids or a text".to_owned());
        }
        self.queue.extend(&ids);
        let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
        Ok(format!("to be sent: {}", ids.join(" ")))
    }

    /// Does something once, or as often as `times` says, and says where the program stands then.
    fn repeat(
        &mut self,
        times: &str,
        mut once: impl FnMut(&mut Self, &mut String) -> Result<bool, String>,
    ) -> Result<String, String> {
        let times: usize = match times {
            "" => 1,
            times => times.parse().map_err(|_| format!("`{times}` is no number"))?,
        };
        if let Some(fault) = &self.fault {
            return Err(format!("{fault}; `restart` goes back to the beginning"));
        }
        let mut said = String::new();
        for _ in 0..times {
            if !once(self, &mut said)? {
                break;
            }
        }
        Ok(said + &self.place())
    }

    /// One instruction; between two steps, to the first one.
    fn step(&mut self, said: &mut String) -> Result<bool, String> {
        if self.debugger.position().is_none() {
            self.begin_step(said)?;
            return Ok(true);
        }
        self.advance(Pace::Instruction, said, true)?;
        Ok(true)
    }

    fn finish(&mut self, said: &mut String) -> Result<bool, String> {
        self.here()?;
        self.advance(Pace::Neuron, said, true)?;
        Ok(true)
    }

    /// To the first instruction of the step after this one, if no breakpoint comes before.
    fn next(&mut self, said: &mut String) -> Result<bool, String> {
        let until = self.debugger.position().map_or(self.debugger.n_steps(), |at| at.step + 1);
        self.go(said, Some(until))
    }

    /// Goes on to a breakpoint, to the first instruction of a step, or else until there is nothing more to come. Says
    /// whether nothing stopped it.
    fn go(&mut self, said: &mut String, until: Option<u64>) -> Result<bool, String> {
        loop {
            match self.debugger.position() {
                None if until.is_none() && self.queue.is_empty() && !self.debugger.awaits_logits() => {
                    said.push_str("nothing more is to come: `token` lets the host send\n");
                    return Ok(false);
                }
                None => self.begin_step(said)?,
                Some(at) => {
                    let may_stop = self.breakpoints.iter().any(|(_, breakpoint)| breakpoint.concerns(&at));
                    self.advance(if may_stop { Pace::Instruction } else { Pace::Neuron }, said, false)?;
                }
            }
            let Some(at) = self.debugger.position() else {
                // No neuron of the step had an instruction.
                if until.is_some_and(|until| until < self.debugger.n_steps()) {
                    return Ok(true);
                }
                continue;
            };
            let hit = self.breakpoints.iter().find(|(_, it)| it.concerns(&at) && it.pc == at.pc);
            if let Some((number, _)) = hit {
                _ = writeln!(said, "breakpoint {number}");
                return Ok(false);
            }
            if until.is_some_and(|until| at.step >= until) {
                return Ok(true);
            }
        }
    }

    fn begin_step(&mut self, said: &mut String) -> Result<(), String> {
        let token = self.queue.pop_front();
        let output = self.debugger.begin_step(token).map_err(|error| error.to_string())?;
        self.tell(output, said);
        Ok(())
    }

    fn advance(&mut self, pace: Pace, said: &mut String, effects: bool) -> Result<(), String> {
        let mut seen = Effects { program: &self.program, said: String::new() };
        let output = self.debugger.advance(pace, &mut seen);
        if effects {
            said.push_str(&seen.said);
        }
        match output {
            Ok(output) => self.tell(output, said),
            Err(error) => {
                let fault = error.to_string();
                return Err(self.fault.insert(fault).clone());
            }
        }
        Ok(())
    }

    /// Tells of a step that is over.
    fn tell(&self, output: Option<StepOutput>, said: &mut String) {
        if let Some(logits) = output.and_then(|output| output.logits) {
            let step = self.debugger.n_steps() - 1;
            said.push_str(&show::logits(&self.program, self.tokens.as_ref(), step, &logits));
        }
    }

    fn here(&self) -> Result<seamount_emulator::Position, String> {
        self.debugger.position().ok_or_else(|| "no neuron runs between two steps; `step` begins one".to_owned())
    }

    fn place(&self) -> String {
        match self.debugger.position() {
            Some(at) => show::position(&self.program, at),
            None => format!("between two steps; the next is {}", self.debugger.n_steps()),
        }
    }

    fn print(&self, text: &str) -> Result<String, String> {
        if let Some(at) = self.debugger.position()
            && let Some(shown) = show::operand(&self.debugger, at, text)
        {
            return Ok(shown);
        }
        let (name, neuron) = indexed(text)?;
        let Some((group, value)) = name
            .rsplit_once('.')
            .filter(|(group, _)| self.program.groups.iter().any(|candidate| candidate.name == *group))
        else {
            // Names of slots have points as well.
            return self.print_dotted(name, neuron, text);
        };
        self.print_of(group, value, neuron)
    }

    fn print_dotted(&self, name: &str, neuron: Option<u32>, text: &str) -> Result<String, String> {
        let groups = self.program.groups.iter().map(|group| group.name.as_str());
        let of = groups.filter_map(|group| Some((group, name.strip_prefix(group)?.strip_prefix('.')?)));
        match of.max_by_key(|(group, _)| group.len()) {
            Some((group, value)) => self.print_of(group, value, neuron),
            None => Err(format!("`{text}` is neither of this neuron, nor GROUP.NAME[N] of another")),
        }
    }

    fn print_of(&self, group: &str, value: &str, neuron: Option<u32>) -> Result<String, String> {
        let group_idx = group_of(&self.program, group)?;
        let n_neurons = self.program.groups[group_idx as usize].n_neurons;
        let neurons = neuron.map_or(0..n_neurons, |neuron| neuron..neuron.saturating_add(1));
        let mut values = Vec::with_capacity(neurons.len());
        for neuron in neurons {
            let (core, slice, in_slice) = home_of(&self.program, group_idx, neuron)
                .ok_or_else(|| format!("neuron {neuron} of the {n_neurons} of `{group}`"))?;
            let slots = self.debugger.slots(core, slice, in_slice);
            let accumulators = self.debugger.accumulators(core, slice, in_slice);
            let body = self.program.body_of(group_idx).expect("invariant: groups have bodies");
            let found = show::value(body, slots, accumulators, value);
            values.push(found.ok_or_else(|| show::unknown(body, group, value))?.to_string());
        }
        Ok(format!("{group}.{value} = {}", values.join(" ")))
    }

    fn disassemble(&self, rest: &str) -> Result<String, String> {
        let (group, next) = match rest {
            "" => self.here().map(|at| (at.group, Some(at.pc)))?,
            group => (group_of(&self.program, group)?, None),
        };
        let breaks = |pc| self.breakpoints.iter().any(|(_, it)| it.pc == pc && it.is_in(&self.program, group));
        Ok(show::microcode(&self.program, group, next, breaks))
    }

    fn info(&self, what: &str) -> Result<String, String> {
        let known = ["cores", "groups", "breakpoints", "events"];
        match known.into_iter().find(|known| !what.is_empty() && known.starts_with(what)) {
            Some("cores") => Ok(show::cores(&self.program)),
            Some("groups") => Ok(show::groups(&self.program)),
            Some("breakpoints") => {
                let lines: Vec<String> = self.breakpoints.iter().map(|(n, it)| format!("{n}: {it}")).collect();
                Ok(if lines.is_empty() { "no breakpoints".to_owned() } else { lines.join("\n") })
            }
            Some(_) => Ok(show::events(&self.program, self.debugger.events())),
            None => Err(format!("info about what? there is {}", known.join(", "))),
        }
    }
}

fn help() -> String {
    let mut text = String::new();
    for (name, arguments, meaning) in COMMANDS.iter().filter(|(name, ..)| *name != "exit") {
        let usage = format!("{name} {arguments}");
        _ = writeln!(text, "{usage:<22}{meaning}");
    }
    text + "Any beginning of a command will do; an empty line repeats the last one."
}
