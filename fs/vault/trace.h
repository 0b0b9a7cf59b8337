/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot traces: in which order the chunks of a VM's disks were first read, kept
 * sealed in the vault under a name, so that a later start of the same VM, of
 * this point or another, is fetched before it asks.  FORMAT.md, section
 * "Traces".
 */
#ifndef ADE_FS_VAULT_TRACE_H
#define ADE_FS_VAULT_TRACE_H

#include "fs/vault/vault.h"

#define TRACE_NAME_MAX 64u		/* with the NUL */
#define TRACE_ROWS_MAX 65536u
#define TRACE_DISKS_MAX 256u
#define TRACE_SECONDS 600		/* after the first read nothing more is noted */

/* n chunks from `chunk` on, one after another. */
struct trace_row { uint16_t disk; uint32_t n; uint64_t chunk; };

struct trace_disk { char name[64]; uint32_t chunk_size; };

/* What was noted, or read back.  Rows and disks are read when nobody notes. */
struct trace {
	char name[TRACE_NAME_MAX];
	struct trace_disk *disk;
	size_t n_disks;
	struct trace_row *row;
	size_t n_rows;
	struct trace_notes *notes;	/* private */
};

/* name: 1 to 63 of [A-Za-z0-9._-], not beginning with a dot.  NULL: EINVAL, ENOMEM. */
struct trace *trace_new(const char *name, struct error *err);
void trace_free(struct trace *t);

/* A disk that will be noted: its number, or -errno.  Any thread. */
int trace_disk(struct trace *t, const char *disk, uint32_t chunk_size);
/* Chunk of that disk is read for the first time.  Any thread; keeps what fits. */
void trace_note(struct trace *t, int disk, uint64_t chunk);

/* JSON text of a trace, malloc'ed, and back.  Hostile input: EBADMSG. */
char *trace_to_json(const struct trace *t);
struct trace *trace_from_json(const void *text, size_t len, struct error *err);

/* Keep it as the VM's newest trace of that name.  Nothing noted: nothing put. */
int trace_put(struct vault *v, const char *vm_id, const struct trace *t, struct error *err);
/* The VM's newest trace of that name.  NULL: ENOENT, EBADMSG, … */
struct trace *trace_get(struct vault *v, const char *vm_id, const char *name, struct error *err);

DEFINE_CLEANUP(struct trace *, trace_free);

#endif
