//! Coordinators on other machines, and who one is to them: `contexts.toml` and a folder of keys for each, in
//! `$XDG_CONFIG_HOME/consilium` or `~/.config/consilium`. Used by `cli`. Invariants: everything is its
//! owner's alone and is refused otherwise; a key never leaves its folder; a context is there whole, or not;
//! commands that change them take turns, and what one that was killed leaves can be removed or gone on with.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use certs::{IdentityKey, PeerCertificate, ReceiptPublicKey, Role, TlsIdentity, sealed, tls};
use cli::keys::{self, KeyFile};
use common::durable;
use common::id::{Digest, SiteId};
use common::private::passphrase::Passphrase;
use common::private::{self, PrivateError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::admin::remote::Context;
use crate::error::{Error, Result};
use crate::limits::{CONTEXT_PEM_BYTES_MAX, CONTEXTS_BYTES_MAX, CONTEXTS_MAX};

/// The private key in a context's folder.
const KEY: &str = "key.pem";

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// `HOST:PORT` of run traffic, or several with commas between.
    pub address: String,
    /// `operator`, `auditor` or `witness`.
    pub role: String,
    /// The name that the invitation was for.
    pub holder: String,
    /// Ed25519 public key of the coordinator's receipts and of the heads of its log of acts.
    pub receipt_key: Digest,
}

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The one that is used where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current: Option<SiteId>,
    #[serde(default)]
    contexts: BTreeMap<SiteId, Entry>,
}

/// An attempt to enrol.
#[derive(Debug)]
pub struct Begun {
    /// Its key.
    pub key: IdentityKey,
    /// Whether it was made now, so that nobody has signed it yet.
    pub is_new: bool,
}

/// All contexts of this user.
#[derive(Debug)]
pub struct Contexts {
    folder: PathBuf,
    file: File,
}

impl Contexts {
    /// Of this user.
    ///
    /// # Errors
    /// There is no home folder, or the file is not its owner's alone or cannot be read.
    pub fn open() -> Result<Self> {
        match home() {
            Some(folder) => Self::at(&folder),
            None => Err(Error::Argument {
                message: "this user has no home folder, where contexts are kept".into(),
                hint: "set HOME or XDG_CONFIG_HOME".into(),
            }),
        }
    }

    /// The one that this user chose for commands that name nothing; none for a user without a home folder.
    ///
    /// # Errors
    /// As [`Self::open`], where there is a file.
    pub fn chosen() -> Result<Option<SiteId>> {
        Ok(home().map(|folder| Self::at(&folder)).transpose()?.and_then(|contexts| contexts.file.current))
    }

