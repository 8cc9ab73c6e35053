//! `coordinator serve`: puts store, runs, driver, request handler, enrolment and admin socket together, and
//! takes them apart again in order on SIGINT or SIGTERM. Called by `cli::serve`. Invariant: nothing needs a
//! clean stop; everything durable is durable already.

use std::net::SocketAddr;
use std::sync::Arc;

use certs::{ReceiptSigningKey, random, tls};
use common::clock::{Clock, SystemClock, Timestamp};
use common::durable;
use common::net::admin::Admins;
use common::net::join::JoinServer;
use common::net::server::Server;
use common::net::{Connections, EndpointKeys, NetError};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use crate::admin::acts::{Act, Acts, Verb, Who, recorded};
use crate::admin::afar::Afar;
use crate::admin::server::{self as operators, Admin};
use crate::enrolment::JoinDesk;
use crate::enrolment::issuer::Issuer;
use crate::enrolment::keeper::{self, Keeper, Owed, Used};
use crate::enrolment::lists::Lists;
use crate::error::{Error, Result};
use crate::evaluate::Evaluator;
use crate::execution::catch_up::catch_up;
use crate::execution::driver::{Driver, World};
use crate::execution::launch;
use crate::execution::performer::{Performer, asking};
use crate::execution::presence::Presence;
use crate::execution::pruning;
use crate::execution::runs::Runs;
use crate::overlap;
use crate::requests::handler::RequestHandler;
use crate::requests::intake::Intake;
use crate::requests::places::Places;
use crate::requests::told::Told;
use crate::restored;
use crate::state_folder::config::Config;
use crate::state_folder::identity::Identity;
use crate::state_folder::{StateFolder, alive, authority};
use crate::store::Store;

/// What `addresses.json` says: where `serve` listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// Run traffic (UDP).
    pub run: SocketAddr,
    /// Enrolment (UDP).
    pub join: SocketAddr,
}

/// Serves until a signal comes. `ready` is told the addresses once both endpoints are open. The caller holds
/// the folder's lock.
///
/// # Errors
/// Keys, database or journal cannot be used, or a port or the admin socket cannot be opened.
pub async fn serve(
    folder: StateFolder,
    config: Config,
    accepts_restored: bool,
    ready: impl FnOnce(&Addresses),
) -> Result<()> {
    let stop = stop_signal()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    authority::finish(&folder)?;
    let identity = Identity::load(&folder, clock.now())?;
    let (acts, store) = open_books(&folder, &identity.receipts, accepts_restored, clock.now())?;
    let runs = Runs::replay(&store)?;
    remove_strays(&folder, &runs)?;
    let ends = open_endpoints(&folder, &config, &identity)?;
    let (addresses, connections) = (write_addresses(&folder, &ends)?, ends.server.connections());

    let evaluator = Evaluator::of_this_binary(config.evaluation_timeout(), config.children(&folder))?;
    let performer = Performer::new(folder.clone(), evaluator.clone());
    let presence = Arc::new(Presence::new(connections.clone()));
    let world = World {
        store: Arc::clone(&store),
        runs: runs.clone(),
        performer: performer.clone(),
        presence: Arc::clone(&presence),
        clock: Arc::clone(&clock),
    };
    let (driver, driving) = Driver::start(world);
    catch_up(&store, &runs, &driver).await?;

    let (folder, receipts) = (Arc::new(folder), Arc::new(identity.receipts));
    let (keys, key_orders) = keeper::channel();
    let used = Used::of(&identity.server, &identity.lineage);
    let issuer = Arc::new(Issuer::new(identity.authority, config.certificate_life()));
    let lists = Arc::new(Lists::new(&folder, &store, &issuer));
    // What a crash left out is on it from here on.
    lists.look(clock.now());
    let admin = Arc::new(Admin {
        folder: Arc::clone(&folder),
        store: Arc::clone(&store),
        runs: runs.clone(),
        driver: driver.clone(),
        connections: connections.clone(),
        presence,
        performer,
        clock: Arc::clone(&clock),
        evaluator,
        receipts: Arc::clone(&receipts),
        keys,
        lists: Arc::clone(&lists),
        admins: ends.server.admins(),
        acts: Arc::clone(&acts),
    });
    let _chores = chores(&config, &clock, &admin)?;
    let handler = Arc::new(RequestHandler {
        intake: Intake::new(folder.as_ref().clone()),
        folder,
        store,
        runs,
        driver,
        issuer,
        lists,
        receipts,
        clock,
        connections,
        places: Places::default(),
        told: Told::default(),
        accepts_restored,
    });
    let desk = Arc::new(desk_of(&config, &handler, acts, ends.server.admins())?);
    ready(&addresses);
    let keeper = keeper_of(&handler, &ends, used);
    tokio::select! {
        () = answer(&ends, handler, Afar::new(admin), desk, stop) => {}
        () = keeper.keep(key_orders) => {}
    }
    driving.abort();
    Ok(())
}

