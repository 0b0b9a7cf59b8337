/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file behind HTTP, pinned to the version that was there when it was
 * opened: a blob of Azure (also of its snapshots and of managed disks, by
 * their SAS), or any file of a web server that gives ranges.  It is a store
 * that holds one object, WEBFILE_OBJECT, so that it can be metered and hurried.
 *
 * Every range is asked for under If-Match and its answer's ETag is compared
 * (Last-Modified and If-Unmodified-Since where there is no strong ETag): after
 * a change reads end in -ESTALE, and bytes of two versions never meet.
 * Azure: reference of Get Blob, Get Page Ranges.  Any number of threads.
 */
#ifndef ADE_FS_IMAGE_WEBFILE_H
#define ADE_FS_IMAGE_WEBFILE_H

#include "fs/image/pagelist.h"
#include "fs/store/store.h"

#define WEBFILE_OBJECT "file"
#define WEBFILE_VERSION 128
#define WEBFILE_KEPT (64u << 10)	/* bytes at its begin that opening brings and keeps */

struct webfile_info {
	uint64_t size;			/* bytes */
	bool pages;			/* a page blob: webfile_pages() works */
	bool pinned;			/* false: the server names no version, a change goes unnoticed */
	char version[WEBFILE_VERSION];	/* its ETag, else Last-Modified; "": none */
	char address[512];		/* of the file, for people and manifests; with a snapshot's time */
	const char *settings;		/* metadata DiskEncryptionSettings; NULL: none */
};

/* az://ACCOUNT/CONTAINER/BLOB, https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB, https://HOST/FILE;
 * behind a blob ?snapshot=TIME.  o->sas: a SAS, or what stands behind '?' of any URL.
 * One request.  NULL with words: ENOENT, EACCES, EINVAL, ENOTSUP (no ranges), EHOSTUNREACH, … */
struct store *webfile_open(const char *spec, const struct store_options *o, struct error *err);

/* st is what webfile_open() gave, here and below; borrowed. */
const struct webfile_info *webfile_info(const struct store *st);

/* What a page list is asked for. */
struct webfile_diff {
	const char *snapshot;		/* since this snapshot of the same blob; or NULL and */
	const struct secret *url;	/* … since the managed disk's snapshot at this URL, SAS included */
};

/* The page ranges within [off, off + len), 512-byte aligned, ascending, as
 * the service lists them, page by page, in smaller parts when it cannot list
 * so many; since: the difference alone (NULL: all).  0, what fn returned, -ENOTSUP, … */
int webfile_pages(struct store *st, uint64_t off, uint64_t len, const struct webfile_diff *since, page_range_fn *fn,
		  void *arg, struct error *err);

#endif
