/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/zone.h"
#include "crypto/bytes.h"
#include "fs/policy/zone_rule.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FOLDER "/usr/share/zoneinfo"
#define FILE_MAX (1u << 20)
#define HEADER_BYTES 44u
#define TIMES_MAX 100000u
#define DAY 86400

struct change { int64_t at; int32_t offset; };	/* from that instant on */

struct zone {
	int32_t first;			/* offset before the first change */
	struct change *change;		/* ascending */
	size_t n;
	struct zone_rule rule;		/* after the last one */
	bool has_rule;
};

void zone_free(struct zone *z)
{
	if (!z)
		return;
	free(z->change);
	free(z);
}

static uint32_t read_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t read_be64(const uint8_t *p)
{
	return (int64_t)((uint64_t)read_be32(p) << 32 | read_be32(p + 4));
}

struct counts { uint32_t isut, isstd, leap, time, type, chars; };

/* The header at *p and the bytes of its block, whose times have that width; false: too short. */
static bool read_header(const uint8_t **p, const uint8_t *end, unsigned width, struct counts *c, size_t *block)
{
	if (end - *p < (ptrdiff_t)HEADER_BYTES || memcmp(*p, "TZif", 4))
		return false;
	*c = (struct counts){ read_be32(*p + 20), read_be32(*p + 24), read_be32(*p + 28), read_be32(*p + 32),
			      read_be32(*p + 36), read_be32(*p + 40) };
	if (c->isut > 256 || c->isstd > 256 || c->leap > TIMES_MAX || c->time > TIMES_MAX || !c->type ||
	    c->type > 256 || c->chars > 65536)
		return false;
	*p += HEADER_BYTES;
	*block = (size_t)c->time * (width + 1) + c->type * 6u + c->chars + (size_t)c->leap * (width + 4u) + c->isstd +
		 c->isut;
	return (size_t)(end - *p) >= *block;
}

static bool read_offset(const uint8_t *types, const struct counts *c, unsigned type, int32_t *out)
{
	if (type >= c->type)
		return false;
	*out = (int32_t)read_be32(types + type * 6u);
	return *out > -2 * DAY && *out < 2 * DAY;
}

static int read_block(struct zone *z, const uint8_t *p, const struct counts *c)
{
	const uint8_t *index = p + (size_t)c->time * 8, *types = index + c->time;

	z->change = calloc(c->time + 1u, sizeof(*z->change));
	if (!z->change)
		return -ENOMEM;
	if (!read_offset(types, c, 0, &z->first))
		return -EBADMSG;
	for (z->n = 0; z->n < c->time; z->n++) {
		struct change *now = &z->change[z->n];

		now->at = read_be64(p + z->n * 8);
		if (!read_offset(types, c, index[z->n], &now->offset) || (z->n && now->at <= now[-1].at))
			return -EBADMSG;
	}
	return 0;
}

/* "\nCET-1CEST,M3.5.0,M10.5.0/3\n" */
static bool read_footer(struct zone *z, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *stop = p < end && *p == '\n' ? memchr(p + 1, '\n', (size_t)(end - p - 1)) : NULL;
	char text[128];

	if (!stop || (size_t)(stop - p) > sizeof(text))
		return false;
	memcpy(text, p + 1, (size_t)(stop - p - 1));
	text[stop - p - 1] = '\0';
	z->has_rule = text[0] != '\0';
	return !z->has_rule || zone_rule_parse(text, &z->rule);
}

struct zone *zone_parse(const void *data, size_t len, struct error *err)
{
	AUTO(zone_free) struct zone *z = calloc(1, sizeof(*z));
	const uint8_t *p = data, *end = p + len;
	struct counts c;
	size_t block;
	int rc;

	if (!z)
		return error_null(err, ENOMEM, "out of memory");
	if (!read_header(&p, end, 4, &c, &block) || p[4 - (ptrdiff_t)HEADER_BYTES] < '2')
		return error_null(err, EBADMSG, "no time zone file of version 2 or later");
	p += block;
	if (!read_header(&p, end, 8, &c, &block))
		return error_null(err, EBADMSG, "damaged time zone file");
	rc = read_block(z, p, &c);
	if (rc == -ENOMEM)
		return error_null(err, ENOMEM, "out of memory");
	if (rc < 0 || !read_footer(z, p + block, end))
		return error_null(err, EBADMSG, "damaged time zone file");
	return TAKE(z);
}

static struct zone *read_file(const char *path, struct error *err)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO(free) uint8_t *data = malloc(FILE_MAX);
	struct stat st;
	ssize_t n;

	if (!data)
		return error_null(err, ENOMEM, "out of memory");
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	n = read(fd, data, FILE_MAX);
	return n < 0 ? error_null(err, errno, "cannot read %s", path) : zone_parse(data, (size_t)n, err);
}

/* "America/Argentina/Buenos_Aires": no way out of the folder. */
static bool is_name(const char *name)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";

	return *name && *name != '/' && strlen(name) < 64 && strspn(name, good) == strlen(name);
}

struct zone *zone_open(const char *name, struct error *err)
{
	const char *folder = getenv("TZDIR"), *iana = zone_of_azure(name);
	struct zone *z = NULL;
	struct error own = ERROR_INIT;
	char path[512];

	if (!iana)
		iana = name;
	if (!strcmp(iana, "UTC")) {	/* also where the system has no data base */
		z = calloc(1, sizeof(*z));
		return z ? z : error_null(err, ENOMEM, "out of memory");
	}
	snprintf(path, sizeof(path), "%s/%s", folder && *folder ? folder : FOLDER, iana);
	if (is_name(iana))
		z = read_file(path, &own);
	if (z)
		return z;
	error_set(err, own.code ? own.code : ENOENT, "'%.60s' is no time zone that this system knows%s%s", name,
		  own.code ? ": " : "", own.text);
	error_next(err, "Write it as Europe/Madrid, as W. Europe Standard Time, or as UTC; they come with the package tzdata.");
	return NULL;
}

int32_t zone_offset(const struct zone *z, int64_t utc)
{
	size_t low = 0, high = z ? z->n : 0;

	if (!z)
		return 0;
	if (z->has_rule && (!z->n || utc >= z->change[z->n - 1].at))
		return zone_rule_offset(&z->rule, utc);
	while (low < high) {		/* the first change after utc */
		size_t mid = low + (high - low) / 2;

		if (z->change[mid].at <= utc)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? z->change[low - 1].offset : z->first;
}

int64_t zone_to_utc(const struct zone *z, int64_t local)
{
	int32_t before = zone_offset(z, local - DAY), after = zone_offset(z, local + DAY);
	int32_t more = before > after ? before : after, less = before > after ? after : before;

	/* The larger offset gives the earlier instant. */
	if (zone_offset(z, local - more) == more)
		return local - more;
	if (zone_offset(z, local - less) == less)
		return local - less;
	return local - before;		/* skipped */
}
