/*
 * The code contract: what published machine code looks like.
 *
 * Compiler, runtime, crossing stubs and verifier share only this header. It
 * fixes registers, the calling convention, the frame, the vmctx layout, the
 * metadata beside the code, and (code_forms.def) the instruction forms that
 * may appear. Freestanding; every structure here is laid out by hand and
 * asserted, because machine code holds the offsets.
 *
 * Registers
 *   R15  vmctx of the running instance; guest code never writes it
 *   R14  base of memory 0 (module compiled as `gpr`); never written either
 *   RSP  stack, 16-aligned at every call instruction
 *   R11  template scratch and callee pointer; never live across instructions
 *   	  that are not part of one template or one parallel move
 *   R10  allocatable, but clobbered by the templates of calls through tables and
 *   	  references and of tail calls
 *   XMM15 scratch of parallel moves and templates
 *   RBX RBP R12 R13 are preserved by every call (as in System V); everything
 *   else, all XMM registers included, is clobbered by a call
 *
 * Calling convention between WebAssembly functions
 *   Integer and reference arguments, in order: RSI RDX RCX R8 R9 RDI RAX
 *   Float and vector arguments, in order: XMM0..XMM7
 *   Integer results: RAX RDX RCX RSI R8 R9; float results: XMM0..XMM7
 *   What does not fit goes to the incoming-argument area, 8-byte slots in
 *   order (a v128 takes two). Its size is max(argument slots, result slots),
 *   rounded up to an even count; it is a function of the type alone. The
 *   caller owns the area at [RSP + 8 * slot] at the call instruction; the
 *   callee sees it at [RSP + 8 + 8 * slot] on entry. Overflowing results are
 *   stored in the same area from slot 0 on.
 *   An i32's upper half is unspecified in registers and slots.
 *
 * Kernel calls and builtins take the vmctx in RDI and then follow System V,
 * so integer arguments (at most 5) and float arguments need no moves: RSI RDX
 * RCX R8 R9 and XMM0.. are the same in both conventions; result in RAX/XMM0.
 *
 * Frame
 *   sub rsp, F      F = 8 mod 16 (0 if the function makes no call and spills
 *                   nothing); the height is constant until the epilogue
 *   [RSP, +A)       outgoing argument area (A: the largest of all calls)
 *   [RSP + A, F)    spill slots, then those of RBX RBP R12 R13 that the function
 *                   writes: saved in this order up to F, right after the probes
 *   [RSP + F]       return address
 *   [RSP + F + 8)   incoming argument area
 * A frame over NB_PROBE_INTERVAL bytes touches one word in every interval,
 * from the top downward, directly after the subtraction; NB_FRAME_MAX is the
 * largest frame.
 *
 * Templates (the only indirect control flow)
 *   import call      lea r11, [r15 + import]; call [r11 + NB_CALLEE_CROSS]
 *   builtin call     mov rdi, r15; call [r15 + NB_VMCTX_BUILTINS + 8 * k]
 *   indirect call    index zero-extended in r10d:
 *                    mov r11, [r15 + table.desc]
 *                    cmp r10d, [r11 + NB_TABLE_LENGTH]; jae trap(UNDEFINED_ELEMENT)
 *                    and r10d, [r11 + NB_TABLE_MASK]
 *                    shl r10, 5; add r10, [r15 + table.base]
 *                    mov r11d, [r15 + signature]
 *                    cmp r11d, [r10 + NB_CALLEE_SIGNATURE]; jne trap(INDIRECT)
 *                    cmp r15, [r10 + NB_CALLEE_VMCTX]; jne 1f
 *                    call [r10 + NB_CALLEE_CODE]; jmp 2f
 *                 1: mov r11, r10; call [r11 + NB_CALLEE_CROSS]
 *                 2:
 *   call by reference  reference zero-extended in r10d:
 *                    mov r11, [r15 + NB_VMCTX_REFERENCES]
 *                    and r10d, [r11 + NB_REFERENCES_MASK]
 *                    shl r10, 5; add r10, [r11 + NB_REFERENCES_BASE]
 *                    then as the indirect call from `mov r11d, [r15 + signature]`
 *                    on, but with jne trap(REFERENCE)
 *   br_table         index zero-extended in r10d, n cases and a default:
 *                    mov r11d, n; cmp r10d, r11d; cmova r10d, r11d
 *                    lea r11, [rip + table]; movsxd r10, dword [r11 + 4 * r10]
 *                    add r10, r11; jmp r10
 *                    (table: n + 1 signed 32-bit distances from the table)
 *
 * Tail calls. f is the function, F its frame, A its area's slots; g the callee,
 * of a type with the same results and with an area of B slots. Arguments of g
 * are where a call wants them; those of slots in f's outgoing area, which is
 * 0 <= i < B. Three endings, each preceded by `restore`, which loads RBX RBP R12
 * R13 with what they held at f's entry, as before a return, and by nothing else:
 *
 *   easy (TARGET)    mov r11, [rsp + 8 * i]; mov [rsp + F + 8 + 8 * i], r11 for i
 *                    rising over slots that g's arguments occupy
 *                    restore; add rsp, F; TARGET
 *                    Only if B <= A; without the addition if F is 0.
 *   hard             restore; movabs r10, nb_tail_word(F, results' slots, B)
 *                    jmp [r15 + NB_VMCTX_TAIL]: goes to the callee that R11 points
 *                    to
 *   grow             restore; lea r11, [rip + g]; movabs r10 as above
 *                    jmp [r15 + NB_VMCTX_TAIL_GROW]: goes to the code at R11, which
 *                    is of this instance
 *   For hard and grow, F is at least nb_tail_frame_bytes(B), and the results take
 *   no more slots than A and B have.
 *
 *   direct           easy (jmp g) if B <= A, else grow; g is not f, to whose start a
 *                    jump would be one inside the function
 *   import           lea r11, [r15 + import]; hard
 *   indirect, by reference
 *                    as such a call up to the jne of the signature; then, if B <= A,
 *                    cmp r15, [r10 + NB_CALLEE_VMCTX]; jne 1f
 *                    easy (jmp [r10 + NB_CALLEE_CODE]); 1:
 *                    then for any B mov r11, r10; hard
 *
 * The trusted tail stubs keep a tail frame between f's caller and g: the caller's
 * vmctx, how many result slots it expects, and an area in place of that which f
 * got. A tail frame grows in place, up to the largest area there is, and further
 * tail calls use it again; so a chain of them, whatever its types and instances,
 * takes bounded stack.
 *
 * Sequences that address through R11, which holds what the instruction before
 * loaded; r is any register, op any form with that operand:
 *   imported mutable global   mov r11, [r15 + global]; op r, [r11]
 *   length of memory, table   mov r11, [r15 + desc]; op r, [r11 + NB_MEMORY_LENGTH]
 *
 * Linear memory. Behind a memory's base lie `bound` bytes and NB_SLOT_GUARD
 * bytes that belong to it alone; what of them is behind its length is not
 * accessible, so hardware finds every index beyond it. `bound` is
 * NB_SLOT_ADDRESSABLE or NB_WIDE_SLOT_ADDRESSABLE and never changes. With zx a
 * register whose upper half is known to be zero, i any register but R11,
 * 0 <= disp <= NB_DISPLACEMENT_MAX, accesses of at most 16 bytes, and base n,
 * bound n the fields of entry n of the vmctx's memories, any n:
 *   memory 0, 32-bit index    op [r14 + zx + disp] or op [r14 + disp]
 *   memory n, 32-bit index    mov r11, [r15 + base n]
 *                             op [r11 + zx + disp] or op [r11 + disp]
 *   memory 0, 64-bit index    mov r11, [r15 + bound 0]; cmp i, r11; cmovb r11, i
 *                             op [r14 + r11 + disp]
 *   memory n, 64-bit index    mov r11, [r15 + bound n]; cmp i, r11; cmovb r11, i
 *                             add r11, [r15 + base n]; op [r11 + disp]
 * (all 64-bit operations). Each sequence is whole before each access: nothing
 * jumps into it, and R11 holds an address for the next instruction only. An
 * index that is too large becomes the bound, whose access faults; as data flow
 * decides that, it also holds on mispredicted paths. A 32-bit index is right
 * for memories of either kind, and so is a 64-bit one.
 *
 * Atomic accesses are the plain loads, the exchanges with memory, and the forms
 * with a LOCK prefix; alignment is checked before (trap UNALIGNED_ATOMIC).
 *
 * Ports. in and out move AL, AX or EAX, w = 1, 2 or 4 bytes, and name the port as an
 * immediate or in DX. Each access stands behind what says its port, which with its w
 * bytes lies in one range [first, first + count) of the manifest for that direction:
 *   constant      in or out with an immediate
 *                 mov edx, port; in or out with DX
 *   computed      lea r11d, [rdx - first]; cmp r11d, count - w; ja elsewhere
 *                 in or out with DX
 *
 * Behind an instruction that never goes on there may be no-operations up to
 * the next label. The forms of all instructions are in code_forms.def.
 */
