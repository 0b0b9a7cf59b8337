/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a VM lives and whether Azure's agent answers in it, read from its
 * description in any of the forms that settings.h takes.  Hostile input.
 */
#ifndef ADE_FS_AZURE_VM_SITE_H
#define ADE_FS_AZURE_VM_SITE_H

#include "fs/util/json_value.h"

#include <stdbool.h>

enum vm_agent { VM_AGENT_UNKNOWN, VM_AGENT_READY, VM_AGENT_SILENT, VM_AGENT_ABSENT };

struct vm_site {
	char subscription[64], region[64], os[16];	/* empty: not said */
	enum vm_agent agent;
};

/* doc is borrowed; NULL: nothing is known. */
void vm_site_take(const struct jval *doc, struct vm_site *out);
/* "West Europe" and "westeurope" are one. */
bool vm_region_is(const char *a, const char *b);

/*
 * What Azure's service would not back up; we do.  sizes: bytes of the n disks,
 * the OS disk among them.  One line of words a limit, each ending in a newline;
 * "": none.
 */
void vm_limits_words(const uint64_t *sizes, size_t n, bool encrypted, char *out, size_t room);

#endif
