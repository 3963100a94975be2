// Sorting, maps, text, floats and a vector loop, through AssemblyScript's own library.
function isPrime(n: i32): bool {
	for (let d = 2; d * d <= n; d++) if (n % d == 0) return false;
	return n > 1;
}

function dot(a: StaticArray<f32>, b: StaticArray<f32>): f32 {
	let sum = f32x4.splat(0);
	const left = changetype<usize>(a), right = changetype<usize>(b);
	for (let i = 0; i < a.length * 4; i += 16)
		sum = f32x4.add(sum, f32x4.mul(v128.load(left + i), v128.load(right + i)));
	return f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) +
		f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3);
}

const primes: i32[] = [];
for (let n = 0; n < 1000; n++) if (isPrime(n)) primes.push(n);
console.log(`${primes.length} primes: ${primes.slice(0, 12).join(" ")}`);

const counts = new Map<string, i32>();
const text = "the quick brown fox jumps over the lazy dog and the cat".split(" ");
for (let i = 0; i < text.length; i++) {
	const seen = counts.has(text[i]) ? counts.get(text[i]) : 0;
	counts.set(text[i], seen + 1);
}
const words = counts.keys().sort();
for (let i = 0; i < words.length; i++) console.log(`${words[i]}: ${counts.get(words[i])}`);

const a = new StaticArray<f32>(64), b = new StaticArray<f32>(64);
for (let i = 0; i < 64; i++) {
	a[i] = <f32>i / 3.0;
	b[i] = <f32>64 - <f32>i;
}
console.log(`${dot(a, b)} ${Math.sqrt(2)} ${Math.pow(1.1, 20)} ${u64.MAX_VALUE}`);
