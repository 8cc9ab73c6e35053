//! Each rule over several rounds and files against its formula in plain f64, element by element.

use std::fs;

use super::*;

const RULES: [ServerRule; 4] = [
    ServerRule::Momentum { momentum: 0.5, rate: 1.0 },
    adaptive(SecondMoment::Adam),
    adaptive(SecondMoment::Yogi),
    adaptive(SecondMoment::Adagrad),
];

const fn adaptive(second: SecondMoment) -> ServerRule {
    ServerRule::Adaptive { second, rate: 1e-3, beta1: 0.9, beta2: 0.99, tau: 1e-3 }
}

fn tensors() -> Vec<TensorSpec> {
    let spec = |name: &str, shape| TensorSpec { name: name.to_owned(), shape };
    // Larger than one block.
    vec![spec("m.q.lora_A.weight", [2, 40_000]), spec("m.q.lora_B.weight", [3, 2])]
}

const ELEMENTS: usize = 2 * 40_000 + 6;

/// Some numbers of about the size of an adapter's; its changes from round to round are some percent.
fn value(round: usize, element: usize) -> f32 {
    let noise = (element * 7919 + round * 104_729) % 1000;
    0.05 * ((element % 13) as f32 - 6.0) + 2e-6 * noise as f32
}

fn write(path: &Path, value: impl Fn(usize) -> f32) {
    let mut writer = AdapterWriter::create(path, &tensors()).unwrap();
    writer.append(&(0..ELEMENTS).map(value).collect::<Vec<_>>()).unwrap();
    writer.finish().unwrap();
}

fn values(path: &Path) -> Vec<f32> {
    let reader = AdapterReader::open(path, &tensors()).unwrap();
    [reader.read_whole(0).unwrap(), reader.read_whole(1).unwrap()].concat()
}

/// The files of round `round`, as they lie in `folder`.
fn files<'a>(folder: &Path, round: usize, rule: ServerRule, paths: &'a [PathBuf; 3]) -> StepFiles<'a> {
    let moments = |round: usize| Moments {
        first: folder.join(format!("m{round}")),
        second: matches!(rule, ServerRule::Adaptive { .. }).then(|| folder.join(format!("v{round}"))),
    };
    let before = (round > 1).then(|| moments(round - 1));
    StepFiles { mean: &paths[0], last: &paths[1], before, out: &paths[2], after: moments(round) }
}

#[test]
fn every_rule_is_its_formula_over_five_rounds() {
    for rule in RULES {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: String| folder.path().join(name);
        write(&place("x0".into()), |element| value(0, element));
        let mut x: Vec<f64> = (0..ELEMENTS).map(|element| f64::from(value(0, element))).collect();
        let (mut m, mut v) = (vec![0.0_f64; ELEMENTS], vec![1e-6_f64; ELEMENTS]);
        for round in 1..=5 {
            let paths = [place("mean".into()), place(format!("x{}", round - 1)), place(format!("x{round}"))];
            write(&paths[0], |element| value(round, element));
            step(rule, &tensors(), &files(folder.path(), round, rule, &paths)).unwrap();
            for element in 0..ELEMENTS {
                let change = f64::from(value(round, element)) - x[element];
                let square = change.powi(2);
                let kept = &mut v[element];
                match rule {
                    ServerRule::Momentum { .. } => {
                        m[element] = 0.5 * m[element] + change;
                        x[element] += m[element];
                        continue;
                    }
                    ServerRule::Adaptive { second: SecondMoment::Adam, .. } => {
                        *kept = 0.99 * *kept + 0.01 * square;
                    }
                    ServerRule::Adaptive { second: SecondMoment::Yogi, .. } => {
                        *kept -= 0.01 * square * (*kept - square).signum();
                    }
                    ServerRule::Adaptive { second: SecondMoment::Adagrad, .. } => *kept += square,
                }
                m[element] = 0.9 * m[element] + 0.1 * change;
                x[element] += 1e-3 * m[element] / (v[element].sqrt() + 1e-3);
            }
            let found = values(&paths[2]);
            let worst = found.iter().zip(&x).map(|(found, x)| (f64::from(*found) - x).abs());
            let worst = worst.fold(0.0, f64::max);
            assert!(worst < 2e-7, "{rule}, round {round}: {worst}");
        }
        assert!(
            x.iter().zip(0..).any(|(x, element)| (x - f64::from(value(5, element))).abs() > 1e-5),
            "{rule}"
        );
    }
}

#[test]
fn momentum_of_zero_is_the_mean_and_a_second_try_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["mean", "last", "out"].map(|name| folder.path().join(name));
    write(&paths[0], |element| value(1, element));
    write(&paths[1], |element| value(0, element));
    let rule = ServerRule::Momentum { momentum: 0.0, rate: 1.0 };
    step(rule, &tensors(), &files(folder.path(), 1, rule, &paths)).unwrap();
    assert_eq!(fs::read(&paths[2]).unwrap(), fs::read(&paths[0]).unwrap());
    let rule = adaptive(SecondMoment::Yogi);
    let files = files(folder.path(), 1, rule, &paths);
    let try_it = || {
        step(rule, &tensors(), &files).unwrap();
        [&paths[2], &files.after.first, files.after.second.as_ref().unwrap()]
            .map(|path| fs::read(path).unwrap())
    };
    assert_eq!(try_it(), try_it());
}

#[test]
fn a_result_that_sites_would_refuse_is_not_published() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["mean", "last", "out"].map(|name| folder.path().join(name));
    write(&paths[0], |_| 2.0);
    write(&paths[1], |_| 1.0);
    let rule = ServerRule::Momentum { momentum: 0.9, rate: 1.0 };
    let files = StepFiles {
        before: Some(Moments { first: folder.path().join("m0"), second: None }),
        ..files(folder.path(), 1, rule, &paths)
    };
    write(&folder.path().join("m0"), |_| 1000.0);
    let error = step(rule, &tensors(), &files).unwrap_err();
    assert!(matches!(error, AggregateError::Refused { .. }) && !error.is_retryable(), "{error}");
}
