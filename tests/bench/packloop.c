/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limit that `make bench` sets a first backup against: the format's own work and nothing else.
 *
 *     packloop THREADS FILE DIR
 *
 * Every thread takes the next 32 MiB of FILE's data, names, packs and seals its chunks into a
 * segment and puts that into a store of the folder DIR.  No map, no manifest, no parent, no order.
 */
#include "fs/store/store.h"
#include "fs/vault/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (64u << 10)
#define THREADS_MAX 64

struct loop {
	int fd;
	uint64_t size;
	_Atomic uint64_t next;			/* bytes */
	_Atomic uint32_t number;		/* of the next segment */
	struct key_ring *ring;
	struct store *store;
	uint8_t session[SESSION_ID_BYTES];
};

static int pack_chunk(struct loop *l, struct packer *p, struct segment_writer *w, uint8_t *chunk,
		      uint64_t off)
{
	uint8_t name[CHUNK_NAME_BYTES];
	struct chunk_ref ref;
	struct packed packed;
	ssize_t got = pread(l->fd, chunk, CHUNK, (off_t)off);

	if (got <= 0)
		return got < 0 ? -errno : 0;
	memset(chunk + got, 0, CHUNK - (size_t)got);
	if (chunk_is_zero(chunk, CHUNK))
		return 0;
	if (packer_name(p, chunk, name) < 0 || packer_pack(p, chunk, NULL, &packed) < 0)
		return -EIO;
	return segment_writer_add(w, packed.kind, name, NULL, packed.payload, packed.len, CHUNK, &ref);
}

/* The data of [off, off + SEGMENT_BYTES): holes are passed over. */
static int pack_range(struct loop *l, struct packer *p, struct segment_writer *w, uint8_t *chunk,
		      uint64_t off)
{
	uint64_t end = off + SEGMENT_BYTES - (2u << 20);

	while (off < end) {
		off_t data = lseek(l->fd, (off_t)off, SEEK_DATA);
		int r;

		if (data < 0 || (uint64_t)data >= end)
			return 0;
		off = (uint64_t)data / CHUNK * CHUNK > off ? (uint64_t)data / CHUNK * CHUNK : off;
		r = pack_chunk(l, p, w, chunk, off);
		if (r < 0)
			return r;
		off += CHUNK;
	}
	return 0;
}

static void *work(void *arg)
{
	struct loop *l = arg;
	struct error err = { 0 };
	uint8_t key[NAME_KEY_BYTES] = { 1 }, *chunk = malloc(CHUNK);
	AUTO(packer_free) struct packer *p = packer_new(key, CHUNK, &err);
	uint64_t off;
	int r = p && chunk ? 0 : -ENOMEM;

	while (!r && (off = atomic_fetch_add(&l->next, SEGMENT_BYTES - (2u << 20))) < l->size) {
		AUTO(segment_writer_free) struct segment_writer *w = segment_writer_new(l->ring,
			SEGMENT_DATA, l->session, atomic_fetch_add(&l->number, 1), &err);

		r = w ? pack_range(l, p, w, chunk, off) : -ENOMEM;
		if (!r && !segment_writer_is_empty(w))
			r = segment_writer_put(w, l->store, &err);
	}
	free(chunk);
	return r ? l : NULL;
}

static int run(struct loop *l, unsigned threads)
{
	pthread_t thread[THREADS_MAX];
	int failed = 0;

	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, work, l))
			return 1;
	for (unsigned i = 0; i < threads; i++) {
		void *result;

		pthread_join(thread[i], &result);
		failed |= result != NULL;
	}
	return failed;
}

int main(int argc, char **argv)
{
	static const uint8_t vault_id[VAULT_ID_BYTES] = { 1 };
	unsigned threads = argc == 4 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	struct error err = { 0 };
	struct loop l = { 0 };
	int failed;

	if (!threads || threads > THREADS_MAX) {
		fprintf(stderr, "usage: packloop THREADS FILE DIR\n");
		return 2;
	}
	l.fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	l.ring = key_ring_new(vault_id, &err);
	l.store = store_open(argv[3], true, &err);
	if (l.fd < 0 || !l.ring || !l.store) {
		fprintf(stderr, "packloop: %s cannot be packed into %s\n", argv[2], argv[3]);
		return 1;
	}
	l.size = (uint64_t)lseek(l.fd, 0, SEEK_END);
	failed = run(&l, threads);
	store_free(l.store);
	key_ring_free(l.ring);
	close(l.fd);
	return failed;
}