#ifndef ABI_CODE_CONTRACT_H
#define ABI_CODE_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bumped when anything in this header changes meaning; artifacts record it. */
enum { NB_CODE_CONTRACT_VERSION = 3 };

/* General registers by their encoding number. */
enum nb_reg {
	NB_RAX,
	NB_RCX,
	NB_RDX,
	NB_RBX,
	NB_RSP,
	NB_RBP,
	NB_RSI,
	NB_RDI,
	NB_R8,
	NB_R9,
	NB_R10,
	NB_R11,
	NB_R12,
	NB_R13,
	NB_R14,
	NB_R15,
};

enum {
	NB_REG_VMCTX = NB_R15,
	NB_REG_MEMORY_BASE = NB_R14,
	NB_REG_CALLEE = NB_R11,
	NB_REG_INDEX = NB_R10,
	NB_XMM_SCRATCH = 15,
	NB_PRESERVED_GPRS = 1 << NB_RBX | 1 << NB_RBP | 1 << NB_R12 | 1 << NB_R13,
};

enum {
	NB_INT_ARGUMENTS = 7,
	NB_INT_RESULTS = 6,
	NB_FLOAT_ARGUMENTS = 8,
	NB_FLOAT_RESULTS = 8,
	NB_PROBE_INTERVAL = 64 * 1024,
	NB_FRAME_MAX = 16 * 1024 * 1024,
	/* Largest static offset an unchecked access may carry: 2^31 - 2^16. */
	NB_DISPLACEMENT_MAX = 0x7fff0000,
};

