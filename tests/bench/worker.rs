//! A worker of scripts/bench-peers for tokenisers from crates.io: README.md beside it
//! has the protocol. Each tokeniser is called as in its own benchmark.
//!
//! usage: worker METHOD ENCODING RECORDS GROUPS OUT
use std::hint::black_box;
use std::io::{Read, Write};

/// A run repeats until it is long enough to measure.
const MIN_SECONDS: f64 = 0.1;

/// Seconds of processor time, from C's clock(), whose unit POSIX fixes.
fn now() -> f64 {
    extern "C" {
        fn clock() -> std::ffi::c_long;
    }
    unsafe { clock() as f64 * 1e-6 }
}

/// The largest resident set since its last reset, in kB; 0 where /proc does not tell.
fn peak() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// The seconds for each group, averaged over as many rounds as it needs.
fn timed<T, R>(groups: &[&[T]], f: impl Fn(&T) -> R) -> Vec<String> {
    let mut seconds = vec![0.0; groups.len()];
    let mut rounds = 0;
    let start = now();
    while rounds == 0 || now() - start < MIN_SECONDS {
        for (sum, group) in seconds.iter_mut().zip(groups) {
            let before = now();
            for item in *group {
                black_box(f(item));
            }
            *sum += now() - before;
        }
        rounds += 1;
    }
    seconds.iter().map(|s| format!("{:.9}", s / f64::from(rounds))).collect()
}

fn split<'a, T>(mut items: &'a [T], counts: &[usize]) -> Vec<&'a [T]> {
    let mut groups = Vec::new();
    for &count in counts {
        let (group, rest) = items.split_at(count);
        groups.push(group);
        items = rest;
    }
    groups
}

fn serve<T>(args: &[String], make: impl FnOnce() -> T, encode: fn(&T, &str) -> Vec<u32>,
            decode: fn(&T, &[u32]) -> String) -> std::io::Result<()> {
    let text = std::fs::read_to_string(&args[2])?;
    let records: Vec<&str> = text.split_terminator('\0').collect();
    let counts: Vec<usize> = args[3].split(',').map(|n| n.parse().unwrap()).collect();
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = peak();
    let tokeniser = make();
    for record in &records {
        if decode(&tokeniser, &encode(&tokeniser, record)) != *record {
            eprintln!("{}: a record was not restored", args[0]);
            std::process::exit(1);
        }
    }
    let memory = peak() - before;
    let packed: Vec<Vec<u32>> = records.iter().map(|r| encode(&tokeniser, r)).collect();
    let mut out = std::io::BufWriter::new(std::fs::File::create(&args[4])?);
    for ids in &packed {
        for number in std::iter::once(&(ids.len() as u32)).chain(ids) {
            out.write_all(&number.to_le_bytes())?;
        }
    }
    out.flush()?;
    println!("ready {memory}");
    let (texts, blobs) = (split(&records, &counts), split(&packed, &counts));
    for go in std::io::stdin().bytes() {
        go?;
        let mut seconds = timed(&texts, |r| encode(&tokeniser, r));
        seconds.extend(timed(&blobs, |ids| decode(&tokeniser, ids)));
        println!("{}", seconds.join(" "));
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let o200k = args[1] == "o200k_base";
    assert!(o200k || args[1] == "cl100k_base", "{} is not among its encodings", args[1]);
    if args[0] == "tiktoken-rs" {
        let make = || if o200k { tiktoken_rs::o200k_base() } else { tiktoken_rs::cl100k_base() };
        serve(&args, || make().unwrap(), |t, text| t.encode_ordinary(text),
              |t, ids| t.decode(ids).unwrap())
    } else {
        let make = || if o200k { bpe_openai::o200k_base() } else { bpe_openai::cl100k_base() };
        serve(&args, make, |t, text| t.encode(text), |t, ids| t.decode(ids).unwrap())
    }
}
