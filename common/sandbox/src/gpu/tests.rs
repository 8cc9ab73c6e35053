//! Which files a GPU opens, and a worker on one locked for real: in a thread, because both locks bind their
//! thread only.

#![allow(unsafe_code)]

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::thread;

use super::super::calls::Role;
use super::super::{FileRules, landlock, seccomp};
use super::*;

#[test]
fn the_processor_needs_no_file_of_a_gpu() {
    assert_eq!(GpuFiles::needed(false), None);
    assert!(GpuFiles::needed(true).is_some());
}

#[test]
fn a_gpu_opens_exactly_these() {
    let files = GpuFiles::in_places(&Places::default());
    let cards = (0..32).map(|index| format!("/dev/nvidia{index}"));
    let shared = ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"].map(str::to_owned);
    let expected: Vec<PathBuf> = shared.into_iter().chain(cards).map(PathBuf::from).collect();
    assert_eq!(files.devices, expected);
    let expected = [
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
    assert_eq!(files.read, expected.map(PathBuf::from));
    assert_eq!(files.write_existing, [PathBuf::from("/proc/self/task")]);
}

#[test]
fn of_a_search_path_only_cudas_own_files_are_opened() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let write = |name: &str| {
        fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        fs::write(at(name), "x").unwrap();
    };
    for name in ["kit/include/cuda_runtime.h", "kit/lib64/libnvrtc.so.12", "kit/lib64/notes.txt"] {
        write(name);
    }
    for name in ["other/libcuda.so.1", "other/libnvidia-records.jsonl", "other/records.jsonl"] {
        write(name);
    }
    // Headers of something else.
    write("plain/include/stdio.h");
    let places = Places {
        toolkits: vec![at("kit"), at("plain"), PathBuf::from("kit")],
        library_folders: vec![at("other"), at("absent"), PathBuf::from("."), PathBuf::new()],
    };
    let fixed = GpuFiles::in_places(&Places::default()).read.len();
    let found = GpuFiles::in_places(&places).read.split_off(fixed);
    assert_eq!(found, [at("kit/include"), at("other/libcuda.so.1"), at("kit/lib64/libnvrtc.so.12")]);
}

/// Does `act` in a thread behind a worker's file and system call locks; `None` where this kernel lacks one.
fn locked(gpu: Option<GpuFiles>, act: impl FnOnce() + Send) -> Option<()> {
    let role = if gpu.is_some() { Role::WorkerOnGpu } else { Role::Worker };
    let rules = FileRules { gpu, ..FileRules::default() };
    let body = || {
        let [files, _] = landlock::restrict(&rules, landlock::Network::None);
        let locks = [files, seccomp::restrict(role)];
        if locks.iter().all(|lock| lock.held) {
            act();
            return Some(());
        }
        println!("SKIPPED: {locks:?}");
        None
    };
    thread::scope(|scope| scope.spawn(body).join().unwrap())
}

fn code<T>(result: io::Result<T>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

fn status(result: libc::c_int) -> io::Result<libc::c_int> {
    if result >= 0 { Ok(result) } else { Err(io::Error::last_os_error()) }
}

fn socket(family: libc::c_int, kind: libc::c_int) -> io::Result<libc::c_int> {
    // SAFETY: integers only. What is opened stays open until the test program ends.
    status(unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, 0) })
}

/// Names a local socket; a name that begins with a zero byte is an abstract one.
fn bind(socket: libc::c_int, name: &[u8]) -> io::Result<libc::c_int> {
    // SAFETY: all zero is a valid address.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX.unsigned_abs() as libc::sa_family_t;
    for (place, byte) in address.sun_path.iter_mut().zip(name) {
        *place = *byte as libc::c_char;
    }
    let length = (size_of::<libc::sa_family_t>() + name.len()) as libc::socklen_t;
    // SAFETY: `address` is initialised, outlives the call, and is longer than `length`.
    status(unsafe { libc::bind(socket, (&raw const address).cast(), length) })
}

