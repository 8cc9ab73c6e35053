//! What counts as a duplicate, on texts small enough to judge by eye, and on any texts by brute force.

use proptest::prelude::*;

use super::*;

fn ask(question: &str, answer: &str) -> Texts {
    Texts { question: question.into(), answer: answer.into(), ..Texts::default() }
}

#[test]
fn each_kind_is_found_and_named() {
    let long = "我父亲今年六十八岁患高血压十余年一直服用硝苯地平缓释片血压控制尚可最近一周早晨起床时头晕";
    let texts = [
        ask(long, "建议监测血压。"),
        ask("孩子发烧怎么办？", "多喝水。"),
        ask(&format!("{long}！"), "建议 监测血压"), // same record as 0
        ask(long, "请到医院就诊。"),                // same question as 0
        ask(&format!("医生您好{long}请问如何处理"), "先测量血压。"), // near 0
        ask("糖尿病患者可以吃西瓜吗？", "少量。"),
        ask("糖尿病患者可以吃西瓜吗谢谢", "可以少量。"), // near 5: 8 of 10 shingles
        ask("？？", "？"),
        ask("！！", "！"),
    ];
    let found = find(&texts, &DedupOptions::default());
    let kinds: Vec<(u32, u32, MatchKind)> =
        found.matches.iter().map(|found| (found.record, found.of, found.kind)).collect();
    assert_eq!(
        kinds,
        [
            (2, 0, MatchKind::SameRecord),
            (3, 0, MatchKind::SameQuestion),
            (4, 0, MatchKind::Near),
            (6, 5, MatchKind::Near)
        ]
    );
    assert_eq!(found.cluster, [0, 1, 0, 0, 0, 5, 5, 7, 8]);
    assert_eq!(found.pairs_left_out, 0);
    let only_equal = find(&texts, &DedupOptions { near: false, ..DedupOptions::default() });
    assert_eq!(only_equal.matches.len(), 2);
}

#[test]
fn a_short_question_inside_another_is_contained() {
    // 12 of 17 shingles are shared: Jaccard 0.706 is near; with a higher threshold it counts by containment.
    let options = DedupOptions { jaccard_min: 0.9, ..DedupOptions::default() };
    let texts =
        [ask("儿童反复咳嗽两周伴有低热需要拍片吗", ""), ask("儿童反复咳嗽两周伴有低热需要拍片吗麻烦", "")];
    let found = find(&texts, &options);
    assert_eq!(found.matches.len(), 1);
    assert_eq!(found.matches[0].kind, MatchKind::Contained);
    assert!((found.matches[0].similarity - 1.0).abs() < 1e-6);
    let long_only = DedupOptions { short_shingles_max: 0, ..options };
    assert_eq!(find(&texts, &long_only).matches, []);
}

#[test]
fn a_large_bucket_costs_a_line_and_loses_nobody() {
    // A form of 200 characters with a running number: all alike, 3,000 records in the same buckets.
    let form: String = (0..200).filter_map(|offset| char::from_u32(0x4E00 + 37 * offset)).collect();
    let texts: Vec<Texts> = (0..3000).map(|number| ask(&format!("{form}{number}"), "")).collect();
    let mut keys = Keys::default();
    keys.push(&texts);
    let candidates = keys.candidates(&DedupOptions::default());
    let limit = 3000 * 2 * crate::limits::BUCKET_NEIGHBOURS_MAX * BANDS;
    assert!(candidates.pairs() < limit, "{} pairs", candidates.pairs());
    let found = find(&texts, &DedupOptions::default());
    assert!(found.cluster.iter().all(|cluster| *cluster == 0));
    assert_eq!(found.matches.len(), 2999);
}

#[test]
fn batches_and_threads_do_not_change_the_result() {
    let texts: Vec<Texts> = (0..500u32)
        .map(|number| {
            let start = 0x4E00 + (number % 90) * 40;
            let text: String =
                (0..60 + number % 7).filter_map(|offset| char::from_u32(start + offset)).collect();
            ask(&text, "")
        })
        .collect();
    let options = DedupOptions::default();
    let expected = find(&texts, &options);
    assert!(expected.matches.len() > 300);
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| {
            let mut keys = Keys::default();
            texts.chunks(37).for_each(|batch| keys.push(batch));
            let mut candidates = keys.candidates(&options);
            for (index, texts) in texts.iter().enumerate().rev() {
                candidates.offer(&[(index as u32, texts.question.as_str())]);
            }
            candidates.verify(&options)
        });
        assert_eq!(found, expected);
    }
}

proptest! {
    /// Whatever is listed is true: the similarity is the one of the two texts, clusters are closed under
    /// matches.
    #[test]
    fn what_is_listed_is_true(seeds in proptest::collection::vec((0u32..6, 0u32..12, 20u32..60), 2..40)) {
        let texts: Vec<Texts> = seeds
            .iter()
            .map(|(theme, shift, length)| {
                let start = 0x4E00 + theme * 500 + shift;
                ask(&(0..*length).filter_map(|offset| char::from_u32(start + offset)).collect::<String>(), "")
            })
            .collect();
        let options = DedupOptions::default();
        let found = find(&texts, &options);
        for Match { record, of, kind, similarity } in &found.matches {
            prop_assert!(of < record);
            let (left, right) = (&texts[*record as usize].question, &texts[*of as usize].question);
            let (left, right) = (Shingles::of(left), Shingles::of(right));
            match kind {
                MatchKind::SameRecord | MatchKind::SameQuestion => prop_assert_eq!(&left, &right),
                MatchKind::Near => {
                    prop_assert!((left.jaccard(&right) - f64::from(*similarity)).abs() < 1e-6);
                    prop_assert!(left.jaccard(&right) >= 0.7);
                }
                MatchKind::Contained => prop_assert!(left.containment(&right) >= 0.8),
            }
            prop_assert_eq!(found.cluster[*record as usize], found.cluster[*of as usize]);
        }
        // Equal questions are always found.
        for (later, text) in texts.iter().enumerate() {
            for (earlier, before) in texts.iter().enumerate().take(later) {
                if before.question == text.question {
                    prop_assert_eq!(found.cluster[earlier], found.cluster[later]);
                }
            }
        }
    }
}
