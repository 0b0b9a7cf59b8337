/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/lvmtext.h"

#include <errno.h>
#include <string.h>

struct cursor {
	const char *p, *end;
	struct lvmtext *t;
	uint32_t room;
};

void lvmtext_free(struct lvmtext *t)
{
	if (!t)
		return;
	free(t->node);
	free(t);
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("_-.+/", c));
}

static char peek(struct cursor *c)
{
	while (c->p < c->end) {
		if (*c->p == '#') {
			while (c->p < c->end && *c->p != '\n')
				c->p++;
			continue;
		}
		if (!*c->p || !strchr(" \t\r\n", *c->p))
			return *c->p;
		c->p++;
	}
	return '\0';
}

static bool take(struct cursor *c, char want)
{
	if (peek(c) != want)
		return false;
	c->p++;
	return true;
}

/* A new row, linked behind *last or as the first of parent; 0: no more room. */
static uint32_t add(struct cursor *c, uint32_t parent, uint32_t *last)
{
	struct lvmtext *t = c->t;
	uint32_t row = t->n;

	if (row == c->room) {
		uint32_t room = c->room * 2;
		struct lvmnode *more = NULL;

		if (room <= LVMTEXT_NODES_MAX)
			more = realloc(t->node, room * sizeof(*more));
		if (!more)
			return 0;
		t->node = more;
		c->room = room;
	}
	memset(&t->node[row], 0, sizeof(t->node[row]));
	t->n++;
	if (*last)
		t->node[*last].next = row;
	else
		t->node[parent].child = row;
	*last = row;
	return row;
}

static bool parse_string(struct cursor *c, struct lvmnode *n)
{
	n->kind = LVMNODE_STRING;
	n->text = ++c->p;
	for (; c->p < c->end && *c->p != '"'; c->p++)
		if (!*c->p || (*c->p == '\\' && ++c->p == c->end))
			return false;
	if (c->p >= c->end)
		return false;
	n->text_len = (size_t)(c->p++ - n->text);
	return true;
}

static bool parse_number(struct cursor *c, struct lvmnode *n)
{
	const char *first = c->p;

	n->kind = LVMNODE_NUMBER;
	for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++)
		if (__builtin_mul_overflow(n->number, 10, &n->number) ||
		    __builtin_add_overflow(n->number, (uint64_t)(*c->p - '0'), &n->number))
			return false;
	return c->p > first;
}

static bool parse_scalar(struct cursor *c, uint32_t row)
{
	struct lvmnode *n = &c->t->node[row];

	return peek(c) == '"' ? parse_string(c, n) : parse_number(c, n);
}

static bool parse_list(struct cursor *c, uint32_t row)
{
	uint32_t last = 0;

	c->t->node[row].kind = LVMNODE_LIST;
	if (take(c, ']'))
		return true;
	do {
		uint32_t item = add(c, row, &last);

		if (!item || !parse_scalar(c, item))
			return false;
	} while (take(c, ','));
	return take(c, ']');
}

static bool parse_inside(struct cursor *c, uint32_t parent, unsigned depth)
{
	uint32_t last = 0;

	while (is_name(peek(c))) {
		uint32_t row = add(c, parent, &last);
		struct lvmnode *n = &c->t->node[row];

		if (!row)
			return false;
		for (n->key = c->p; c->p < c->end && is_name(*c->p); c->p++)
			n->key_len++;
		if (take(c, '{')) {
			if (depth >= LVMTEXT_DEPTH_MAX || !parse_inside(c, row, depth + 1) || !take(c, '}'))
				return false;
		} else if (!take(c, '=') || !(take(c, '[') ? parse_list(c, row) : parse_scalar(c, row))) {
			return false;
		}
	}
	return true;
}

struct lvmtext *lvmtext_parse(const char *text, size_t len, struct error *err)
{
	AUTO(lvmtext_free) struct lvmtext *t = calloc(1, sizeof(*t));
	struct cursor c = { text, text + len, t, 64 };

	if (t)
		t->node = calloc(c.room, sizeof(*t->node));
	if (!t || !t->node)
		return error_null(err, ENOMEM, "out of memory");
	t->n = 1;
	while (c.end > c.p && !c.end[-1])
		c.end--;	/* LVM counts the final NUL */
	if (!parse_inside(&c, 0, 0) || peek(&c) || c.p != c.end)
		return error_null(err, EBADMSG, "the LVM metadata text is malformed at byte %zu",
				  (size_t)(c.p - text));
	return TAKE(t);
}

const struct lvmnode *lvmtext_first(const struct lvmtext *t, const struct lvmnode *in)
{
	return in && in->child ? &t->node[in->child] : NULL;
}

const struct lvmnode *lvmtext_next(const struct lvmtext *t, const struct lvmnode *n)
{
	return n->next ? &t->node[n->next] : NULL;
}

const struct lvmnode *lvmtext_get(const struct lvmtext *t, const struct lvmnode *in,
				  const char *key, enum lvmnode_kind kind)
{
	size_t len = strlen(key);

	for (const struct lvmnode *n = lvmtext_first(t, in); n; n = lvmtext_next(t, n))
		if (n->kind == kind && n->key_len == len && !memcmp(n->key, key, len))
			return n;
	return NULL;
}

bool lvmtext_number(const struct lvmtext *t, const struct lvmnode *in, const char *key,
		    uint64_t *number)
{
	const struct lvmnode *n = lvmtext_get(t, in, key, LVMNODE_NUMBER);

	if (n)
		*number = n->number;
	return n != NULL;
}

bool lvmtext_is(const struct lvmnode *n, const char *text)
{
	return n && n->kind == LVMNODE_STRING && n->text_len == strlen(text) &&
	       !memcmp(n->text, text, n->text_len);
}
