/* A database: SQLite in memory, with inserts, an index, groups, a join, updates and deletes. */
#include "bench.h"

#include <sqlite3.h>

static const char script[] =
	"create table t(id integer primary key, k integer, name text, value real);"
	"with recursive n(i) as (select 1 union all select i + 1 from n where i < 1500)"
	" insert into t select i, (i * 7919) % 1009, 'name' || (i % 977), i * 0.5 from n;"
	"create index t_k on t(k);"
	"select count(*), sum(value), avg(length(name)) from t;"
	"select k, count(*), max(value) from t group by k order by 2 desc, 1 limit 5;"
	"select a.k, count(*) from t a join t b on a.k = b.id where b.value < 250"
	" group by a.k order by 2 desc, 1 limit 3;"
	"update t set name = upper(name) where k % 3 = 0;"
	"select name, count(*) from t where name like 'NAME1%' group by name order by 1 limit 3;"
	"delete from t where id % 5 = 0;"
	"select count(*), total(k) from t;";

static int
print_row(void *unused, int count, char **values, char **names)
{
	(void)unused, (void)names;
	for (int i = 0; i < count; i++) {
		bench_put(values[i] ? values[i] : "null");
		bench_put(i + 1 < count ? "|" : "\n");
	}
	return 0;
}

static void
bench_round(void)
{
	sqlite3 *database;
	char *error = NULL;

	if (sqlite3_open(":memory:", &database) != SQLITE_OK ||
	    sqlite3_exec(database, script, print_row, NULL, &error) != SQLITE_OK) {
		fprintf(stderr, "sqlite: %s\n", error ? error : "cannot open");
		exit(1);
	}
	sqlite3_close(database);
}
