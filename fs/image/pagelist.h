/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One page of what Get Page Ranges answers: <PageList> with <PageRange> and,
 * in a difference, <ClearRange>, bounds inclusive.  Text from the network.
 */
#ifndef ADE_FS_IMAGE_PAGELIST_H
#define ADE_FS_IMAGE_PAGELIST_H

#include "crypto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct page_range {
	uint64_t off, len;		/* bytes; whole 512-byte pages */
	bool clear;			/* zeros now */
};

struct page_list {
	struct page_range *at;		/* in the order of the text */
	size_t n, room;
	char *next;			/* marker of the next page; NULL: this was the last */
};

/* Non-zero ends the walk and becomes its result. */
typedef int page_range_fn(void *arg, const struct page_range *r);

/* Replaces *l.  Ranges must lie within [from, to), each end behind its start,
 * data and cleared ones each in ascending order.  0, -EBADMSG, -ENOMEM. */
int page_list_parse(struct page_list *l, const void *xml, size_t len, uint64_t from, uint64_t to, struct error *err);
void page_list_clear(struct page_list *l);

static inline void page_list_clear_cleanup(struct page_list *l) { page_list_clear(l); }

#endif
