//! Turns what gives out on a GPU into an error. Used by `ops::cube`, around every pass through the
//! engine there.
//!
//! burn and CubeCL panic when an allocation or a launch fails: on the thread that calls, or on the device's
//! own thread, where CubeCL swallows the panic, so that the caller sees a closed channel, or nothing and goes
//! on with wrong numbers. Both are caught here, the message becomes the reason, and the usual report of a
//! panic is kept off the terminal while work is under guard. After a failure the device's buffers are
//! released; the model's weights stay.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use burn_cubecl::CubeRuntime;
use cubecl::device::Device as _;

use crate::error::{ModelError, Result};
use crate::limits::DEVICE_ERROR_CHARACTERS_MAX;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Guards at work. Process-wide like the panic hook, which is all that it serves.
static GUARDS: AtomicUsize = AtomicUsize::new(0);

/// What device threads said when they panicked, by the thread's name; taken by the guard of the same device.
static DEVICE_PANICS: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// CubeCL's threads are named `DSD-KIND-INDEX` and `DSU-KIND-INDEX` (cubecl-common 0.10,
/// `device/handle/channel.rs`).
const DEVICE_THREADS: [&str; 2] = ["DSD-", "DSU-"];

/// Runs `work`; a panic inside, or on the device's own thread meanwhile, is an error that names the device.
///
/// # Errors
/// `Device`.
pub(super) fn guarded<R: CubeRuntime, T>(device: &R::Device, work: impl FnOnce() -> T) -> Result<T> {
    let id = device.to_id();
    let id = format!("{}-{}", id.type_id, id.index_id);
    quietly(|| {
        caught(&id, work).map_err(|text| {
            let error = failure::<R>(device, &text);
            // A device that is gone panics again when it is asked for its name.
            said_by(&id);
            error
        })
    })
}

/// `work`'s value, or what was said by the first panic, the device's before the caller's.
fn caught<T>(device: &str, work: impl FnOnce() -> T) -> std::result::Result<T, String> {
    // Sound to go on after: the engine holds no lock and no half-written state of ours across device calls;
    // the caller drops what the pass had made.
    let result = catch_unwind(AssertUnwindSafe(work));
    let said = said_by(device);
    match (result, said) {
        (Ok(value), None) => Ok(value),
        (_, Some(text)) => Err(text),
        (Err(panic), None) => Err(words(panic.as_ref()).to_owned()),
    }
}

/// The first words that the device's threads left, if they left any; none are kept.
fn said_by(device: &str) -> Option<String> {
    let is_ours = |name: &str| DEVICE_THREADS.iter().any(|start| name.strip_prefix(start) == Some(device));
    let mut panics = DEVICE_PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    let said = panics.iter().find(|(name, _)| is_ours(name)).map(|(_, text)| text.clone());
    panics.retain(|(name, _)| !is_ours(name));
    said
}

fn words(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it stopped without saying why")
}

fn failure<R: CubeRuntime>(device: &R::Device, text: &str) -> ModelError {
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
    text.lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or(text)
        .chars()
        .take(DEVICE_ERROR_CHARACTERS_MAX)
        .collect()
}

/// Does `work` with the reports of its panics kept off the terminal.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    wrap_hook();
    GUARDS.fetch_add(1, Ordering::SeqCst);
    let outer = GUARDED.replace(true);
    // What panics in `work` is caught in there.
    let result = work();
    GUARDED.set(outer);
    GUARDS.fetch_sub(1, Ordering::SeqCst);
    result
}

/// Wraps the panic hook once: guarded threads print nothing, device threads leave their words for the guard,
/// and all others do what they did before.
fn wrap_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            let device =
                thread.name().filter(|name| DEVICE_THREADS.iter().any(|start| name.starts_with(start)));
            if let (Some(name), true) = (device, GUARDS.load(Ordering::SeqCst) > 0) {
                let said = (name.to_owned(), words(panic.payload()).to_owned());
                DEVICE_PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(said);
            } else if !GUARDED.get() {
                before(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CubeCL's thread of a device, on which something gives out that the caller does not hear of.
    fn device_thread(name: &str) {
        let body = || panic!("can't allocate buffer of size: 7");
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body).unwrap();
        thread.join().unwrap_err();
    }

    #[test]
    fn what_gives_out_on_the_devices_own_thread_is_an_error() {
        let silent = quietly(|| caught("90-1", || device_thread("DSD-90-1")));
        assert_eq!(silent.unwrap_err(), "can't allocate buffer of size: 7");
        let heard = quietly(|| {
            caught("90-1", || {
                device_thread("DSU-90-1");
                panic!("RecvError")
            })
        });
        let heard: std::result::Result<(), String> = heard;
        assert_eq!(heard.unwrap_err(), "can't allocate buffer of size: 7");
        // Another device's is not ours, and what was taken is gone.
        assert_eq!(quietly(|| caught("90-1", || device_thread("DSD-90-12"))), Ok(()));
        assert_eq!(quietly(|| caught("90-12", || 3)), Err("can't allocate buffer of size: 7".to_owned()));
        assert_eq!(quietly(|| caught("90-12", || 3)), Ok(3));
    }
}
