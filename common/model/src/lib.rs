//! The model crate: decoder language models with an NF4-quantised frozen base and LoRA adapters, trained by
//! explicit layer-wise back-propagation. Called by the site worker (training) and the coordinator
//! (evaluation, export). Knows nothing of the federation: what it exchanges with it is safetensors bytes and
//! plain structs.
//!
//! Invariants: nothing here panics on outside input (checkpoints, adapters, records); the same inputs give
//! the same bytes on the same processor; nothing here opens a socket.

pub mod adapter;
pub mod base;
pub mod bench;
pub mod bounded;
pub mod chat;
pub mod checkpoint;
pub mod compare;
pub mod config;
pub mod conformance;
pub(crate) mod decoder;
pub mod device;
pub mod error;
pub mod evaluate;
pub mod export;
pub mod frozen;
pub mod generate;
pub mod kernels;
pub mod likelihood;
pub mod limits;
pub mod nf4;
pub mod ops;
pub mod options;
pub mod plan;
pub mod quantise;
pub mod sample;
pub mod segments;
mod staging;
pub mod train;

pub use adapter::peft::{load_peft, save_peft, save_peft_with};
pub use adapter::{Adapter, LoraSettings, tensor_shapes};
pub use base::BaseModel;
pub use chat::{ChatTokenizer, Message, Role};
pub use compare::{Adapted, Compared, compare};
pub use config::ModelConfig;
pub use device::{Device, DeviceMemory, Placement};
pub use error::ModelError;
pub use evaluate::{Evaluation, SampleScore, evaluate, evaluate_each};
pub use export::gguf::{GgufFacts, GgufSource, GgufType, export_gguf, export_gguf_adapter};
pub use export::{Difference, FurtherFile, export_merged, export_merged_with};
pub use likelihood::{Likelihoods, Likely};
pub use options::{Compute, HeldWeights, LoadOptions, Recompute, WeightFormat};
pub use quantise::{quantise_checkpoint, quantise_merged};
pub use sample::Sample;
pub use train::{
    Batching, Checkpoint, Control, EvaluationSettings, Schedule, StepReport, TrainData, TrainOutcome,
    TrainSettings, train,
};
