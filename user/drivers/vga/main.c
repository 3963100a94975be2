/*
 * VGA's text mode.
 *
 * Service "display": a message is text to show, UTF-8; the reply is empty and comes when
 * it is on the screen. The firmware has set the mode and loaded the glyphs; where it has
 * not, text is taken and not shown.
 *
 * Source: IBM VGA XGA Technical Reference Manual, 1992, section 2.
 */
#include "user/drivers/vga/screen.h"
#include "user/libs/driver/driver.h"
#include "user/sdk/manifest.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

NEBULET_MANIFEST("name vga", "platform vga", "port 0x3ce 2 rw", "port 0x3d4 2 rw",
		 "mmio 0xb8000 32K", "offers display");

enum {
	PORT_GRAPHICS = 0x3ce,
	GRAPHICS_MISC = 6,
	MISC_MAP = 0x0d,  /* which addresses, and whether it is graphics */
	MISC_TEXT = 0x0c, /* text, at WINDOW */
	PORT_CRT = 0x3d4,
	CRT_CURSOR_START = 0x0a,
	CURSOR_FROM_LINE = 14,
	CRT_CURSOR_END = 0x0b,
	CURSOR_TO_LINE = 15,
	CRT_START_HIGH = 0x0c,
	CRT_START_LOW = 0x0d,
	CRT_CURSOR_HIGH = 0x0e,
	CRT_CURSOR_LOW = 0x0f,
	WINDOW_BYTES = 0x8000,
};

static struct service service;
static struct screen screen;
static uint8_t window[WINDOW_BYTES] __attribute__((aligned(4096)));

static void
set_crt(uint8_t at, uint32_t value)
{
	nb_port_write8(PORT_CRT, at);
	nb_port_write8(PORT_CRT + 1, value & 0xff);
}

static bool
is_text_mode(void)
{
	nb_port_write8(PORT_GRAPHICS, GRAPHICS_MISC);
	return (nb_port_read8(PORT_GRAPHICS + 1) & MISC_MAP) == MISC_TEXT;
}

static void
show_cursor(void)
{
	uint32_t at = screen.row * SCREEN_COLUMNS + screen.column;

	set_crt(CRT_CURSOR_HIGH, at >> 8);
	set_crt(CRT_CURSOR_LOW, at);
}

static enum nb_status
set_up(void)
{
	int64_t memory = nb_mmio_create(startup_handle("mmio0"), 0, WINDOW_BYTES);

	if (memory < 0 || nb_memory_map((uint32_t)memory, 0, WINDOW_BYTES,
					(uint32_t)(uintptr_t)window, NB_MAP_WRITE) < 0)
		return NB_OUT_OF_MEMORY;
	if (!is_text_mode()) {
		static const char text[] = "vga: not in text mode; nothing will be shown";

		/* The cells are memory like any other then. */
		(void)nb_memory_unmap((uint32_t)(uintptr_t)window);
		(void)nb_log_write(NB_LOG_INFO, text, sizeof text - 1);
	}
	(void)nb_handle_close((uint32_t)memory);
	screen_init(&screen, (volatile uint16_t *)(void *)window);
	set_crt(CRT_START_HIGH, 0);
	set_crt(CRT_START_LOW, 0);
	set_crt(CRT_CURSOR_START, CURSOR_FROM_LINE);
	set_crt(CRT_CURSOR_END, CURSOR_TO_LINE);
	show_cursor();
	return NB_OK;
}

static void
request(const struct service_event *event)
{
	screen_write(&screen, event->bytes, event->len);
	show_cursor();
	service_reply(&service, event->index, "", 0, NB_HANDLE_NONE);
}

int
module_main(void)
{
	static const struct driver_events events = { .set_up = set_up, .request = request };

	return driver_run(&service, &events);
}