#define NB_SLOT_BYTES	    (6ull << 30) /* distance of two memory slots */
#define NB_SLOT_ADDRESSABLE (4ull << 30) /* the rest is guard */
#define NB_SLOT_GUARD	    (2ull << 30)
/* Of memories that may grow beyond 4 GiB. */
#define NB_WIDE_SLOT_BYTES	 (18ull << 30)
#define NB_WIDE_SLOT_ADDRESSABLE (16ull << 30)

/* Where one argument or result travels. */
enum nb_place_kind { NB_PLACE_GPR, NB_PLACE_XMM, NB_PLACE_SLOT };
struct nb_place {
	enum nb_place_kind kind;
	uint32_t index; /* register number or first slot */
};

enum nb_value_class { NB_CLASS_INT, NB_CLASS_FLOAT, NB_CLASS_VECTOR };

/* Assigns places in order; start with all zeroes. */
struct nb_placement {
	uint32_t ints;
	uint32_t floats;
	uint32_t slots;
};

static inline struct nb_place
nb_place_slot(struct nb_placement *p, enum nb_value_class value_class)
{
	struct nb_place place = { NB_PLACE_SLOT, p->slots };
	p->slots += value_class == NB_CLASS_VECTOR ? 2 : 1;
	return place;
}

static inline struct nb_place
nb_place_argument(struct nb_placement *p, enum nb_value_class value_class)
{
	static const uint8_t gprs[NB_INT_ARGUMENTS] = { NB_RSI, NB_RDX, NB_RCX, NB_R8,
							NB_R9,	NB_RDI, NB_RAX };
	if (value_class == NB_CLASS_INT && p->ints < NB_INT_ARGUMENTS)
		return (struct nb_place){ NB_PLACE_GPR, gprs[p->ints++] };
	if (value_class != NB_CLASS_INT && p->floats < NB_FLOAT_ARGUMENTS)
		return (struct nb_place){ NB_PLACE_XMM, p->floats++ };
	return nb_place_slot(p, value_class);
}