/// Asks a device something; a device that may be controlled and is no terminal answers ENOTTY.
fn control(file: &File) -> Option<i32> {
    // SAFETY: all zero is a valid termios.
    let mut answer: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: TCGETS writes at most one termios, and `answer` is one.
    code(status(unsafe { libc::ioctl(file.as_raw_fd(), libc::TCGETS, &raw mut answer) }))
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// The name of the thread that calls this, as a file.
fn own_name_file() -> PathBuf {
    // SAFETY: takes and touches nothing.
    PathBuf::from(format!("/proc/self/task/{}/comm", unsafe { libc::gettid() }))
}

#[test]
fn a_worker_on_a_gpu_controls_its_devices_and_its_socket_is_mute() {
    let other_thread = own_name_file();
    let outside = tempfile::NamedTempFile::new().unwrap();
    let mut files = GpuFiles::in_places(&Places::default());
    // Stands for a GPU: a device that anybody may open and that is no terminal.
    files.devices.push(PathBuf::from("/dev/full"));
    let ran = locked(Some(files), || {
        let device = open(Path::new("/dev/full")).unwrap();
        assert_eq!(control(&device), Some(libc::ENOTTY));
        // As glibc opens it, and with truncation.
        open(&other_thread).unwrap();
        fs::write(&other_thread, "gpu").unwrap();
        for path in [Path::new("/dev/zero"), outside.path(), Path::new("/etc/passwd")] {
            assert_eq!(code(File::open(path)), Some(libc::EACCES), "{}", path.display());
        }
        assert_eq!(code(File::create(outside.path().with_extension("new"))), Some(libc::EACCES));
        let mute = socket(libc::AF_UNIX, libc::SOCK_SEQPACKET).unwrap();
        let place = outside.path().with_extension("socket").into_os_string().into_encoded_bytes();
        assert_eq!(code(bind(mute, &place)), Some(libc::EACCES), "a socket in the file system");
        bind(mute, format!("\0consilium-test-{}", std::process::id()).as_bytes()).unwrap();
        // SAFETY: integers only.
        status(unsafe { libc::listen(mute, 1) }).unwrap();
        for call in [
            libc::SYS_connect,
            libc::SYS_accept,
            libc::SYS_accept4,
            libc::SYS_sendto,
            libc::SYS_sendmsg,
            libc::SYS_recvfrom,
            libc::SYS_recvmsg,
        ] {
            // SAFETY: null addresses: a call that is let through fails before it reads or writes memory.
            let result = unsafe { libc::syscall(call, mute, 0, 0, 0, 0, 0) };
            assert_eq!((result, code(Err::<(), _>(io::Error::last_os_error()))), (-1, Some(libc::EPERM)));
        }
        for (family, kind) in [
            (libc::AF_UNIX, libc::SOCK_STREAM),
            (libc::AF_UNIX, libc::SOCK_DGRAM),
            (libc::AF_INET, libc::SOCK_DGRAM),
            (libc::AF_INET, libc::SOCK_SEQPACKET),
            (libc::AF_NETLINK, libc::SOCK_RAW),
        ] {
            assert_eq!(code(socket(family, kind)), Some(libc::EPERM), "{family} {kind}");
        }
    });
    if ran.is_some() {
        assert_eq!(fs::read_to_string(own_name_file()).unwrap().trim(), "gpu");
    }
}

#[test]
fn a_worker_on_the_processor_can_do_none_of_it() {
    let other_thread = own_name_file();
    locked(None, || {
        assert_eq!(code(open(Path::new("/dev/full"))), Some(libc::EACCES));
        assert_eq!(code(fs::write(&other_thread, "cpu")), Some(libc::EACCES));
        assert_eq!(code(socket(libc::AF_UNIX, libc::SOCK_SEQPACKET)), Some(libc::EPERM));
        assert_eq!(code(bind(-1, b"\0name")), Some(libc::EPERM));
        // The null device may be opened by everybody; a kernel from 6.10 on lets nobody control it.
        let control = control(&open(Path::new("/dev/null")).unwrap());
        assert!(matches!(control, Some(libc::EACCES | libc::ENOTTY)), "{control:?}");
    });
}
