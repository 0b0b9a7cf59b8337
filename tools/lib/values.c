/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/values.h"
#include "crypto/bytes.h"
#include "tools/lib/options.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t suffix_factor(const char *kind, const char *suffix)
{
	static const char seconds[] = "smhd", size[] = "KMGT";
	static const uint64_t each[] = { 1, 60, 3600, 86400 };
	const char *at;

	if (!*suffix)
		return 1;
	if (suffix[1] && strcmp(suffix + 1, "iB") && strcmp(suffix + 1, "B"))
		return 0;
	if (!strcmp(kind, "SECONDS") && !suffix[1] && (at = strchr(seconds, *suffix)))
		return each[at - seconds];
	if (!strcmp(kind, "SIZE") && (at = strchr(size, toupper((unsigned char)*suffix))))
		return 1ull << (10 * (at - size + 1));
	return 0;
}

int value_number(const char *kind, const char *value, uint64_t *out)
{
	int base = strcmp(kind, "MODE") ? 10 : 8;
	uint64_t n, factor;
	char *end;

	if (!isdigit((unsigned char)*value))
		return -EINVAL;
	errno = 0;
	n = strtoull(value, &end, base);
	if (errno)
		return -EINVAL;
	factor = suffix_factor(kind, end);
	if (!factor || !mul_u64(n, factor, &n))
		return -EINVAL;
	if (base == 8 && n & ~(uint64_t)0444)
		return -EINVAL;
	*out = n;
	return 0;
}

/* Is value one of "this|that"? */
static bool is_choice(const char *choices, const char *value)
{
	size_t len = strlen(value), n;

	for (;; choices += n + 1) {
		n = strcspn(choices, "|");
		if (n == len && !strncmp(choices, value, n))
			return true;
		if (!choices[n])
			return false;
	}
}

int value_check(const char *name, const char *kind, const char *value, struct error *err)
{
	uint64_t n;

	if (!strcmp(kind, "N") || !strcmp(kind, "SECONDS") || !strcmp(kind, "SIZE") ||
	    !strcmp(kind, "MODE")) {
		if (!value_number(kind, value, &n))
			return 0;
		error_set(err, EINVAL, "%s=%.64s: not a value for it", name, value);
		error_next(err, "%s", !strcmp(kind, "N") ? "give a number" :
			   !strcmp(kind, "MODE") ? "give an octal mode of read bits, like 0440" :
			   !strcmp(kind, "SIZE") ? "give bytes, or a number with K, M, G or T"
						 : "give seconds, or a number with m, h or d");
		return -EINVAL;
	}
	if (strchr(kind, '|') && !strpbrk(kind, "[]:") && !is_choice(kind, value))
		return error_set(err, EINVAL, "%s=%.64s: must be one of %s", name, value, kind);
	return 0;
}

static int whole_number(const char *value, unsigned *out)
{
	unsigned long n;
	char *end;

	if (!isdigit((unsigned char)*value))
		return -EINVAL;
	errno = 0;
	n = strtoul(value, &end, 10);
	if (errno || *end || n >= UINT32_MAX)
		return -EINVAL;
	*out = (unsigned)n;
	return 0;
}

int value_uid(const char *value, unsigned *uid, struct error *err)
{
	const struct passwd *pw;

	if (!whole_number(value, uid))
		return 0;
	pw = getpwnam(value);
	if (!pw)
		return error_set(err, EINVAL, "there is no user %.64s on this machine", value);
	*uid = pw->pw_uid;
	return 0;
}

int value_gid(const char *value, unsigned *gid, struct error *err)
{
	const struct group *gr;

	if (!whole_number(value, gid))
		return 0;
	gr = getgrnam(value);
	if (!gr)
		return error_set(err, EINVAL, "there is no group %.64s on this machine", value);
	*gid = gr->gr_gid;
	return 0;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

unsigned edit_distance(const char *a, const char *b)
{
	unsigned rows[3][48], *before = rows[0], *last = rows[1], *row = rows[2], *t, i, j;
	unsigned n = (unsigned)strnlen(a, 48), m = (unsigned)strnlen(b, 48);

	if (n > 46 || m > 46)
		return 99;
	for (j = 0; j <= m; j++)
		last[j] = j;
	memset(before, 0, sizeof(rows[0]));
	for (i = 1; i <= n; i++) {
		row[0] = i;
		for (j = 1; j <= m; j++) {
			row[j] = least(last[j] + 1, row[j - 1] + 1,
				       last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1, row[j]);
		}
		t = before;
		before = last;
		last = row;
		row = t;
	}
	return last[m];
}

const char *option_nearest(const char *typed, uint64_t groups)
{
	size_t dashes = strspn(typed, "-"), i;
	const char *best = NULL;
	unsigned near = 99, d;

	typed += dashes;
	for (i = 0; i < N_OPTIONS; i++) {
		if (!(option_defs[i].groups & groups))
			continue;
		d = edit_distance(typed, option_defs[i].name);
		if (d < near) {
			near = d;
			best = option_defs[i].name;
		}
	}
	return near <= 1 + strlen(typed) / 4 ? best : NULL;
}
