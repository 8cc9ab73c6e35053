//! Whether CUDA's libraries can be loaded. Called by `device::cuda` before anything else of CUDA: the binding
//! panics when one is missing.

/// Whether the driver's library (libcuda.so.1) loads.
pub fn driver_loads() -> bool {
    // SAFETY: loads the library by its fixed name and unloads it again. Its initialisers are NVIDIA's, the
    // ones that run when the device is used; nothing of the library is called.
    unsafe { cudarc::driver::sys::is_culib_present() }
}

/// Whether the run-time compiler's library (libnvrtc.so) loads.
pub fn compiler_loads() -> bool {
    // SAFETY: as above.
    unsafe { cudarc::nvrtc::sys::is_culib_present() }
}
