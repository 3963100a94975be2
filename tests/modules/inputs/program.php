<?php
echo strrev("olleh"), " ", PHP_VERSION, "\n";
echo md5("x"), " ", crc32("nebulet"), " ", json_encode([1, "a" => 2.5, "b" => null]), "\n";
preg_match_all('/(\d+)-(\w+)/', "12-ab 7-c", $m, PREG_SET_ORDER);
print_r($m);
$primes = array_filter(range(2, 200), function ($n) {
	for ($d = 2; $d * $d <= $n; $d++)
		if ($n % $d == 0) return false;
	return true;
});
printf("%d primes, %.6f, %s\n", count($primes), array_sum($primes) / 7, var_export(PHP_INT_MAX, true));
