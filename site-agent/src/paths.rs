//! Where everything lies in a site's state folder, and who may touch it.
//!
//! Used by every part of the agent, so that a folder's name and its readers are written in one place. The
//! sandbox rules of the two children are derived here: what is not listed, the kernel refuses.
//!
//! ```text
//! agent.toml      the policy: model folder, data files, locks      supervisor, worker (read)
//! officer.pub     whose waivers count (public key)              worker (read)
//! waiver.json     the waiver in force                           worker (read)
//! cosigned.json   heads of the ledger that witnesses cosigned   nobody but `site-agent ledger`
//! identity/       keys (0600), certificate, consortium CA          nobody: the gateway before its locks
//! identity/renewed/  key and certificate after a renewal            gateway (write)
//! followed/       where the coordinator is, for the gateway         gateway (read)
//! ledger/         what left this site                              gateway (write)
//! site.db         rounds, updates, receipts                        gateway (write)
//! inbox/          run manifests and adapters that were fetched     gateway (write), worker (read)
//! raw/            updates as trained                               worker (write), gateway (read)
//! outbox/         updates as sent, byte for byte                   gateway (write)
//! escrow/         frames as sent, sealed for the officer            gateway (write)
//! work/           training checkpoints, a GPU's compiled kernels    worker (write)
//! replay/         a past round, computed again                      nobody but `site-agent replay`
//! logs/           agent.log, gateway.log, worker.log                supervisor (write)
//! logs/metrics/   numbers of each training, as JSON lines          worker (write)
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::places::readable;
use common::private::passphrase::Passphrase;
use model::Device;
use sandbox::FileRules;
use sandbox::gpu::GpuFiles;

/// The folder of renewed keys and certificates, in the identity's.
pub const RENEWED: &str = "renewed";

/// What the name of a data manifest in the worker's folder begins with; its root and `.json` follow.
const DATA_MANIFEST: &str = "data-manifest-";

/// Whether this is the name of a data manifest.
#[must_use]
pub fn is_data_manifest(name: &str) -> bool {
    name.starts_with(DATA_MANIFEST)
}

/// The state folder of one site.
#[derive(Clone, Debug)]
pub struct StateFolder {
    root: PathBuf,
    passphrase: Arc<Passphrase>,
}

impl PartialEq for StateFolder {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
    }
}

impl Eq for StateFolder {}

