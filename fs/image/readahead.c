/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/readahead.h"

#include <string.h>
#include <time.h>

/* Requests of one reader come from several threads, a little out of order. */
#define SLACK (1u << 20)
#define WIDE_SILENT_MS 1000

void readahead_share_init(struct readahead_share *s)
{
	*s = (struct readahead_share){ .wide = NULL };
	pthread_mutex_init(&s->lock, NULL);
}

void readahead_share_release(struct readahead_share *s)
{
	pthread_mutex_destroy(&s->lock);
}

void readahead_init(struct readahead *r, struct readahead_share *share)
{
	memset(r, 0, sizeof(*r));
	r->share = share;
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

static bool may_be_wide(struct readahead_share *share, const struct stream *s)
{
	struct timespec t;
	int64_t now;
	bool may;

	if (!share)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
	pthread_mutex_lock(&share->lock);
	may = share->wide == s || !share->wide || now - share->used_ms > WIDE_SILENT_MS;
	if (may) {
		share->wide = s;
		share->used_ms = now;
	}
	pthread_mutex_unlock(&share->lock);
	return may;
}

/* A file of a guest that starts ends after some megabytes; what has gone on for longer goes on. */
static uint64_t part_of(uint64_t read)
{
	if (read < 2 * READAHEAD_SOON || read >= READAHEAD_LONG)
		return read / 2;
	return read / 4 > READAHEAD_SOON ? read / 4 : READAHEAD_SOON;
}

static void grow(struct readahead *r, struct stream *s)
{
	uint64_t read = s->next - s->begin, part = part_of(read);

	if (part > READAHEAD_MAX && !may_be_wide(r->share, s))
		part = READAHEAD_MAX;
	if (part > READAHEAD_WIDE)
		part = READAHEAD_WIDE;
	s->window = read < READAHEAD_MIN ? 0 : part;
}

/* So much of the window is used up that more is asked for, so that several requests are always under way. */
static uint64_t step_of(const struct stream *s)
{
	uint64_t step = s->window / (s->window < READAHEAD_MAX ? 4 : 8);

	return step < READAHEAD_STEP ? step : READAHEAD_STEP;
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
		s->begin = off;
		s->next = s->ahead = end;
	} else if (end > s->next) {
		s->next = end;
		if (s->ahead < end)
			s->ahead = end;
		if (!s->window || s->ahead - end <= s->window - step_of(s)) {
			grow(r, s);
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
