//! A worker of scripts/bench-peers for tokenisers from crates.io: README.md beside it
//! has the protocol. Each tokeniser is called as in its own benchmark.
//!
//! usage: worker DATA METHOD ENCODING RECORDS GROUPS OUT
//!
//! DATA is a directory with ENCODING.tiktoken and ENCODING.json, the same vocabulary in the
//! format of Hugging Face.
use std::cell::RefCell;
use std::hint::black_box;
use std::io::{Read, Write};
use std::path::Path;

/// A run repeats until it is long enough to measure.
const MIN_SECONDS: f64 = 0.1;
const MAX_SECONDS: f64 = 10.0; // but no longer than this: some take seconds to begin anew

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

/// The seconds for the timed items of each group, averaged over as many rounds as it needs.
/// begin() runs before each round.
fn timed<T, R>(groups: &[Vec<&T>], mut begin: impl FnMut(), mut f: impl FnMut(&T) -> R)
               -> Vec<String> {
    let mut seconds = vec![0.0; groups.len()];
    let mut rounds = 0;
    let mut total = 0.0;
    let started = now();
    while rounds == 0 || (total < MIN_SECONDS && now() - started < MAX_SECONDS) {
        begin();
        for (sum, group) in seconds.iter_mut().zip(groups) {
            let before = now();
            for item in group {
                black_box(f(item));
            }
            *sum += now() - before;
        }
        rounds += 1;
        total = seconds.iter().sum();
    }
    seconds.iter().map(|s| format!("{:.9}", s / f64::from(rounds))).collect()
}

/// The items of each group: all, or with odd those of odd number.
fn split<'a, T>(items: &'a [T], counts: &[usize], odd: bool) -> Vec<Vec<&'a T>> {
    let mut numbered = items.iter().enumerate();
    counts
        .iter()
        .map(|&count| {
            let group = numbered.by_ref().take(count);
            group.filter(|(i, _)| !odd || i % 2 == 1).map(|(_, item)| item).collect()
        })
        .collect()
}

fn serve<T>(args: &[String], make: impl Fn() -> T, encode: fn(&T, &str) -> Vec<u32>,
            decode: fn(&T, &[u32]) -> String) -> std::io::Result<()> {
    let state = args[1].rsplit('-').next().unwrap();
    let text = std::fs::read_to_string(&args[3])?;
    let records: Vec<&str> = text.split_terminator('\0').collect();
    let counts: Vec<usize> = args[4].split(',').map(|n| n.parse().unwrap()).collect();
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = peak();
    let tokeniser = RefCell::new(make());
    for record in &records {
        let ids = encode(&tokeniser.borrow(), record);
        if decode(&tokeniser.borrow(), &ids) != *record {
            eprintln!("{}: a record was not restored", args[1]);
            std::process::exit(1);
        }
    }
    let memory = peak() - before;
    let packed: Vec<Vec<u32>> = records.iter().map(|r| encode(&tokeniser.borrow(), r)).collect();
    let mut out = std::io::BufWriter::new(std::fs::File::create(&args[5])?);
    for ids in &packed {
        for number in std::iter::once(&(ids.len() as u32)).chain(ids) {
            out.write_all(&number.to_le_bytes())?;
        }
    }
    out.flush()?;
    println!("ready {memory}");
    let texts = split(&records, &counts, state == "others");
    let blobs = split(&packed, &counts, false);
    for go in std::io::stdin().bytes() {
        go?;
        let begin = || {
            if state == "new" || state == "others" {
                *tokeniser.borrow_mut() = make();
            }
            if state == "others" {
                for record in records.iter().step_by(2) {
                    black_box(encode(&tokeniser.borrow(), record));
                }
            }
        };
        let mut seconds = timed(&texts, begin, |r: &&str| encode(&tokeniser.borrow(), r));
        seconds.extend(timed(&blobs, || (), |ids: &Vec<u32>| {
            decode(&tokeniser.borrow(), ids)
        }));
        println!("{}", seconds.join(" "));
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (data, encoding) = (Path::new(&args[0]), args[2].as_str());
    let o200k = encoding == "o200k_base";
    assert!(o200k || encoding == "cl100k_base", "{encoding} is not among its encodings");
    if args[1].starts_with("fastokens") {
        let file = data.join(format!("{encoding}.tiktoken"));
        serve(&args,
              || fastokens::Tokenizer::from_tiktoken_file(
                  &file, fastokens::tiktoken::TiktokenConfig::from_preset(encoding).unwrap())
                  .unwrap(),
              |t, text| t.encode_ordinary(text).unwrap(), |t, ids| t.decode(ids, false).unwrap())
    } else if args[1].starts_with("snaptokens") {
        let file = data.join(format!("{encoding}.json"));
        serve(&args, || snaptokens::Tokenizer::from_file(&file).unwrap(),
              |t, text| t.encode(text).unwrap(), |t, ids| t.decode(ids, false).unwrap())
    } else if args[1].starts_with("toktok") {
        serve(&args, || toktok::Tokenizer::builtin(encoding).unwrap(),
              |t, text| t.encode(text.as_bytes()),
              |t, ids| String::from_utf8(t.decode(ids)).unwrap())
    } else if args[1] == "tiktoken-rs" {
        let make = || if o200k { tiktoken_rs::o200k_base() } else { tiktoken_rs::cl100k_base() };
        serve(&args, || make().unwrap(), |t, text| t.encode_ordinary(text),
              |t, ids| t.decode(ids).unwrap())
    } else {
        let make = || if o200k { bpe_openai::o200k_base() } else { bpe_openai::cl100k_base() };
        serve(&args, make, |t, text| t.encode(text), |t, ids| t.decode(ids).unwrap())
    }
}