impl StateFolder {
    /// Names a folder; nothing is created.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), passphrase: Arc::default() }
    }

    /// The same, whose keys this opens where they are sealed.
    #[must_use]
    pub fn with_passphrase(self, passphrase: Passphrase) -> Self {
        Self { passphrase: Arc::new(passphrase), ..self }
    }

    /// What opens its keys.
    #[must_use]
    pub fn passphrase(&self) -> &Arc<Passphrase> {
        &self.passphrase
    }

    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.root.join("agent.toml")
    }

    #[must_use]
    pub fn identity(&self) -> PathBuf {
        self.root.join("identity")
    }

    /// Key and certificate of a renewal.
    #[must_use]
    pub fn renewed(&self) -> PathBuf {
        self.identity().join(RENEWED)
    }

    /// A copy of what the identity says of the coordinator, and no key beside it: a file that is replaced is
    /// found by a lock on its folder only.
    #[must_use]
    pub fn followed(&self) -> PathBuf {
        self.root.join("followed")
    }

    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.root.join("ledger").join("ledger.log")
    }

    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.root.join("site.db")
    }

    #[must_use]
    pub fn inbox(&self) -> PathBuf {
        self.root.join("inbox")
    }

    /// The public key of the privacy officer whose waivers count here.
    #[must_use]
    pub fn officer(&self) -> PathBuf {
        self.root.join("officer.pub")
    }

    /// The waiver that is in force here.
    #[must_use]
    pub fn waiver(&self) -> PathBuf {
        self.root.join("waiver.json")
    }

    /// The heads of the ledger that witnesses cosigned.
    #[must_use]
    pub fn cosigned(&self) -> PathBuf {
        self.root.join("cosigned.json")
    }

    #[must_use]
    pub fn raw(&self) -> PathBuf {
        self.root.join("raw")
    }

    #[must_use]
    pub fn outbox(&self) -> PathBuf {
        self.root.join("outbox")
    }

    /// The frames that left, sealed for the privacy officer.
    #[must_use]
    pub fn escrow(&self) -> PathBuf {
        self.root.join("escrow")
    }

    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// The manifest over the records that may be trained on, by its root.
    #[must_use]
    pub fn data_manifest(&self, root: &impl std::fmt::Display) -> PathBuf {
        self.work().join(format!("{DATA_MANIFEST}{root}.json"))
    }

    /// Compiled kernels and tuning results of a GPU; safe to delete.
    #[must_use]
    pub fn gpu_cache(&self) -> PathBuf {
        self.work().join("gpu-cache")
    }

    /// Where `site-agent replay` works: closed to the agent's processes.
    #[must_use]
    pub fn replay(&self) -> PathBuf {
        self.root.join("replay")
    }

    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The log of the agent's own process, of its gateway or of its worker.
    #[must_use]
    pub fn log(&self, process: &str) -> PathBuf {
        self.logs().join(format!("{process}.log"))
    }

    /// Metrics of the rounds that were trained here.
    #[must_use]
    pub fn metrics(&self) -> PathBuf {
        self.logs().join("metrics")
    }

    /// Every folder that `join` creates and `run` expects.
    #[must_use]
    pub fn folders(&self) -> Vec<PathBuf> {
        vec![
            self.identity(),
            self.renewed(),
            self.followed(),
            self.root.join("ledger"),
            self.inbox(),
            self.raw(),
            self.outbox(),
            self.work(),
            self.logs(),
            self.metrics(),
        ]
    }

    /// What the gateway may open: its state folder, and of the rest of the machine nothing. The worker's
    /// scratch folder is left out as well, because checkpoints hold the state of training; and the identity
    /// but for renewals, because the key of ledger heads signs for years and is not needed while it runs.
    #[must_use]
    pub fn gateway_rules(&self) -> FileRules {
        FileRules {
            read: vec![self.followed(), self.raw()],
            write: vec![
                self.renewed(),
                self.root.join("ledger"),
                self.inbox(),
                self.outbox(),
                self.escrow(),
                self.database(),
                self.root.join("site.db-wal"),
                self.root.join("site.db-shm"),
                self.root.join("site.db-journal"),
            ],
            gpu: None,
        }
    }

    /// What the worker may open: the records, the base model and what the gateway fetched for it. Not the
    /// key, not the ledger, not the outbox. Where it computes on a GPU, what that needs besides.
    #[must_use]
    pub fn worker_rules(&self, model: &Path, data: &[PathBuf], device: Device) -> FileRules {
        let mut read = vec![self.config(), self.inbox(), self.officer(), self.waiver()];
        read.extend(readable(model));
        read.extend(data.iter().cloned());
        let write = vec![self.raw(), self.work(), self.metrics()];
        FileRules { read, write, gpu: GpuFiles::needed(device != Device::Cpu) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_opens_no_file_of_a_gpu() {
        let folder = StateFolder::new("/state");
        let rules =
            |device| folder.worker_rules(Path::new("/model"), &[PathBuf::from("/data/a.jsonl")], device);
        let (cpu, cuda) = (rules(Device::Cpu), rules(Device::Cuda { index: 1 }));
        assert_eq!((&cpu.gpu, &folder.gateway_rules().gpu), (&None, &None));
        assert_eq!((&cpu.read, &cpu.write), (&cuda.read, &cuda.write), "the device changes nothing else");
        let gpu = cuda.gpu.unwrap();
        for path in gpu.devices.iter().chain(&gpu.read).chain(&gpu.write_existing) {
            assert!(!cpu.read.contains(path) && !cpu.write.contains(path), "{}", path.display());
        }
    }
}
