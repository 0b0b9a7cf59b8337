/* SPDX-License-Identifier: Apache-2.0 */
/*
 * [Family] + number + [-constrained CPUs] + [features] + [_v version], as Azure
 * names its sizes (docs virtual-machines/vm-naming-conventions.md); memory by
 * the tables of each series there.
 */
#include "fs/azure/vm_model.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CPUS_MAX 1024u

struct size_name {
	char family[4];		/* upper case; a trailing S of the old DS, GS left out */
	unsigned number, constrained, version;	/* version 1: none is written */
	char features[8];	/* lower case */
};

struct old_size { const char *family; unsigned number, cpus, memory_mib; };

/* Series whose number is no count of CPUs. */
static const struct old_size a_v1[] = {
	{ "A", 0, 1, 768 }, { "A", 1, 1, 1792 }, { "A", 2, 2, 3584 }, { "A", 3, 4, 7168 },
	{ "A", 4, 8, 14336 }, { "A", 5, 2, 14336 }, { "A", 6, 4, 28672 }, { "A", 7, 8, 57344 },
	{ "A", 8, 8, 57344 }, { "A", 9, 16, 114688 }, { "A", 10, 8, 57344 }, { "A", 11, 16, 114688 },
};
static const struct old_size d_v1_v2[] = {
	{ "D", 1, 1, 3584 }, { "D", 2, 2, 7168 }, { "D", 3, 4, 14336 }, { "D", 4, 8, 28672 },
	{ "D", 5, 16, 57344 }, { "D", 11, 2, 14336 }, { "D", 12, 4, 28672 }, { "D", 13, 8, 57344 },
	{ "D", 14, 16, 114688 }, { "D", 15, 20, 143360 },
};
static const struct old_size g_v1[] = {
	{ "G", 1, 2, 28672 }, { "G", 2, 4, 57344 }, { "G", 3, 8, 114688 }, { "G", 4, 16, 229376 },
	{ "G", 5, 32, 458752 },
};

/* MiB for each CPU; features NULL: any. */
struct series { const char *family; unsigned from, to; const char *features; unsigned mib; };

static const struct series all_series[] = {
	{ "A", 2, 2, "m", 8192 }, { "A", 2, 2, NULL, 2048 },
	{ "B", 2, 9, "l", 2048 }, { "B", 2, 9, "t", 512 }, { "B", 2, 9, NULL, 4096 },
	{ "D", 3, 9, "l", 2048 }, { "D", 3, 9, NULL, 4096 },
	{ "DC", 3, 3, NULL, 8192 }, { "DC", 1, 9, NULL, 4096 },
	{ "E", 3, 9, NULL, 8192 }, { "EC", 3, 9, NULL, 8192 },
	{ "F", 6, 9, "m", 8192 }, { "F", 6, 9, "l", 2048 }, { "F", 6, 9, NULL, 4096 }, { "F", 1, 5, NULL, 2048 },
	{ "L", 1, 9, NULL, 8192 },
};

static const char *take_number(const char *p, unsigned *out)
{
	for (*out = 0; isdigit((unsigned char)*p); p++)
		if (*out < 100000)
			*out = *out * 10 + (unsigned)(*p - '0');
	return p;
}

/* The old way to say premium storage: DS2, GS2. */
static void drop_premium(struct size_name *n)
{
	size_t len = strlen(n->family);

	if (len == 2 && n->family[1] == 'S' && strchr("DGF", n->family[0]))
		n->family[1] = '\0';
}

static bool parse(const char *size, struct size_name *n)
{
	const char *p = size;
	size_t i = 0;

	memset(n, 0, sizeof(*n));
	n->version = 1;
	if (!strncasecmp(p, "Standard_", 9))
		p += 9;
	else if (!strncasecmp(p, "Basic_", 6))
		p += 6;
	for (; isalpha((unsigned char)*p) && i < sizeof(n->family) - 1; p++)
		n->family[i++] = (char)toupper((unsigned char)*p);
	if (!i || !isdigit((unsigned char)*p))
		return false;
	p = take_number(p, &n->number);
	if (*p == '-')
		p = take_number(p + 1, &n->constrained);
	for (i = 0; isalpha((unsigned char)*p) && i < sizeof(n->features) - 1; p++)
		n->features[i++] = (char)tolower((unsigned char)*p);
	p = strrchr(p, '_');
	if (p && tolower((unsigned char)p[1]) == 'v')
		take_number(p + 2, &n->version);
	drop_premium(n);
	return n->number <= CPUS_MAX && n->constrained <= CPUS_MAX;
}

static bool look_old(const struct size_name *n, const struct old_size *t, size_t rows, unsigned *cpus,
		     uint64_t *memory_mib)
{
	for (size_t i = 0; i < rows; i++)
		if (!strcmp(t[i].family, n->family) && t[i].number == n->number) {
			*cpus = t[i].cpus;
			*memory_mib = t[i].memory_mib;
			return true;
		}
	return false;
}

/* B1s has 1 GiB, B1ms 2; from B2 on 2 GiB a CPU, with m 4. */
static uint64_t burstable(const struct size_name *n)
{
	bool m = strchr(n->features, 'm');

	if (strchr(n->features, 'l'))
		return 512;
	return (n->number == 1 ? 1024u : 2048u) * (m ? 2u : 1u) * (uint64_t)n->number;
}

static bool look_series(const struct size_name *n, uint64_t *memory_mib)
{
	for (size_t i = 0; i < sizeof(all_series) / sizeof(all_series[0]); i++) {
		const struct series *s = &all_series[i];

		if (strcmp(s->family, n->family) || n->version < s->from || n->version > s->to ||
		    (s->features && !strpbrk(n->features, s->features)))
			continue;
		*memory_mib = (uint64_t)n->number * s->mib;
		return true;
	}
	return false;
}

/* The largest of the E series have less than 8 GiB a CPU. */
static uint64_t cap_e(const struct size_name *n, uint64_t mib)
{
	if (n->family[0] != 'E')
		return mib;
	if (n->number == 64 && n->version == 3)
		return 432u << 10;
	if ((n->number == 64 || n->number == 80) && n->version == 4 && !strchr(n->features, 'a'))
		return 504u << 10;
	return (n->number == 96 || n->number == 104) && n->version < 6 ? 672u << 10 : mib;
}

bool vm_size_look(const char *size, unsigned *cpus, uint64_t *memory_mib)
{
	struct size_name n;
	bool known = true;

	*cpus = 0;
	*memory_mib = 0;
	if (!size || !parse(size, &n))
		return false;
	if (n.version == 1 && !strcmp(n.family, "A"))
		known = look_old(&n, a_v1, sizeof(a_v1) / sizeof(a_v1[0]), cpus, memory_mib);
	else if (n.version <= 2 && !strcmp(n.family, "D"))
		known = look_old(&n, d_v1_v2, sizeof(d_v1_v2) / sizeof(d_v1_v2[0]), cpus, memory_mib);
	else if (!strcmp(n.family, "G"))
		known = look_old(&n, g_v1, sizeof(g_v1) / sizeof(g_v1[0]), cpus, memory_mib);
	else if (n.version == 1 && !strcmp(n.family, "B"))
		*memory_mib = burstable(&n);
	else
		known = look_series(&n, memory_mib);
	if (!*cpus)
		*cpus = n.number;
	if (!known || !*memory_mib)
		*memory_mib = (uint64_t)*cpus << 12;
	*memory_mib = known ? cap_e(&n, *memory_mib) : *memory_mib;
	if (n.constrained)
		*cpus = n.constrained;
	return known && *cpus;
}
