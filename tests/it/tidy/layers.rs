//! Who may name whom: the walls between the processes and between the crates. Run by `cargo test`.

use std::collections::BTreeSet;

use super::modules::{Crate, Resolved, crates};
use super::nobody;
use super::source::{SourceFile, repository, rust_files};

/// Rooms at the top of a program that a reader can still take in.
const ROOMS_MAX: usize = 19;

/// What a folder must not name. A path ends at a whole name; with `*` at the end, a name may go on.
struct Wall {
    /// `a/b` is the file `a/b.rs` and the folder `a/b/`; `a/src` is a crate.
    rooms: &'static [&'static str],
    /// Rooms inside them that may.
    except: &'static [&'static str],
    forbidden: &'static [&'static str],
    /// Where given, the only rooms of its own crate it may name.
    own: Option<&'static [&'static str]>,
    why: &'static str,
}

const WALLS: [Wall; 15] = [
    Wall {
        rooms: &["site-agent/src/worker", "site-agent/src/alone"],
        except: &[],
        forbidden: &["common::net", "quinn", "rustls", "crate::egress", "crate::gateway"],
        own: None,
        why: "a process that reads records has no network",
    },
    Wall {
        rooms: &["site-agent/src/gateway"],
        except: &[],
        forbidden: &["data::read", "data::room", "model", "prepare", "crate::worker", "crate::alone"],
        own: None,
        why: "the process with the network has no records",
    },
    Wall {
        rooms: &["site-agent/src"],
        except: &["site-agent/src/egress", "site-agent/src/gateway/connection"],
        forbidden: &["common::net::client"],
        own: None,
        why: "everything that leaves passes egress.rs",
    },
    Wall {
        rooms: &["site-agent/src"],
        except: &["site-agent/src/egress"],
        forbidden: &["common::net::join::request"],
        own: None,
        why: "the request to join leaves by egress.rs, too",
    },
    Wall {
        rooms: &["coordinator/src/round"],
        except: &[],
        forbidden: &[
            "tokio",
            "rusqlite",
            "std::fs",
            "common::clock::Clock",
            "common::clock::SystemClock",
            "std::time::SystemTime",
            "std::time::Instant",
        ],
        own: Some(&["round", "limits"]),
        why: "what a round does is a pure function of its events",
    },
    Wall {
        rooms: &["coordinator/src/simulate"],
        except: &[],
        forbidden: &[
            "tokio",
            "rusqlite",
            "std::fs",
            "common::clock::Clock",
            "common::clock::SystemClock",
            "std::time",
        ],
        own: Some(&["simulate", "round", "execution", "limits"]),
        why: "a simulation is a function of its plan and its seed",
    },
    Wall {
        rooms: &["common/data/src"],
        except: &[],
        forbidden: &["common", "model", "certs", "quinn", "burn*"],
        own: None,
        why: "the data room knows no network, no model and no federation",
    },
    Wall {
        rooms: &["common/evaluation/src"],
        except: &[],
        forbidden: &["common", "data", "model", "certs", "quinn", "burn*"],
        own: None,
        why: "suites and statistics know no network, no model and no federation",
    },
    Wall {
        rooms: &["common/model/src"],
        except: &[],
        forbidden: &["common", "data", "certs", "quinn"],
        own: None,
        why: "the model knows nothing of the federation",
    },
    Wall {
        rooms: &["common/prepare/src"],
        except: &[],
        forbidden: &["quinn", "rusqlite", "certs"],
        own: None,
        why: "the bridge from a record to the model needs neither network nor database",
    },
    Wall {
        rooms: &["common/endpoint/src"],
        except: &[],
        forbidden: &["common::net", "data", "model", "certs", "quinn", "std::fs", "tokio::fs"],
        own: None,
        why: "who answers over HTTP knows no model, no file and no federation",
    },
    Wall {
        rooms: &["common/retrieval/src"],
        except: &[],
        forbidden: &["common::net", "data", "model", "certs", "endpoint", "quinn", "tokio"],
        own: None,
        why: "documents are found without a network, a model or a federation",
    },
    Wall {
        rooms: &["site-agent/src", "coordinator/src", "common/cli/src", "common/src"],
        except: &[],
        forbidden: &["hyper*", "http_body_util"],
        own: None,
        why: "only common/endpoint speaks HTTP",
    },
    Wall {
        rooms: &["certs/src"],
        except: &[],
        forbidden: &["common", "data", "model", "quinn", "std::fs", "tokio"],
        own: None,
        why: "identity is a leaf: it touches no file and opens no socket",
    },
    Wall {
        rooms: &["common/src"],
        except: &["common/src/net"],
        forbidden: &["quinn", "data", "model", "certs", "burn*"],
        own: None,
        why: "all traffic goes through common/src/net; the light crate has no tensors",
    },
];

#[test]
fn nobody_names_what_is_behind_a_wall() {
    let files = rust_files();
    let all = crates(&files);
    nobody("who may name whom", WALLS.iter().flat_map(|wall| breaches(wall, &all)).collect());
}

