//! `seamount debug` by its transcript.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// `stories-1m`, compiled.
fn program(folder: &TempDir) -> String {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/models");
    let path = folder.path().join("stories.smt").display().to_string();
    let mut compile = Command::new(env!("CARGO_BIN_EXE_seamount"));
    compile.arg("compile").arg(models.join("stories-1m")).args(["-o", &path]);
    let compiled = compile.arg("--calibration").arg(models.join("calibration.txt")).output().unwrap();
    assert!(compiled.status.success(), "{compiled:?}");
    path
}

fn debug(args: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seamount"));
    command.arg("debug").args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_session_goes_from_a_token_through_a_neuron_to_logits() {
    let folder = tempfile::tempdir().unwrap();
    let program = program(&folder);
    let commands = "\
# Where it begins.
where
step
token 1, 40
info breakpoints
break layers.0.attn[3]:@9
b 0
info b
delete 2
continue
slots
continue
disassemble
disassemble layers.0.attn.norm
accumulators
registers
step 3

print h_0
print r0
print layers.0.attn.h_0[3]
p layers.1.attn.i_proj.delay0[3]
finish
print layers.0.attn.h_0[3]
next
delete
continue
continue
info events
restart
break layers.0.atn
break layers.0.attn[3]:900
print layers.0.attn.h0
token 99999
registers
jump
q
";
    let output = debug(&[&program], commands);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap());
}

#[test]
fn commands_from_a_file_stop_at_the_first_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let program = program(&folder);
    let file = folder.path().join("commands.txt").display().to_string();
    std::fs::write(&file, "token 1\nbreak nowhere\nstep\n").unwrap();
    let output = debug(&[&program, "-x", &file], "");
    assert_eq!(output.status.code(), Some(2));
    let (shown, failed) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(shown, "(seamount) token 1\nto be sent: 1\n(seamount) break nowhere\n");
    assert!(failed.starts_with("error[debug]: no group is called `nowhere`") && failed.contains(":2"), "{failed}");
}
