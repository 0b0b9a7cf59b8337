/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/net/reload.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

static _Atomic unsigned count;

static void on_hangup(int signal_number)
{
	(void)signal_number;
	atomic_fetch_add(&count, 1);
}

void reload_on_sighup(void)
{
	struct sigaction act = { .sa_handler = on_hangup, .sa_flags = SA_RESTART };

	sigemptyset(&act.sa_mask);
	sigaction(SIGHUP, &act, NULL);
}

unsigned reload_count(void)
{
	return atomic_load(&count);
}
