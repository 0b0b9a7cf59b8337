/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/process.h"
#include "crypto/secret.h"

#include <malloc.h>

/* By default there are eight a processor: chunks that one thread allocates and
 * another frees then pile up in all of them, at twice the memory in use. */
#define ARENAS 2

int process_init(void)
{
	mallopt(M_ARENA_MAX, ARENAS);
	return secret_process_init();
}
