/* Wants a WASI function with another type than it has. */
__attribute__((import_module("wasi_snapshot_preview1"), import_name("fd_sync"))) long long
wrong_type(int, int);

int
main(int argc, char **argv)
{
	(void)argv;
	return (int)wrong_type(argc, 1);
}
