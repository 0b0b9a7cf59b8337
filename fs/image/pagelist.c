/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/pagelist.h"
#include "fs/store/xml.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 512u

void page_list_clear(struct page_list *l)
{
	free(l->at);
	free(l->next);
	memset(l, 0, sizeof(*l));
}

struct walk {
	struct page_list *l;
	uint64_t from, to;		/* what was asked for */
	uint64_t start, end;		/* of the range at hand, end inclusive */
	bool has_start, has_end, root;
	uint64_t after[2];		/* where the next range may begin, by .clear */
};

static bool number(const char *text, uint64_t *out)
{
	size_t n = strspn(text, "0123456789");

	if (!n || n > 18 || text[n])
		return false;
	*out = strtoull(text, NULL, 10);
	return true;
}

static int add_range(struct walk *w, bool clear)
{
	struct page_list *l = w->l;
	uint64_t end = w->end + 1;

	if (!w->has_start || !w->has_end || end <= w->start || w->start < w->from || end > w->to ||
	    w->start % PAGE || end % PAGE || w->start < w->after[clear])
		return -EBADMSG;
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 256;
		struct page_range *at = reallocarray(l->at, room, sizeof(*at));

		if (!at)
			return -ENOMEM;
		l->at = at;
		l->room = room;
	}
	l->at[l->n++] = (struct page_range){ .off = w->start, .len = end - w->start, .clear = clear };
	w->after[clear] = end;
	w->has_start = w->has_end = false;
	return 0;
}

static int take(void *arg, const char *path, const char *text)
{
	struct walk *w = arg;

	if (!strcmp(path, "PageList/PageRange/Start") || !strcmp(path, "PageList/ClearRange/Start"))
		return (w->has_start = number(text, &w->start)) ? 0 : -EBADMSG;
	if (!strcmp(path, "PageList/PageRange/End") || !strcmp(path, "PageList/ClearRange/End"))
		return (w->has_end = number(text, &w->end)) ? 0 : -EBADMSG;
	if (!strcmp(path, "PageList/PageRange"))
		return add_range(w, false);
	if (!strcmp(path, "PageList/ClearRange"))
		return add_range(w, true);
	if (!strcmp(path, "PageList/NextMarker") && *text) {
		free(w->l->next);
		w->l->next = strdup(text);
		return w->l->next ? 0 : -ENOMEM;
	}
	w->root |= !strcmp(path, "PageList");
	return 0;
}

int page_list_parse(struct page_list *l, const void *xml, size_t len, uint64_t from, uint64_t to, struct error *err)
{
	struct walk w = { .l = l, .from = from, .to = to };
	int rc;

	page_list_clear(l);
	rc = xml_walk(xml, len, take, &w, NULL);
	if (rc == 0 && !w.root)
		rc = -EBADMSG;
	if (rc == 0)
		return 0;
	page_list_clear(l);
	return rc == -ENOMEM ? error_set(err, ENOMEM, "out of memory")
			     : error_set(err, EBADMSG, "the list of the blob's pages cannot be read");
}
