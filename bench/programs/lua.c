/* An interpreter: Lua 5.4 with tables, strings, closures and numbers. */
#include "bench.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

static const char script[] =
	"local out = {}\n"
	"local function put(...) out[#out + 1] = table.concat({...}, ' ') end\n"
	"local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end\n"
	"put('fib', fib(14))\n"
	"local t = {}\n"
	"local seed = 42\n"
	"local function random() seed = (seed * 1103515245 + 12345) & 0x7fffffff return seed end\n"
	"for i = 1, 300 do t[i] = random() % 100000 end\n"
	"table.sort(t, function(a, b) return a > b end)\n"
	"put('sorted', t[1], t[150], t[300])\n"
	"local words = {}\n"
	"local text = string.rep('the quick brown fox jumps over the lazy dog ', 12)\n"
	"for w in text:gmatch('%a+') do words[w] = (words[w] or 0) + 1 end\n"
	"put('the', words.the, 'dog', words.dog)\n"
	"put(#text:gsub('o', '0'):upper(), text:find('lazy', 1, true))\n"
	"local Account = {}\n"
	"Account.__index = Account\n"
	"function Account.new(n) return setmetatable({ balance = n }, Account) end\n"
	"function Account:deposit(v) self.balance = self.balance + v end\n"
	"local accounts = {}\n"
	"for i = 1, 100 do accounts[i] = Account.new(i) end\n"
	"for i = 1, 1500 do accounts[i % 100 + 1]:deposit(i) end\n"
	"put('balance', accounts[7].balance)\n"
	"local function walk(n) local i = 0\n"
	"  return function() i = i + 1 if i <= n then return i * i end end end\n"
	"local sum = 0\n"
	"for v in walk(300) do sum = sum + v end\n"
	"put('sum', sum)\n"
	"local x, y = 0.0, 1.0\n"
	"for i = 1, 2500 do x, y = y * 0.5 + i / 3, x * 0.25 - i / 7 end\n"
	"put('float', string.format('%.10g %.10g', x, y))\n"
	"local queens = 0\n"
	"local function place(row, columns, left, right)\n"
	"  if row == 5 then queens = queens + 1 return end\n"
	"  for c = 0, 4 do\n"
	"    if not (columns[c] or left[row + c] or right[row - c]) then\n"
	"      columns[c], left[row + c], right[row - c] = true, true, true\n"
	"      place(row + 1, columns, left, right)\n"
	"      columns[c], left[row + c], right[row - c] = nil, nil, nil\n"
	"    end\n"
	"  end\n"
	"end\n"
	"place(0, {}, {}, {})\n"
	"put('queens', queens)\n"
	"return table.concat(out, '\\n') .. '\\n'\n";

static const luaL_Reg libraries[] = {
	{ LUA_GNAME, luaopen_base },
	{ LUA_TABLIBNAME, luaopen_table },
	{ LUA_STRLIBNAME, luaopen_string },
	{ LUA_MATHLIBNAME, luaopen_math },
};

static void
bench_round(void)
{
	lua_State *lua = luaL_newstate();

	for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
		luaL_requiref(lua, libraries[i].name, libraries[i].func, 1);
		lua_pop(lua, 1);
	}
	if (luaL_loadstring(lua, script) != LUA_OK || lua_pcall(lua, 0, 1, 0) != LUA_OK) {
		fprintf(stderr, "lua: %s\n", lua_tostring(lua, -1));
		exit(1);
	}
	bench_put(lua_tostring(lua, -1));
	lua_close(lua);
}