#[test]
fn every_wall_guards_something() {
    let files = rust_files();
    let is_there = |room: &str| files.iter().any(|file| is_in(&file.name, room));
    let rooms = WALLS.iter().flat_map(|wall| wall.rooms.iter().chain(wall.except));
    let gone: BTreeSet<String> =
        rooms.filter(|room| !is_there(room)).map(|room| (*room).to_owned()).collect();
    nobody("a wall guards a room that exists", gone.into_iter().collect());
    let allowed = WALLS
        .iter()
        .flat_map(|wall| wall.own.iter().flat_map(move |own| own.iter().map(move |name| (wall, name))));
    let gone = allowed.filter(|(wall, name)| {
        let source = wall.rooms[0].split_once("/src").map_or("", |(folder, _)| folder);
        !is_there(&format!("{source}/src/{name}"))
    });
    nobody("a room that may be named exists", gone.map(|(_, name)| (*name).to_owned()).collect());
}

/// `a/b` holds `a/b.rs` and everything in `a/b/`.
fn is_in(file: &str, room: &str) -> bool {
    file.strip_prefix(room).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

fn breaches(wall: &Wall, all: &[Crate]) -> Vec<String> {
    let mut found = BTreeSet::new();
    for one in all {
        for (index, file) in one.files.iter().enumerate() {
            let inside = |rooms: &[&str]| rooms.iter().any(|room| is_in(&file.name, room));
            if !inside(wall.rooms) || inside(wall.except) {
                continue;
            }
            for named in one.named(index).iter().filter_map(|named| breach(wall, named)) {
                found.insert(format!("{} names {named}: {}", file.name, wall.why));
            }
        }
    }
    found.into_iter().collect()
}

/// The path, if the wall forbids it.
fn breach(wall: &Wall, named: &Resolved) -> Option<String> {
    let (text, room) = match named {
        Resolved::Own(path) => (format!("crate::{}", path.join("::")), path.first()),
        Resolved::Foreign(path) => (path.join("::"), None),
    };
    let is_forbidden = wall.forbidden.iter().any(|forbidden| match forbidden.strip_suffix('*') {
        Some(beginning) => text.starts_with(beginning),
        None => text.strip_prefix(forbidden).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")),
    });
    let is_strange = match (wall.own, room) {
        (Some(own), Some(room)) => !own.contains(&room.as_str()),
        _ => false,
    };
    (is_forbidden || is_strange).then_some(text)
}

#[test]
fn the_programs_have_few_rooms() {
    for program in ["site-agent", "coordinator"] {
        let entries = std::fs::read_dir(repository().join(program).join("src")).unwrap();
        let names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        let rooms = rooms(&names);
        assert!(rooms.len() > 3, "{program} has only {rooms:?}; is the search broken?");
        assert!(rooms.len() <= ROOMS_MAX, "{program} has {} rooms at its top: {rooms:?}", rooms.len());
    }
}

/// foo.rs and foo/ are one room; the roots of the crate, other programs' among them, are none.
fn rooms(names: &[String]) -> BTreeSet<&str> {
    let rooms = names.iter().map(|name| name.trim_end_matches(".rs"));
    rooms.filter(|name| !matches!(*name, "lib" | "main" | "bin")).collect()
}

#[test]
fn a_file_and_its_folder_are_one_room() {
    let names = ["a.rs", "a", "b", "lib.rs", "main.rs"].map(str::to_owned);
    assert_eq!(rooms(&names).len(), 2);
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: Wall = Wall {
        rooms: &["x/src/pure"],
        except: &["x/src/pure/edge"],
        forbidden: &["common::net", "burn*"],
        own: Some(&["pure"]),
        why: "",
    };

    fn found(name: &str, text: &str) -> Vec<String> {
        let files =
            vec![SourceFile::new(name, text), SourceFile::new("x/src/lib.rs", "mod pure;\nmod other;\n")];
        breaches(&WALL, &[Crate::of("x/src/", files)])
    }

    #[test]
    fn what_a_wall_forbids_is_found_however_it_is_named() {
        for bad in [
            "use common::net;",
            "use common::{id, net::{client::Client}};",
            "use burn_tensor::Tensor;",
            "fn f() { common::net::f() }",
            "use common as c;\nfn f() { c::net::f() }",
            "use super::other;",
            "use crate::{pure::a, other::b};",
            "mod inner { fn f() { super::super::other::f() } }",
        ] {
            assert_eq!(found("x/src/pure.rs", bad).len(), 1, "{bad}");
        }
    }

    #[test]
    fn what_it_allows_passes() {
        let good = "//! common::net\nuse common::{id, network};\nuse crate::pure::a;\nuse std::net;\n#[cfg(test)]\nmod tests {\n    use common::net;\n}\n";
        assert_eq!(found("x/src/pure/a.rs", good), [""; 0]);
        assert_eq!(found("x/src/pure/edge.rs", "use common::net;"), [""; 0]);
        assert_eq!(found("x/src/purely.rs", "use common::net;"), [""; 0]);
    }
}
