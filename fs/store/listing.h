/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One page of a list of objects, as Azure Blob ("List Blobs"), S3
 * ("ListObjectsV2") and nginx (autoindex_format json) write it.
 */
#ifndef ADE_FS_STORE_LISTING_H
#define ADE_FS_STORE_LISTING_H

#include "crypto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LISTING_NAME 1025

struct listed {
	char *name;
	uint64_t size;
	int64_t time;
	bool folder;		/* of a file server */
};

struct listing {
	struct listed *at;
	size_t n, room;
	char *next;		/* where the list goes on; NULL: it has ended */
};

void listing_clear(struct listing *l);

/* Replace *l by what the page says.  0, -EBADMSG, -ENOMEM. */
int listing_azure(struct listing *l, const void *xml, size_t len, struct error *err);
int listing_s3(struct listing *l, const void *xml, size_t len, struct error *err);
int listing_nginx(struct listing *l, const void *json, size_t len, struct error *err);

static inline void listing_clear_cleanup(struct listing *l) { listing_clear(l); }

#endif
