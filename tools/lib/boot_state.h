/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `boot` keeps while its guest runs: a private folder with the mount and
 * a few files, the terminal as it was, and a thread that takes the signals, so
 * that the guest is stopped before its disks go.
 */
#ifndef ADE_TOOLS_LIB_BOOT_STATE_H
#define ADE_TOOLS_LIB_BOOT_STATE_H

#include "crypto/error.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <termios.h>

#define BOOT_DIR "boot"		/* use of the private folder (private_dir.h) */

struct boot_state {
	char *base;			/* the private folder */
	int base_fd;			/* locked: it is ours as long as this process lives */
	char *mount;			/* base/mnt */
	char *work;			/* base/work: helpers' files */
	char *qmp, *serial, *vars, *screen;	/* files in base: names alone */
	int wake_fd;			/* readable: a signal asks for the end */
	_Atomic bool guarded;		/* a signal wakes; before, it ends the process */
	_Atomic bool finished;
	bool watching, has_terminal;
	pthread_t watcher;
	struct termios terminal;
};

/* Makes the folder and takes the signals INT, TERM and HUP, before other
 * threads are started.  0 or -errno with words. */
int boot_state_begin(struct boot_state *s, struct error *err);

/* From now on the caller looks at wake_fd. */
void boot_state_guard(struct boot_state *s);

/* Gives all back: the mount, if it is still there, and the folder. */
void boot_state_end(struct boot_state *s);

#endif
