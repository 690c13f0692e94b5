//! Whole models against the float64 reference (golden/logits, golden/refuse).

use crate::common::{self, Options, Pieces, coverage};
use crate::texts;
use minke::config::{Architecture, ModelConfig};
use minke::context::{Batch, Context};
use minke::engine::TextParts;
use minke::gguf::{Header, TensorInfo};
use minke::gpu::Tile;
use minke::kv_type::{KvType, KvTypes};
use minke::model::kv_cache::kv_types;
use minke::model::self_test::SelfTest;
use minke::model::{Model, ModelOptions};
use pollster::block_on;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::rc::Rc;

#[derive(Deserialize)]
struct Logits {
    model: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    case: String,
    ids: Vec<u32>,
    positions: Vec<usize>,
    logits: Vec<Vec<f32>>,
    greedy: Option<Vec<u32>>,
    greedy_margins: Option<Vec<f32>>,
}

fn logits(context: &mut Context, ids: &[u32], positions: &[usize]) -> Vec<Vec<f32>> {
    block_on(context.logits(ids, positions)).expect("logits")
}

fn argmax(row: &[f32]) -> u32 {
    let best = (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).expect("a token");
    best as u32
}

fn worst(got: &[Vec<f32>], want: &[Vec<f32>]) -> f32 {
    let logit = |got: &f32, want: &f32| f64::from((got - want).abs());
    common::worst(got, want, |got, want| common::worst(got, want, logit)) as f32
}

/// Greedy tokens, decoded one at a time, up to the first step that is nearly a tie.
fn check_greedy(context: &mut Context, what: &str, case: &Case, least_margin: f32) {
    let (Some(greedy), Some(margins)) = (&case.greedy, &case.greedy_margins) else {
        return;
    };
    let mut row = logits(context, &case.ids, &[case.ids.len() - 1]).remove(0);
    let steps = if coverage::full() { greedy.len() } else { 8 };
    for (step, (want, margin)) in greedy.iter().zip(margins).enumerate().take(steps) {
        if *margin < least_margin {
            return;
        }
        assert_eq!(argmax(&row), *want, "{what} {} greedy step {step}", case.case);
        row = block_on(context.decode(*want)).expect("logits");
    }
}

/// A tiny model of the vectors and its reference. Those of `outliers/` have key biases as large as real Qwen2 models' are.
struct Tiny {
    path: PathBuf,
    golden: Logits,
    has_outliers: bool,
}

impl Tiny {
    fn open(folder: &str, models: &str, stem: &str) -> Self {
        let golden: Logits = common::vectors(&format!("{folder}/{stem}.json"));
        let file = format!("{models}/{}.gguf", golden.model.trim_end_matches(".gguf"));
        Self { path: common::vectors_dir().join(file), golden, has_outliers: folder == "outliers" }
    }

    fn outliers() -> Vec<Self> {
        let stems = common::stems("outliers").into_iter().filter(|stem| stem != "models");
        stems.map(|stem| Self::open("outliers", "outliers", &stem)).collect()
    }

    fn of(architecture: Architecture) -> Vec<Self> {
        let plain = common::stems("logits").into_iter().map(|stem| Self::open("logits", "models", &stem));
        plain.chain(Self::outliers()).filter(|tiny| tiny.config().architecture == architecture).collect()
    }

    fn name(&self) -> &str {
        &self.golden.model
    }

    fn config(&self) -> ModelConfig {
        ModelConfig::from_header(&common::header(&self.path)).expect("a config")
    }

    /// Whether a cache of such types is not refused, and is not too coarse for such large key biases.
    fn takes(&self, kv: KvTypes) -> bool {
        let exact = kv.keys == KvType::F32 || !self.has_outliers;
        exact && kv_types(&self.config(), Some(kv), true).is_ok()
    }

    /// On a device that passes the self-test in its tier, with texts that [`texts::check`] passes.
    fn load(&self, options: &Options) -> Rc<Model> {
        let options = options.patched(texts::check);
        let model =
            common::load(&self.path, &options, Some(512)).unwrap_or_else(|e| panic!("{}: {e}", self.name()));
        let SelfTest { tier, failures, .. } = &model.self_test;
        let subgroups = if model.gpu().caps().subgroups { "subgroups" } else { "no subgroups" };
        assert_eq!((tier, &failures[..]), (&format!("{subgroups}, {}", model.kv()), &[][..]));
        model
    }

    /// The tier, and the worst error of logits; greedy tokens must be golden's. Of prompts of at most `longest` tokens.
    fn measure(&self, options: &Options, longest: usize) -> (String, f32) {
        let model = self.load(options);
        let factor = common::kv_factor(model.kv());
        let tier = common::tier_row(model.gpu(), &options.gpu, model.kv());
        let mut context = common::context(model);
        let mut most = 0f32;
        for case in self.golden.cases.iter().filter(|case| case.ids.len() <= longest) {
            let error = worst(&logits(&mut context, &case.ids, &case.positions), &case.logits);
            most = most.max(error);
            check_greedy(&mut context, self.name(), case, (0.02 * factor).max(2.0 * error));
        }
        (tier, most)
    }
}

