/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target without a fuzzer:  fuzz_X.replay FILE|DIR…
 *
 * First every file of the corpus as it is, then changed copies of them for $REPLAY_SECONDS
 * (2).  The order of files is fixed and the seed printed, so TEST_SEED=… repeats a run.
 */
#include "tests/lib/testlib.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { INPUT_MAX = 1 << 20, FILES_MAX = 4096, CHANGES_MAX = 8 };

struct input {
	uint8_t *bytes;
	size_t len;
};

struct corpus {
	struct input files[FILES_MAX];
	size_t count;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_file(const char *path, struct input *in)
{
	FILE *f = fopen(path, "rbe");

	if (!f)
		return -1;
	in->bytes = malloc(INPUT_MAX);
	if (in->bytes)
		in->len = fread(in->bytes, 1, INPUT_MAX, f);
	fclose(f);
	return in->bytes ? 0 : -1;
}

static int add_path(struct corpus *c, const char *path)
{
	struct dirent **names = NULL;
	struct stat st;
	int count, rc = 0;

	if (stat(path, &st) < 0 || c->count == FILES_MAX)
		return -1;
	if (!S_ISDIR(st.st_mode))
		return read_file(path, &c->files[c->count++]);
	count = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		char below[4096];

		snprintf(below, sizeof(below), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && add_path(c, below) < 0)
			rc = -1;
		free(names[i]);
	}
	free(names);
	return count < 0 ? -1 : rc;
}

/* Exactly as long as the input, so that the sanitizer sees a read behind its end. */
static void run(const uint8_t *bytes, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);

	if (!exact)
		abort();
	if (len)
		memcpy(exact, bytes, len);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
}

static void put_number(struct test_random *r, uint8_t *at, size_t room)
{
	static const uint64_t edges[] = {
		0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
		0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 512, 4096,
	};
	uint64_t v = edges[test_random_below(r, sizeof(edges) / sizeof(edges[0]))];
	size_t len = (size_t)1 << test_random_below(r, 4);

	v += test_random_below(r, 3) - 1;
	memcpy(at, &v, len < room ? len : room);
}

static size_t change(struct test_random *r, uint8_t *buf, size_t len)
{
	size_t at = test_random_below(r, len), n;

	switch (len ? test_random_below(r, 5) : 0) {
	case 0:
		return test_random_below(r, len + 1);
	case 1:
		buf[at] ^= (uint8_t)(1u << test_random_below(r, 8));
		return len;
	case 2:
		put_number(r, buf + at, len - at);
		return len;
	case 3:
		n = 1 + test_random_below(r, len - at);
		memmove(buf + test_random_below(r, len - n + 1), buf + at, n);
		return len;
	default:
		n = 1 + test_random_below(r, 16);
		test_random_fill(r, buf + at, n < len - at ? n : len - at);
		return len;
	}
}

static uint64_t run_changed(const struct corpus *c, double seconds)
{
	struct test_random r = test_random_seeded("replay");
	uint8_t *buf = malloc(INPUT_MAX);
	time_t end = time(NULL) + (time_t)seconds;
	uint64_t runs = 0;

	while (buf && c->count && time(NULL) <= end) {
		const struct input *in = &c->files[test_random_below(&r, c->count)];
		size_t len = in->len;

		memcpy(buf, in->bytes, len);
		for (uint64_t n = 1 + test_random_below(&r, CHANGES_MAX); n; n--)
			len = change(&r, buf, len);
		run(buf, len);
		runs++;
	}
	free(buf);
	return runs;
}

int main(int argc, char **argv)
{
	static struct corpus c;
	const char *seconds = getenv("REPLAY_SECONDS");
	uint64_t changed;

	for (int i = 1; i < argc; i++)
		if (add_path(&c, argv[i]) < 0)
			fprintf(stderr, "replay: cannot read all of %s\n", argv[i]);
	if (!c.count) {
		fprintf(stderr, "replay: the corpus is empty\n");
		return 1;
	}
	for (size_t i = 0; i < c.count; i++)
		run(c.files[i].bytes, c.files[i].len);
	changed = run_changed(&c, seconds ? strtod(seconds, NULL) : 2);
	printf("%zu files and %llu changed copies\n", c.count, (unsigned long long)changed);
	for (size_t i = 0; i < c.count; i++)
		free(c.files[i].bytes);
	return 0;
}
