/* SPDX-License-Identifier: Apache-2.0 */
/* The log of an overlay of 64 blocks as it is, and with the first record's digest mended. */
#include "fs/image/overlay_record.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay(int fd, const struct overlay_layout *at)
{
	AUTO(overlay_map_free) struct overlay_map *map = overlay_map_new(64, NULL);
	struct error err = ERROR_INIT;
	uint64_t have, zero;
	size_t records;
	int rc = overlay_log_replay(fd, at, map, true, &records, &err);

	overlay_map_count(map, &have, &zero);
	if (have + zero > 64 || (rc && (!err.code || !err.text[0])) || records > at->log_len / OVERLAY_BLOCK)
		abort();
	if (!rc && overlay_log_settle(fd, at, map, &err))
		abort();
	if (!rc && (overlay_log_replay(fd, at, NULL, false, &records, &err) || records))
		abort();
}

static void mend(uint8_t *log, size_t size)
{
	struct overlay_record_id id;
	size_t len = overlay_record_size(log, &id);

	if (len && len <= size)
		overlay_record_seal(log, len, overlay_record_entries(log), &id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct overlay_info info = { .size = 64 * OVERLAY_BLOCK, .logged = true };
	struct overlay_layout at;
	uint8_t *log;
	int fd = memfd_create("log", 0);

	if (overlay_layout(&info, &at) || fd < 0 || ftruncate(fd, (off_t)at.file_len))
		abort();
	size = size < at.log_len ? size : at.log_len;
	log = calloc(1, at.log_len);
	memcpy(log, data, size);
	for (int i = 0; i < 2; i++) {
		if (pwrite(fd, log, at.log_len, (off_t)at.log_off) != (ssize_t)at.log_len)
			abort();
		replay(fd, &at);
		mend(log, at.log_len);
	}
	free(log);
	close(fd);
	return 0;
}
