//! Whether a model fits, where the device's memory ends at a known place.

use crate::common::{self, Options};
use minke::config::ModelConfig;
use minke::gpu::Gpu;
use minke::model::ModelOptions;
use minke::model::fit::{Fit, Verdict, fit};
use minke::model::plan::MemoryPlan;
use pollster::block_on;

#[test]
fn a_model_is_judged_by_what_the_device_has() {
    let header = common::header(&common::vectors_dir().join("refuse/control-qwen2.gguf"));
    let config = ModelConfig::from_header(&header).expect("a model");
    let Options { gpu, .. } = common::options();
    let gpu = block_on(Gpu::request(&gpu)).expect("a device");
    let at = |n_ctx| ModelOptions { n_ctx: Some(n_ctx), ..ModelOptions::default() };
    let bytes = |n_ctx| MemoryPlan::new(&config, &header, &at(n_ctx)).expect("a plan").total;
    let judge = |memory: Option<u64>, n_ctx| -> Fit {
        gpu.limit_memory(memory);
        let fit = block_on(fit(Some(&gpu), &config, &header, &at(n_ctx))).expect("a verdict");
        assert_eq!(gpu.live_buffers(), 0, "the probe is given back");
        fit
    };
    let wanted = 60_000;

    let plenty = judge(Some(2 * bytes(wanted)), wanted);
    assert_eq!((plenty.verdict, plenty.largest_ctx), (Verdict::Fits, wanted), "{}", plenty.reason);

    let barely = judge(Some(bytes(wanted) + 4096), wanted);
    assert_eq!((barely.verdict, barely.largest_ctx), (Verdict::Tight, wanted), "{}", barely.reason);

    let half = judge(Some(bytes(wanted / 2)), wanted);
    assert_eq!(half.verdict, Verdict::Tight, "{}", half.reason);
    assert!((wanted * 7 / 16..=wanted / 2).contains(&half.largest_ctx), "{}", half.largest_ctx);
    assert!(half.reason.contains(&half.largest_ctx.to_string()), "{}", half.reason);

    let nothing = judge(Some(bytes(256)), wanted);
    assert_eq!(nothing.verdict, Verdict::TooBig, "{}", nothing.reason);
    assert!(nothing.largest_ctx < 256, "{}", nothing.largest_ctx);
    // who wants little is not told that less than usual is too little
    assert_eq!(judge(Some(bytes(128) * 2), 64).verdict, Verdict::Fits);

    let none = block_on(fit(None, &config, &header, &at(wanted))).expect("a verdict");
    assert_eq!(none.verdict, Verdict::TooBig);
}
