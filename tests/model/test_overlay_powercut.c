/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power cuts.  The overlay's writes, holes and syncs (of all, or of what one
 * write wrote) are recorded (this
 * program stands between it and the C library); at a random point of the
 * record the file is put together as a disk may leave it: all that was synced,
 * and of each sector of 512 bytes any version that was written since.  Then
 * every sector of the guest's disk must be what the last finished flush left,
 * or what a later write or discard made of it; and the overlay must go on
 * working, also after a second cut while it is opened.  OVERLAY_CUTS: how many points (200).
 */
#include "fs/image/mem.h"
#include "fs/image/overlay.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <cmocka.h>

#define SECTOR 512u
#define STEPS 60u
#define CUTS_A_RUN 10u

enum op { OP_WRITE, OP_HOLE, OP_SYNC, OP_SYNC_RANGE };

struct record { enum op op; uint64_t off; size_t len; uint8_t *data; };

static struct recording {
	bool on;
	struct record *r;
	size_t n, cap;
} logged;

static uint8_t *note(enum op op, uint64_t off, size_t len)
{
	struct record *r;

	if (logged.n == logged.cap) {
		logged.cap = logged.cap ? 2 * logged.cap : 256;
		logged.r = realloc(logged.r, logged.cap * sizeof(*logged.r));
	}
	r = &logged.r[logged.n++];
	*r = (struct record){ op, off, len, calloc(1, len + 1) };
	return r->data;
}

static void forget(void)
{
	while (logged.n)
		free(logged.r[--logged.n].data);
}

/* In the C library's place: the overlay calls these. */
ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t off)
{
	ssize_t done = syscall(SYS_pwritev, fd, iov, n, (long)off, 0L);
	uint8_t *to;
	size_t left = done < 0 ? 0 : (size_t)done;

	if (!logged.on || done <= 0)
		return done;
	to = note(OP_WRITE, (uint64_t)off, left);
	for (int i = 0; left; i++) {
		size_t part = iov[i].iov_len < left ? iov[i].iov_len : left;

		memcpy(to, iov[i].iov_base, part);
		to += part;
		left -= part;
	}
	return done;
}

/* Only what it wrote is synced by it. */
ssize_t pwritev2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
	ssize_t done = pwritev(fd, iov, n, off);

	assert_int_equal(flags, RWF_DSYNC);
	if (logged.on && done > 0)
		note(OP_SYNC_RANGE, (uint64_t)off, (size_t)done);
	return done;
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
	struct iovec iov = { (void *)(uintptr_t)buf, len };

	return pwritev(fd, &iov, 1, off);
}

int fdatasync(int fd)
{
	if (logged.on)
		note(OP_SYNC, 0, 0);
	return (int)syscall(SYS_fdatasync, fd);
}

int fallocate(int fd, int mode, off_t off, off_t len)
{
	if (logged.on && (mode & FALLOC_FL_PUNCH_HOLE))
		note(OP_HOLE, (uint64_t)off, (size_t)len);
	return (int)syscall(SYS_fallocate, fd, mode, off, len);
}

/* What the guest did: the disk after each step. */
struct step { size_t begun, done; bool flush; uint8_t *flat; };

struct run {
	struct test_random r;
	size_t size, file_size;
	uint8_t *base, *file;		/* file: as it was before the first step */
	struct overlay_info info;
	char path[64], cut_path[64];
	struct step step[STEPS + 1];
};

static struct blockdev *open_over(const struct run *u, const char *path)
{
	uint8_t *copy = malloc(u->size);
	struct error err = ERROR_INIT;
	struct blockdev *bd;

	memcpy(copy, u->base, u->size);
	bd = overlay_open(mem_open(copy, u->size, NULL), overlay_file_use(path, &u->info, &err), &err);
	if (!bd)
		fail_msg("%s", err.text);
	return bd;
}

