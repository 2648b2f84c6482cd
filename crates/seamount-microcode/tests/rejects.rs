//! What the assembler and the verifier refuse, and what they say.

use seamount_microcode::semantics::Word;
use seamount_microcode::{Body, BodyError, Instr, Machine, Reg, Rule, Src, assemble, verify};

const HEADER: &str = ".body b\n.acc a0 sum\n.param s0 gain\n.state s1 past\n.port p0 out\n.probe q0 seen\n";

fn assemble_error(text: &str) -> String {
    assemble(text).expect_err("the text is wrong").to_string()
}

fn verify_errors(code: &str) -> Vec<BodyError> {
    let body = assemble(&format!("{HEADER}{code}")).expect("the text is right");
    verify(body, &machine()).expect_err("the text is wrong")
}

fn machine() -> Machine {
    Machine { word: Word::new(24).expect("24 is a width"), n_registers: 16 }
}

#[test]
fn assembler_says_where_and_what() {
    let cases = [
        ("", "line 1, column 1: expected `.body` and a name, found the end of the line"),
        ("\nMOV r0, 1", "line 2, column 1: expected `.body` and a name, found `MOV`"),
        (".body r0", "line 1, column 7: expected a name, found `r0`"),
        (".body b\n.body c", "line 2, column 1: `.body` is declared twice"),
        (".body b\n.acc a1 sum", "line 2, column 6: expected `a0`, the next number, found `a1`"),
        (".body b\n.acc a0 x\n.acc a1 x", "line 3, column 9: `x` is declared twice"),
        (
            ".body b\n.bss",
            "line 2, column 1: `.bss` is no directive; there are .body, .acc, .param, .state, .port and .probe",
        ),
        (".body b\n  mov r0, 1", "line 2, column 3: `mov` is no instruction"),
        (".body b\nMOV r0 1", "line 2, column 8: expected `,`, found `1`"),
        (".body b\nMOV r0,", "line 2, column 8: expected a register or a number, found the end of the line"),
        (".body b\nMOV r0, 8388608", "line 2, column 9: 8388608 is not within -8388608 to 8388607"),
        (".body b\nMOV r0, 1 2", "line 2, column 11: expected the end of the line, found `2`"),
        (".body b\nMOV r256, 1", "line 2, column 5: 256 is not within 0 to 255"),
        (".body b\nRMW.LD r0, [gain]", "line 2, column 13: no slot is called `gain`"),
        (".body b\nRMW.LD r0, s0", "line 2, column 12: expected `[`, found `s0`"),
        (".body b\nRDC r0, r1", "line 2, column 9: expected an accumulator, found `r1`"),
        (".body b\nMUL_SHR r0, r0, r0, 12", "line 2, column 21: expected `#` and a shift, found `12`"),
        (".body b\nJMP_C.a away", "line 2, column 9: no label is called `away`"),
        (".body b\nx:\nx:", "line 3, column 1: `x` is declared twice"),
        (".body b\nx: JMP_C.a x max", "line 2, column 17: expected a number, found the end of the line"),
    ];
    for (text, expected) in cases {
        assert_eq!(assemble_error(text), expected, "for {text:?}");
    }
}

#[test]
fn verifier_names_the_rule_and_the_address() {
    let cases = [
        ("MOV r16, 0", "@0: r16 does not exist, a neuron has 16 registers [register]"),
        ("RDC r0, a1", "@0: accumulator a1 is not declared [accumulator]"),
        ("RMW.LD r0, [s2]", "@0: slot s2 is not declared [slot]"),
        ("MOV r0, 0\nRMW.ST [gain], r0", "@1: slot s0 (`gain`) is a parameter [param-write]"),
        ("MOV r0, 0\nRMW.XCHG r0, [gain], r0", "@1: slot s0 (`gain`) is a parameter [param-write]"),
        ("MOV r0, 0\nRMW.ADD r0, [gain], r0", "@1: slot s0 (`gain`) is a parameter [param-write]"),
        ("MOV r0, 0\nSPIKE p1, r0", "@1: port p1 is not declared [port]"),
        ("MOV r0, 0\nPROBE q1, r0", "@1: probe q1 is not declared [probe]"),
        ("MOV r0, 0\nSHL r0, r0, 64", "@1: SHL by 64, the furthest is 63 [shift]"),
        ("MOV r0, 0\nMUL_SHR r0, r0, r0, #48", "@1: MUL_SHR by 48, the furthest is 47 [shift]"),
        ("JMP_C.a @2", "@0: jump to @2, the body ends at @1 [target]"),
        ("MOV r0, 0\nEQ r0, 0\nSKP_C.t", "@2: SKP_C has nothing to skip [target]"),
        ("x: JMP_C.a x", "@0: a backward jump needs `max` [bound]"),
        ("x: JMP_C.a x max 0", "@0: a backward jump needs `max` [bound]"),
        ("JMP_C.a x max 1\nx:", "@0: a forward jump takes no `max` [bound]"),
        ("NEG r0, r1", "@0: r1 may be read before it is written [undefined-register]"),
        ("MOV r0, 0\nSEL r0, r0, 1", "@1: the flag may be read before it is set [undefined-flag]"),
        // One path writes r1, the other does not.
        (
            "RDC r0, sum\nEQ r0, 0\nJMP_C.t x\nMOV r1, 1\nx: SPIKE out, r1",
            "@4: r1 may be read before it is written [undefined-register]",
        ),
        (
            "RDC r0, sum\nEQ r0, 0\nSKP_C.t\nMOV r1, 1\nNEG r1, r1",
            "@4: r1 may be read before it is written [undefined-register]",
        ),
    ];
    for (code, expected) in cases {
        let errors = verify_errors(code);
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected], "for {code:?}");
    }
}

#[test]
fn verifier_checks_what_text_cannot_say() {
    let only_rule = |body: Body, machine: &Machine| {
        let errors = verify(body, machine).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors[0].rule
    };
    let named = |name: &str| Body { name: name.to_owned(), ..Body::default() };
    assert_eq!(only_rule(named("two words"), &machine()), Rule::Name);
    let twice = vec!["x".to_owned(), "x".to_owned()];
    assert_eq!(only_rule(Body { ports: twice, ..named("b") }, &machine()), Rule::Name);
    let mov = |value| Instr::Mov { rd: Reg(0), src: Src::Imm(value) };
    assert_eq!(only_rule(Body { instructions: vec![mov(1 << 23)], ..named("b") }, &machine()), Rule::Immediate);
    let narrow = Machine { word: Word::new(16).unwrap(), n_registers: 1 };
    assert_eq!(only_rule(Body { instructions: vec![mov(1 << 15)], ..named("b") }, &narrow), Rule::Immediate);
    assert_eq!(only_rule(Body { instructions: vec![mov(0); 65536], ..named("b") }, &machine()), Rule::Length);
}

#[test]
fn verifier_follows_both_branches_and_loops() {
    let code = "
        RDC r0, sum
        EQ r0, 0
        JMP_C.t zero
        MOV r1, 1
        JMP_C.a join
    zero:
        MOV r1, 2
    join:
        SPIKE out, r1
    again:
        ADD r1, r1, -1
        EQ r1, 0
        JMP_C.f again max 2
        RMW.XCHG r2, [past], r1
        PROBE seen, r2
    ";
    verify(assemble(&format!("{HEADER}{code}")).unwrap(), &machine()).unwrap();
}
