//! The filter, tried for real: each attack is a real one, in a thread behind the filter alone, and what it
//! would have changed is looked at afterwards. A filter binds its thread and that thread's children only.

#![allow(unsafe_code)]

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use common::clock::{Clock as _, SystemClock, Timestamp};

use super::*;

const ROLES: [Role; 5] = [Role::Worker, Role::WorkerOnGpu, Role::Gateway, Role::Server, Role::ServerOnGpu];

/// Does `act` in a thread behind the filter of each role.
fn behind(roles: &[Role], act: impl Fn(Role) + Sync) {
    for role in roles {
        let body = || {
            let report = restrict(*role);
            assert!(report.held, "{report:?}");
            act(*role);
        };
        thread::scope(|scope| scope.spawn(body).join().unwrap());
    }
}

#[track_caller]
fn refused<T>(what: &str, result: io::Result<T>) {
    let code = result.err().and_then(|error| error.raw_os_error());
    assert_eq!(code, Some(libc::EPERM), "{what}");
}

fn call(number: libc::c_long, arguments: [libc::c_long; 4]) -> io::Result<libc::c_long> {
    let [a, b, c, d] = arguments;
    // SAFETY: the callers pass integers, or null where the kernel wants an address.
    let status = unsafe { libc::syscall(number, a, b, c, d, 0, 0) };
    if status >= 0 { Ok(status) } else { Err(io::Error::last_os_error()) }
}

