//! Finds duplicates among a million records, and says how long it took, how much memory, and how many of the
//! planted ones it found. For whoever wants to check the claim in tests/README.md on their own machine:
//!
//!     cargo run -p data --example duplicates -- generate /tmp/million.jsonl 1000000
//!     cargo run -p data --example duplicates -- check /tmp/million.jsonl
//!
//! `generate` writes synthetic Chinese questions of about 200 characters; one in five is an earlier one with
//! one to seven random edits, one in fifty an earlier one with other punctuation. The file beside it
//! (.planted) says which.
#![allow(clippy::print_stdout, reason = "an example talks to the person who started it")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use data::dedup::{DedupOptions, Duplicates, Keys, MatchKind, Shingles, Texts};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use rayon::prelude::*;

/// Lines that are parsed and hashed together.
const BATCH: usize = 16_384;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["generate", path, records] => generate(Path::new(path), records.parse()?),
        ["check", path] => check(Path::new(path)),
        _ => Err("usage: duplicates generate FILE RECORDS | duplicates check FILE".into()),
    }
}

fn planted_path(path: &Path) -> PathBuf {
    path.with_extension("planted")
}

fn generate(path: &Path, records: usize) -> Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(20_260_101);
    let mut out = BufWriter::new(File::create(path)?);
    let mut planted = BufWriter::new(File::create(planted_path(path))?);
    // Earlier questions that may be copied: every tenth, so that the generator's own memory stays small.
    let mut originals: Vec<(usize, String)> = Vec::new();
    let mut characters = 0;
    for index in 0..records {
        let draw = rng.next_u32() % 100;
        let question = match originals.get(below(&mut rng, originals.len().max(1))) {
            Some((of, original)) if draw < 20 => {
                let edits = 1 + below(&mut rng, 7);
                let copy = edited(&mut rng, original, edits);
                let jaccard = Shingles::of(original).jaccard(&Shingles::of(&copy));
                writeln!(planted, "{index} {of} {jaccard:.6}")?;
                copy
            }
            Some((of, original)) if draw < 22 => {
                writeln!(planted, "{index} {of} 1.0")?;
                original.replace('，', "、 ").replace('。', ".")
            }
            _ => question(&mut rng),
        };
        characters += question.chars().count();
        let record = serde_json::json!({ "instruction": question, "output": pick(&mut rng, ADVICE) });
        writeln!(out, "{record}")?;
        if draw >= 22 && index % 10 == 0 {
            originals.push((index, question));
        }
    }
    out.flush()?;
    planted.flush()?;
    println!(
        "{records} records, {:.1} characters in a question on average",
        characters as f64 / records as f64
    );
    Ok(())
}

fn check(path: &Path) -> Result<()> {
    let started = Instant::now();
    let mut keys = Keys::default();
    batches(path, |_, batch| keys.push(&batch))?;
    let records = keys.len();
    println!("{:6.1} s  keys of {records} records", started.elapsed().as_secs_f64());
    let options = DedupOptions::default();
    let mut candidates = keys.candidates(&options);
    println!("{:6.1} s  {} candidate pairs", started.elapsed().as_secs_f64(), candidates.pairs());
    batches(path, |first, batch| {
        let offered: Vec<(u32, &str)> =
            (first..).zip(batch.iter().map(|texts| texts.question.as_str())).collect();
        candidates.offer(&offered);
    })?;
    let found = candidates.verify(&options);
    println!("{:6.1} s  verified, {} matches", started.elapsed().as_secs_f64(), found.matches.len());
    println!("threads {}, peak memory {}", rayon::current_num_threads(), peak_memory()?);
    let mut kinds: BTreeMap<MatchKind, usize> = BTreeMap::new();
    found.matches.iter().for_each(|found| *kinds.entry(found.kind).or_default() += 1);
    println!("{kinds:?}; pairs left out: {}", found.pairs_left_out);
    recall(path, &found)
}

/// How many of the planted duplicates ended in the cluster of their original, by similarity.
fn recall(path: &Path, found: &Duplicates) -> Result<()> {
    let mut rows: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    for line in BufReader::new(File::open(planted_path(path))?).lines() {
        let line = line?;
        let mut words = line.split(' ');
        let mut next = || words.next().ok_or("a line of the planted file is short");
        let (record, of): (usize, usize) = (next()?.parse()?, next()?.parse()?);
        let jaccard: f64 = next()?.parse()?;
        let row = rows.entry((jaccard * 20.0) as u32).or_default();
        row.0 += 1;
        row.1 += usize::from(found.cluster.get(record) == found.cluster.get(of));
    }
    println!("similarity   planted   found   recall");
    for (row, (planted, found)) in rows {
        let recall = found as f64 / planted as f64;
        println!("from {:.2}  {planted:>10} {found:>7}   {recall:.4}", f64::from(row) / 20.0);
    }
    Ok(())
}

#[derive(serde::Deserialize)]
struct Line {
    instruction: String,
    output: String,
}

/// Reads the file in batches; parsing runs on all cores.
fn batches(path: &Path, mut each: impl FnMut(u32, Vec<Texts>)) -> Result<()> {
    let mut lines = BufReader::new(File::open(path)?).lines();
    let mut first = 0u32;
    loop {
        let batch = lines.by_ref().take(BATCH).collect::<std::io::Result<Vec<String>>>()?;
        if batch.is_empty() {
            return Ok(());
        }
        let parsed = batch
            .par_iter()
            .map(|line| serde_json::from_str::<Line>(line))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        let texts = parsed.into_iter().map(|line| Texts {
            question: line.instruction,
            answer: line.output,
            ..Texts::default()
        });
        each(first, texts.collect());
        first += u32::try_from(batch.len())?;
    }
}