fn can_run(row: &coverage::Row, what: &str) -> bool {
    row.can_run(&row.options.open(), what)
}

/// Each model of an architecture in a row of it, in f32; the first model of a row with each of the row's other KV caches
/// too, and with the default one, which is exact and not named. The longest prompts are for the architecture's first model,
/// and short ones do for caches but f32; a full run has them all, in all rows.
fn agree(architecture: Architecture) {
    let models = Tiny::of(architecture);
    if models.is_empty() {
        println!("{} has no model in {}", architecture.name(), common::vectors_dir().display());
    }
    let all_rows = coverage::rows_of(architecture).len();
    for (i, model) in models.iter().enumerate() {
        let every_kv = coverage::full() || i < all_rows;
        for row in coverage::rows_for(architecture, i).into_iter().filter(|row| can_run(row, model.name())) {
            let default = kv_types(&model.config(), None, true).expect("a default");
            let named: Vec<_> = row.kv.into_iter().filter(|kv| *kv != default && model.takes(*kv)).collect();
            let kvs = if every_kv {
                named.into_iter().map(Some).chain([None]).collect()
            } else {
                vec![Some(KvTypes::F32)]
            };
            for kv in kvs {
                let longest = match kv {
                    _ if coverage::full() => usize::MAX,
                    Some(KvTypes::F32) if i == 0 => usize::MAX,
                    _ => 50,
                };
                let (tier, error) = model.measure(&row.options.kv(kv), longest);
                println!("{tier} {}: {error:.1e} |", model.name());
                let kv = kv.unwrap_or(default);
                assert!(tier.contains(&kv.to_string()), "{} by default: {tier}", model.name());
                assert!(
                    error <= 2e-3 * common::kv_factor(kv),
                    "{} {kv}: logits differ by {error}",
                    model.name()
                );
            }
        }
    }
}

#[test]
fn llama_agrees_with_the_reference() {
    agree(Architecture::Llama);
}

#[test]
fn qwen2_agrees_with_the_reference() {
    agree(Architecture::Qwen2);
}

#[test]
fn qwen3_agrees_with_the_reference() {
    agree(Architecture::Qwen3);
}

/// Half precision loses what a key has beside a large bias: that the bound would not hold shows that it is one.
#[test]
fn keys_with_large_biases_are_kept_in_f32() {
    let options = coverage::row_of(Architecture::Qwen2, 0).options;
    for model in Tiny::outliers() {
        let [default, half, exact] = [None, Some(KvTypes::both(KvType::F16)), Some(KvTypes::F32)].map(|kv| {
            let (tier, error) = model.measure(&options.kv(kv), usize::MAX);
            println!("{tier} {}: {error:.1e} |", model.name());
            error
        });
        assert!(exact <= 2e-3, "in f32 logits differ by {exact}");
        assert!(default <= 2e-2, "by default logits differ by {default}");
        assert!(half > 2e-2, "keys in f16 are off by {half} only: these are no outliers");
        let kv = kv_types(&model.config(), None, true).expect("a default");
        assert_eq!(kv, KvTypes { keys: KvType::F32, values: KvType::F16 });
    }
}

/// Prompts that come a few tokens at a time, as the ends of long ones do, in a tier that has a kernel for them.
#[test]
fn few_tokens_at_a_time_agree_with_the_reference() {
    let few =
        |row: &coverage::Row| row.options.model.tuning.is_some_and(|tuning| tuning.matmul == Tile::Workgroup);
    assert!(few(&coverage::row_of(Architecture::Qwen2, 0)));
    let longest = if coverage::full() { usize::MAX } else { 100 };
    for row in coverage::rows_for(Architecture::Qwen2, 0).iter().filter(|row| few(row)) {
        few_tokens_at_a_time(row, longest);
    }
}

/// In prompts of at most `longest` tokens.
fn few_tokens_at_a_time(row: &coverage::Row, longest: usize) {
    let tiny = Tiny::of(Architecture::Qwen2).remove(0);
    if !can_run(row, "few tokens at a time") {
        return;
    }
    let mut context = common::context(tiny.load(&row.options.kv(KvTypes::F32)));
    for case in tiny.golden.cases.iter().filter(|case| case.ids.len() <= longest) {
        context.truncate(0);
        let (mut pos, mut got) = (0, Vec::new());
        for n in (2..=8).cycle() {
            let piece = &case.ids[pos..case.ids.len().min(pos + n)];
            if piece.is_empty() {
                break;
            }
            let wanted: Vec<_> = (0..piece.len()).filter(|i| case.positions.contains(&(pos + i))).collect();
            got.extend(block_on(context.forward(Batch::Tokens(piece), &wanted, &|| false)).expect("logits"));
            pos += piece.len();
        }
        let error = worst(&got, &case.logits);
        assert!(error <= 2e-3, "{} {}: logits differ by {error}", tiny.name(), case.case);
    }
}

