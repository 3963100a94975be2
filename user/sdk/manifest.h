/*
 * Puts a manifest into the module, its section `nebulet.manifest`:
 *
 *   NEBULET_MANIFEST("name ps2-keyboard", "port 0x60 1 rw", "irq 1");
 *
 * at file level, once in a program, in C or C++. Each argument is a string literal
 * without quotation marks and backslashes: a line of abi/manifest.def. What is wrong
 * with it shows when the module is compiled, or by `nebulet manifest check`.
 */
#ifndef USER_SDK_MANIFEST_H
#define USER_SDK_MANIFEST_H

#define NEBULET_MANIFEST(...)                                                                      \
	__asm__(".section .custom_section.nebulet.manifest,\"\",@\n"                               \
		".irp line, " NEBULET_MANIFEST_TEXT(__VA_ARGS__) "\n.ascii \"\\line\\n\"\n.endr\n" \
								 ".text\n")
#define NEBULET_MANIFEST_TEXT(...) #__VA_ARGS__

#endif
