"""What the code benchmark runs: real programs with work long enough to time.

Each workload names a bundled program, its arguments and input, and the same with next to
nothing to do; the difference of the two is the time of the work without start-up, loading
and compiling.
"""
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
FETCH = ROOT / ".cache" / "fetch"

SQLITE_SCRIPT = """
create table t(id integer primary key, k integer, name text, value real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < @ROWS@)
  insert into t select i, (i * 7919) % 1009, 'name' || (i % 977), i * 0.5 from n;
create index t_k on t(k);
select count(*), sum(value), avg(length(name)) from t;
select k, count(*), max(value) from t group by k order by 2 desc, 1 limit 5;
select a.k, count(*) from t a join t b on a.k = b.id where b.value < 250 group by a.k order by 2 desc, 1 limit 3;
update t set name = upper(name) where k % 3 = 0;
select name, count(*) from t where name like 'NAME1%' group by name order by 1 limit 3;
delete from t where id % 5 = 0;
select count(*), total(k) from t;
"""

PYTHON_SCRIPT = """
import json, re
def fannkuch(n):
    p = list(range(n)); q = p[:]; s = list(range(n)); sign = 1; maxflips = 0; total = 0
    while True:
        q0 = p[0]
        if q0:
            q[:] = p; flips = 1
            while True:
                qq = q[q0]
                if not qq:
                    break
                q[q0] = q0
                if q0 >= 3:
                    q[1:q0] = q[q0 - 1:0:-1]
                q0 = qq; flips += 1
            total += sign * flips
            if flips > maxflips: maxflips = flips
        if sign == 1:
            p[0], p[1] = p[1], p[0]; sign = -1
        else:
            p[1], p[2] = p[2], p[1]; sign = 1
            for i in range(2, n):
                if s[i]:
                    s[i] -= 1; break
                s[i] = i
                if i == n - 1:
                    return total, maxflips
                t = p[0]; p[0:i + 1] = p[1:i + 2]; p[i + 1] = t
class Node:
    def __init__(self, value): self.value, self.left, self.right = value, None, None
def insert(root, value):
    while True:
        side = 'left' if value < root.value else 'right'
        child = getattr(root, side)
        if child is None:
            setattr(root, side, Node(value)); return
        root = child
def work(scale):
    out = [fannkuch(4 + min(scale, 4))]
    root, seed = Node(500000), 42
    for _ in range(12000 * scale):
        seed = (seed * 1103515245 + 12345) & 0x7fffffff
        insert(root, seed % 1000000)
    data = [{'id': i, 'name': 'n%d' % i, 'values': [i * 0.5, i * 2]} for i in range(3000 * scale)]
    text = json.dumps(data)
    out.append(len(json.loads(text)))
    out.append(len(re.findall(r'"n(\\d+)7"', text)))
    words = {}
    for w in re.split(r'\\W+', text):
        words[w] = words.get(w, 0) + 1
    out.append(sorted(words.items(), key=lambda x: (-x[1], x[0]))[0][0])
    return out
print(work(@SCALE@))
"""


class Workload:
    """`arguments(full)` and `stdin(full)`: with the whole work, or with next to none."""

    def __init__(self, name, arguments, stdin=None):
        self.name = name
        self.arguments = arguments
        self.stdin = stdin or (lambda full: "")


def coremark_arguments(full):
    return ["0x0", "0x0", "0x66", "20000" if full else "1", "7", "1", "2000"]


def sqlite_script(full):
    return SQLITE_SCRIPT.replace("@ROWS@", "300000" if full else "10")


def python_arguments(full):
    return ["-S", "-c", PYTHON_SCRIPT.replace("@SCALE@", "8" if full else "0")]


WORKLOADS = [
    Workload("coremark", coremark_arguments),
    Workload("sqlite", lambda full: [], sqlite_script),
    Workload("python", python_arguments),
]
