/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/console_watch.h"

#include <stdio.h>
#include <string.h>

static const struct { const char *text, *why; } failures[] = {
	{ "No bootable device", "the firmware finds nothing to start: the boot sector is missing or broken" },
	{ "not a bootable disk", "the firmware finds nothing to start: the boot sector is missing or broken" },
	{ "Boot failed: could not read the boot disk", "the firmware cannot read the OS disk" },
	{ "No bootable option or device", "the firmware finds no EFI loader" },
	{ "BdsDxe: failed to load Boot", "the firmware finds no EFI loader" },
	{ "grub rescue>", "GRUB does not find its own files" },
	{ "Hard Disk Error", "GRUB's first part cannot read the second" },
	{ "Geom Error", "GRUB's first part cannot read the second" },
	{ "Unable to mount root fs", "the kernel cannot mount the root file system" },
	{ "No init found", "the root file system holds no init" },
	{ "Target filesystem doesn't have requested", "the root file system holds no init" },
	{ "Gave up waiting for root", "the root file system's device does not appear" },
	{ "can't unlock " , "the initramfs does not find the encrypted root volume" },
	{ "bad password or options", "the initramfs cannot open the encrypted root volume" },
	{ "on /root failed:", "the root file system cannot be mounted" },
	{ "Failed to mount sysroot.mount", "the root file system cannot be mounted" },
	{ "requires a manual fsck", "the root file system is damaged" },
	{ "(initramfs)", "the initramfs stopped and shows a shell" },
	{ "dracut:/#", "the initramfs stopped and shows a shell" },
	{ "Entering emergency mode", "the guest stopped in emergency mode" },
	{ "You are in emergency mode", "the guest stopped in emergency mode" },
	{ "Kernel panic - not syncing", "the kernel stopped (panic)" },
};

const char *console_stage_name(enum console_stage stage)
{
	static const char *const names[] = { "firmware", "loader", "kernel", "login" };

	return names[stage];
}

void console_watch_init(struct console_watch *w, const char *expect, uint64_t now)
{
	*w = (struct console_watch){ .expect = expect, .started = now, .last = now };
}

static void keep_tail(struct console_watch *w, const char *data, size_t len)
{
	if (len > CONSOLE_TAIL) {
		data += len - CONSOLE_TAIL;
		len = CONSOLE_TAIL;
	}
	if (w->len + len > CONSOLE_TAIL) {
		size_t drop = w->len + len - CONSOLE_TAIL;

		memmove(w->tail, w->tail + drop, w->len - drop);
		w->len -= drop;
	}
	for (size_t i = 0; i < len; i++)
		w->tail[w->len++] = data[i] ? data[i] : ' ';
	w->tail[w->len] = '\0';
}

/* The line in which p stands, for people: without control characters. */
static void quote_line(struct console_watch *w, const char *p)
{
	size_t n = 0;

	while (p > w->tail && p[-1] != '\n' && p[-1] != '\r')
		p--;
	for (; *p && *p != '\n' && *p != '\r' && n + 1 < sizeof(w->said); p++)
		w->said[n++] = (unsigned char)*p < 32 || *p == 127 ? ' ' : *p;
	w->said[n] = '\0';
}

static void find_failure(struct console_watch *w)
{
	for (size_t i = 0; !w->failure && i < sizeof(failures) / sizeof(failures[0]); i++) {
		const char *p = strstr(w->tail, failures[i].text);

		if (!p)
			continue;
		w->failure = failures[i].why;
		quote_line(w, p);
	}
}

static bool says_login(const struct console_watch *w)
{
	size_t n = w->len;

	while (n && w->tail[n - 1] == ' ')
		n--;
	return n >= 7 && !memcmp(w->tail + n - 7, " login:", 7);
}

static void reach(struct console_watch *w, enum console_stage stage, uint64_t *at, uint64_t now)
{
	if (w->stage < stage)
		w->stage = stage;
	if (at && !*at)
		*at = now - w->started;
}

static void find_stage(struct console_watch *w, uint64_t now)
{
	if (w->stage < STAGE_LOADER && (strstr(w->tail, "GRUB") || strstr(w->tail, "Booting from Hard Disk")))
		reach(w, STAGE_LOADER, &w->at_loader, now);
	if (w->stage < STAGE_KERNEL && (strstr(w->tail, "Linux version") || strstr(w->tail, "[    0.") ||
					strstr(w->tail, "Loading, please wait")))
		reach(w, STAGE_KERNEL, &w->at_kernel, now);
	if (says_login(w))
		reach(w, STAGE_LOGIN, w->expect ? NULL : &w->at_reached, now);
	if (w->expect && strstr(w->tail, w->expect) && !w->at_reached)
		w->at_reached = now - w->started;
	w->reached = w->at_reached > 0;
}

/* In pieces, so that a long burst does not run past the tail unseen. */
void console_watch_feed(struct console_watch *w, const void *data, size_t len, uint64_t now)
{
	const char *p = data;

	if (now <= w->started)
		now = w->started + 1;
	if (len)
		w->last = now;
	while (len) {
		size_t n = len < CONSOLE_TAIL / 2 ? len : CONSOLE_TAIL / 2;

		keep_tail(w, p, n);
		find_stage(w, now);
		find_failure(w);
		p += n;
		len -= n;
	}
}

bool console_watch_silent(struct console_watch *w, uint64_t now)
{
	if (w->told_silent || w->stage >= STAGE_KERNEL || w->reached || now - w->last < CONSOLE_SILENCE_MS)
		return false;
	w->told_silent = true;
	return true;
}