/// Both endpoints.
struct Ends {
    server: Server,
    join_server: JoinServer,
}

/// Who keeps our keys, and what the endpoints have of them.
fn keeper_of<'a>(handler: &RequestHandler, ends: &'a Ends, used: Used) -> Keeper<'a> {
    Keeper {
        folder: handler.folder.as_ref().clone(),
        store: Arc::clone(&handler.store),
        clock: Arc::clone(&handler.clock),
        server: &ends.server,
        join_server: &ends.join_server,
        issuer: Arc::clone(&handler.issuer),
        lists: Arc::clone(&handler.lists),
        used,
        owed: Owed::default(),
    }
}

/// Who lets members and operators in.
fn desk_of(
    config: &Config,
    handler: &RequestHandler,
    acts: Arc<Acts>,
    admins: Connections,
) -> Result<JoinDesk> {
    Ok(JoinDesk {
        store: Arc::clone(&handler.store),
        issuer: Arc::clone(&handler.issuer),
        receipt_key: *handler.receipts.public_key()?.as_bytes(),
        run_address: config.address.clone(),
        connections: handler.connections.clone(),
        admins,
        lists: Arc::clone(&handler.lists),
        acts,
        clock: Arc::clone(&handler.clock),
    })
}

/// Answers at both endpoints until `stop`.
async fn answer(
    ends: &Ends,
    handler: Arc<RequestHandler>,
    afar: Afar,
    desk: Arc<JoinDesk>,
    stop: watch::Receiver<bool>,
) {
    let admins = Admins { alpn: tls::ALPN_ADMIN, handler: Arc::new(afar) };
    let (members, joining) = (stopped(stop.clone()), stopped(stop));
    tokio::join!(ends.server.serve(handler, admins, members), ends.join_server.serve(desk, joining));
    tracing::info!("stopped");
}

/// What is done all the time besides; it ends when this is dropped.
fn chores(config: &Config, clock: &Arc<dyn Clock>, admin: &Arc<Admin>) -> Result<JoinSet<()>> {
    let (folder, store, runs) = (admin.folder.as_ref(), Arc::clone(&admin.store), admin.runs.clone());
    let mut tasks = JoinSet::new();
    tasks.spawn(pruning::keep_pruned(folder.clone(), store, runs, config.retention));
    tasks.spawn(alive::keep_noted(folder.clone(), Arc::clone(clock)));
    tasks.spawn(Arc::clone(admin).serve(operators::listen(folder)?));
    Ok(tasks)
}

/// The log of acts, and the database.
fn open_books(
    folder: &StateFolder,
    receipts: &ReceiptSigningKey,
    accepts_restored: bool,
    now: Timestamp,
) -> Result<(Arc<Acts>, Arc<Store>)> {
    let acts = open_acts(folder, receipts)?;
    let open = || {
        let store = restored::open(folder, accepts_restored)?;
        accept_restored(folder, &store, accepts_restored, now)?;
        Ok(store)
    };
    let store = if accepts_restored {
        recorded(&acts, &Who::here(), &Act::of(Verb::AcceptRestored), now, open)?
    } else {
        open()?
    };
    store.keep_reserve();
    Ok((acts, Arc::new(store)))
}

/// Removes what was cut short.
fn remove_strays(folder: &StateFolder, runs: &Runs) -> Result<()> {
    overlap::delete_stray_keys(folder, &runs.unended())?;
    launch::remove_strays(folder)?;
    asking::remove_strays(folder, &runs.all())
}

