//! Templates that mean harm: each ends in time and room, on a stack as small as the wasm's.

use crate::common;
use crate::templates::render;
use minke::Error;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Templates that take too much of something.
fn hostile() -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = HOSTILE.iter().map(|t| ((*t).to_owned(), (*t).to_owned())).collect();
    let repeated =
        |open: &str, middle: &str, close: &str, n: usize| open.repeat(n) + middle + &close.repeat(n);
    for n in [50, 5_000, 100_000] {
        for (open, middle, close) in REPEATED {
            let source = repeated(open, middle, close, n);
            all.push((format!("{open} {middle} {close}, {n} times"), source));
        }
        for (head, link, tail) in CHAINS {
            all.push((format!("{head} {link} {tail}, {n} links"), format!("{head}{}{tail}", link.repeat(n))));
        }
    }
    let cases = common::cases_dir("hostile templates that fuzzing found");
    let files = cases.map(|cases| found_files(&cases.join("fuzz"))).unwrap_or_default();
    all.extend(files);
    all
}

fn found_files(folder: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let templates = entries.filter(|path| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|n| n.starts_with('t') && n.ends_with(".json"))
    });
    let read = |path: PathBuf| {
        let json: Value = common::json(&path);
        (path.display().to_string(), json["template"].as_str().expect("a template").to_owned())
    };
    templates.map(read).collect()
}

/// Nested: what opens, what stands within, what closes.
const REPEATED: &[(&str, &str, &str)] = &[
    ("{% if 1 %}", "x", "{% endif %}"),
    ("{% for x in [1] %}", "x", "{% endfor %}"),
    ("{% with %}", "x", "{% endwith %}"),
    ("{% set x %}", "x", "{% endset %}"),
    ("{% filter upper %}", "x", "{% endfilter %}"),
    ("{% macro f() %}", "x", "{% endmacro %}"),
    ("{% generation %}", "x", "{% endgeneration %}"),
    ("{% call f() %}", "x", "{% endcall %}"),
    ("{% raw %}", "", "{% endraw %}"),
    ("{#", "", "#}"),
    ("{{", "", "}}"),
    ("{{ x }}", "", ""),
    ("{% set x = 1 %}", "", ""),
];

/// Within one tag: its start, what is repeated, its end.
const CHAINS: &[(&str, &str, &str)] = &[
    ("{{ 1", "+1", " }}"),
    ("{{ 1", " ~ 1", " }}"),
    ("{{ 1", " * 1", " }}"),
    ("{{ 1", " ** 1", " }}"),
    ("{{ 1", " < 1", " }}"),
    ("{{ 1", " in [1]", " }}"),
    ("{{ 1", " and 1", " }}"),
    ("{{ 1", " or 1", " }}"),
    ("{{ 1", "|abs", " }}"),
    ("{{ x", ".a", " }}"),
    ("{{ x", "[0]", " }}"),
    ("{{ x", "[:]", " }}"),
    ("{{ x", "()", " }}"),
    ("{{ x", " is defined", " }}"),
    ("{{", " not", " 1 }}"),
    ("{{", " -", "1 }}"),
    ("{{", "(", "1 }}"),
    ("{{", "[", "1 }}"),
    ("{{", "{1:", "1 }}"),
    ("{{", "f(", "1 }}"),
    ("{{", "x|default(", "1 }}"),
    ("{{", "x[", "1 }}"),
    ("{{ 1", " if 1 else 1", " }}"),
    ("{{", " 1 if", " 1 }}"),
    ("{{ 'a'", " 'a'", " }}"),
    ("{{ [1", ", 1", "] }}"),
    ("{{ {1: 1", ", 1: 1", "} }}"),
    ("{{ dict(a=1", ", a=1", ") }}"),
    ("{% if 1 %}", "{% elif 1 %}", "{% endif %}"),
    ("{% set ", "a, ", "b = 1 %}"),
    ("{% set ", "(", "b = 1 %}"),
    ("{% for ", "(", "b in 1 %}"),
    ("{% macro f(a", ", a", ") %}{% endmacro %}"),
    ("{% with a=1", ", a=1", " %}{% endwith %}"),
    ("{% filter upper", "|upper", " %}{% endfilter %}"),
    ("{% print 1", ", 1", " %}"),
];

