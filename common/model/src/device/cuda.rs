//! Asks whether CUDA can be used, before CubeCL does: it would panic. Called by `Device::check`.
//! Invariant: no function of the driver is called before its library is known to load.

use std::path::{Path, PathBuf};

use cudarc::driver::result;

use crate::kernels::cuda_libraries;

/// Headers that generated kernels include; they come with the CUDA toolkit or the pip package
/// nvidia-cuda-runtime.
const HEADER: &str = "cuda_runtime.h";
const BF16_HEADER: &str = "cuda_bf16.h";

/// What a machine lacks, in a sentence, and the way to get it.
pub(super) struct Missing {
    pub(super) reason: String,
    pub(super) hint: &'static str,
}

/// Whether GPU `index` can be used.
pub(super) fn find(index: usize) -> Result<(), Missing> {
    let refuse = |reason: String, hint: &'static str| Err(Missing { reason, hint });
    if !cuda_libraries::driver_loads() {
        return refuse(
            "NVIDIA's driver library libcuda.so.1 is not on this machine".to_owned(),
            "install NVIDIA's driver (in a container: start it with the NVIDIA runtime, `--gpus all`), or use the device \
             cpu",
        );
    }
    let count = match result::init().and_then(|()| result::device::get_count()) {
        Ok(count) => usize::try_from(count).unwrap_or_default(),
        Err(error) => {
            return refuse(
                // Only the code: asking the driver for its words may fail in the same way.
                format!("NVIDIA's driver does not start ({:?})", error.0),
                "run nvidia-smi: it says whether the driver sees a GPU; this user must be able to open /dev/nvidia0 and \
                 /dev/nvidia-uvm (`nvidia-modprobe -u -c 0` makes the second)",
            );
        }
    };
    if index >= count {
        let seen = match count {
            0 => "the driver sees no GPU".to_owned(),
            1 => "the driver sees only cuda:0".to_owned(),
            _ => format!("the driver sees cuda:0 to cuda:{}", count - 1),
        };
        return refuse(seen, "nvidia-smi lists the GPUs; CUDA_VISIBLE_DEVICES may hide some");
    }
    if !cuda_libraries::compiler_loads() {
        return refuse(
            "CUDA's run-time compiler libnvrtc.so is not on this machine".to_owned(),
            "install the CUDA toolkit (Debian: nvidia-cuda-toolkit), or the pip packages nvidia-cuda-nvrtc and \
             nvidia-cuda-runtime, and put the library's folder into LD_LIBRARY_PATH",
        );
    }
    let include = toolkit().map(|folder| folder.join("include"));
    let complete = |folder: &Path| [HEADER, BF16_HEADER].iter().all(|name| folder.join(name).is_file());
    match include {
        Some(folder) if complete(&folder) => Ok(()),
        Some(folder) => refuse(
            format!("{} lacks CUDA's headers {HEADER} and {BF16_HEADER}", folder.display()),
            "set CUDA_PATH to the folder whose include/ has them (the CUDA toolkit, or the pip package \
             nvidia-cuda-runtime)",
        ),
        None => refuse(
            "CUDA's headers are not found: neither CUDA_PATH is set nor is there /usr/local/cuda".to_owned(),
            "install the CUDA toolkit, or set CUDA_PATH to the folder whose include/ has cuda_runtime.h (pip package \
             nvidia-cuda-runtime)",
        ),
    }
}

/// Where CubeCL looks (cubecl-cuda 0.10, `install::cuda_path`), without its panic.
fn toolkit() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("CUDA_PATH") {
        return Some(PathBuf::from(path));
    }
    if let Some(found) = ["/usr/local/cuda", "/opt/cuda"].iter().map(PathBuf::from).find(|path| path.exists())
    {
        return Some(found);
    }
    Path::new("/usr/bin/nvcc").exists().then(|| PathBuf::from("/usr"))
}
