/* An interpreter: QuickJS with objects, closures, arrays, strings, JSON and regular expressions. */
#include "bench.h"

#include <quickjs.h>

static const char script[] =
	"const out = [];\n"
	"function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }\n"
	"out.push('fib ' + fib(13));\n"
	"let seed = 42;\n"
	"const random = () => seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;\n"
	"const numbers = [];\n"
	"for (let i = 0; i < 200; i++) numbers.push(random() % 100000);\n"
	"numbers.sort((a, b) => b - a);\n"
	"out.push('sorted ' + numbers[0] + ' ' + numbers[100]);\n"
	"class Vector { constructor(x, y) { this.x = x; this.y = y; }\n"
	"  plus(o) { return new Vector(this.x + o.x, this.y + o.y); }\n"
	"  get norm() { return this.x * this.x + this.y * this.y; } }\n"
	"let v = new Vector(0, 0);\n"
	"for (let i = 0; i < 500; i++) v = v.plus(new Vector(i & 7, 1));\n"
	"out.push('norm ' + v.norm);\n"
	"const data = [];\n"
	"for (let i = 0; i < 24; i++) data.push({ id: i, name: 'n' + i, values: [i * 0.5, i * 2] "
	"});\n"
	"const text = JSON.stringify(data);\n"
	"out.push('json ' + text.length + ' ' + JSON.parse(text)[7].name);\n"
	"out.push('regex ' + text.match(/\"n\\d*7\"/g).length + ' ' +\n"
	"  text.replace(/(\\d+)\\.5/g, '<$1>').length);\n"
	"const map = new Map();\n"
	"for (const word of text.split(/\\W+/)) map.set(word, (map.get(word) || 0) + 1);\n"
	"out.push('words ' + map.size + ' ' + map.get('name'));\n"
	"const bytes = new Uint8Array(1500);\n"
	"let count = 0;\n"
	"for (let i = 2; i < 1500; i++) { if (bytes[i]) continue; count++;\n"
	"  for (let k = i * 2; k < 1500; k += i) bytes[k] = 1; }\n"
	"out.push('primes ' + count);\n"
	"out.join('\\n') + '\\n';\n";

static void
bench_round(void)
{
	JSRuntime *runtime = JS_NewRuntime();
	JSContext *context = JS_NewContext(runtime);
	JSValue result = JS_Eval(context, script, sizeof script - 1, "bench", JS_EVAL_TYPE_GLOBAL);

	if (JS_IsException(result))
		result = JS_GetException(context);
	const char *text = JS_ToCString(context, result);
	bench_put(text);
	JS_FreeCString(context, text);
	JS_FreeValue(context, result);
	JS_FreeContext(context);
	JS_FreeRuntime(runtime);
}