/// Verifies the log of acts. One that is damaged stops nobody who is in a run, but nothing is changed any
/// more before a person has looked.
fn open_acts(folder: &StateFolder, receipts: &ReceiptSigningKey) -> Result<Arc<Acts>> {
    let acts = Acts::with(folder, receipts)?;
    match acts.verify(&[], |_| ()) {
        Ok(_) => {}
        Err(error @ Error::ActsDamaged(_)) => {
            tracing::error!("{error}; runs go on, and every act is refused until `coordinator acts accept`");
        }
        Err(error) => return Err(error),
    }
    Ok(Arc::new(acts))
}

/// Goes on with a database that lacks what was here only if the operator said so.
fn accept_restored(
    folder: &StateFolder,
    store: &Store,
    accepts_restored: bool,
    now: Timestamp,
) -> Result<()> {
    if let Some(doubt) = restored::doubt(folder, store)? {
        if !accepts_restored {
            return Err(Error::Restored(doubt));
        }
        tracing::error!("{doubt}; accepted by --accept-restored, and what is missing stays missing");
        store.accept_restored(now)?;
    }
    store.keep_mark();
    Ok(())
}

fn open_endpoints(folder: &StateFolder, config: &Config, identity: &Identity) -> Result<Ends> {
    let keys = endpoint_key(folder)?;
    let run_tls = tls::run_server(&identity.server, &identity.lineage)?;
    let join_tls = tls::join_server(&identity.server, &identity.lineage)?;
    let listen = |address: SocketAddr| {
        move |error: NetError| Error::Listen { address: address.to_string(), reason: bind_reason(&error) }
    };
    let server = Server::bind(config.listen, run_tls, EndpointKeys::from_bytes(*keys))
        .map_err(listen(config.listen))?;
    let join_server = JoinServer::bind(config.listen_join, join_tls, EndpointKeys::from_bytes(*keys))
        .map_err(listen(config.listen_join))?;
    Ok(Ends { server, join_server })
}

fn bind_reason(error: &NetError) -> String {
    match error {
        NetError::Bind { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
            "the port is in use".to_owned()
        }
        NetError::Bind { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

/// The secret that lets sites notice a restart at once; made at the first start.
fn endpoint_key(folder: &StateFolder) -> Result<Zeroizing<[u8; 32]>> {
    let path = folder.ca().join("endpoint.key");
    match std::fs::read(&path).map(Zeroizing::new) {
        Ok(bytes) => <[u8; 32]>::try_from(bytes.as_slice()).map(Zeroizing::new).map_err(|_| Error::Config {
            path,
            reason: "it does not have 32 bytes; delete it to make another".into(),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let bytes = Zeroizing::new(random::bytes::<32>()?);
            durable::write(&path, bytes.as_slice(), durable::PRIVATE).map_err(Error::io("write", &path))?;
            Ok(bytes)
        }
        Err(error) => Err(Error::io("read", &path)(error)),
    }
}

/// Notes where we listen.
fn write_addresses(folder: &StateFolder, ends: &Ends) -> Result<Addresses> {
    let (run, join) = (ends.server.local_address(), ends.join_server.local_address());
    let addresses = Addresses { run: local(run)?, join: local(join)? };
    let path = folder.addresses();
    let text = serde_json::to_vec_pretty(&addresses).map_err(|error| Error::Internal(error.to_string()))?;
    durable::write(&path, &text, durable::ORDINARY).map_err(Error::io("write", &path))?;
    Ok(addresses)
}

fn local(address: std::result::Result<SocketAddr, NetError>) -> Result<SocketAddr> {
    address.map_err(|error| Error::Internal(error.to_string()))
}

/// Turns true at the first SIGINT or SIGTERM. SIGHUP, which comes when a terminal is closed and from whoever
/// rotates logs, ends nothing: the log is standard error, which is the starter's to rotate.
fn stop_signal() -> Result<watch::Receiver<bool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let install = |kind| signal(kind).map_err(|error| Error::Internal(format!("signals: {error}")));
    let (mut interrupt, mut terminate, mut hang_up) = (
        install(SignalKind::interrupt())?,
        install(SignalKind::terminate())?,
        install(SignalKind::hangup())?,
    );
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                _ = hang_up.recv() => tracing::info!("SIGHUP: going on"),
            }
        }
        tracing::info!("stopping");
        let _ = sender.send(true);
    });
    Ok(receiver)
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // The sender lives until it has sent.
    let _ = stop.wait_for(|stop| *stop).await;
}
