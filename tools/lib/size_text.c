/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/size_text.h"

#include <stddef.h>
#include <stdio.h>

struct size_text size_text(uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double n = (double)bytes;
	struct size_text out;
	size_t i = 0;

	while (n >= 1024 && i + 1 < sizeof(units) / sizeof(units[0])) {
		n /= 1024;
		i++;
	}
	snprintf(out.text, sizeof(out.text), i ? "%.1f %s" : "%.0f %s", n, units[i]);
	return out;
}
