/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text in which LVM2 keeps its metadata: NAME { … } sections and
 * NAME = value, a value being a number, a "string" or a [list].  Hostile.
 */
#ifndef ADE_FS_IMAGE_LVMTEXT_H
#define ADE_FS_IMAGE_LVMTEXT_H

#include "crypto/cleanup.h"
#include "crypto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LVMTEXT_NODES_MAX 65536u
#define LVMTEXT_DEPTH_MAX 8u

enum lvmnode_kind { LVMNODE_SECTION, LVMNODE_LIST, LVMNODE_NUMBER, LVMNODE_STRING };

struct lvmnode {
	enum lvmnode_kind kind;
	const char *key, *text;		/* inside the parsed bytes; text: of a string, escapes kept */
	size_t key_len, text_len;
	uint64_t number;
	uint32_t child, next;		/* rows; 0: none */
};

struct lvmtext {
	struct lvmnode *node;		/* node[0] is the whole text */
	uint32_t n;
};

/* The parsed bytes are borrowed for the tree's life.  NULL: EBADMSG, ENOMEM. */
struct lvmtext *lvmtext_parse(const char *text, size_t len, struct error *err);
void lvmtext_free(struct lvmtext *t);

/* The first and the next thing inside; NULL: no more. */
const struct lvmnode *lvmtext_first(const struct lvmtext *t, const struct lvmnode *in);
const struct lvmnode *lvmtext_next(const struct lvmtext *t, const struct lvmnode *n);

/* By name and kind; NULL: not there.  `in` may be NULL. */
const struct lvmnode *lvmtext_get(const struct lvmtext *t, const struct lvmnode *in,
				  const char *key, enum lvmnode_kind kind);
bool lvmtext_number(const struct lvmtext *t, const struct lvmnode *in, const char *key,
		    uint64_t *number);
bool lvmtext_is(const struct lvmnode *n, const char *text);	/* a string equal to text */

DEFINE_CLEANUP(struct lvmtext *, lvmtext_free);

#endif