static inline struct nb_place
nb_place_result(struct nb_placement *p, enum nb_value_class value_class)
{
	static const uint8_t gprs[NB_INT_RESULTS] = {
		NB_RAX, NB_RDX, NB_RCX, NB_RSI, NB_R8, NB_R9
	};
	if (value_class == NB_CLASS_INT && p->ints < NB_INT_RESULTS)
		return (struct nb_place){ NB_PLACE_GPR, gprs[p->ints++] };
	if (value_class != NB_CLASS_INT && p->floats < NB_FLOAT_RESULTS)
		return (struct nb_place){ NB_PLACE_XMM, p->floats++ };
	return nb_place_slot(p, value_class);
}

/* Slots of the incoming-argument area of a type, from both final placements. */
static inline uint32_t
nb_area_slots(const struct nb_placement *arguments, const struct nb_placement *results)
{
	uint32_t slots = arguments->slots > results->slots ? arguments->slots : results->slots;
	return (slots + 1) & ~1u;
}

/* A callable function: import slot, table entry, reference entry. Only trusted
 * routines write these. */
struct nb_callee {
	uint64_t code;	    /* entry in the WebAssembly convention; 0: null */
	uint64_t vmctx;	    /* context the code runs with */
	uint32_t signature; /* canonical signature word; NB_SIGNATURE_NULL: null */
	uint32_t reference; /* what table.get yields; 0: null */
	uint64_t cross;	    /* entered with the callee's address in R11 */
};
enum {
	NB_CALLEE_CODE = 0,
	NB_CALLEE_VMCTX = 8,
	NB_CALLEE_SIGNATURE = 16,
	NB_CALLEE_REFERENCE = 20,
	NB_CALLEE_CROSS = 24,
	NB_CALLEE_SHIFT = 5,
};
_Static_assert(sizeof(struct nb_callee) == 1 << NB_CALLEE_SHIFT, "table index scale");
_Static_assert(offsetof(struct nb_callee, vmctx) == NB_CALLEE_VMCTX, "layout");
_Static_assert(offsetof(struct nb_callee, signature) == NB_CALLEE_SIGNATURE, "layout");
_Static_assert(offsetof(struct nb_callee, reference) == NB_CALLEE_REFERENCE, "layout");
_Static_assert(offsetof(struct nb_callee, cross) == NB_CALLEE_CROSS, "layout");

/* A signature word: canonical type number (from 1) in the low 20 bits, half the
 * incoming-argument area's slots in the upper 12. No type has the null word, so
 * a zero-filled table entry is null and fits no call, speculative ones included. */
#define NB_SIGNATURE_NULL 0u
enum { NB_SIGNATURE_TYPE_BITS = 20 };

struct nb_memory_desc {
	uint64_t base;
	uint64_t length;  /* bytes; read atomically, grows only */
	uint64_t maximum; /* bytes */
};
enum { NB_MEMORY_LENGTH = 8 };
_Static_assert(offsetof(struct nb_memory_desc, length) == NB_MEMORY_LENGTH, "layout");

/* A table; `base` never moves. Storage always covers mask + 1 entries, so a
 * masked index is safe whatever the length. Function tables hold struct
 * nb_callee, extern tables hold uint32_t references. */
