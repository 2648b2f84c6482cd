//! A small checkpoint to break: its folder, its configuration and its tensors.

use std::fs;
use std::path::Path;

use seamount_hf::Checkpoint;
use seamount_ir::model::Model;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// One tensor of a file.
#[derive(Debug, Clone)]
pub struct Tensor {
    pub name: String,
    pub dtype: &'static str,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

impl Tensor {
    /// Singles that rise from a tenth in steps of a tenth.
    pub fn new(name: &str, shape: &[usize]) -> Self {
        let n = u16::try_from(shape.iter().product::<usize>()).expect("small");
        let bytes = (1..=n).flat_map(|at| (f32::from(at) / 10.0).to_le_bytes()).collect();
        Self { name: name.into(), dtype: "F32", shape: shape.to_vec(), bytes }
    }
}

/// What a folder has, before it is written.
#[derive(Debug, Clone)]
pub struct Folder {
    pub config: Map<String, Value>,
    pub tensors: Vec<Tensor>,
}

impl Folder {
    /// Width 4, two blocks, six tokens.
    pub fn small() -> Self {
        let config = json!({
            "architectures": ["HGRNBitForCausalLM"], "model_type": "hgrn_bit", "vocab_size": 6, "hidden_size": 4,
            "num_hidden_layers": 2, "num_heads": 2, "intermediate_size": 8, "bos_token_id": 1, "eos_token_id": 2,
        });
        let mut tensors = vec![
            Tensor::new("model.embeddings.weight", &[6, 4]),
            Tensor::new("model.lower_bounds", &[2, 4]),
            Tensor::new("model.norm.weight", &[4]),
            Tensor::new("lm_head.weight", &[6, 4]),
            Tensor::new("lm_head.norm.weight", &[4]),
        ];
        for layer in 0..2 {
            let mut add = |name: &str, shape: &[usize]| {
                tensors.push(Tensor::new(&format!("model.layers.{layer}.{name}"), shape));
            };
            for name in ["attn_norm.weight", "mlp_norm.weight", "attn.g_norm.weight"] {
                add(name, &[4]);
            }
            for name in ["attn.i_proj", "attn.f_proj", "attn.g_proj", "attn.o_proj"] {
                add(&format!("{name}.weight"), &[4, 4]);
                add(&format!("{name}.norm.weight"), &[4]);
            }
            add("mlp.gate_proj.weight", &[16, 4]);
            add("mlp.gate_proj.norm.weight", &[4]);
            add("mlp.down_proj.weight", &[4, 8]);
            add("mlp.down_proj.norm.weight", &[8]);
        }
        let Value::Object(config) = config else { unreachable!("an object was written") };
        Self { config, tensors }
    }

    /// The same folder with a key of its configuration set.
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.config.insert(key.into(), value);
        self
    }

    /// The same folder without a key of its configuration.
    pub fn without(mut self, key: &str) -> Self {
        self.config.remove(key).expect("the key was there");
        self
    }

    /// A tensor to change.
    pub fn tensor(&mut self, name: &str) -> &mut Tensor {
        self.tensors.iter_mut().find(|tensor| tensor.name == name).expect("the folder has it")
    }

    /// Takes a tensor out.
    pub fn remove(&mut self, name: &str) -> Tensor {
        let at = self.tensors.iter().position(|tensor| tensor.name == name).expect("the folder has it");
        self.tensors.remove(at)
    }

    /// Writes `config.json` and `model.safetensors`.
    pub fn write(&self) -> TempDir {
        let dir = self.write_config();
        write(dir.path(), "model.safetensors", &safetensors(&self.tensors));
        dir
    }

    /// Writes `config.json` alone.
    pub fn write_config(&self) -> TempDir {
        let dir = tempfile::tempdir().expect("there is room");
        write(dir.path(), "config.json", serde_json::to_string(&self.config).expect("it is JSON").as_bytes());
        dir
    }
}

/// Writes a file of a folder.
pub fn write(dir: &Path, name: &str, bytes: &[u8]) {
    fs::write(dir.join(name), bytes).expect("there is room");
}

/// A safetensors file of some tensors.
pub fn safetensors(tensors: &[Tensor]) -> Vec<u8> {
    let mut header = Map::new();
    header.insert("__metadata__".into(), json!({"format": "pt"}));
    let mut data = Vec::new();
    for Tensor { name, dtype, shape, bytes } in tensors {
        let start = data.len();
        data.extend_from_slice(bytes);
        header.insert(name.clone(), json!({"dtype": dtype, "shape": shape, "data_offsets": [start, data.len()]}));
    }
    with_header(&serde_json::to_string(&header).expect("it is JSON"), &data)
}

/// A safetensors file of a header and data.
pub fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

/// Imports a folder.
pub fn import(dir: &TempDir) -> Result<Model, String> {
    let name = dir.path().display().to_string();
    let model = Checkpoint::open(dir.path()).and_then(|checkpoint| checkpoint.to_model());
    model.map_err(|error| error.to_string().replace(&name, "DIR"))
}

/// What importing a folder says.
pub fn error(dir: &TempDir) -> String {
    import(dir).expect_err("the folder is broken")
}
