//! Where everything is in the coordinator's state folder, and the checks and locks on the folder itself. Used
//! by `server`, `cli`, `admin`, `requests`, `execution`, `overlap` and `export`. Below it are the files that
//! are not in the database: `authority`, `blobs`, `config`, `identity`, `parts`, `revocations`. Invariant:
//! only this file knows their names.

pub mod alive;
pub mod authority;
pub mod blobs;
pub mod config;
pub mod identity;
pub mod parts;
pub mod revocations;

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use common::id::{Digest, RunId, SiteId};
use common::private::passphrase::Passphrase;
use common::private::{self, PrivateError};

use crate::error::{Error, Result};
use crate::limits::{LOCK_TRIES_MAX, LOCK_TRY_MS_MIN, SOCKET_PATH_BYTES_MAX};

/// How the name of a file ends that keeps what models said of a suite.
pub const ANSWERS: &str = "resume";

/// A coordinator's state folder, and what opens the keys in it.
#[derive(Debug, Clone)]
pub struct StateFolder {
    path: PathBuf,
    passphrase: Arc<Passphrase>,
}

impl StateFolder {
    /// The folder at `path`; nothing is checked yet.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf(), passphrase: Arc::default() }
    }

    /// The same, whose keys this opens where they are sealed.
    #[must_use]
    pub fn with_passphrase(self, passphrase: Passphrase) -> Self {
        Self { passphrase: Arc::new(passphrase), ..self }
    }

    /// What opens its keys.
    pub fn passphrase(&self) -> &Passphrase {
        &self.passphrase
    }

    /// The folder, if a consortium was initialised in it.
    ///
    /// # Errors
    /// It holds no `coordinator.toml` ([`Error::NotInitialised`]), or only another user could see whether it
    /// does ([`Error::NotYours`]).
    pub fn open(path: &Path) -> Result<Self> {
        let folder = Self::at(path);
        let config = folder.config();
        match fs::metadata(&config) {
            Ok(facts) if facts.is_file() => Ok(folder),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(Error::NotYours {
                owner: private::owner_of(&config).unwrap_or_else(|| "another".into()),
                path: config,
            }),
            _ => Err(Error::NotInitialised(path.to_path_buf())),
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `coordinator.toml`
    pub fn config(&self) -> PathBuf {
        self.path.join("coordinator.toml")
    }

    /// `coordinator.db`
    pub fn database(&self) -> PathBuf {
        self.path.join("coordinator.db")
    }

    /// `ca/`: keys and certificates, readable by the owner only.
    pub fn ca(&self) -> PathBuf {
        self.path.join("ca")
    }

    /// The secret of a run's comparison with the held-out set.
    pub fn overlap_key(&self, run: RunId) -> PathBuf {
        self.ca().join(format!("overlap-{run}.key"))
    }

    /// `spool/`: what is not finished yet.
    pub fn spool(&self) -> PathBuf {
        self.path.join("spool")
    }

    /// Where a launch has its first adapter and its set made, by a process that may write nowhere else.
    pub fn launch(&self, run: RunId) -> PathBuf {
        self.spool().join(format!("launch-{run}"))
    }

    /// Where a round that was not adopted is averaged without one site after the other.
    pub fn leave_one_out(&self, run: RunId) -> PathBuf {
        self.spool().join(format!("leave-one-out-{run}"))
    }

    /// What a run's models said of a suite, by its place in the run file, while they are asked.
    pub fn suite(&self, run: RunId, suite: u32) -> PathBuf {
        self.spool().join(format!("suite-{run}-{suite}.{ANSWERS}"))
    }

    /// `gpu-cache/`: a GPU's compiled kernels. May be deleted at any time.
    pub fn gpu_cache(&self) -> PathBuf {
        self.path.join("gpu-cache")
    }

    /// `logs/serve.log`: what `serve` wrote, bounded. May be deleted at any time.
    pub fn log(&self) -> PathBuf {
        self.path.join("logs").join("serve.log")
    }

    /// `acts/`: the signed log of what was asked of this coordinator.
    pub fn acts(&self) -> PathBuf {
        self.path.join("acts")
    }

    /// `blobs/`: finished files, named by SHA-256.
    pub fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }

    /// `details/`: a file a run, what its report says of departments and sample questions.
    fn details_folder(&self) -> PathBuf {
        self.path.join("details")
    }

    /// Makes the folder of [`Self::details`], which an older version's state folder does not have.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn create_details(&self) -> Result<()> {
        let folder = self.details_folder();
        let created = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        created.map_err(Error::io("create the folder", &folder))
    }

    /// What a run's report says of departments and sample questions: text of the held-out set.
    pub fn details(&self, run: RunId) -> PathBuf {
        self.details_folder().join(format!("{run}.json"))
    }

    /// The finished file with this digest.
    pub fn blob(&self, digest: Digest) -> PathBuf {
        self.blobs().join(digest.to_string())
    }

    /// A site's unfinished upload. Sites are kept apart so that one cannot touch another's bytes.
    pub fn part(&self, site: &SiteId, digest: Digest) -> PathBuf {
        self.spool().join(format!("{site}.{digest}.part"))
    }

    /// `alive`: when the coordinator noted last that it lives.
    pub fn alive(&self) -> PathBuf {
        self.path.join("alive")
    }

    /// The admin socket.
    pub fn socket(&self) -> PathBuf {
        self.path.join("admin.sock")
    }

    /// A name of the admin socket that the kernel takes, however long the folder's own is: a socket's address
    /// has room for 107 bytes. It holds while the file is open.
    ///
    /// # Errors
    /// The folder cannot be opened.
    pub fn short_socket(&self) -> Result<(Option<File>, PathBuf)> {
        let path = self.socket();
        if path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
            return Ok((None, path));
        }
        let folder = File::open(&self.path).map_err(Error::io("open", &self.path))?;
        let short = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join("admin.sock");
        Ok((Some(folder), short))
    }

    /// What `serve` listens on.
    pub fn addresses(&self) -> PathBuf {
        self.path.join("addresses.json")
    }

    /// Creates the folder and its parts, all closed to others. Parts that exist are kept if they are ours:
    /// nobody else can have put anything there.
    ///
    /// # Errors
    /// A folder cannot be created, others may write where it would be, or what is there is not ours.
    pub fn create(&self) -> Result<()> {
        match private::create_folder(&self.path) {
            Err(PrivateError::Io { source, .. }) if source.kind() == ErrorKind::AlreadyExists => {
                self.close()?;
                private::check_tree(&self.path).map_err(not_ours)?;
            }
            result => result.map_err(not_ours)?,
        }
        for folder in [self.ca(), self.spool(), self.blobs()] {
            let created = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
            created.map_err(Error::io("create the folder", &folder))?;
        }
        self.create_details()
    }

    /// Closes a folder that was there to others, if it is a folder and ours.
    fn close(&self) -> Result<()> {
        match private::check_folder(&self.path) {
            Err(PrivateError::Refused { .. }) => {}
            result => return result.map_err(not_ours),
        }
        let facts = fs::symlink_metadata(&self.path).map_err(Error::io("read", &self.path))?;
        if facts.is_dir() && fs::read_dir(&self.path).map_err(Error::io("read", &self.path))?.next().is_none()
        {
            // Empty, so nobody has put anything into it; of somebody else's folder this fails, or the check
            // after it.
            let closed = fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700));
            closed.map_err(Error::io("close the folder", &self.path))?;
        }
        Ok(())
    }

    /// Keeps a second `serve` out for as long as the returned file is open. The lock goes with the
    /// process, however it dies. Waits for a command that has it for a moment.
    ///
    /// # Errors
    /// Another `serve` has the folder, or the lock file cannot be created.
    pub fn lock(&self) -> Result<File> {
        let path = self.path.join("serve.lock");
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        for _ in 0..LOCK_TRIES_MAX {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(fs::TryLockError::WouldBlock) => {
                    std::thread::sleep(Duration::from_millis(LOCK_TRY_MS_MIN));
                }
                Err(fs::TryLockError::Error(source)) => {
                    return Err(Error::Io { action: "lock", path, source });
                }
            }
        }
        Err(Error::AlreadyRunning(self.path.clone()))
    }
}

fn not_ours(error: PrivateError) -> Error {
    match error {
        PrivateError::Io { path, source } => Error::Io { action: "create the folder", path, source },
        PrivateError::Refused { .. } => Error::Argument {
            message: error.to_string(),
            hint: "name a place of your own with --state".into(),
        },
    }
}