const HOSTILE: &[&str] = &[
    "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
    "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    "{% set ns = namespace(s='xxxxxxxx') %}{% for a in range(60) %}{% set ns.s = ns.s ~ ns.s %}{{ ns.s }}{% endfor %}",
    "{% set ns = namespace(s='xxxxxxxx') %}{% for a in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "{% set ns = namespace(s='xxxxxxxx') %}{% for a in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s='xxxxxxxx') %}{% for a in range(60) %}{% set ns.s = ns.s * 2 %}{% endfor %}",
    "{% set ns = namespace(s='xxxxxxxx') %}{% for a in range(60) %}{% set ns.s = [ns.s, ns.s]|join %}{% endfor %}",
    "{% set ns = namespace(s='xxxxxxxx') %}{% for a in range(60) %}{% set ns.s = '%s%s'|format(ns.s, ns.s) %}{% endfor %}",
    "{% set ns = namespace(s='xxxxxxxx') %}{% for a in range(60) %}{% set ns.s = '{0}{0}'.format(ns.s) %}{% endfor %}",
    "{% set ns = namespace(s='xxxxxxxx') %}{% for a in range(60) %}{% set ns.s %}{{ ns.s }}{{ ns.s }}{% endset %}{% endfor %}",
    "{% set ns = namespace(s='xxxxxxxx') %}{% for a in range(60) %}{% set ns.s = ns.s|replace('x', 'xx') %}{% endfor %}",
    "{% set ns = namespace(s='xxxxxxxx') %}{% for a in range(60) %}{% set ns.s = ns.s.replace('', 'xx') %}{% endfor %}",
    "{% set ns = namespace(s='<<<<<<<<') %}{% for a in range(60) %}{% set ns.s = ns.s|forceescape %}{% endfor %}",
    "{% set ns = namespace(s='\"\"\"\"') %}{% for a in range(60) %}{% set ns.s = ns.s|tojson %}{% endfor %}",
    "{% set ns = namespace(s='\\n\\n') %}{% for a in range(60) %}{% set ns.s = ns.s|indent(1000, true, true) %}{% endfor %}",
    "{% set ns = namespace(s='é') %}{% for a in range(60) %}{% set ns.s = ns.s|urlencode %}{% endfor %}",
    "{% set ns = namespace(s='ΐ') %}{% for a in range(60) %}{% set ns.s = (ns.s ~ ns.s)|upper %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for a in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for a in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
    "{% set ns = namespace(s=[1]) %}{% for a in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s|tojson }}",
    "{% set ns = namespace(s=[1]) %}{% for a in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s == ns.s }}",
    "{% set ns = namespace(s=[1], t=[1]) %}{% for a in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.s == ns.t }}{{ ns.s < ns.t }}{{ ns.s in [ns.t] }}",
    "{% set ns = namespace(s=(1,)) %}{% for a in range(60) %}{% set ns.s = (ns.s, ns.s) %}{% endfor %}{{ {ns.s: 1} }}",
    "{% set ns = namespace(s={}) %}{% for a in range(60) %}{% set ns.s = {'a': ns.s, 'b': ns.s} %}{% endfor %}{{ ns.s }}",
    "{% set ns = namespace(s={}) %}{% for a in range(100000) %}{% set ns.s = {'a': ns.s} %}{% endfor %}",
    "{% set ns = namespace(s=1) %}{% for a in range(100000) %}{% set ns.s = (ns.s,) %}{% endfor %}{{ ns.s }}",
    "{% set ns = namespace(s=[1]) %}{% for a in range(100000) %}{% set ns.s = ns.s|batch(1) %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for a in range(100000) %}{% set ns.s = [ns.s|reverse] %}{% endfor %}",
    "{% set ns = namespace(s=1) %}{% for a in range(100000) %}{% set ns.s = dict(a=ns.s) %}{% endfor %}",
    "{% set ns = namespace(s=1) %}{% for a in range(100000) %}{% set ns.s = dict(a=ns.s).items() %}{% endfor %}",
    "{% set ns = namespace(s=1) %}{% for a in range(100000) %}{% set ns.s = cycler(ns.s) %}{% endfor %}",
    "{% set ns = namespace(s=1) %}{% for a in range(100000) %}{% set ns.s = joiner(ns.s) %}{% endfor %}",
    "{% set ns = namespace(s='') %}{% for a in range(100000) %}{% set ns.s = ns.s.upper %}{% endfor %}",
    "{% set ns = namespace() %}{% set ns.x = cycler(ns) %}{{ ns }}",
    "{% set ns = namespace() %}{% set ns.x = joiner(ns) %}{{ ns.x() }}{{ ns.x().x() }}",
    "{% set ns = namespace() %}{% set ns.x = {'a': [ns]}.items %}{{ ns.x() }}",
    "{% set ns = namespace() %}{% set ns.x = [ns]|map('default') %}{{ ns.x|list|tojson }}",
    "{% set a = namespace() %}{% set b = namespace() %}{% set a.b = b %}{% set b.a = a %}{{ a }}{{ a == b }}",
    "{% set ns = namespace() %}{% macro m() %}{{ ns.m }}{{ ns.m() }}{% endmacro %}{% set ns.m = m %}{{ m() }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% macro f(x) %}{{ f([x]) }}{% endmacro %}{{ f(1) }}",
    "{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{% endmacro %}{{ f() }}",
    "{% macro f() %}{{ [1]|map('x')|list }}{% for x in [1] %}{{ f() }}{% endfor %}{% endmacro %}{{ f() }}",
    "{% for x in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}",
    "{{ 'a' * 10000000000 }}",
    "{{ [1] * 30000000 }}",
    "{{ ('a' * 30000000)|length }}",
    "{{ 'a'|center(500000000) }}",
    "{{ 'a'.ljust(500000000) }}{{ 'a'.zfill(9223372036854775807) }}",
    "{{ '\\t'.expandtabs(500000000) }}",
    "{{ '%500000000d'|format(1) }}",
    "{{ '%.500000000f'|format(1) }}",
    "{{ '%.500000000e' % 1.0 }}",
    "{{ '%s'|format('a'|center(100000000)) }}",
    "{{ '{:>500000000}'.format(1) }}",
    "{{ '{:.500000000f}'.format(1.0) }}",
    "{{ '{:>{}}'.format(1, 500000000) }}",
    "{{ '{0[0][0][0]}{a.b.c.d}'.format([1]) }}",
    "{{ ('{' * 100000).format() }}",
    "{{ ('{:' * 100000).format(1) }}",
    "{{ ('%(' * 100000) % {} }}",
    "{{ 1|tojson(indent=500000000) }}",
    "{{ [1]|tojson(indent=500000000) }}",
    "{{ [[[[[[1]]]]]]|tojson(indent=100000) }}",
    "{{ 'a'|indent(500000000, true) }}",
    "{{ [1]|batch(500000000, 'x')|list }}",
    "{{ [1]|slice(500000000)|list }}",
    "{{ range(100000)|list|tojson }}{{ range(100000)|list|tojson }}",
    "{% for i in range(100000) %}{{ range(100000)|list|length }}{% endfor %}",
    "{% for i in range(100000) %}{{ range(100000)|join }}{% endfor %}",
    "{{ range(100000)|unique|list|length }}",
    "{{ range(100000)|map('string')|unique|list|length }}",
    "{{ range(100000)|sort(reverse=true)|first }}",
    "{{ range(100000)|groupby('x')|length }}",
    "{% set l = range(100000)|list %}{% for i in l %}{{ i in l }}{% endfor %}",
    "{% set l = range(100000)|list %}{% for i in l %}{{ l == l }}{% endfor %}",
    "{% set l = range(100000)|list %}{% for i in l %}{{ l[1:]|length }}{% endfor %}",
    "{% set l = range(100000)|map('abs') %}{% for i in range(100000) %}{{ l|first }}{% endfor %}",
    "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{{ s[i] }}{% endfor %}",
    "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{{ s|length }}{% endfor %}",
    "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{{ s == s ~ '' }}{{ 'b' in s }}{{ s.find('b') }}{{ s.isalpha() }}{% endfor %}",
    "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{{ s is lower }}{{ s is upper }}{{ s|wordcount }}{% endfor %}",
    "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{{ s < s }}{% if s == s %}{% endif %}{% endfor %}",
    "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{{ s|int }}{{ s|float }}{{ s|trim|length }}{% endfor %}",
    "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{{ {s: 1}[s] }}{{ {s: 1} == {s: 1} }}{% endfor %}",
    "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{{ s|first }}{{ s|last }}{{ s.split('b')|length }}{% endfor %}",
    "{{ ('a ' * 1000000).split()|length }}",
    "{{ ('a' * 1000000)|list|length }}",
    "{{ ('a' * 1000000)|reverse|length }}",
    "{{ dict(range(100000)|batch(2))|length }}",
    "{% set ns = namespace(d={}) %}{% for i in range(100000) %}{% set ns.d = dict(ns.d, **{'a' ~ i: i}) %}{% endfor %}",
    "{% set ns = namespace() %}{% for i in range(100000) %}{% set ns.x = namespace({'a' ~ i: i}) %}{% endfor %}",
    "{% set ns = namespace(n=2) %}{% for i in range(100000) %}{% set ns.n = ns.n * ns.n %}{% endfor %}",
    "{{ 2 ** 10000000000 }}{{ 10 ** 100 }}",
    "{{ (-170141183460469231731687303715884105727 - 1) // -1 }}",
    "{{ (-170141183460469231731687303715884105727 - 1)|abs }}",
    "{{ -(-170141183460469231731687303715884105727 - 1) }}",
    "{{ (-170141183460469231731687303715884105727 - 1)|round(-1) }}",
    "{{ 170141183460469231731687303715884105727|round(-1) }}{{ 1|round(-9223372036854775807) }}",
    "{{ '%d' % (-170141183460469231731687303715884105727 - 1) }}",
    "{{ 'abc'[::4294967296] }}{{ 'abc'[::-4294967296] }}{{ [1][::-9223372036854775808] }}",
    "{{ 'abc'[-170141183460469231731687303715884105727:170141183460469231731687303715884105727] }}",
    "{{ range(-9223372036854775807, 9223372036854775807) }}",
    "{{ range(0, 9223372036854775807, 9223372036854775807)|list }}{{ range(9)[::9223372036854775807] }}",
    "{{ range(170141183460469231731687303715884105727) }}",
    "{{ 'a'.center(170141183460469231731687303715884105727) }}{{ 'abc'.find('b', -170141183460469231731687303715884105727) }}",
    "{{ 'a'|truncate(-1) }}{{ 'aaaaaaaaaa'|truncate(3, leeway=-9223372036854775807) }}",
    "{{ [1]|batch(-1) }}{{ [1]|slice(-1) }}{{ 1|filesizeformat }}{{ 1e308|filesizeformat }}{{ -1|filesizeformat }}",
    "{{ '\\U00110000' }}",
    "{{ '\\ud800' }}",
    "{{ '\\777' }}{{ '\\x' }}",
    "{{ 'é'[0] }}{{ 'é'|truncate(1, true, '') }}{{ 'é'.zfill(3) }}{{ 'é'.center(5, 'é') }}",
    "{{ strftime_now('%') }}{{ strftime_now('%Q') }}{{ strftime_now('%9999999999d') }}",
    "{% set range = range %}{% set x = x %}{% set namespace = 1 %}{{ namespace }}{{ x }}",
    "{{ raise_exception([[[]]]) }}",
    "{{ raise_exception() }}",
    "{{ raise_exception('a' * 10000000) }}",
    "{% for x in range(100000) %}{% set y %}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{% endset %}{% endfor %}",
    "{{ {}|attr('x') }}{{ ''|attr('__class__') }}{{ x.__class__ }}{{ ''.__class__.__mro__ }}",
];