struct nb_table_desc {
	uint64_t base;
	uint32_t length; /* entries */
	uint32_t mask;	 /* power of two - 1, at least length - 1 */
	uint32_t maximum;
	uint32_t element; /* NB_TABLE_FUNCTIONS or NB_TABLE_EXTERNS */
};
enum { NB_TABLE_LENGTH = 8, NB_TABLE_MASK = 12, NB_TABLE_FUNCTIONS = 0, NB_TABLE_EXTERNS = 1 };
_Static_assert(offsetof(struct nb_table_desc, length) == NB_TABLE_LENGTH, "layout");
_Static_assert(offsetof(struct nb_table_desc, mask) == NB_TABLE_MASK, "layout");

/* All functions that references name: a reference is an index, 0 is null. `base`
 * never moves; storage always covers mask + 1 entries, and those that no reference
 * names are zero: null. */
struct nb_reference_desc {
	uint64_t base; /* of struct nb_callee */
	uint32_t mask; /* power of two - 1 */
	uint32_t reserved;
};
enum { NB_REFERENCES_BASE = 0, NB_REFERENCES_MASK = 8 };
_Static_assert(offsetof(struct nb_reference_desc, base) == NB_REFERENCES_BASE, "layout");
_Static_assert(offsetof(struct nb_reference_desc, mask) == NB_REFERENCES_MASK, "layout");

/* Tail frames have areas of 0 slots (class 0) or 2^class. */
enum { NB_TAIL_CLASSES = 12, NB_TAIL_HEADER_BYTES = 24 };

/* The least class whose area has so many slots, an even number. */
static inline uint32_t
nb_tail_class(uint32_t area_slots)
{
	return area_slots == 0 ? 0 : 32 - (uint32_t)__builtin_clz(area_slots - 1);
}

static inline uint32_t
nb_tail_class_bytes(uint32_t tail_class)
{
	return tail_class == 0 ? 0 : 8u << tail_class;
}

/* The least frame with which a function may use a tail stub for a callee with that
 * area: the stub moves the area inside the frame that ends. */
static inline uint32_t
nb_tail_frame_bytes(uint32_t area_slots)
{
	if (area_slots == 0)
		return 0;
	return nb_tail_class_bytes(nb_tail_class(area_slots)) + NB_TAIL_HEADER_BYTES + 16;
}

/* R10 for the tail stubs: frame size, slots that results take (rounded up to an
 * even count), the callee's area slots, their class. */
static inline uint64_t
nb_tail_word(uint32_t frame_size, uint32_t result_slots, uint32_t area_slots)
{
	uint64_t results = (result_slots + 1) & ~1u, area = area_slots;
	uint64_t area_class = nb_tail_class(area_slots);

	return frame_size + results * (UINT64_C(1) << 32) + area * (UINT64_C(1) << 44) +
	       area_class * (UINT64_C(1) << 56);
}

/* Builtins: trusted runtime routines that compiled code calls. */
enum nb_builtin {
#define NB_BUILTIN(name, ...) NB_BUILTIN_##name,
#include "abi/builtin.def"
#undef NB_BUILTIN
	NB_BUILTIN_COUNT
};

/* What assembly stubs and the runtime read of the running thread. The kernel's
 * thread starts with it; vmctx.thread points to it. */
struct nb_thread_head {
	uint64_t stack_limit; /* with RSP at or above it a kernel call finds its headroom
			       * present; stubs lower it after touching more */
	uint64_t pending;     /* nonzero: take the slow path before returning to guest code */
	uint64_t guest_sp;    /* RSP of the guest at its kernel call, 0 outside */
	uint64_t activation;  /* innermost struct guest_activation, 0: none */
	uint64_t stack_floor; /* lowest RSP with which a kernel call may ever begin */
};
enum {
	NB_THREAD_STACK_LIMIT = 0,
	NB_THREAD_PENDING = 8,
	NB_THREAD_GUEST_SP = 16,
	NB_THREAD_ACTIVATION = 24,
	NB_THREAD_STACK_FLOOR = 32,
};

