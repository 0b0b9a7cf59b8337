/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest's serial line says of its start: how far it has come, whether
 * it asks for a login, why it cannot go on, that it has fallen silent.  Pure:
 * fed with bytes and a clock.
 */
#ifndef ADE_TOOLS_LIB_CONSOLE_WATCH_H
#define ADE_TOOLS_LIB_CONSOLE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_SILENCE_MS 60000u
#define CONSOLE_TAIL 4096u

enum console_stage { STAGE_FIRMWARE, STAGE_LOADER, STAGE_KERNEL, STAGE_LOGIN };

struct console_watch {
	const char *expect;		/* borrowed; NULL: a login prompt */
	enum console_stage stage;
	bool reached;			/* what is expected was said */
	const char *failure;		/* static words: why it does not start; NULL: nothing said so */
	char said[160];			/* the line that says so */
	uint64_t started, last;		/* ms */
	uint64_t at_loader, at_kernel, at_reached;	/* ms after the start; 0: not yet */
	bool told_silent;
	char tail[CONSOLE_TAIL + 1];	/* the last bytes, NULs made blanks */
	size_t len;
};

void console_watch_init(struct console_watch *w, const char *expect, uint64_t now);
void console_watch_feed(struct console_watch *w, const void *data, size_t len, uint64_t now);

/* True once: nothing was said for CONSOLE_SILENCE_MS, and no kernel is heard yet. */
bool console_watch_silent(struct console_watch *w, uint64_t now);

const char *console_stage_name(enum console_stage stage);	/* "firmware", "loader", "kernel", "login" */

#endif
