//! A Rust program of the kinds of things that Rust programs do: collections, traits, iterators,
//! strings, a tokenizer with an evaluator, and matching on enums; in the frame of bench.h.
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::cmp::Reverse;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Instant;

#[derive(Default)]
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(1099511628211);
        }
    }
}

type Map<K, V> = HashMap<K, V, BuildHasherDefault<Fnv>>;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as u32
    }
}

trait Shape {
    fn area(&self) -> f64;
    fn grow(&mut self, by: f64);
}

struct Circle(f64);
struct Rectangle(f64, f64);

impl Shape for Circle {
    fn area(&self) -> f64 {
        self.0 * self.0 * 3.25
    }
    fn grow(&mut self, by: f64) {
        self.0 += by;
    }
}

impl Shape for Rectangle {
    fn area(&self) -> f64 {
        self.0 * self.1
    }
    fn grow(&mut self, by: f64) {
        self.0 += by;
        self.1 -= by * 0.5;
    }
}

fn shapes() -> f64 {
    let mut all: Vec<Box<dyn Shape>> = (0..500)
        .map(|i| -> Box<dyn Shape> {
            if i % 3 == 0 { Box::new(Circle(f64::from(i))) } else { Box::new(Rectangle(f64::from(i), 2.0)) }
        })
        .collect();
    for _ in 0..10 {
        all.iter_mut().for_each(|shape| shape.grow(0.125));
    }
    all.iter().map(|shape| shape.area()).sum()
}

#[derive(Clone, Copy)]
enum Token {
    Number(i64),
    Operator(u8),
    Open,
    Close,
}

fn tokens(text: &str) -> Vec<Token> {
    let mut result = Vec::new();
    let mut number: Option<i64> = None;
    for byte in text.bytes().chain(std::iter::once(b' ')) {
        if byte.is_ascii_digit() {
            number = Some(number.unwrap_or(0) * 10 + i64::from(byte - b'0'));
            continue;
        }
        if let Some(value) = number.take() {
            result.push(Token::Number(value));
        }
        match byte {
            b'(' => result.push(Token::Open),
            b')' => result.push(Token::Close),
            b'+' | b'-' | b'*' => result.push(Token::Operator(byte)),
            _ => {}
        }
    }
    result
}

fn factor(input: &mut VecDeque<Token>) -> i64 {
    match input.pop_front() {
        Some(Token::Number(value)) => value,
        Some(Token::Open) => {
            let value = sum(input);
            input.pop_front();
            value
        }
        _ => 0,
    }
}

fn product(input: &mut VecDeque<Token>) -> i64 {
    let mut value = factor(input);
    while let Some(Token::Operator(b'*')) = input.front() {
        input.pop_front();
        value = value.wrapping_mul(factor(input)) % 1_000_003;
    }
    value
}

fn sum(input: &mut VecDeque<Token>) -> i64 {
    let mut value = product(input);
    while let Some(Token::Operator(operator @ (b'+' | b'-'))) = input.front().copied() {
        input.pop_front();
        let right = product(input);
        value = if operator == b'+' { value + right } else { value - right };
    }
    value
}

fn shortest_path(random: &mut Random) -> u64 {
    const NODES: usize = 800;
    let edges: Vec<Vec<(usize, u64)>> = (0..NODES)
        .map(|i| (0..5).map(|k| ((i + 1 + random.next() as usize % 50 * k) % NODES, u64::from(random.next() % 90) + 1)).collect())
        .collect();
    let mut best = vec![u64::MAX; NODES];
    let mut queue = BinaryHeap::new();
    best[0] = 0;
    queue.push(Reverse((0u64, 0usize)));
    while let Some(Reverse((distance, node))) = queue.pop() {
        if distance > best[node] {
            continue;
        }
        for &(to, length) in &edges[node] {
            if distance + length < best[to] {
                best[to] = distance + length;
                queue.push(Reverse((best[to], to)));
            }
        }
    }
    best.iter().filter(|d| **d != u64::MAX).sum()
}

fn round() -> String {
    let mut random = Random(7);
    let mut words: Map<String, usize> = Map::default();
    let mut ordered: BTreeMap<u32, String> = BTreeMap::new();
    for i in 0..3000 {
        let word = format!("w{:x}", random.next() % 700);
        *words.entry(word.clone()).or_insert(0) += i;
        ordered.insert(random.next() % 5000, word);
    }
    let mut counts: Vec<(&String, &usize)> = words.iter().collect();
    counts.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let text: String = ordered.values().rev().take(200).map(|w| w.to_uppercase()).collect::<Vec<_>>().join("-");
    let expression = (1..400).fold(String::from("1"), |text, i| match i % 3 {
        0 => format!("({text})*{i}"),
        1 => text + "+" + &i.to_string(),
        _ => text + "-2*3",
    });
    let value = sum(&mut tokens(&expression).into());
    format!(
        "words {} {} {}\ntext {} {}\nvalue {}\nshapes {:016x}\npaths {}\n",
        counts.len(), counts[0].0, counts[0].1, text.len(), &text[..20], value,
        shapes().to_bits(), shortest_path(&mut random)
    )
}

fn main() {
    let count: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1);
    let first = round();
    print!("{first}");
    let (mut total, mut fastest) = (0u64, u64::MAX);
    for _ in 0..count {
        let begin = Instant::now();
        let result = round();
        let spent = begin.elapsed().as_nanos() as u64;
        if result != first {
            eprintln!("bench: another result");
            std::process::exit(1);
        }
        total += spent;
        fastest = fastest.min(spent);
    }
    eprintln!("bench: {total} {fastest}");
}