/* The fixed head of a vmctx. The arrays of nb_vmctx_layout follow it. */
struct nb_vmctx {
	uint64_t memory_base;	       /* what R14 must hold; a guard slot's base if no memory */
	struct nb_memory_desc *memory; /* descriptor of memory 0, never NULL */
	struct nb_thread_head *thread; /* thread that runs in this instance */
	void *instance;		       /* struct instance of runtime/ */
	uint32_t reference_base;       /* function k of the module has reference base + k */
	uint32_t reserved;
	uint64_t host_function;		      /* of a host context: what guest_host_thunk calls */
	struct nb_reference_desc *references; /* of the store */
	uint64_t tail;			      /* what the template `hard` jumps to */
	uint64_t tail_grow;		      /* the same of `grow` */
	uint64_t reserved_word;
	uint64_t builtins[NB_BUILTIN_COUNT];
};
enum {
	NB_VMCTX_MEMORY_BASE = 0,
	NB_VMCTX_MEMORY_DESC = 8,
	NB_VMCTX_THREAD = 16,
	NB_VMCTX_INSTANCE = 24,
	NB_VMCTX_REFERENCE_BASE = 32,
	NB_VMCTX_HOST_FUNCTION = 40,
	NB_VMCTX_REFERENCES = 48,
	NB_VMCTX_TAIL = 56,
	NB_VMCTX_TAIL_GROW = 64,
	NB_VMCTX_BUILTINS = 80,
};
_Static_assert(offsetof(struct nb_vmctx, memory) == NB_VMCTX_MEMORY_DESC, "layout");
_Static_assert(offsetof(struct nb_vmctx, thread) == NB_VMCTX_THREAD, "layout");
_Static_assert(offsetof(struct nb_vmctx, instance) == NB_VMCTX_INSTANCE, "layout");
_Static_assert(offsetof(struct nb_vmctx, reference_base) == NB_VMCTX_REFERENCE_BASE, "layout");
_Static_assert(offsetof(struct nb_vmctx, host_function) == NB_VMCTX_HOST_FUNCTION, "layout");
_Static_assert(offsetof(struct nb_vmctx, references) == NB_VMCTX_REFERENCES, "layout");
_Static_assert(offsetof(struct nb_vmctx, tail) == NB_VMCTX_TAIL, "layout");
_Static_assert(offsetof(struct nb_vmctx, tail_grow) == NB_VMCTX_TAIL_GROW, "layout");
_Static_assert(offsetof(struct nb_vmctx, builtins) == NB_VMCTX_BUILTINS, "layout");

/* What the arrays behind the head depend on; all counts are of index spaces,
 * imports included, except `imports`. */
struct nb_vmctx_counts {
	uint32_t globals;
	uint32_t tables;
	uint32_t memories;
	uint32_t imports; /* imported functions */
	uint32_t types;
};

/* Byte offsets from R15. Hot arrays first.
 *   globals   16 bytes each: the value, or for an imported mutable global the
 *             address of the exporter's cell in the first 8 bytes
 *   tables    16 bytes each: base, address of struct nb_table_desc
 *   memories  struct nb_vmctx_memory each
 *   types     4 bytes each: signature word
 *   imports   struct nb_callee each */
struct nb_vmctx_layout {
	uint32_t globals;
	uint32_t tables;
	uint32_t memories;
	uint32_t types;
	uint32_t imports;
	uint32_t size; /* bytes in all, a multiple of 64 */
};
enum { NB_VMCTX_TABLE_BASE = 0, NB_VMCTX_TABLE_DESC = 8 };

/* A memory as an instance sees it; nothing of it ever changes. */
struct nb_vmctx_memory {
	uint64_t base;
	struct nb_memory_desc *desc;
	uint64_t bound; /* see "Linear memory" above */
	uint64_t reserved;
};
enum {
	NB_VMCTX_MEMORY_SHIFT = 5,
	NB_VMCTX_ENTRY_BASE = 0,
	NB_VMCTX_ENTRY_DESC = 8,
	NB_VMCTX_ENTRY_BOUND = 16,
};
_Static_assert(sizeof(struct nb_vmctx_memory) == 1 << NB_VMCTX_MEMORY_SHIFT, "layout");
_Static_assert(offsetof(struct nb_vmctx_memory, desc) == NB_VMCTX_ENTRY_DESC, "layout");
_Static_assert(offsetof(struct nb_vmctx_memory, bound) == NB_VMCTX_ENTRY_BOUND, "layout");