    /// In this folder.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn at(folder: &Path) -> Result<Self> {
        let folder = folder.to_path_buf();
        let path = folder.join("contexts.toml");
        if !path.exists() {
            return Ok(Self { folder, file: File::default() });
        }
        private::check_folder(&folder).map_err(refused)?;
        let bytes = private::read_file(&path, CONTEXTS_BYTES_MAX).map_err(refused)?;
        let wrong = |reason: String| Error::Config { path: path.clone(), reason };
        let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is no text".into()))?;
        let file = toml::from_str(text).map_err(|error| wrong(error.message().to_owned()))?;
        Ok(Self { folder, file })
    }

    /// The one that is used where none is named.
    #[must_use]
    pub fn current(&self) -> Option<&SiteId> {
        self.file.current.as_ref()
    }

    /// All of them, by name.
    pub fn all(&self) -> impl Iterator<Item = (&SiteId, &Entry)> {
        self.file.contexts.iter()
    }

    /// One of them, with its keys, which the passphrase opens where they are sealed.
    ///
    /// # Errors
    /// There is none of this name, or its keys are not there, not their owner's alone or not opened.
    pub fn get(&self, name: &str, passphrase: &Passphrase) -> Result<Context> {
        let (name, entry) = self.find(name)?;
        let path = self.keys(name).join(KEY);
        let key = keys::opened(&path, self.read(name, KEY)?, passphrase)?;
        Ok(Context {
            name: name.to_string(),
            address: entry.address.clone(),
            role: entry.role.parse::<Role>()?,
            holder: entry.holder.clone(),
            identity: TlsIdentity::from_pem(&self.read(name, "certificate.pem")?, &key)?,
            authority: tls::certificate_from_pem(&self.read(name, "authority.pem")?)?,
            receipt_key: ReceiptPublicKey::from_bytes(entry.receipt_key.0),
        })
    }

    /// The certificate of one of them, without its key; and whether that is sealed.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn certificate(&self, name: &str) -> Result<(PeerCertificate, bool)> {
        let (name, _) = self.find(name)?;
        let der = tls::certificate_from_pem(&self.read(name, "certificate.pem")?)?;
        Ok((PeerCertificate::from_der(&der)?, sealed::is_sealed(&self.read(name, KEY)?)))
    }

    /// The file of one's private key.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn key_file(&self, name: &str) -> Result<KeyFile> {
        let (name, _) = self.find(name)?;
        Ok(KeyFile { path: self.keys(name).join(KEY), what: "a person's certificate" })
    }

    fn read(&self, name: &SiteId, file: &str) -> Result<Zeroizing<String>> {
        let folder = self.keys(name);
        private::check_folder(&folder).map_err(refused)?;
        let bytes = private::read_file(&folder.join(file), CONTEXT_PEM_BYTES_MAX).map_err(refused)?;
        let text = std::str::from_utf8(&bytes).map(str::to_owned);
        text.map(Zeroizing::new)
            .map_err(|_| Error::Config { path: folder.join(file), reason: "it is no text".into() })
    }

    fn find(&self, name: &str) -> Result<(&SiteId, &Entry)> {
        let known = name.parse().ok().and_then(|name: SiteId| self.file.contexts.get_key_value(&name));
        known.ok_or_else(|| Error::Argument {
            message: format!("there is no context {}", name.chars().take(64).collect::<String>()),
            hint: "`coordinator context list` lists them; `coordinator enrol` adds one".into(),
        })
    }

    /// Where the newest head of the coordinator's log of acts is kept, so that an older one is noticed: by
    /// the key that signs it, so that a context that is removed and made again does not forget it.
    ///
    /// # Errors
    /// There is none of this name, or the folder cannot be made.
    pub fn acts_head(&self, name: &str) -> Result<PathBuf> {
        let (_, entry) = self.find(name)?;
        let folder = self.folder.join("heads");
        if !folder.exists() {
            private::create_folder(&folder).map_err(refused)?;
        }
        private::check_folder(&folder).map_err(refused)?;
        Ok(folder.join(Digest::of(&entry.receipt_key.0).to_string()))
    }

    fn keys(&self, name: &SiteId) -> PathBuf {
        self.folder.join("contexts").join(name.as_str())
    }

    fn building(&self, name: &SiteId) -> PathBuf {
        self.folder.join("contexts").join(format!("{name}.joining"))
    }

    /// The key of an attempt to enrol: a new one, or that of an earlier attempt whose answer was lost.
    /// Durable before it is used.
    ///
    /// # Errors
    /// There is a context of this name, as many as there may be, or the key cannot be written.
    pub fn begin(&mut self, name: &SiteId) -> Result<Begun> {
        let _turn = self.take_turn()?;
        if self.file.contexts.contains_key(name) {
            return Err(Error::Argument {
                message: format!("there is a context {name} already"),
                hint: "choose another name with --name, or `coordinator context remove` that one first"
                    .into(),
            });
        }
        if self.file.contexts.len() >= CONTEXTS_MAX {
            return Err(Error::Argument {
                message: format!("there are {CONTEXTS_MAX} contexts already"),
                hint: "`coordinator context remove NAME` makes room".into(),
            });
        }
        if self.keys(name).exists() && !self.building(name).exists() {
            // Somebody was killed before the file had its name: its key is that of the same invitation.
            fs::rename(self.keys(name), self.building(name)).map_err(Error::io("move", &self.keys(name)))?;
        }
        for folder in [self.folder.join("contexts"), self.building(name)] {
            if !folder.exists() {
                private::create_folder(&folder).map_err(refused)?;
            }
            private::check_folder(&folder).map_err(refused)?;
        }
        let path = self.building(name).join("key.pem");
        if path.exists() {
            let bytes = private::read_file(&path, CONTEXT_PEM_BYTES_MAX).map_err(refused)?;
            let pem = std::str::from_utf8(&bytes).unwrap_or_default();
            return Ok(Begun { key: IdentityKey::from_pem(pem)?, is_new: false });
        }
        let key = IdentityKey::generate()?;
        durable::write(&path, key.to_pem().as_bytes(), durable::PRIVATE)
            .map_err(Error::io("write", &path))?;
        Ok(Begun { key, is_new: true })
    }

    /// Forgets an attempt whose key nobody signed.
    pub fn give_up(&self, name: &SiteId) {
        // What stays is a key that opens nothing.
        let _ = fs::remove_dir_all(self.building(name));
    }

    /// Finishes what [`Self::begin`] began. It is used from now on where no other one is.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn finish(
        &mut self,
        name: &SiteId,
        entry: Entry,
        certificate_der: &[u8],
        authority_der: &[u8],
    ) -> Result<()> {
        let _turn = self.take_turn()?;
        let building = self.building(name);
        for (file, der) in [("certificate.pem", certificate_der), ("authority.pem", authority_der)] {
            let path = building.join(file);
            durable::write(&path, tls::certificate_to_pem(der).as_bytes(), durable::PRIVATE)
                .map_err(Error::io("write", &path))?;
        }
        let keys = self.keys(name);
        durable::publish(&building, &keys).map_err(Error::io("write", &keys))?;
        self.file.contexts.insert(name.clone(), entry);
        self.file.current.get_or_insert_with(|| name.clone());
        self.save()
    }

    /// Uses this one where none is named, or none.
    ///
    /// # Errors
    /// There is none of this name, or the file cannot be written.
    pub fn choose(&mut self, name: Option<&str>) -> Result<()> {
        let _turn = self.take_turn()?;
        self.file.current = name.map(|name| self.find(name).map(|(name, _)| name.clone())).transpose()?;
        self.save()
    }

    /// The coordinator is somewhere else now.
    ///
    /// # Errors
    /// There is none of this name, the address is none, or the file cannot be written.
    pub fn set_address(&mut self, name: &str, address: &str) -> Result<()> {
        certs::invitation::check_addresses(address).map_err(|error| Error::Argument {
            message: format!("{address} is not an address: {error}"),
            hint: "give HOST:PORT, for example coordinator.example.org:4600".into(),
        })?;
        let _turn = self.take_turn()?;
        let name = self.find(name)?.0.clone();
        if let Some(entry) = self.file.contexts.get_mut(&name) {
            entry.address = address.to_owned();
        }
        self.save()
    }

    /// Deletes one, keys and all; also what is left of one that the file does not name.
    ///
    /// # Errors
    /// There is none of this name, or a file cannot be deleted.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        let _turn = self.take_turn()?;
        let has_left = |name: &SiteId| self.keys(name).exists() || self.building(name).exists();
        let name = match (self.find(name), name.parse::<SiteId>()) {
            (Ok((name, _)), _) => name.clone(),
            (Err(_), Ok(name)) if has_left(&name) => name,
            (Err(error), _) => return Err(error),
        };
        self.file.contexts.remove(&name);
        if self.file.current.as_ref() == Some(&name) {
            self.file.current = None;
        }
        // First the file: keys that nothing names do no harm.
        self.save()?;
        for folder in [self.keys(&name), self.building(&name)] {
            match fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Error::io("remove", &folder)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Waits for other commands of this user that change contexts (none of them waits for a coordinator
    /// meanwhile), and reads the file as they left it. Others wait until the result is dropped.
    fn take_turn(&mut self) -> Result<fs::File> {
        if !self.folder.exists() {
            private::create_folder(&self.folder).map_err(refused)?;
        }
        private::check_folder(&self.folder).map_err(refused)?;
        let path = self.folder.join("lock");
        let lock = fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let lock = lock.map_err(Error::io("open", &path))?;
        lock.lock().map_err(Error::io("lock", &path))?;
        self.file = Self::at(&self.folder)?.file;
        Ok(lock)
    }

    fn save(&self) -> Result<()> {
        let path = self.folder.join("contexts.toml");
        let text = toml::to_string(&self.file).map_err(|error| Error::Internal(error.to_string()))?;
        durable::write(&path, text.as_bytes(), durable::PRIVATE).map_err(Error::io("write", &path))
    }
}

/// Where they are kept.
fn home() -> Option<PathBuf> {
    let named = |variable| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = named("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let config = config.or_else(|| named("HOME").map(|home| home.join(".config")));
    config.map(|config| config.join("consilium"))
}

fn refused(error: PrivateError) -> Error {
    match error {
        PrivateError::Io { path, source } => Error::Io { action: "use", path, source },
        PrivateError::Refused { .. } => Error::Argument {
            message: error.to_string(),
            hint: "keys of an operator must be their owner's alone: look who put it there, then chmod 700 the folder \
                   and 600 the file"
                .into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn entry() -> Entry {
        Entry {
            address: "a.example.org:4600".into(),
            role: "auditor".into(),
            holder: "anna".into(),
            receipt_key: Digest([7; 32]),
        }
    }

    #[test]
    fn a_context_is_there_whole_and_its_owners_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("consilium");
        let mut contexts = Contexts::at(&folder).unwrap();
        let (main, other): (SiteId, SiteId) = ("main".parse().unwrap(), "other".parse().unwrap());
        let Begun { key, is_new } = contexts.begin(&main).unwrap();
        let again = contexts.begin(&main).unwrap();
        assert_eq!(again.key.pin(), key.pin(), "an answer that was lost asks again");
        assert!(is_new && !again.is_new, "and it may have been signed");
        assert!(contexts.get("main", &Passphrase::default()).is_err(), "not yet");
        let now = common::clock::Timestamp(1_800_000_000_000).into();
        let serial = certs::SerialNumber::from_random([1; 16]);
        let authority = certs::CertificateAuthority::create("test", &serial, now).unwrap();
        let requested = certs::RequestedKey::from_csr(&certs::csr::create(&key).unwrap()).unwrap();
        let life = certs::role::PERSON_LIFETIME;
        let issued = authority
            .issue_member(
                certs::role::Member { role: Role::Auditor, name: "anna" },
                &requested,
                &serial,
                now,
                life,
            )
            .unwrap();
        contexts.finish(&main, entry(), &issued.der, authority.certificate_der()).unwrap();
        let again = Contexts::at(&folder).unwrap();
        assert_eq!(again.current(), Some(&main), "the first one is the one to use");
        assert_eq!(again.get("main", &Passphrase::default()).unwrap().identity.pin().unwrap(), key.pin());
        let refusal = |name: &str| again.get(name, &Passphrase::default()).unwrap_err().to_string();
        assert_eq!(refusal("../main"), "there is no context ../main");
        assert!(contexts.begin(&main).is_err());
        contexts.begin(&other).unwrap();
        contexts.give_up(&other);
        let path = folder.join("contexts/main/key.pem");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(refusal("main").contains("may be opened by other users"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        contexts.set_address("main", "b.example.org:1").unwrap();
        assert!(contexts.set_address("main", "nothing").is_err());
        assert_eq!(
            Contexts::at(&folder).unwrap().get("main", &Passphrase::default()).unwrap().address,
            "b.example.org:1"
        );
        let head = contexts.acts_head("main").unwrap();
        fs::write(&head, b"a head").unwrap();
        // Two commands at once: neither undoes what the other did.
        let mut late = Contexts::at(&folder).unwrap();
        contexts.choose(None).unwrap();
        late.set_address("main", "c.example.org:1").unwrap();
        assert_eq!(Contexts::at(&folder).unwrap().current(), None);
        contexts.remove("main").unwrap();
        let gone = Contexts::at(&folder).unwrap();
        assert!(head.exists(), "it is compared with when the coordinator has a context again");
        assert!(gone.current().is_none() && gone.all().next().is_none() && !path.exists());
    }

    #[test]
    fn what_a_killed_command_left_is_gone_on_with_or_removed() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("consilium");
        let mut contexts = Contexts::at(&folder).unwrap();
        let main: SiteId = "main".parse().unwrap();
        let pin = contexts.begin(&main).unwrap().key.pin();
        // Between the folder and the file.
        fs::rename(contexts.building(&main), contexts.keys(&main)).unwrap();
        let again = contexts.begin(&main).unwrap();
        assert!(again.key.pin() == pin && !again.is_new, "the invitation still fits");
        contexts.remove("main").unwrap();
        assert!(contexts.begin(&main).unwrap().is_new);
        // Between the file and the folder.
        fs::rename(contexts.building(&main), contexts.keys(&main)).unwrap();
        contexts.remove("main").unwrap();
        assert!(!contexts.keys(&main).exists());
        assert!(contexts.remove("main").unwrap_err().to_string().contains("there is no context"));
        assert!(contexts.remove("../lock").is_err());
    }
}
