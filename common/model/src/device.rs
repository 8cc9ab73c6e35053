//! Where the engine computes: this machine's processor or one of its NVIDIA GPUs, chosen at run time by name.
//! Used by every command that computes, and by their configuration files. Invariants: parsing touches no
//! hardware; [`Device::require_usable`] says in one sentence what is missing, and never panics, before
//! anything touches a driver.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{ModelError, Result};
use crate::options::{Compute, HeldWeights, LoadOptions, Recompute};

#[cfg(feature = "cuda")]
pub(crate) mod cuda;

/// The device a model is loaded on.
///
/// Written `cpu`, `cuda` (the first GPU) or `cuda:N`. The device is no part of a base model's fingerprint:
/// the frozen bytes are the same everywhere. Results are reproducible on the same device, and close, not
/// equal, between devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Device {
    /// The processor, with all its cores.
    #[default]
    Cpu,
    /// An NVIDIA GPU, counted from 0 in the driver's order (`CUDA_VISIBLE_DEVICES` applies).
    Cuda {
        /// Which one.
        index: usize,
    },
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda { index } => write!(f, "cuda:{index}"),
        }
    }
}

impl FromStr for Device {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self> {
        let refused = || ModelError::Device {
            device: text.to_owned(),
            reason: "there is no such kind of device".to_owned(),
            hint: "write cpu, cuda, or cuda:N with N counted from 0".to_owned(),
        };
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda { index: 0 }),
            // Digits only: `parse` alone would take "+1".
            Some(("cuda", number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                number.parse().map(|index| Self::Cuda { index }).map_err(|_| refused())
            }
            _ => Err(refused()),
        }
    }
}

impl TryFrom<String> for Device {
    type Error = ModelError;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Device> for String {
    fn from(device: Device) -> Self {
        device.to_string()
    }
}

/// How one machine holds a base model and computes with it. Nothing here changes the model: the fingerprint
/// is the same for every placement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Placement {
    /// Where.
    pub device: Device,
    /// What a training step keeps instead of computing it twice.
    pub recompute: Recompute,
    /// Whether packed weights are unpacked once or for each product.
    pub weights: HeldWeights,
}

/// What a device's allocator holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceMemory {
    /// Bytes of live tensors.
    pub in_use_bytes: u64,
    /// Bytes taken from the driver; never less than were in use at the same time.
    pub reserved_bytes: u64,
}

impl From<Device> for Placement {
    fn from(device: Device) -> Self {
        Self { device, ..Self::default() }
    }
}

impl Placement {
    /// Whether a model with these options can be held like this, on this machine, now.
    ///
    /// # Errors
    /// `Device` as [`Device::require_usable`]; `Setting` when the cache would change the results.
    pub fn require_usable(&self, options: &LoadOptions) -> Result<()> {
        if self.weights == HeldWeights::Bf16Cache && options.compute != Compute::Bf16 {
            let reason = "bf16-cache would round the weights, and the run asks for f32 arithmetic".to_owned();
            return Err(ModelError::Setting { name: "weights", reason });
        }
        self.device.require_usable()
    }
}

impl Device {
    /// Whether this program can compute there, on this machine, now.
    ///
    /// # Errors
    /// `Device`: the program was built without CUDA, or what the machine lacks (driver, GPU, run-time
    /// compiler, headers), with the way to get it as hint.
    pub fn require_usable(&self) -> Result<()> {
        match self {
            Self::Cpu => Ok(()),
            #[cfg(feature = "cuda")]
            Self::Cuda { index } => cuda::find(*index).map_err(|missing| ModelError::Device {
                device: self.to_string(),
                reason: missing.reason,
                hint: missing.hint.to_owned(),
            }),
            #[cfg(not(feature = "cuda"))]
            Self::Cuda { .. } => Err(self.built_without_cuda()),
        }
    }

    #[cfg(not(feature = "cuda"))]
    pub(crate) fn built_without_cuda(self) -> ModelError {
        ModelError::Device {
            device: self.to_string(),
            reason: "this program was built without CUDA".to_owned(),
            hint: "use the device cpu, or build the program with `cargo build --release --features cuda` \
                   (no CUDA is needed for building)"
                .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for (text, device) in [
            ("cpu", Device::Cpu),
            ("cuda:0", Device::Cuda { index: 0 }),
            ("cuda:12", Device::Cuda { index: 12 }),
        ] {
            assert_eq!(text.parse::<Device>().unwrap(), device);
            assert_eq!(device.to_string(), text);
            assert_eq!(serde_json::to_string(&device).unwrap(), format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Device>(&format!("\"{text}\"")).unwrap(), device);
        }
        assert_eq!("cuda".parse::<Device>().unwrap(), Device::Cuda { index: 0 });
        assert_eq!(Device::default(), Device::Cpu);
    }

    #[test]
    fn other_names_are_refused_with_the_possible_ones() {
        for text in [
            "",
            "gpu",
            "CPU",
            "cuda:",
            "cuda:-1",
            "cuda:+1",
            "cuda:1.0",
            "cuda:99999999999999999999",
            "cpu:0",
        ] {
            let error = text.parse::<Device>().unwrap_err();
            assert!(error.is_user_error());
            assert!(error.hint().unwrap().contains("cuda:N"), "{text}: {error}");
        }
        assert!(serde_json::from_str::<Device>("\"tpu\"").unwrap_err().to_string().contains("tpu"));
    }

    #[test]
    fn a_cache_that_would_change_the_results_is_refused() {
        let placement = Placement { weights: HeldWeights::Bf16Cache, ..Placement::default() };
        let options = |compute| LoadOptions { weights: crate::options::WeightFormat::Nf4, compute };
        placement.require_usable(&options(Compute::Bf16)).unwrap();
        assert!(
            placement.require_usable(&options(Compute::F32)).unwrap_err().to_string().contains("bf16-cache")
        );
    }

    #[test]
    fn the_processor_is_always_there_and_a_missing_gpu_is_a_sentence() {
        Device::Cpu.require_usable().unwrap();
        // No machine has this many; without the feature or the driver it is refused earlier.
        let error = Device::Cuda { index: 4_000 }.require_usable().unwrap_err();
        assert!(matches!(error, ModelError::Device { .. }) && error.is_user_error(), "{error}");
        assert!(error.to_string().contains("cuda:4000") && error.hint().is_some(), "{error}");
    }
}
