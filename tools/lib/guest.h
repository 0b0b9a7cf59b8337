/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A QEMU that runs under our eyes: started, listened to (serial log, QMP), and
 * stopped.  It gets a SIGTERM when the thread that started it ends.
 */
#ifndef ADE_TOOLS_LIB_GUEST_H
#define ADE_TOOLS_LIB_GUEST_H

#include "crypto/error.h"
#include "tools/lib/console_watch.h"
#include "tools/lib/qmp.h"

#include <sys/types.h>

struct guest_request {
	char *const *argv;
	const char *qmp_socket, *serial_log;	/* as argv says */
	const char *expect;			/* for the watch */
	bool terminal;				/* QEMU has our standard input and output; else none */
};

struct guest {
	pid_t pid;			/* 0: ended */
	int pid_fd, log_fd;
	uint64_t spawned;		/* ms: QEMU's program runs */
	int status;			/* of wait(2), when ended */
	struct qmp *qmp;
	struct console_watch watch;
	char io_error[160];		/* a disk failed and the guest was stopped; "": none did */
	bool panicked, shut_down;	/* as QEMU says */
};

/* 0 when QEMU runs and answers; -ENOTSUP with words: it is not installed; -EIO:
 * it ended at once, for a reason that it wrote on standard error. */
int guest_start(struct guest *g, const struct guest_request *r, struct error *err);

/* Sleeps at most timeout_ms, less when something happens: the guest says or
 * does something, it ends, wake_fd is readable.  False: it has ended. */
bool guest_step(struct guest *g, int wake_fd, unsigned timeout_ms);

/* PNG.  0 or -errno with words. */
int guest_screenshot(struct guest *g, const char *path, struct error *err);

/* Ends it, within a few seconds.  Its disks are flushed. */
void guest_stop(struct guest *g);
void guest_close(struct guest *g);	/* stops it first */

uint64_t guest_clock_ms(void);		/* what the watch counts in */

#endif
