/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/adebackup/boot_cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define STEP_MS 100u
#define SETTLE_MS 1500u		/* after what was waited for, so that the screen shows it */
#define GRACE_MS 5000u		/* after a failure: some firmware tries more than one device */
#define NO_LOADER_MS 5000u	/* silence of a disk that has nothing to start */
#define LIMIT_S 600u
#define SCREEN_MAX (32u << 20)

/* Why it is over, "" when the guest itself shows why; NULL: it is not. */
static const char *is_over(struct boot *b, uint64_t now, uint64_t *failed_at)
{
	struct console_watch *w = &b->guest.watch;
	uint64_t limit = options_number(b->in->options, OPT_TIMEOUT, LIMIT_S) * 1000;
	struct pollfd wake = { .fd = b->state.wake_fd, .events = POLLIN };

	if (w->reached)
		return now - w->last >= SETTLE_MS || now - w->started - w->at_reached >= 4 * SETTLE_MS ? "" : NULL;
	if (poll(&wake, 1, 0) > 0)
		return "interrupted";
	if (b->guest.io_error[0])
		return b->guest.io_error;
	if (w->failure && !*failed_at)
		*failed_at = now;
	if (*failed_at && now - *failed_at >= GRACE_MS)
		return "";
	if (!b->plan.startable && w->stage < STAGE_KERNEL && now - w->last >= NO_LOADER_MS)
		return b->plan.machine.generation == MACHINE_GEN2 ? "the OS disk has no EFI loader"
								  : "the boot sector of the OS disk holds no boot code";
	if (console_watch_silent(w, now))
		return "it said nothing on its serial line for 60 s, and its kernel was not heard";
	return now - w->started >= limit ? "it took longer than --timeout allows" : NULL;
}

static const char *attend(struct boot *b)
{
	uint64_t failed_at = 0;
	const char *why;

	while (guest_step(&b->guest, b->state.wake_fd, STEP_MS)) {
		why = is_over(b, guest_clock_ms(), &failed_at);
		if (why)
			return *why ? why : NULL;
	}
	return b->guest.watch.failure ? NULL : "QEMU ended";
}

/* A picture is welcome and no more. */
static void take_picture(struct boot *b)
{
	AUTO(fd) int fd = -1;
	struct stat st;
	ssize_t n;

	if (guest_screenshot(&b->guest, b->state.screen, NULL))
		return;
	fd = open(b->state.screen, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) || st.st_size <= 0 || st.st_size > (off_t)SCREEN_MAX)
		return;
	b->drill->screen = malloc((size_t)st.st_size);
	n = b->drill->screen ? read(fd, b->drill->screen, (size_t)st.st_size) : 0;
	b->drill->screen_len = n > 0 ? (size_t)n : 0;
}

/* Of the machine that was started; of one that was not, what was asked for. */
static json_t *about_it(const struct boot *b)
{
	const struct machine *m = &b->plan.machine;
	json_t *about = json_pack("{s:s, s:s, s:s}", "VM", m->name[0] ? m->name : b->name, "source", b->in->operands[0],
				  "point", b->in->n_operands == 2 ? b->in->operands[1] : "");

	if (!b->started)
		return about;
	json_object_set_new(about, "generation", json_integer(m->generation));
	json_object_set_new(about, "disks", json_string(b->plan.decrypted ? "decrypted"
							: b->plan.encrypted ? "encrypted" : "plain"));
	json_object_set_new(about, "accelerator", json_string(b->plan.accel == QEMU_KVM ? "KVM" : "emulation"));
	json_object_set_new(about, "milliseconds to QEMU's start", json_integer((json_int_t)(b->started - b->began)));
	return about;
}

static int write_report(const struct boot *b, struct error *err)
{
	const char *path = options_get(b->in->options, OPT_REPORT);
	AUTO(json_decref) json_t *about = path ? about_it(b) : NULL;

	if (!path)
		return 0;
	return about ? drill_write_html(b->drill, about, path, err) : error_set(err, ENOMEM, "out of memory");
}

static void tell(const struct boot *b)
{
	const struct drill *d = b->drill;

	if (b->in->report->json || (b->in->report->quiet && d->passed))
		return;
	printf("%s: %s%s%s\n", b->plan.machine.name, d->passed ? "passed" : "FAILED", d->passed ? "" : ": ", d->reason);
	if (d->line[0])
		printf("  it said: %s\n", d->line);
	for (size_t i = 0; i < d->n_checks; i++)
		printf("  %s %s (%s): %s%s\n", d->check[i].disk, d->check[i].volume, d->check[i].holds,
		       d->check[i].result == DRILL_NOT_CHECKED ? "not checked: " : "",
		       d->check[i].result == DRILL_CLEAN ? "clean" : d->check[i].words);
	if (d->reached_ms)
		printf("  up after %llu.%llu s\n", (unsigned long long)d->reached_ms / 1000,
		       (unsigned long long)d->reached_ms % 1000 / 100);
}

void boot_drill_failed(struct boot *b, const struct error *why)
{
	bool named = !why->object[0] || strstr(why->text, why->object);
	struct drill *d = b->drill;
	struct error err = ERROR_INIT;

	if (b->started)
		return;		/* QEMU ran: what failed is the telling */
	d->passed = false;
	snprintf(d->stage, sizeof(d->stage), "not started");
	snprintf(d->reason, sizeof(d->reason), "the VM was not started: %.300s%s%.400s%s%.250s", named ? "" : why->object,
		 named ? "" : ": ", why->text, why->next[0] ? "; " : "", why->next);
	if (write_report(b, &err))
		report_warning(&b->report, &err);
	b->report.beside = json_pack("{s:o}", "drill", drill_json(d));
}

int boot_drill(struct boot *b, const struct qemu_command *c, json_t *result, struct error *err)
{
	const char *why;
	int rc = boot_start(b, c, err);

	if (rc)
		return rc;
	why = attend(b);
	take_picture(b);
	drill_conclude(b->drill, &b->guest.watch, why);
	guest_close(&b->guest);
	if (json_object_set_new(result, "drill", drill_json(b->drill)) ||
	    json_object_set_new(result, "timing", boot_timing(b)))
		return error_set(err, ENOMEM, "out of memory");
	tell(b);
	b->code = !b->drill->passed ? EXIT_OTHER : drill_unchecked(b->drill) ? EXIT_WARNINGS : EXIT_DONE;
	return write_report(b, err);
}
