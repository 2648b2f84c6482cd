//! Texts that do not parse: where, and what is said.

use std::fmt::Write as _;

use seamount_ir::Module;

/// What is said of each text.
fn report(texts: &[&str]) -> String {
    report_within("{}", texts)
}

/// What is said of each text where it stands in place of `{}`.
fn report_within(frame: &str, texts: &[&str]) -> String {
    let mut report = if frame == "{}" { String::new() } else { format!("{frame}\n\n") };
    for text in texts {
        let outcome = match Module::parse(&frame.replace("{}", text)) {
            Ok(_) => "parses".to_owned(),
            Err(error) => error.to_string(),
        };
        writeln!(report, "{text}\n=> {outcome}\n").unwrap();
    }
    report
}

fn assert_snapshot(name: &str, report: &str) {
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(name, report) });
}

#[test]
fn of_the_syntax() {
    assert_snapshot(
        "syntax",
        &report(&[
            "",
            "model",
            "model \"m\"",
            "model \"m\" {",
            "model \"m\" {}}",
            "module \"m\" {\n}",
            "model m {\n}",
            "model \"m {\n}",
            "model \"m\\t\" {\n}",
            "model \"m\" {\n  vocab_size 3\n}",
            "model \"m\" {\n  vocab_size = \n}",
            "model \"m\" {\n  vocab_size = 3 3\n}",
            "model \"m\" {\n  vocab_size = 3\n  vocab_size = 4\n}",
            "model \"m\" {\n  # a comment\n}",
            "model \"m\" {\n  @ : f32[1]\n}",
            "model \"m\" {\n  @a f32[1]\n}",
            "model \"m\" {\n  @a : f33[1] = [1]\n}",
            "model \"m\" {\n  @a : f32[x] = [1]\n}",
            "model \"m\" {\n  @a : f32[-1] = [1]\n}",
            "model \"m\" {\n  @a : f32[1]\n}",
            "model \"m\" {\n  @a : f32[2] = [1.0]\n}",
            "model \"m\" {\n  @a : f32[1] = [1.0 2.0]\n}",
            "model \"m\" {\n  @a : i8[1] = [128]\n}",
            "model \"m\" {\n  @a : ternary[1] = [2]\n}",
            "model \"m\" {\n  @a : i8[1] = [1.5]\n}",
            "model \"m\" {\n  @a : i8[1] * -1.0 = [1]\n}",
            "model \"m\" {\n  @a : i8[1] * 2^x = [1]\n}",
            "model \"m\" {\n  @a : f32[4294967296, 4294967296, 1] sha256:00\n}",
            "model \"m\" {\n  @a : f32[1] = [1.0]\n  @a : f32[1] = [1.0]\n}",
            "model \"m\" {\n  %x = silu %0 : f32[1]\n}",
            "model \"m\" {\n  %99999999999 = silu %0 : f32[1]\n}",
            "model \"m\" {\n  %0 silu\n}",
            "model \"m\" {\n  %0 = silu %1 {a = 1, a = 2}\n}",
            "model \"m\" {\n  %0 = silu %1 {a = 1 b = 2}\n}",
            "model \"m\" {\n  %0 = silu %1 {a = 1e999}\n}",
            "model \"m\" {\n}",
            "model \"m\" {\n  a = [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]\n}",
        ]),
    );
}

#[test]
fn of_an_elided_shape_that_fits_no_memory() {
    let digest = "0".repeat(64);
    let text = format!("model \"m\" {{\n  @a : f32[4294967296, 4294967296] sha256:{digest}\n}}");
    let error = Module::parse(&text).unwrap_err().to_string();
    assert_eq!(error, "2:8: a constant of this shape fits no memory");
}

#[test]
fn of_the_model_level() {
    let frame = "model \"m\" {\n  vocab_size = 3\n  %0 = embed @e : f32[2]\n  {}\n}";
    let lines = [
        "%0 = embed @e : f32[2]",
        "%1 = silu %2 : f32[2]",
        "%1 = silu : f32[2]",
        "%1 = silu @e : f32[2]",
        "%1 = silu %0, %0 : f32[2]",
        "%1 = silu %0",
        "%1 = silu %0 : f32[2, 2]",
        "%1 = silu %0 : i8[2]",
        "silu %0 : f32[2]",
        "%1 = gelu %0 : f32[2]",
        "%1 = rms_norm %0 {eps = 1e-6} : f32[2]",
        "%1 = rms_norm %0, @e : f32[2]",
        "%1 = rms_norm %0, @e {eps = small} : f32[2]",
        "%1 = rms_norm %0, @e {epsilon = 1e-6, eps = 1e-6} : f32[2]",
        "%1 = linear %0, @w {rule = binary} : f32[2]",
        "%1 = round_per_token %0 {bits = -1} : f32[2]",
        "%1 = slice %0 {start = 1.5} : f32[1]",
        "%1 = silu %0 {observed = [1.0]} : f32[2]",
        "%1 = silu %0 {observed = [a, b, c]} : f32[2]",
        "%1 = silu %0 {layr = 1} : f32[2]",
        "output %0",
        "output \"logits\", %1",
        "output \"logits\", %0\n  output \"logits\", %0",
        "fn \"f\" {\n    return 1\n  }",
    ];
    assert_snapshot("model", &report_within(frame, &lines));
}

