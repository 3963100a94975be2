// Threads of Rust's standard library over wasi-threads: atomics, locks, channels, conditions,
// sleeping, thread locals, 600 threads one after the other, and a thread that reads standard input
// while others write. Ends with status 7.
use std::sync::{
    atomic::{AtomicU64, Ordering},
    mpsc, Arc, Condvar, Mutex,
};
use std::thread;
use std::time::{Duration, Instant};
fn main() {
    let sum = Arc::new(AtomicU64::new(0));
    let log = Arc::new(Mutex::new(Vec::new()));
    let hs: Vec<_> = (0..8u64)
        .map(|k| {
            let s = sum.clone();
            let l = log.clone();
            thread::spawn(move || {
                for i in 0..10000u64 {
                    s.fetch_add(i * (k + 1), Ordering::Relaxed);
                }
                l.lock().unwrap().push(k);
                k * 2
            })
        })
        .collect();
    let r: u64 = hs.into_iter().map(|h| h.join().unwrap()).sum();
    let mut order = log.lock().unwrap().clone();
    order.sort();
    println!(
        "sum {} results {} threads {:?}",
        sum.load(Ordering::Relaxed),
        r,
        order
    );
    let (tx, rx) = mpsc::channel();
    for k in 0..4 {
        let tx = tx.clone();
        thread::spawn(move || {
            for i in 0..100 {
                tx.send(k * 1000 + i).unwrap();
                if i % 25 == 0 {
                    thread::sleep(Duration::from_millis(2));
                }
            }
        });
    }
    drop(tx);
    println!("channel {}", rx.iter().sum::<i32>());
    let pair = Arc::new((Mutex::new(0), Condvar::new()));
    let p2 = pair.clone();
    let h = thread::spawn(move || {
        let (m, c) = &*p2;
        for _ in 0..50 {
            let mut g = m.lock().unwrap();
            while *g % 2 == 0 {
                g = c.wait(g).unwrap();
            }
            *g += 1;
            c.notify_one();
        }
    });
    {
        let (m, c) = &*pair;
        for _ in 0..50 {
            let mut g = m.lock().unwrap();
            while *g % 2 == 1 {
                g = c.wait(g).unwrap();
            }
            *g += 1;
            c.notify_one();
        }
    }
    h.join().unwrap();
    println!("turns {}", *pair.0.lock().unwrap());
    let start = Instant::now();
    thread::scope(|s| {
        for k in 0..3 {
            s.spawn(move || {
                thread::sleep(Duration::from_millis(30));
                println!("slept {}", k / 3);
            });
        }
    });
    assert!(
        start.elapsed() >= Duration::from_millis(30)
            && start.elapsed() < Duration::from_millis(5000)
    );
    let mut many = 0;
    for _ in 0..600 {
        many += thread::spawn(|| 1).join().unwrap();
    }
    println!("many {}", many);
    thread_local! { static X: std::cell::Cell<i32> = const { std::cell::Cell::new(5) }; }
    X.with(|x| x.set(6));
    println!(
        "local {} {}",
        X.with(|x| x.get()),
        thread::spawn(|| X.with(|x| x.get())).join().unwrap()
    );
    let caught = thread::spawn(|| {
        let mut l = String::new();
        std::io::stdin().read_line(&mut l).unwrap();
        l
    });
    print!("reading while others write\n");
    println!("read {:?}", caught.join().unwrap());
    std::process::exit(7);
}