fn peak_memory() -> Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.unwrap_or("unknown").trim().to_owned())
}

fn below(rng: &mut ChaCha8Rng, limit: usize) -> usize {
    rng.next_u32() as usize % limit
}

fn pick<'a>(rng: &mut ChaCha8Rng, list: &[&'a str]) -> &'a str {
    list.get(below(rng, list.len())).copied().unwrap_or_default()
}

/// Replaces, removes or inserts one character, several times.
fn edited(rng: &mut ChaCha8Rng, text: &str, edits: usize) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..edits {
        let place = below(rng, characters.len());
        let other = char::from_u32(0x4E00 + rng.next_u32() % 3000).unwrap_or('一');
        match rng.next_u32() % 3 {
            0 => characters.insert(place, other),
            1 => drop(characters.remove(place)),
            _ => characters[place] = other,
        }
    }
    characters.into_iter().collect()
}

/// A patient's question of about 200 characters: common phrases around varying complaints, histories and
/// drugs.
fn question(rng: &mut ChaCha8Rng) -> String {
    let mut text = format!(
        "{}，{}岁，{}{}天余。",
        pick(rng, WHO),
        1 + below(rng, 90),
        pick(rng, COMPLAINTS),
        1 + below(rng, 60)
    );
    while text.chars().count() < 170 {
        let sentence = match rng.next_u32() % 4 {
            0 => format!(
                "伴有{}和{}，{}时明显。",
                pick(rng, COMPLAINTS),
                pick(rng, COMPLAINTS),
                pick(rng, WHEN)
            ),
            1 => format!("既往有{}病史{}年。", pick(rng, DISEASES), 1 + below(rng, 30)),
            2 => format!(
                "目前口服{}每次{}毫克，每日{}次，{}。",
                pick(rng, DRUGS),
                5 * (1 + below(rng, 100)),
                1 + below(rng, 3),
                pick(rng, EFFECT)
            ),
            _ => format!("查{}示{}。", pick(rng, TESTS), pick(rng, RESULTS)),
        };
        text.push_str(&sentence);
    }
    text.push_str(pick(rng, ASKS));
    text
}

const WHO: &[&str] =
    &["我父亲", "我母亲", "男性患者", "女性患者", "我家孩子", "本人", "我爷爷", "朋友的妻子"];
const WHEN: &[&str] = &["夜间", "清晨起床", "劳累", "情绪激动", "饭后", "空腹", "平卧", "上楼"];
const EFFECT: &[&str] = &["效果不明显", "症状略有好转", "服药后胃部不适", "自行停药一周", "没有按时服用"];
const ADVICE: &[&str] =
    &["建议到医院复查后调整用药。", "注意休息，清淡饮食。", "请带上检查结果到专科门诊就诊。"];
const ASKS: &[&str] = &[
    "请问医生这种情况需要住院吗？",
    "请问应该做哪些检查？",
    "请问能不能换一种药？",
    "平时饮食上要注意什么？",
    "这种情况严重吗，需要手术吗？",
    "会不会遗传给孩子？",
];
const COMPLAINTS: &[&str] = &[
    "头晕头痛",
    "胸闷气短",
    "心悸乏力",
    "腹痛腹泻",
    "恶心呕吐",
    "咳嗽咳痰",
    "双下肢水肿",
    "关节肿痛",
    "反酸烧心",
    "视物模糊",
    "耳鸣",
    "失眠多梦",
    "食欲不振",
    "体重下降",
    "口干多饮",
    "尿频尿急",
    "便秘",
    "皮疹瘙痒",
    "低热盗汗",
    "肢体麻木",
    "言语不清",
    "吞咽困难",
    "右上腹隐痛",
    "腰背酸痛",
    "手抖",
    "鼻出血",
    "牙龈出血",
    "月经不调",
];
const DISEASES: &[&str] = &[
    "高血压",
    "二型糖尿病",
    "冠心病",
    "慢性胃炎",
    "脂肪肝",
    "脑梗死",
    "支气管哮喘",
    "慢性肾炎",
    "甲状腺功能亢进",
    "类风湿关节炎",
    "胆囊结石",
    "心房颤动",
    "慢性阻塞性肺疾病",
    "高脂血症",
    "痛风",
    "帕金森病",
    "癫痫",
    "乙型肝炎",
];
const DRUGS: &[&str] = &[
    "硝苯地平缓释片",
    "二甲双胍",
    "阿司匹林肠溶片",
    "阿托伐他汀",
    "奥美拉唑胶囊",
    "美托洛尔",
    "氯沙坦钾",
    "格列美脲",
    "左甲状腺素钠",
    "氨茶碱",
    "别嘌醇",
    "卡马西平",
    "恩替卡韦",
    "呋塞米",
    "螺内酯",
    "多潘立酮",
    "布洛芬",
    "头孢克肟",
];
const TESTS: &[&str] = &[
    "心电图",
    "头颅核磁共振",
    "胸部平扫",
    "腹部彩超",
    "血常规",
    "肝肾功能",
    "糖化血红蛋白",
    "甲状腺功能",
    "胃镜",
    "动态血压",
    "颈动脉超声",
    "尿常规",
    "心脏彩超",
    "骨密度",
    "肺功能",
];
const RESULTS: &[&str] = &[
    "窦性心律不齐",
    "多发腔隙性脑梗死",
    "双肺纹理增粗",
    "轻度脂肪肝",
    "白细胞略高",
    "肌酐偏高",
    "控制不佳",
    "促甲状腺激素降低",
    "浅表性胃炎伴糜烂",
    "夜间血压升高",
    "斑块形成",
    "蛋白阳性",
    "左室舒张功能减退",
    "骨量减少",
    "轻度阻塞性通气障碍",
    "未见明显异常",
];