/// Renders a template that comes in through the standard input, on a stack like that of the wasm: 1 MiB. Tells what it
/// took. A process for each: for what it takes at most is told only of a process.
#[test]
#[ignore = "a process that the next test starts"]
fn one_hostile_template() {
    let mut source = String::new();
    std::io::stdin().read_to_string(&mut source).expect("a template");
    let result = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
        let context =
            json!({"messages": [{"role": "user", "content": "Hello"}], "add_generation_prompt": true});
        render(&source, context).map(|prompt| prompt.len())
    });
    let result = result.expect("a thread").join().expect("no panic");
    assert!(matches!(result, Ok(_) | Err(Error::Template { .. })), "{result:?}");
    let read = |name| std::fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    let peak = read("status")
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB")?.trim().parse().ok());
    // Time on the processor, in hundredths of a second: behind the name, which is in parentheses.
    let stat = read("stat");
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    println!("\ntook {} {}", ticks * 10, peak.unwrap_or(0_u64));
    println!("\nresult {result:?}");
}

/// A process that runs for so long hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Milliseconds and KiB that a template took.
fn cost(source: &str) -> Result<(u64, u64, String), String> {
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program)
        .args(["hostile::one_hostile_template", "--exact", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("RUST_BACKTRACE", "0")
        .spawn()
        .expect("a process");
    child.stdin.take().expect("its input").write_all(source.as_bytes()).expect("a template");
    let start = Instant::now();
    while child.try_wait().expect("its state").is_none() {
        if start.elapsed() > PATIENCE {
            child.kill().expect("an end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().expect("its output");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers = text.lines().find_map(|line| line.strip_prefix("took "));
    let mut numbers = numbers.unwrap_or_default().split(' ').filter_map(|n| n.parse().ok());
    match (output.status.success(), numbers.next(), numbers.next()) {
        (true, Some(milliseconds), Some(peak)) => Ok((milliseconds, peak, text)),
        _ => Err(format!("{}: {text}{}", output.status, String::from_utf8_lossy(&output.stderr))),
    }
}

#[test]
fn hostile_templates_end() {
    let mut wrong = Vec::new();
    let (mut slowest, mut largest) = ((0, String::new()), (0, String::new()));
    for (name, source) in hostile() {
        match cost(&source) {
            Ok((milliseconds, peak, _)) => {
                slowest = slowest.max((milliseconds, name.clone()));
                largest = largest.max((peak, name.clone()));
                if milliseconds > 1000 || peak > 64 << 10 {
                    wrong.push(format!("{name}: {milliseconds} ms, {peak} KiB"));
                }
            }
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    println!("slowest: {slowest:?}; largest, in KiB: {largest:?}");
    assert!(wrong.is_empty(), "{} templates:\n{}", wrong.len(), wrong.join("\n"));
}