/// A model file with one weight of every norm at 1e5: each projection then sees such an activation.
fn with_outliers(path: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(path).expect("a model");
    let norms = |tensor: &&TensorInfo| tensor.name.ends_with("norm.weight");
    for tensor in common::header(path).tensors.iter().filter(norms) {
        let at = tensor.offset as usize + 4;
        bytes[at..at + 4].copy_from_slice(&1e5f32.to_le_bytes());
    }
    bytes
}

/// Real Qwen2 models have such; a full run tries all architectures.
#[test]
fn outlier_activations_stay_finite() {
    let first = |architecture| Tiny::of(architecture).into_iter().next().map(|tiny| (architecture, tiny));
    let tried = |architecture: &Architecture| coverage::full() || *architecture == Architecture::Qwen2;
    for (architecture, tiny) in Architecture::ALL.into_iter().filter(tried).filter_map(first) {
        let bytes = with_outliers(&tiny.path);
        let rows = coverage::rows_for(architecture, 0);
        for row in rows.into_iter().filter(|row| can_run(row, tiny.name())) {
            let loaded = common::load_from(&bytes[..], bytes.len() as u64, &row.options, Some(512));
            let mut context = common::context(loaded.expect("a model"));
            let case = &tiny.golden.cases[0];
            let mut got = logits(&mut context, &case.ids, &case.positions);
            assert!(worst(&got, &case.logits) > 1.0, "{}: the outliers change nothing", tiny.name());
            got.push(block_on(context.decode(case.ids[0])).expect("logits"));
            assert!(got.iter().flatten().all(|logit| logit.is_finite()), "{}", tiny.name());
        }
    }
}

#[test]
fn the_comparator_rejects_a_wrong_logit() {
    let want = vec![vec![1.0, 2.0]];
    assert!(worst(&[vec![1.0, 2.01]], &want) > 2e-3);
    assert!(worst(&[vec![1.0, 2.1]], &want) > 2e-3 * common::kv_factor(KvTypes::both(KvType::F16)));
    assert!(worst(&[vec![1.0, 4.0]], &want) > 2e-3 * common::kv_factor(KvTypes::both(KvType::Q8_0)));
    for missing in [&[vec![f32::NAN, 2.0]][..], &[vec![1.0]], &[vec![1.0, 2.0], vec![]], &[]] {
        assert_eq!(worst(missing, &want), f32::INFINITY, "{missing:?}");
    }
    assert_eq!(worst(&want, &want), 0.0);
}

#[derive(Deserialize)]
struct Refusal {
    file: String,
    accept: bool,
    #[serde(default)]
    must_name: Vec<String>,
    ids: Option<Vec<u32>>,
    argmax_all: Option<Vec<u32>>,
    top1_margin_all: Option<Vec<f32>>,
}

/// Why a file is refused, which costs no more than a look at its header: no device is asked for, no more is read.
fn refusal(path: &Path) -> Option<minke::Error> {
    let bytes = std::fs::read(path).expect("a file");
    let header_end = common::parse(&bytes).map_or(bytes.len() as u64, |header| header.data_offset);
    let mut source = Pieces { piece: 1000, ..Pieces::of(&bytes[..], None) };
    let check = |header: &Header| TextParts::from_metadata(&header.metadata);
    let gpu = async || panic!("{} asked for a device", path.display());
    let options = ModelOptions::default();
    let loading = minke::model::load(&mut source, check, gpu, &options, common::now, |_| {});
    let error = block_on(loading).err()?;
    assert!(source.position <= header_end.next_multiple_of(1000), "{}", path.display());
    Some(error)
}

#[test]
fn what_we_cannot_run_is_refused_by_name() {
    for case in common::vectors::<Vec<Refusal>>("refuse/refuse.json") {
        let path = common::vectors_dir().join("refuse").join(&case.file);
        if case.file.contains("partial-rope") {
            continue; // llama.cpp refuses it; here heads may be rotated in part
        }
        if !case.accept {
            let error = refusal(&path);
            let error = error.unwrap_or_else(|| panic!("{} was loaded", case.file)).to_string();
            for name in &case.must_name {
                assert!(error.contains(name), "{}: {error} does not name {name}", case.file);
            }
            continue;
        }
        let loaded = common::load(&path, &common::options(), Some(64));
        let mut context = common::context(loaded.unwrap_or_else(|e| panic!("{}: {e}", case.file)));
        let (ids, best, margins) =
            (case.ids.unwrap(), case.argmax_all.unwrap(), case.top1_margin_all.unwrap());
        let all: Vec<usize> = (0..ids.len()).collect();
        for (p, row) in logits(&mut context, &ids, &all).iter().enumerate() {
            assert!(margins[p] < 0.1 || argmax(row) == best[p], "{} position {p}", case.file);
        }
    }
}
