//! Records with planted duplicates of held-out questions, and what a comparison in the clear says of them.

use std::collections::HashSet;
use std::path::Path;

use anyhow::Result;
use data::dedup::{Shingles, Texts};
use data::overlap::{BAND_HITS_MIN, Features};
use data::read::{ReadOptions, read_all};
use tests::relay::split_mix_64;

use crate::support::Small;

/// Held-out questions, in two files.
const HELD_OUT: u64 = 24;
/// Records of a site that are nobody's copy.
const OWN: u64 = 40;

/// What was planted, counted without any cryptography.
pub(super) struct Planted {
    /// Records of each site.
    pub(super) records: Vec<u64>,
    /// Those too close to the held-out set.
    pub(super) expected: Vec<u64>,
}

impl Planted {
    /// Replaces the consortium's held-out files and the sites' records.
    pub(super) fn write(small: &Small) -> Result<Self> {
        let run = tests::run_file::RunFile::read(&small.run_file)?;
        let held_out: Vec<String> = (0..HELD_OUT).map(|seed| question(1_000_000 + seed, None)).collect();
        let (validation, test) = held_out.split_at(held_out.len() / 2);
        let paths = ["validation", "test"].map(|key| run.path(key).unwrap_or_default());
        write(&paths[0], validation)?;
        write(&paths[1], test)?;
        let mut first: Vec<String> = (0..OWN).map(|seed| question(seed, None)).collect();
        // Two copies word for word, one with other punctuation; and twenty in which one character of sixty
        // differs.
        first.push(test[0].clone());
        first.push(validation[1].replace('，', " ,\u{3000}"));
        first.extend((0..20).map(|seed| question(1_000_000 + seed, Some(seed))));
        let second: Vec<String> = (0..OWN).map(|seed| question(5_000 + seed, None)).collect();
        for (site, records) in small.setup.sites.iter().zip([&first, &second]) {
            write(&site.data[0], records)?;
        }
        let sites: Vec<&Path> = small.setup.sites.iter().map(|site| site.data[0].as_path()).collect();
        let planted = Self::in_the_clear(&paths.each_ref().map(|path| path.as_path()), &sites)?;
        // Both word for word, and of those at J = 0.836 three quarters (P(at least 3 of 16 bands), see
        // `data::overlap`).
        assert!(planted.expected[0] >= 2 + 10, "{:?} were found in the clear", planted.expected);
        Ok(planted)
    }

    /// The rule of the comparison, by someone who may see both sides.
    fn in_the_clear(held_out: &[&Path], sites: &[&Path]) -> Result<Self> {
        let read =
            |paths: &[&Path]| Ok::<_, anyhow::Error>(read_all(paths, &ReadOptions::default())?.records);
        let held_out = read(held_out)?;
        let features: Vec<Features> = held_out.iter().filter_map(Features::of).collect();
        let exact: HashSet<[u8; 32]> = features.iter().map(|features| features.exact).collect();
        let bands: HashSet<[u8; 32]> = features.iter().flat_map(|features| features.bands).collect();
        let shingles: Vec<Shingles> =
            held_out.iter().map(|record| Shingles::of(&Texts::of(record).question)).collect();
        let (mut records, mut expected) = (Vec::new(), Vec::new());
        for site in sites {
            let ours = read(&[*site])?;
            let mut close = 0;
            for record in &ours {
                let Some(features) = Features::of(record) else { continue };
                let shared = features.bands.iter().filter(|band| bands.contains(*band)).count();
                let drop = exact.contains(&features.exact) || shared >= BAND_HITS_MIN;
                close += u64::from(drop);
                let own = Shingles::of(&Texts::of(record).question);
                let nearest = shingles.iter().map(|other| own.jaccard(other)).fold(0.0, f64::max);
                if nearest > 0.5 {
                    println!(
                        "J {nearest:.3}: {shared} of 16 bands, {}",
                        if drop { "left out" } else { "kept" }
                    );
                }
                assert!(drop <= (nearest > 0.5), "an own record would be left out");
            }
            records.push(ours.len() as u64);
            expected.push(close);
        }
        Ok(Self { records, expected })
    }
}

/// A question of sixty characters that has no five in a row in common with another seed's. With `change`, one
/// of its characters is another: five of its 56 five-character runs, so J = 51 / 61 = 0.836.
fn question(seed: u64, change: Option<u64>) -> String {
    const FIRST: u32 = 0x4E00;
    let mut stream = seed;
    let mut text: Vec<char> =
        (0..60).filter_map(|_| char::from_u32(FIRST + (split_mix_64(&mut stream) % 18_000) as u32)).collect();
    if let Some(change) = change {
        let place = 10 + 2 * change as usize;
        text[place] = if text[place] == '头' { '痛' } else { '头' };
    }
    text.insert(30, '，');
    text.into_iter().collect()
}

fn write(path: &Path, questions: &[String]) -> Result<()> {
    let records = questions.iter().map(|question| {
        serde_json::json!({ "conversations": [
            { "from": "human", "value": question }, { "from": "gpt", "value": "请到医院就诊。" },
        ]})
    });
    // Valid for every extension the demo's files have: JSON lines, or one array.
    let array = path.extension().is_some_and(|extension| extension == "json");
    let text = if array {
        serde_json::to_string(&records.collect::<Vec<_>>())?
    } else {
        records.map(|record| format!("{record}\n")).collect()
    };
    Ok(std::fs::write(path, text)?)
}