static void load_file(struct run *u)
{
	int fd = open(u->path, O_RDONLY);
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	u->file_size = (size_t)st.st_size;
	u->file = malloc(u->file_size);
	assert_int_equal(read(fd, u->file, u->file_size), u->file_size);
	close(fd);
}

static void change(struct run *u, struct blockdev *bd, uint8_t *flat)
{
	static const size_t grain[] = { 100, 512, 512, 4096 };
	size_t g = grain[test_random_below(&u->r, 4)];
	size_t off = test_random_below(&u->r, u->size) / g * g;
	size_t len = (test_random_below(&u->r, test_random_below(&u->r, 5) ? 6000 : 60000) / g + 1) * g;

	if (len > u->size - off)
		len = u->size - off;
	if (test_random_below(&u->r, 4)) {
		test_random_fill(&u->r, flat + off, len);
		assert_int_equal(blockdev_pwrite(bd, flat + off, len, off), 0);
	} else {
		memset(flat + off, 0, len);
		assert_int_equal(blockdev_discard(bd, off, len), 0);
	}
}

/* Step 0 is the start: a flush that had nothing to do. */
static void work(struct run *u)
{
	struct blockdev *bd = open_over(u, u->path);

	load_file(u);
	logged.on = true;
	u->step[0] = (struct step){ .flush = true, .flat = malloc(u->size) };
	assert_int_equal(blockdev_pread(bd, u->step[0].flat, u->size, 0), 0);
	for (unsigned i = 1; i <= STEPS; i++) {
		struct step *s = &u->step[i];

		*s = (struct step){ .begun = logged.n, .flush = !test_random_below(&u->r, 6),
				    .flat = malloc(u->size) };
		memcpy(s->flat, s[-1].flat, u->size);
		if (s->flush)
			assert_int_equal(blockdev_flush(bd), 0);
		else
			change(u, bd, s->flat);
		s->done = logged.n;
	}
	blockdev_unref(bd);
	logged.on = false;
	assert_true(logged.n > STEPS / 2);	/* we do stand in between */
}

static void apply(uint8_t *file, const struct record *r, uint64_t from, uint64_t to)
{
	if (from < r->off)
		from = r->off;
	if (to > r->off + r->len)
		to = r->off + r->len;
	if (r->op != OP_SYNC && r->op != OP_SYNC_RANGE && from < to)
		memcpy(file + from, r->data + (from - r->off), to - from);
}

/* How many of the records before `cut` are on the disk for sure at this sector? */
static size_t synced_at(uint64_t at, size_t cut)
{
	size_t n = cut;

	for (; n; n--) {
		const struct record *r = &logged.r[n - 1];

		if (r->op == OP_SYNC ||
		    (r->op == OP_SYNC_RANGE && r->off <= at && at + SECTOR <= r->off + r->len))
			break;
	}
	return n;
}

/* The file after a cut before record `cut`. */
static uint8_t *left_behind(struct run *u, size_t cut)
{
	uint8_t *file = malloc(u->file_size);

	memcpy(file, u->file, u->file_size);
	for (uint64_t at = 0; at < u->file_size; at += SECTOR) {
		size_t synced = synced_at(at, cut);
		unsigned mood = (unsigned)test_random_below(&u->r, 4);
		size_t upto = mood == 0 ? synced : mood == 1 ? cut :
			      synced + test_random_below(&u->r, cut - synced + 1);

		for (size_t i = 0; i < upto; i++)
			apply(file, &logged.r[i], at, at + SECTOR);
	}
	return file;
}

static void store(const struct run *u, uint8_t *file)
{
	int fd = open(u->cut_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, file, u->file_size), u->file_size);
	close(fd);
	free(file);
}

