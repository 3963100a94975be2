/*
 * The calls of 2018 with random and boundary arguments, among them handles of every kind, those of others and
 * those that are gone: errors only, and what should work works afterwards. As a driver it also tries to
 * reach what is not its device's.
 */
#include "edu.h"
#include "user/sdk/manifest.h"

NEBULET_MANIFEST("name hostile", "pci 1234:11e8", "mmio bar0", "irq pci");

enum { ROUNDS = 20000, HANDLES = 16, MAPPINGS = 50, PAGES = 16 };

static uint64_t seed = 1;
static uint32_t pool[HANDLES];
static uint32_t mapped;
static uint8_t bytes[256];

static uint64_t
draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint32_t
number(void)
{
	static const uint32_t edges[] = { 0,	      1,	  2,	   4095,   4096,
					  65535,      65536,	  1 << 20, 0xffff, 0x7fffffff,
					  0x80000000, 0xfffffff0, ~0u - 1, ~0u };

	switch (draw() % 4) {
	case 0:
		return edges[draw() % (sizeof edges / sizeof edges[0])];
	case 1:
		return (uint32_t)draw();
	case 2:
		return (uint32_t)draw() % 300;
	default:
		return (uint32_t)(uintptr_t)bytes + (uint32_t)draw() % sizeof bytes;
	}
}

/* Mostly a handle that there is. */
static uint32_t
handle(void)
{
	return draw() % 4 ? pool[draw() % HANDLES] : number();
}

/* A result is an error that there is, or a value; a handle takes somebody's place. */
static void
keep(int64_t result)
{
	uint32_t *place = &pool[draw() % HANDLES];

	EXPECT(result > -64);
	if (result <= 0)
		return;
	(void)handle_close(*place);
	*place = (uint32_t)result;
}

static void
check(int64_t result)
{
	EXPECT(result > -64 && result <= 0);
}

static void
make_ends(int is_stream)
{
	uint32_t ends[2];

	EXPECT((is_stream ? stream_create : channel_create)(&ends[0], &ends[1]) == 0);
	keep(ends[0]);
	keep(ends[1]);
}

/* One call that neither blocks nor ends anything. */
static void
call(void)
{
	switch (draw() % 20) {
	case 0:
		check(handle_close(handle()));
		break;
	case 1:
		keep(handle_duplicate(handle(), number()));
		break;
	case 2:
		keep(wasm_compile((void *)(uintptr_t)number(), number() % 65536));
		break;
	case 3:
		keep(process_create(handle(), handle()));
		break;
	case 4:
		check(channel_create((void *)0xfffffffd, (void *)(uintptr_t)number()));
		break;
	case 5:
		make_ends(draw() % 2);
		break;
	case 6:
	case 7:
		check(channel_send(handle(), (void *)(uintptr_t)number(), number()));
		break;
	case 8:
	case 9:
		check(channel_recv(handle(), bytes, (uint32_t)draw() % sizeof bytes,
				   (void *)(bytes + sizeof bytes - 4)));
		break;
	case 10:
		check(stream_write(handle(), (void *)(uintptr_t)number(), number(),
				   (void *)(bytes + sizeof bytes - 4)));
		break;
	case 11:
		check(stream_read(handle(), bytes, (uint32_t)draw() % sizeof bytes,
				  (void *)(bytes + sizeof bytes - 4)));
		break;
	case 12:
		keep(event_create());
		break;
	case 13:
		check(object_signal(handle(), (uint32_t)draw(), number()));
		break;
	case 14:
		check(object_signal(handle(), number() << 24, number() << 24));
		break;
	case 15:
		keep(interrupt_create(handle(), number()));
		break;
	case 16:
		check(interrupt_ack(handle()));
		break;
	case 17:
		print((void *)(uintptr_t)(0xffff0000u + number() % 65536), number() | 65536);
		break;
	case 18:
		check(thread_spawn((void *)(uintptr_t)(number() | 4096), number(), 0));
		break;
	default:
		check(random_fill(bytes, (uint32_t)draw() % sizeof bytes));
		check(cprng_fill((void *)(uintptr_t)(0xffff0000u + number() % 65536),
				 number() | 65536));
		break;
	}
}

/* Bytes around the registers, and anywhere: only what lies among them is mapped. */
static void
reach(const struct edu *edu)
{
	const uint64_t address = edu->address;
	uint64_t at = draw() % 2 ? draw() : address - EDU_BYTES + draw() % (3 * EDU_BYTES);
	uint32_t size = draw() % 2 ? (uint32_t)draw() >> draw() % 32 : number();
	int is_inside = size && at >= address && at < address + EDU_BYTES &&
			size <= address + EDU_BYTES - at;

	if (!is_inside) {
		EXPECT(physical_map(at, size) ==
		       (size ? ERROR_ACCESS_DENIED : ERROR_INVALID_ARGUMENT));
	} else if (mapped < MAPPINGS && size < PAGES * 4096) {
		int64_t offset = physical_map(at, size);

		EXPECT(offset > 0 && offset % 4096 == (int64_t)(at % 4096));
		mapped++;
	}
}

static void
works(void)
{
	uint32_t tx, rx, len;

	EXPECT(channel_create(&tx, &rx) == 0);
	EXPECT(channel_send(tx, "whole", 5) == 0);
	EXPECT(channel_recv(rx, bytes, sizeof bytes, &len) == 0 && len == 5 && bytes[4] == 'e');
}

void
main_of_2018(void)
{
	struct edu edu;
	int64_t opened = edu_open(&edu);

	for (uint32_t round = 0; round < ROUNDS; round++) {
		call();
		if (opened == 0)
			reach(&edu);
	}
	works();
	if (opened == 0)
		EXPECT(mapped == MAPPINGS);
	SAY("errors only");
}
