//! What shares a neuron, on graphs of a few lines.

use super::*;

/// Groups of a graph, each as its values in text, such as `%0 %1`. Units do not matter and are left out.
fn groups(lines: &str) -> Vec<String> {
    let machine = "vocab_size = 2\nword_bits = 24\naccumulator_bits = 24\noverflow = saturate";
    let lines: String = lines.lines().fold(String::new(), |text, line| text + line + " * 2^-8\n");
    let fixed = Fixed::parse(&format!("fixed \"graph\" {{\n{machine}\n{lines}}}")).unwrap();
    let groups = Grouping::new(&fixed).groups().to_vec();
    groups.iter().map(|group| group.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn operations_on_one_vector_share_a_neuron() {
    let found = groups(
        "%0 = embed @e : s16[4]
        %1 = affine %0, 3 {shift = 0} : s16[4]
        %2 = multiply %0, %1 {shift = 0} : s16[4]
        %3 = add %2, %0 : s16[4]",
    );
    assert_eq!(found, ["%0 %1 %2 %3"]);
}

#[test]
fn a_sum_over_neurons_is_another_group_even_of_the_same_width() {
    let found = groups(
        "%0 = embed @e : s16[4]
        %1 = linear %0, @w : s24[4]
        %2 = linear %1, @w : s24[4]",
    );
    assert_eq!(found, ["%0", "%1", "%2"]);
}

#[test]
fn layers_that_meet_share_a_neuron() {
    let found = groups(
        "%0 = embed @e : s16[4]
        %1 = linear %0, @gate : s24[6]
        %2 = linear %0, @up : s24[6]
        %3 = multiply %1, %2 {shift = 0} : s24[6]",
    );
    assert_eq!(found, ["%0", "%1 %2 %3"]);
}

#[test]
fn what_went_through_a_layer_does_not_come_back_to_the_neuron_that_sent_it() {
    // The sum joins the layer, not the embedding that both come from.
    let found = groups(
        "%0 = embed @e : s16[4]
        %1 = linear %0, @w : s24[4]
        %2 = add %0, %1 : s24[4]",
    );
    assert_eq!(found, ["%0", "%1 %2"]);
}

#[test]
fn what_went_through_other_groups_does_not_come_back_either() {
    // %5 would bring the first group behind %1 and %4, which hear it.
    let found = groups(
        "%0 = embed @e : s16[4]
        %1 = linear %0, @w : s24[6]
        %2 = affine %1, 3 {shift = 0} : s24[6]
        %3 = linear %2, @w : s24[4]
        %4 = linear %3, @w : s24[4]
        %5 = multiply %4, %0 {shift = 0} : s24[4]
        %6 = add %5, %3 : s24[4]",
    );
    assert_eq!(found, ["%0", "%1 %2", "%3", "%4 %5 %6"]);
}

#[test]
fn a_scalar_and_the_vector_that_it_multiplies_are_two_groups() {
    let found = groups(
        r#"%0 = embed @e : s16[4]
        %1 = multiply %0, %0 {shift = 0} : s24[4]
        %2 = reduce_sum %1 {bias = 1} : s24[1]
        %3 = call "inv_sqrt", %2 : s24[1]
        %4 = multiply %0, %3 {shift = 0} : s24[4]"#,
    );
    assert_eq!(found, ["%0 %1", "%2 %3", "%4"]);
}

#[test]
fn groups_come_after_those_that_they_hear_whatever_the_order_of_the_text() {
    // The first value of the last group stands before the sum and the root that the group waits for.
    let found = groups(
        "%0 = embed @e : s16[4]
        %1 = linear %0, @w : s24[6]
        %2 = multiply %0, %0 {shift = 0} : s24[4]
        %3 = reduce_sum %2 {bias = 1} : s24[1]
        %4 = multiply %1, %3 {shift = 0} : s24[6]",
    );
    assert_eq!(found, ["%0 %2", "%3", "%1 %4"]);
}

/// Writes a graph line by line.
#[derive(Default)]
struct Text {
    lines: Vec<String>,
}

impl Text {
    fn line(&mut self, op: &str, width: usize) -> usize {
        self.lines.push(format!("%{} = {op} : s24[{width}]", self.lines.len()));
        self.lines.len() - 1
    }

    fn call(&mut self, function: &str, x: usize, width: usize) -> usize {
        self.line(&format!("call \"{function}\", %{x}"), width)
    }

    fn multiply(&mut self, a: usize, b: usize, width: usize) -> usize {
        self.line(&format!("multiply %{a}, %{b} {{shift = 0}}"), width)
    }

    fn root(&mut self, x: usize, width: usize) -> usize {
        let v = self.line(&format!("affine %{x}, 3 {{shift = 0}}"), width);
        let squares = self.multiply(v, v, width);
        let sum = self.line(&format!("reduce_sum %{squares} {{bias = 1}}"), 1);
        self.call("inv_sqrt", sum, 1)
    }

    fn layer(&mut self, x: usize, root: usize, from: usize, to: usize) -> usize {
        let payload = self.line(&format!("affine %{x}, 5 {{shift = 0}}"), from);
        let sum = self.line(&format!("linear %{payload}, @w"), to);
        self.multiply(sum, root, to)
    }

    /// A block of the published shape: token mixer and channel mixer, each between two inverse roots.
    fn block(&mut self, x: usize) -> usize {
        let root = self.root(x, 8);
        let [input, forget, gate] = [(); 3].map(|()| self.layer(x, root, 8, 8));
        let input = self.call("silu", input, 8);
        let forget = self.call("sigmoid", forget, 8);
        let gate = self.call("sigmoid", gate, 8);
        let state = self.line(&format!("gated_recurrence %{forget}, %{input} {{shift = 23}}"), 8);
        let gated = self.multiply(state, gate, 8);
        let root = self.root(gated, 8);
        let mixed = self.layer(gated, root, 8, 8);
        let x = self.line(&format!("add %{x}, %{mixed}"), 8);
        let root = self.root(x, 8);
        let [gate, up] = [(); 2].map(|()| self.layer(x, root, 8, 16));
        let gate = self.call("silu", gate, 16);
        let product = self.multiply(gate, up, 16);
        let root = self.root(product, 16);
        let mixed = self.layer(product, root, 16, 8);
        self.line(&format!("add %{x}, %{mixed}"), 8)
    }
}

#[test]
fn a_block_is_eight_groups() {
    let mut text = Text::default();
    let mut x = text.line("embed @e", 8);
    for _ in 0..24 {
        x = text.block(x);
    }
    assert!(text.lines.len() > 900);
    // Token mixer, its output, gate and up, down, and a root of each one's input; and the embedding.
    assert_eq!(groups(&text.lines.join("\n")).len(), 1 + 24 * 8);
}