#[test]
fn mode_owner_times_and_attributes_of_a_file_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("node.key");
    fs::write(&key, "secret").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let facts = || {
        let found = fs::metadata(&key).unwrap();
        (found.mode(), found.uid(), found.gid(), found.mtime(), found.mtime_nsec(), found.nlink())
    };
    let before = facts();
    behind(&ROLES, |_| {
        let file = File::open(&key).unwrap();
        refused("chmod", fs::set_permissions(&key, fs::Permissions::from_mode(0o644)));
        refused("fchmod", file.set_permissions(fs::Permissions::from_mode(0o644)));
        refused("chown", chown(&key, Some(before.1), Some(before.2)));
        refused("fchown", call(libc::SYS_fchown, [file.as_raw_fd().into(), -1, -1, 0]));
        refused("utimensat", file.set_modified(SystemTime::UNIX_EPOCH));
        let (name, value) = (c"user.note", c"patient");
        let path = std::ffi::CString::new(key.as_os_str().as_encoded_bytes()).unwrap();
        // SAFETY: three strings with their ends, and the value's length.
        let status = unsafe { libc::setxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), 7, 0) };
        refused("setxattr", if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) });
        refused("link", fs::hard_link(&key, folder.path().join("second")));
        refused("symlink", symlink(&key, folder.path().join("second")));
    });
    assert_eq!(facts(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn no_file_is_made_for_others_or_to_be_started_as_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    behind(&ROLES, |role| {
        let path = folder.path().join(format!("{role:?}"));
        let made = |mode| File::options().write(true).create(true).truncate(true).mode(mode).open(&path);
        for mode in [0o4755, 0o2755, 0o6000] {
            refused("a set-user-id program", made(mode));
        }
        let nameless = |mode: u32| {
            File::options().write(true).mode(mode).custom_flags(libc::O_TMPFILE).open(folder.path())
        };
        refused("one without a name", nameless(0o4755));
        assert_eq!(fs::read_dir(folder.path()).unwrap().flatten().filter(|at| at.path() == path).count(), 0);
        made(0o1777).unwrap();
        File::open(&path).unwrap();
        // A mode means nothing where nothing is made.
        File::options().write(true).mode(0o4755).open(&path).unwrap();
        for mask in [0, 0o022, 0o070, -1, 0o1077] {
            refused("opening what is made to others", call(libc::SYS_umask, [mask, 0, 0, 0]));
        }
        call(libc::SYS_umask, [0o077, 0, 0, 0]).unwrap();
    });
}

#[test]
fn memory_is_neither_taken_from_the_machine_nor_compared_with_others() {
    behind(&ROLES, |_| {
        for advice in [libc::MADV_HWPOISON, libc::MADV_SOFT_OFFLINE, libc::MADV_MERGEABLE, libc::MADV_REMOVE]
        {
            refused("madvise", call(libc::SYS_madvise, [0, 0, advice.into(), 0]));
        }
        for advice in [libc::MADV_DONTNEED, libc::MADV_NORMAL] {
            call(libc::SYS_madvise, [0, 0, advice.into(), 0]).unwrap();
        }
        // What our own code and AWS-LC ask for. A kernel may not know it; the filter lets it through.
        for advice in [libc::MADV_COLLAPSE, libc::MADV_WIPEONFORK, libc::MADV_KEEPONFORK] {
            let answer = call(libc::SYS_madvise, [0, 0, advice.into(), 0]);
            let code = answer.err().and_then(|error| error.raw_os_error());
            assert!(matches!(code, None | Some(libc::EINVAL)), "{advice}: {code:?}");
        }
    });
}

/// A process that only waits, and is ended when the test is over.
struct Bystander(Child);

impl Bystander {
    fn new() -> Self {
        Self(Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn another_process_is_neither_limited_nor_signalled_nor_touched() {
    let mut bystander = Bystander::new();
    let id = libc::c_long::from(bystander.0.id());
    behind(&ROLES, |_| {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        let limits = (&raw const none) as libc::c_long;
        let cpu = libc::c_long::from(libc::RLIMIT_CPU);
        refused("prlimit", call(libc::SYS_prlimit64, [id, cpu, limits, 0]));
        refused("reading another's limits", call(libc::SYS_prlimit64, [id, cpu, 0, 0]));
        refused("kill", call(libc::SYS_kill, [id, libc::SIGKILL.into(), 0, 0]));
        refused("kill of all", call(libc::SYS_kill, [-1, 0, 0, 0]));
        refused("kill of the group", call(libc::SYS_kill, [0, 0, 0, 0]));
        refused("tgkill", call(libc::SYS_tgkill, [id, id, libc::SIGKILL.into(), 0]));
        refused("tkill", call(libc::SYS_tkill, [id, libc::SIGKILL.into(), 0, 0]));
        refused("ptrace", call(libc::SYS_ptrace, [libc::PTRACE_ATTACH.into(), id, 0, 0]));
        refused("process_vm_writev", call(libc::SYS_process_vm_writev, [id, 0, 0, 0]));
        refused("pidfd_open", call(libc::SYS_pidfd_open, [id, 0, 0, 0]));
        refused("setpriority", call(libc::SYS_setpriority, [0, id, 19, 0]));
        refused("sched_setaffinity", call(libc::SYS_sched_setaffinity, [id, 0, 0, 0]));
    });
    assert!(bystander.0.try_wait().unwrap().is_none(), "it goes on");
}

#[test]
fn shared_memory_queues_and_keyrings_of_others_are_out_of_reach() {
    const BYTES: libc::c_long = 4096;
    let id = call(libc::SYS_shmget, [libc::IPC_PRIVATE.into(), BYTES, 0o600, 0]).unwrap();
    behind(&ROLES, |_| {
        refused("shmget", call(libc::SYS_shmget, [libc::IPC_PRIVATE.into(), BYTES, 0o600, 0]));
        refused("shmat", call(libc::SYS_shmat, [id, 0, 0, 0]));
        refused("shmctl", call(libc::SYS_shmctl, [id, libc::IPC_RMID.into(), 0, 0]));
        refused("msgget", call(libc::SYS_msgget, [libc::IPC_PRIVATE.into(), 0o600, 0, 0]));
        refused("semget", call(libc::SYS_semget, [libc::IPC_PRIVATE.into(), 1, 0o600, 0]));
        refused("mq_open", call(libc::SYS_mq_open, [0, 0, 0, 0]));
        refused("keyctl", call(libc::SYS_keyctl, [0, 0, 0, 0]));
        refused("add_key", call(libc::SYS_add_key, [0, 0, 0, 0]));
        refused("memfd_create", call(libc::SYS_memfd_create, [0, 0, 0, 0]));
    });
    call(libc::SYS_shmctl, [id, libc::IPC_RMID.into(), 0, 0]).unwrap();
}

#[test]
fn no_process_is_made_that_could_outlive_this_one_and_threads_are() {
    behind(&ROLES, |_| {
        refused("another program", Command::new("/bin/true").spawn());
        // SAFETY: the flags of `fork`; a child, if there were one, ends at once.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: ends the child.
            unsafe { libc::_exit(0) };
        }
        assert_eq!(child, -1);
        let new_network = libc::c_long::from(THREAD | libc::CLONE_NEWNET);
        refused("a thread in a namespace of its own", call(libc::SYS_clone, [new_network, 0, 0, 0]));
        for option in [libc::PR_SET_PDEATHSIG, libc::PR_SET_DUMPABLE, libc::PR_SET_CHILD_SUBREAPER] {
            refused("prctl", call(libc::SYS_prctl, [option.into(), 0, 0, 0]));
        }
        assert_eq!(thread::Builder::new().name("named".into()).spawn(|| 7).unwrap().join().unwrap(), 7);
    });
}

#[test]
fn what_is_newer_than_the_list_does_not_exist_and_the_rest_is_refused() {
    behind(&ROLES, |_| {
        for number in AS_IF_ABSENT.iter().copied().chain([NEWEST_KNOWN + 1, 4000]) {
            let code = call(number, [-1, -1, -1, -1]).unwrap_err().raw_os_error();
            assert_eq!(code, Some(libc::ENOSYS), "{number}");
        }
        for number in [libc::SYS_io_uring_setup, libc::SYS_bpf, libc::SYS_userfaultfd, libc::SYS_swapon] {
            refused("unlisted", call(number, [-1, -1, -1, -1]));
        }
        refused("typing into a terminal", call(libc::SYS_ioctl, [0, libc::TIOCSTI as libc::c_long, 0, 0]));
        refused("sending signals by a file", call(libc::SYS_fcntl, [0, libc::F_SETOWN.into(), 0, 0]));
    });
}

#[test]
fn a_server_answers_who_connects_and_reaches_nobody() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = elsewhere.local_addr().unwrap();
    behind_with_listener(&[Role::Server, Role::ServerOnGpu], |role, listener| {
        let (mut connection, _) = listener.accept().unwrap();
        let mut asked = [0; 3];
        connection.read_exact(&mut asked).unwrap();
        connection.write_all(&asked).unwrap();
        connection.shutdown(Shutdown::Write).unwrap();
        refused("a connection", TcpStream::connect(address));
        refused("a second listener", TcpListener::bind("127.0.0.1:0"));
        refused("a datagram socket", UdpSocket::bind("127.0.0.1:0"));
        refused("a local socket", UnixDatagram::unbound());
        let open: [libc::c_long; 2] = [listener.as_raw_fd().into(), connection.as_raw_fd().into()];
        for socket in open {
            refused("connecting", call(libc::SYS_connect, [socket, 0, 0, 0]));
            // A GPU's driver names a mute socket of its own.
            if role == Role::Server {
                refused("listening", call(libc::SYS_listen, [socket, 1, 0, 0]));
                refused("another name", call(libc::SYS_bind, [socket, 0, 0, 0]));
            }
            refused("a message", call(libc::SYS_sendmsg, [socket, 0, 0, 0]));
            refused("a descriptor", call(libc::SYS_recvmsg, [socket, 0, 0, 0]));
            refused("fast open", call(libc::SYS_sendto, [socket, 0, 0, libc::MSG_FASTOPEN.into()]));
            refused("shutting to receive", call(libc::SYS_shutdown, [socket, libc::SHUT_RD.into(), 0, 0]));
            refused("shutting both", call(libc::SYS_shutdown, [socket, libc::SHUT_RDWR.into(), 0, 0]));
            let (data, size) = (asked.as_ptr() as libc::c_long, asked.len() as libc::c_long);
            // SAFETY: three bytes are read, and an address is never looked at: the call is refused before.
            let status = unsafe { libc::syscall(libc::SYS_sendto, socket, data, size, 0, data, 16) };
            refused("to an address", if status >= 0 { Ok(()) } else { Err(io::Error::last_os_error()) });
        }
    });
    elsewhere.set_nonblocking(true).unwrap();
    assert!(elsewhere.accept().is_err(), "nobody came");
}

/// As [`behind`], with a socket that listened before and a client of its own, which gets back what it sends.
fn behind_with_listener(roles: &[Role], act: impl Fn(Role, &TcpListener) + Sync) {
    for role in roles {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::scope(|scope| {
            let client = scope.spawn(move || {
                let mut connection = TcpStream::connect(address).unwrap();
                connection.write_all(b"abc").unwrap();
                let mut answer = String::new();
                connection.read_to_string(&mut answer).unwrap();
                answer
            });
            let body = || {
                let report = restrict(*role);
                assert!(report.held, "{report:?}");
                act(*role, &listener);
            };
            scope.spawn(body).join().unwrap();
            assert_eq!(client.join().unwrap(), "abc", "{role:?}");
        });
    }
}

#[test]
fn what_the_work_needs_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    behind(&ROLES, |role| {
        let path = folder.path().join(format!("{role:?}"));
        fs::create_dir(&path).unwrap();
        common::durable::write(&path.join("checkpoint"), b"state", common::durable::ORDINARY).unwrap();
        assert_eq!(fs::read(path.join("checkpoint")).unwrap(), b"state");
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
        let file = File::options().write(true).open(path.join("checkpoint")).unwrap();
        file.set_len(2).unwrap();
        file.try_lock().unwrap();
        fs::remove_dir_all(&path).unwrap();
        let threads: Vec<_> =
            (0..4).map(|index| thread::spawn(move || vec![index; 1 << 20].iter().sum::<usize>())).collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(thread::available_parallelism().is_ok());
        let start = Instant::now();
        thread::sleep(Duration::from_millis(1));
        assert!(start.elapsed() >= Duration::from_millis(1) && SystemClock.now() > Timestamp(0));
        let mut random = [0; 32];
        getrandom::fill(&mut random).unwrap();
        assert!(random != [0; 32]);
        assert!(std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(1))).is_err());
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `limit` has room for what the kernel writes.
        assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }, 0);
        // SAFETY: `limit` is initialised, and only read.
        let lowered = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
        assert_eq!(lowered, -1, "its own limits stay as they are too");
    });
}
