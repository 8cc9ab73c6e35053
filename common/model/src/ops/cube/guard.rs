//! Turns what gives out on a GPU into an error. Wraps every pass through the engine there.
//!
//! burn and CubeCL panic when an allocation or a launch fails, some calls after it happened. The panic is caught here,
//! its message becomes the reason, and the usual report of a panic is kept off the terminal for this thread while work
//! is under guard. After a failure the device's buffers are released; the model's weights stay.

use crate::error::{ModelError, Result};
use burn_cubecl::CubeRuntime;
use cubecl::device::Device as _;
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; a panic inside is an error that names the device.
///
/// # Errors
/// `Device`.
pub(super) fn guarded<R: CubeRuntime, T>(device: &R::Device, work: impl FnOnce() -> T) -> Result<T> {
    quiet_while_guarded();
    let outer = GUARDED.replace(true);
    // Sound to go on after: the engine holds no lock and no half-written state of ours across device calls; the
    // caller drops what the pass had made.
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    result.map_err(|panic| failure::<R>(device, panic.as_ref()))
}

fn failure<R: CubeRuntime>(device: &R::Device, panic: &(dyn Any + Send)) -> ModelError {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it stopped without saying why");
    let name = catch_unwind(AssertUnwindSafe(|| {
        let client = R::client(device);
        let used = client.memory_usage().map(|usage| usage.bytes_in_use).unwrap_or_default();
        client.memory_cleanup();
        (R::name(&client), used)
    }));
    let (runtime, used) = name.unwrap_or(("gpu", 0));
    let device = format!("{runtime}:{}", device.to_id().index_id);
    if is_out_of_memory(text) {
        return ModelError::Device {
            device,
            reason: format!("its memory is full ({:.1} GB were in use)", used as f64 / 1e9),
            hint: "lower batch_size or cutoff_tokens, or set recompute = \"full\"; another program may also be using \
                   the GPU's memory (see nvidia-smi)"
                .to_owned(),
        };
    }
    ModelError::Device {
        device,
        reason: first_line(text),
        hint: "start again; if it happens again, compute on cpu and report this sentence".to_owned(),
    }
}

/// CubeCL reports a failed allocation as an i/o error in words; the driver's own name for it is the other.
fn is_out_of_memory(text: &str) -> bool {
    ["can't allocate buffer", "BufferTooBig", "OUT_OF_MEMORY", "OutOfMemory", "out of memory"]
        .iter()
        .any(|sign| text.contains(sign))
}

/// A message may end with a page of backtrace.
fn first_line(text: &str) -> String {
    const CHARACTERS_MAX: usize = 300;
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or(text).chars().take(CHARACTERS_MAX).collect()
}

/// Wraps the panic hook once, so that guarded threads print nothing and all others what they did before.
fn quiet_while_guarded() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                before(panic);
            }
        }));
    });
}