#[test]
fn of_the_fixed_level() {
    let frame = "fixed \"m\" {\n  vocab_size = 3\n  word_bits = 24\n  accumulator_bits = 24\n  overflow = saturate\n  \
                 %0 = embed @e : s16[2] * 2^-8\n  {}\n}";
    let lines = [
        "%1 = silu %0 : f32[2]",
        "%1 = silu %0 : s16[2]",
        "%1 = silu %0 : s33[2] * 2^-8",
        "%1 = mean_square %0 : s16[1] * 2^-8",
        "%1 = affine %0, 1 : s16[2] * 2^-8",
        "%1 = affine %0, 4294967296 {shift = 1} : s16[2] * 2^-8",
        "%1 = affine %0, %0 {shift = 1} : s16[2] * 2^-8",
        "%1 = affine %0, 1, 2, 3 {shift = 1} : s16[2] * 2^-8",
        "%1 = call @half, %0 : s16[2] * 2^-8",
        "%0 = silu %0 : s16[2] * 2^-8",
        "output \"logits\", %0\n  output \"logits\", %0",
        "group \"g\" {\n    neurons = 1\n  }",
        "fn \"f\" {\n    inputs = 1\n  }",
        "fn \"f\" {\n    return 1\n  }",
        "fn \"f\" {\n    inputs = 1\n    %0 = neg 1\n    return %0\n  }",
        "fn \"f\" {\n    inputs = 1\n    %1 = silu %0\n    return %0\n  }",
        "fn \"f\" {\n    inputs = 1\n    %1 = mul_shr %0, 1 {shift = 1}\n    return %0\n  }",
        "fn \"f\" {\n    inputs = 1\n    return %0\n  }\n  fn \"f\" {\n    inputs = 1\n    return %0\n  }",
    ];
    assert_snapshot("fixed", &report_within(frame, &lines));
}

#[test]
fn of_the_machine_widths() {
    let frame = "fixed \"m\" {\n  vocab_size = 3\n  {}\n}";
    let lines = [
        "",
        "word_bits = 24\n  accumulator_bits = 24",
        "word_bits = 33\n  accumulator_bits = 24\n  overflow = wrap",
        "word_bits = 24\n  accumulator_bits = 7\n  overflow = wrap",
        "word_bits = 24\n  accumulator_bits = 24\n  overflow = trap",
    ];
    assert_snapshot("machine", &report_within(frame, &lines));
}

#[test]
fn of_the_network_level() {
    let machine = "word_bits = 24\n  accumulator_bits = 24\n  overflow = wrap";
    let head = format!("network \"m\" {{\n  vocab_size = 3\n  {machine}\n  embedding = @e\n  logit_scale = 1.0");
    let lines = [
        "accumulator \"x\" {tick = true}\n    accumulator \"y\" {tick = true}",
        "accumulator \"x\" {delay = -1}",
        "port \"y\"",
        "param \"gain\"",
        "param \"gain\", 3",
        "%0 = read_state \"h\"",
        "state \"h\"\n    %1 = read_state \"h\"",
        "state \"h\"\n    read_state \"h\"",
        "state \"h\"\n    set_state \"h\", 4294967296",
        "%0 = divide 1, 2",
        "send \"y\", 1",
        "project \"g:y\", \"g:x\" {weights = ones}",
        "group \"inner\" {\n      neurons = 1\n    }",
        "nerons = 1",
    ];
    let frame = format!("{head}\n  group \"g\" {{\n    neurons = 1\n    {{}}\n  }}\n}}");
    assert_snapshot("group", &report_within(&frame, &lines));
    let lines = [
        "project \"g:z\", \"g:x\" {weights = ones}",
        "project \"g:y\", \"g:z\" {weights = ones}",
        "project \"host:logits\", \"g:x\" {weights = ones}",
        "project \"g:y\", \"g:x\"",
        "project \"g:y\", \"g:x\" {weights = twos}",
        "project \"g:y\", \"g:x\" {weights = ones, dely = 1}",
        "connect \"g:y\", \"g:x\" {weights = ones}",
    ];
    let group = "group \"g\" {\n    neurons = 1\n    accumulator \"x\"\n    port \"y\" {bits = 1}\n  }";
    assert_snapshot("projection", &report_within(&format!("{head}\n  {group}\n  {{}}\n}}"), &lines));
}
