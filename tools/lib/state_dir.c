/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/state_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int state_dir(char *out, size_t size)
{
	const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n;

	if (base && base[0] == '/')
		n = snprintf(out, size, "%s/adebackup", base);
	else if (home && home[0] == '/')
		n = snprintf(out, size, "%s/.local/state/adebackup", home);
	else
		return -ENOENT;
	if (n < 0 || (size_t)n >= size)
		return -ENAMETOOLONG;
	for (char *p = out + 1; *p; p++)
		if (*p == '/') {
			*p = '\0';
			mkdir(out, 0700);
			*p = '/';
		}
	return mkdir(out, 0700) < 0 && errno != EEXIST ? -ENOENT : 0;
}
