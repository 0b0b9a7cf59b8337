/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/readahead.h"

#include <string.h>

/* Requests of one reader come from several threads, a little out of order. */
#define SLACK (1u << 20)

void readahead_init(struct readahead *r)
{
	memset(r, 0, sizeof(*r));
	pthread_mutex_init(&r->lock, NULL);
	/* Nobody has read: no offset is "on". */
	for (unsigned i = 0; i < READAHEAD_STREAMS; i++)
		r->stream[i].next = UINT64_MAX;
}

void readahead_release(struct readahead *r)
{
	pthread_mutex_destroy(&r->lock);
}

/* Reads on, or is a straggler of what was read just now. */
static bool belongs(const struct stream *s, uint64_t off)
{
	uint64_t slack = s->window ? SLACK : 0;

	if (s->next == UINT64_MAX)
		return false;
	return off >= s->next ? off - s->next <= slack : s->next - off <= slack;
}

static struct stream *find(struct readahead *r, uint64_t off)
{
	struct stream *oldest = &r->stream[0];

	for (unsigned i = 0; i < READAHEAD_STREAMS; i++) {
		struct stream *s = &r->stream[i];

		if (belongs(s, off))
			return s;
		if (s->used < oldest->used)
			oldest = s;
	}
	*oldest = (struct stream){ .next = UINT64_MAX };
	return oldest;
}

static void grow(struct stream *s, uint64_t len)
{
	uint64_t start = 2 * len > READAHEAD_MIN ? 2 * len : READAHEAD_MIN;

	s->window = s->window ? s->window * 2 : start;
	if (s->window > READAHEAD_MAX)
		s->window = READAHEAD_MAX;
}

void readahead_note(struct readahead *r, uint64_t off, uint64_t len, uint64_t size, uint64_t *from,
		    uint64_t *to)
{
	uint64_t end = off + len;
	struct stream *s;

	*from = *to = 0;
	pthread_mutex_lock(&r->lock);
	s = find(r, off);
	s->used = ++r->clock;
	if (s->next == UINT64_MAX) {
		s->next = s->ahead = end;
	} else if (end > s->next) {
		s->next = end;
		if (s->ahead < end)
			s->ahead = end;
		/* A quarter of the window is used up: ask on, so that several requests are always under way. */
		if (!s->window || s->ahead - end <= s->window / 4 * 3) {
			grow(s, len);
			*from = s->ahead;
			*to = end + s->window < size ? end + s->window : size;
			if (*to > *from)
				s->ahead = *to;
			else
				*from = *to;
		}
	}
	pthread_mutex_unlock(&r->lock);
}