/* False if the vmctx would pass 2^31 - 1 bytes. */
static inline bool
nb_vmctx_layout_compute(const struct nb_vmctx_counts *counts, struct nb_vmctx_layout *out)
{
	uint64_t at = (sizeof(struct nb_vmctx) + 15) & ~15ull;
	out->globals = (uint32_t)at;
	at += 16ull * counts->globals;
	out->tables = (uint32_t)at;
	at += 16ull * counts->tables;
	out->memories = (uint32_t)at;
	at += (uint64_t)sizeof(struct nb_vmctx_memory) * counts->memories;
	out->imports = (uint32_t)at;
	at += (uint64_t)sizeof(struct nb_callee) * counts->imports;
	out->types = (uint32_t)at;
	at += 4ull * counts->types;
	at = (at + 63) & ~63ull;
	out->size = (uint32_t)at;
	return at <= INT32_MAX;
}

/* A recorded place in the code: where it may trap (kind from trap.def or one
 * of the special kinds) or where a call returns to. Sorted by code_offset; one
 * offset may be both, when a trapping instruction follows a call. */
struct nb_code_site {
	uint32_t code_offset; /* from the image's start: of the trapping
			       * instruction, or of the return address */
	uint32_t info;	      /* kind << 24 | wasm offset from the function body's start, as
			       * a signed number of 24 bits: outside this body it
			       * names an instruction of an inlined function's */
};
enum {
	NB_SITE_CALL = 0xff,	  /* return address of a call */
	NB_SITE_DYNAMIC = 0xfe,	  /* ud2: EAX holds the enum nb_trap number */
	NB_SITE_INDIRECT = 0xfd,  /* ud2: R10 points to the callee that did not fit: null ->
				  * UNINITIALIZED_ELEMENT, else INDIRECT_CALL_TYPE */
	NB_SITE_REFERENCE = 0xfb, /* ud2: likewise, but null -> NULL_FUNCTION_REFERENCE */
	NB_SITE_DIVIDE = 0xfc,	  /* hardware divide error: INTEGER_DIVIDE_BY_ZERO if the divisor
				  * is zero; the compiler emits explicit checks for overflow */
};

/* A label to which branches from behind it lead, or a jump table: what holds
 * there, whatever the way. Sorted by code_offset, one for each place. Labels that
 * only branches before them lead to need none. */
struct nb_code_claim {
	uint32_t code_offset; /* from the image's start */
	uint32_t extended;    /* bit for each general register with a zero upper half */
};

/* One compiled function. */
struct nb_code_function {
	uint32_t code_offset; /* of the entry, 16-aligned, from the image's start */
	uint32_t code_size;   /* bytes of instructions */
	uint32_t pool_size;   /* bytes of constants and jump tables right behind (16-aligned) */
	uint32_t frame_size;  /* F above */
	uint32_t first_site;  /* its sites end where the next function's begin */
	uint32_t first_claim; /* likewise */
	uint32_t wasm_offset; /* of the function body in the module's bytes */
};

/* Everything the compiler produced for a module. Position independent. */
struct nb_code_image {
	const uint8_t *code;
	size_t code_size;
	const struct nb_code_function *functions; /* defined functions, in order */
	uint32_t function_count;
	const struct nb_code_site *sites;
	uint32_t site_count;
	const struct nb_code_claim *claims;
	uint32_t claim_count;
	uint32_t cpu_features; /* NB_CPU_* the code needs */
};

/* Processor features beyond x86-64-v2 that code may be compiled for. AVX means
 * the VEX.128 forms only: nothing reads or keeps more than the low 128 bits of a
 * vector register, so those are all that is saved of an interrupted thread. */
enum nb_cpu_feature {
	NB_CPU_AVX = 1 << 0,
	NB_CPU_BMI1 = 1 << 1,
	NB_CPU_BMI2 = 1 << 2,
	NB_CPU_LZCNT = 1 << 3,
};

#endif
