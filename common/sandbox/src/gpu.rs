//! What computing on an NVIDIA GPU needs of a locked process, and nothing where it computes on the processor.
//!
//! Called by whoever makes `FileRules` for a process that loads a model. The lists are what NVIDIA's
//! user-space driver is known to open while it starts: some of it answers a refusal with CUDA error 304 and
//! no further word. Invariant: for the processor there is no `GpuFiles`, so that none of this is opened.

use std::fs;
use std::path::{Path, PathBuf};

use super::process;
use crate::limits::GPUS_MAX;

/// Control, unified memory, and unified memory's events, which drivers from 570 on open as well. Which
/// `/dev/nvidiaN` is `cuda:N` only the driver knows (it sorts by speed, and it opens all of them to do so),
/// so all are in the list.
const DEVICES: [&str; 3] = ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"];

/// What the driver asks the kernel about itself and the machine. The capability files prove the right to a
/// part of a GPU (MIG); they are opened, not controlled.
const READ: [&str; 9] = [
    "/dev/nvidia-caps",
    "/proc/devices",
    "/proc/driver/nvidia",
    "/proc/driver/nvidia-uvm",
    "/proc/modules",
    "/proc/sys/vm/mmap_min_addr",
    "/sys/devices/system/memory/block_size_bytes",
    "/sys/devices/system/node",
    "/sys/module/nvidia",
];

/// The driver names its threads while it starts, and gives up where it may not. What is beneath concerns this
/// process.
const OWN_THREADS: &str = "/proc/self/task";

/// The driver, its compiler for PTX, and NVRTC, where they are not in a system folder (those are readable
/// anyway).
const LIBRARIES: [&str; 4] = ["libcuda.so", "libnvidia-", "libnvrtc", "libnvJitLink"];

/// Where toolkits are, unless CUDA_PATH says so: the places that CubeCL looks at.
const TOOLKITS: [&str; 3] = ["/usr/local/cuda", "/opt/cuda", "/usr"];

/// Generated kernels include it; a folder without it is no folder of CUDA's headers.
const HEADER: &str = "cuda_runtime.h";

/// What the sandbox opens for a GPU besides the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuFiles {
    /// Device files that may be read, written and controlled (ioctl).
    pub devices: Vec<PathBuf>,
    /// Files and folders that may be read.
    pub read: Vec<PathBuf>,
    /// Folders whose existing files may be written.
    pub write_existing: Vec<PathBuf>,
}

/// Where CUDA may be outside the system's folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Folders whose `include` may hold CUDA's headers, and `lib64` or `lib` its libraries.
    pub toolkits: Vec<PathBuf>,
    /// Folders that may hold its libraries.
    pub library_folders: Vec<PathBuf>,
}

impl Places {
    /// As the environment of this process says: `CUDA_PATH` and `LD_LIBRARY_PATH`.
    #[must_use]
    pub fn of_this_process() -> Self {
        let toolkits = std::env::var_os("CUDA_PATH")
            .map_or_else(|| TOOLKITS.map(PathBuf::from).to_vec(), |path| vec![PathBuf::from(path)]);
        let library_folders = std::env::var_os("LD_LIBRARY_PATH")
            .map(|paths| std::env::split_paths(&paths).collect())
            .unwrap_or_default();
        Self { toolkits, library_folders }
    }
}

impl GpuFiles {
    /// What a process needs on this machine that computes on a GPU; nothing on the processor.
    #[must_use]
    pub fn needed(is_on_gpu: bool) -> Option<Self> {
        is_on_gpu.then(|| Self::in_places(&Places::of_this_process()))
    }

    /// The same for any places. Of the folders named there only CUDA's own files are in the result, so that a
    /// search path that also holds other things opens none of them.
    #[must_use]
    pub fn in_places(places: &Places) -> Self {
        let devices = DEVICES.iter().map(PathBuf::from);
        let cards = (0..GPUS_MAX).map(|index| PathBuf::from(format!("/dev/nvidia{index}")));
        let headers = places
            .toolkits
            .iter()
            .map(|toolkit| toolkit.join("include"))
            .filter(|folder| folder.is_absolute() && folder.join(HEADER).is_file());
        let toolkit_libraries =
            places.toolkits.iter().flat_map(|toolkit| [toolkit.join("lib64"), toolkit.join("lib")]);
        let libraries = places
            .library_folders
            .iter()
            .cloned()
            .chain(toolkit_libraries)
            .flat_map(|folder| libraries_in(&folder));
        Self {
            devices: devices.chain(cards).collect(),
            read: READ.iter().map(PathBuf::from).chain(headers).chain(libraries).collect(),
            write_existing: vec![PathBuf::from(OWN_THREADS)],
        }
    }
}

/// CUDA's libraries in a folder, by name. A folder that cannot be read has none.
fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    if !folder.is_absolute() {
        return Vec::new();
    }
    let is_cudas = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        LIBRARIES.iter().any(|start| name.starts_with(start)) && name.contains(".so") && path.is_file()
    };
    let mut found: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    found.retain(is_cudas);
    found.sort();
    found
}

/// Has the driver and CubeCL keep compiled kernels and tuning results in `folder`, which the caller may
/// write. Best effort: without it each start compiles and tunes anew.
pub fn keep_kernels_in(folder: &Path) {
    // The driver does not make the folder. When this fails, it goes on without.
    let _ = fs::create_dir_all(folder);
    for name in ["CUDA_CACHE_PATH", "XDG_CACHE_HOME"] {
        process::set_environment(name, folder);
    }
}

#[cfg(test)]
mod tests;
