/* Wants an import that nobody offers. */
__attribute__((import_module("env"), import_name("no_such_thing"))) int no_such_thing(int);

int
main(int argc, char **argv)
{
	(void)argv;
	return no_such_thing(argc);
}
