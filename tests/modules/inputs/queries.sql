create table t(a integer primary key, b text, c real);
with recursive n(x) as (select 1 union all select x + 1 from n where x < 5000)
	insert into t select x, 'k' || (x % 97), x / 7.0 from n;
create index i on t(b);
select count(*), sum(a), min(b), max(b), total(c) from t;
select b, sum(a), avg(c) from t group by b order by 2 desc limit 4;
select substr(hex(zeroblob(4)) || upper('straße'), 3), 6 * 7, 1e308 * 10, 7 / 2, 7 % -3;