/* Is the sector one that the guest may see after a cut before `cut`? */
static bool sector_is_good(const struct run *u, size_t cut, const uint8_t *got, size_t at)
{
	size_t len = u->size - at < SECTOR ? u->size - at : SECTOR;
	unsigned first = STEPS;

	while (!u->step[first].flush || u->step[first].done > cut)
		first--;
	for (unsigned i = first; i <= STEPS && (i == first || u->step[i].begun < cut); i++)
		if (!memcmp(got + at, u->step[i].flat + at, len))
			return true;
	return false;
}

static void check_sectors(const struct run *u, size_t cut, struct blockdev *bd, uint8_t *got)
{
	assert_int_equal(blockdev_pread(bd, got, u->size, 0), 0);
	for (size_t at = 0; at < u->size; at += SECTOR)
		if (!sector_is_good(u, cut, got, at))
			fail_msg("cut %zu of %zu: the sector at %zu is none that was written", cut,
				 logged.n, at);
}

static void check_cut(struct run *u, size_t cut)
{
	uint8_t *got = malloc(u->size), *again = malloc(u->size);
	struct blockdev *bd;

	store(u, left_behind(u, cut));
	bd = open_over(u, u->cut_path);
	check_sectors(u, cut, bd, got);
	for (int i = 0; i < 30; i++)
		change(u, bd, got);
	blockdev_unref(bd);
	bd = open_over(u, u->cut_path);
	assert_int_equal(blockdev_pread(bd, again, u->size, 0), 0);
	assert_memory_equal(got, again, u->size);
	blockdev_unref(bd);
	free(got);
	free(again);
}

/* And once more while the overlay is opened after the first. */
static void check_two_cuts(struct run *u, size_t cut)
{
	struct recording first = logged;
	uint8_t *got = malloc(u->size), *left;
	struct run v = *u;
	struct blockdev *bd;

	store(u, left_behind(u, cut));
	memcpy(v.path, u->cut_path, sizeof(v.path));
	load_file(&v);
	v.r.state = test_random_next(&u->r);
	logged = (struct recording){ .on = true };
	bd = open_over(&v, v.path);
	logged.on = false;
	blockdev_unref(bd);
	left = left_behind(&v, test_random_below(&v.r, logged.n + 1));
	forget();
	free(logged.r);
	logged = first;
	store(u, left);
	bd = open_over(u, u->cut_path);
	check_sectors(u, cut, bd, got);
	blockdev_unref(bd);
	free(v.file);
	free(got);
}

static void one_run(struct test_random *r, const char *dir)
{
	struct run u = { .r = { test_random_next(r) } };

	u.size = 40000 + test_random_below(r, 300000);
	u.info = (struct overlay_info){ .size = u.size, .view = "disk.raw", .base = "x" };
	u.base = malloc(u.size);
	test_random_fill(r, u.base, u.size);
	snprintf(u.path, sizeof(u.path), "%s/o", dir);
	snprintf(u.cut_path, sizeof(u.cut_path), "%s/cut", dir);
	work(&u);
	for (unsigned i = 0; i < CUTS_A_RUN / 2; i++) {
		check_cut(&u, test_random_below(&u.r, logged.n + 1));
		check_two_cuts(&u, test_random_below(&u.r, logged.n + 1));
	}
	for (unsigned i = 0; i <= STEPS; i++)
		free(u.step[i].flat);
	forget();
	free(u.base);
	free(u.file);
	unlink(u.path);
	unlink(u.cut_path);
}

static void flushed_writes_survive_a_power_cut(void **state)
{
	struct test_random r = test_random_seeded("flushed_writes_survive_a_power_cut");
	const char *wanted = getenv("OVERLAY_CUTS");
	unsigned cuts = wanted ? (unsigned)strtoul(wanted, NULL, 10) : 200, done;
	char dir[] = "/tmp/ade-cut-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (done = 0; done < cuts; done += CUTS_A_RUN)
		one_run(&r, dir);
	assert_int_equal(rmdir(dir), 0);
	free(logged.r);
	fprintf(stderr, "%u cuts\n", done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flushed_writes_survive_a_power_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
