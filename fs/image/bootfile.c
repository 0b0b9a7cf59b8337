/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/bootfile.h"
#include "crypto/bytes.h"
#include "fs/image/fstype.h"
#include "fs/image/mem.h"
#include "fs/image/slice.h"
#include "fs/image/splice.h"

#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <stdio.h>
#include <string.h>

#define SCAN_STEP 4096u
#define SCAN_MAX (4ull << 30)		/* a boot partition is not larger */
#define SCAN_BUF (1u << 20)
#define FOLDER_MAX 64
#define RUNS_MAX 1024u		/* a header in more pieces than that is read as a whole */

static const char *const paths[] = { "/luks/osluksheader", "/boot/luks/osluksheader" };

/* libext2fs reads through an io_manager that is opened by name; ours is the
 * address of the device, in text. */
static errcode_t dev_open(const char *name, int flags, io_channel *out);

static errcode_t dev_close(io_channel ch)
{
	ext2fs_free_mem(&ch->name);
	ext2fs_free_mem(&ch);
	return 0;
}

static errcode_t dev_set_blksize(io_channel ch, int size)
{
	ch->block_size = size;
	return 0;
}

static errcode_t dev_read64(io_channel ch, unsigned long long block, int count, void *buf)
{
	struct blockdev *bd = ch->private_data;
	uint64_t off, len = count < 0 ? (uint64_t)-(int64_t)count
				      : (uint64_t)count * (unsigned)ch->block_size;

	if (!mul_u64(block, (unsigned)ch->block_size, &off) || blockdev_pread(bd, buf, len, off) < 0)
		return EXT2_ET_SHORT_READ;
	return 0;
}

static errcode_t dev_read(io_channel ch, unsigned long block, int count, void *buf)
{
	return dev_read64(ch, block, count, buf);
}

static errcode_t dev_no_write64(io_channel ch, unsigned long long block, int count, const void *buf)
{
	(void)ch, (void)block, (void)count, (void)buf;
	return EROFS;
}

static errcode_t dev_no_write(io_channel ch, unsigned long block, int count, const void *buf)
{
	return dev_no_write64(ch, block, count, buf);
}

static errcode_t dev_flush(io_channel ch)
{
	(void)ch;
	return 0;
}

static struct struct_io_manager dev_manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER, .name = "blockdev", .open = dev_open, .close = dev_close,
	.set_blksize = dev_set_blksize, .read_blk = dev_read, .write_blk = dev_no_write,
	.flush = dev_flush, .read_blk64 = dev_read64, .write_blk64 = dev_no_write64,
};

static errcode_t dev_open(const char *name, int flags, io_channel *out)
{
	io_channel ch = NULL;
	void *device;
	errcode_t rc;

	(void)flags;
	if (sscanf(name, "%p", &device) != 1)
		return EXT2_ET_BAD_DEVICE_NAME;
	rc = ext2fs_get_memzero(sizeof(*ch), &ch);
	if (rc)
		return rc;
	rc = ext2fs_get_mem(strlen(name) + 1, &ch->name);
	if (rc) {
		ext2fs_free_mem(&ch);
		return rc;
	}
	memcpy(ch->name, name, strlen(name) + 1);
	ch->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	ch->manager = &dev_manager;
	ch->block_size = 1024;
	ch->refcount = 1;
	ch->private_data = device;
	*out = ch;
	return 0;
}

static void close_fs(ext2_filsys *fs)
{
	if (*fs)
		ext2fs_free(*fs);	/* unlike ext2fs_close(), never writes */
}

static void close_file(ext2_file_t *file)
{
	if (*file)
		ext2fs_file_close(*file);
}

/* All of the file, into malloc'ed memory. */
static int read_file(ext2_filsys fs, ext2_ino_t ino, uint8_t **out, size_t *len)
{
	__attribute__((cleanup(close_file))) ext2_file_t file = NULL;
	AUTO(free) uint8_t *buf = NULL;
	uint64_t size = 0;
	size_t at = 0;

	if (ext2fs_file_open(fs, ino, 0, &file) || ext2fs_file_get_lsize(file, (__u64 *)&size))
		return -EBADMSG;
	if (!size || size > BOOTFILE_MAX)
		return -ENOENT;
	buf = malloc((size_t)size);
	if (!buf)
		return -ENOMEM;
	while (at < size) {
		unsigned want = size - at > SCAN_BUF ? SCAN_BUF : (unsigned)(size - at), got = 0;

		if (ext2fs_file_read(file, buf + at, want, &got) || !got)
			return -EBADMSG;
		at += got;
	}
	*out = TAKE(buf);
	*len = at;
	return 0;
}

static bool is_file(ext2_filsys fs, ext2_ino_t ino)
{
	struct ext2_inode inode;

	return ext2fs_read_inode(fs, ino, &inode) == 0 && LINUX_S_ISREG(inode.i_mode);
}

static bool is_folder(ext2_filsys fs, ext2_ino_t ino)
{
	struct ext2_inode inode;

	return ext2fs_read_inode(fs, ino, &inode) == 0 && LINUX_S_ISDIR(inode.i_mode);
}

/* The library's own walk follows symbolic links and believes a short link's
 * size, however far that reaches behind the inode; so links are not followed. */
static int walk_to(ext2_filsys fs, const char *path, ext2_ino_t *ino)
{
	*ino = EXT2_ROOT_INO;
	while (*path) {
		size_t len = strcspn(path, "/");

		if (!is_folder(fs, *ino))
			return -ENOENT;
		if (len && ext2fs_lookup(fs, *ino, path, (int)len, NULL, ino))
			return -ENOENT;
		path += len + (path[len] == '/');
	}
	return 0;
}

static int walk(ext2_filsys fs, const char *path, ext2_ino_t *ino)
{
	return walk_to(fs, path, ino) == 0 && is_file(fs, *ino) ? 0 : -ENOENT;
}

static errcode_t open_fs(struct blockdev *partition, ext2_filsys *fs)
{
	char name[32];

	snprintf(name, sizeof(name), "%p", (void *)partition);
	return ext2fs_open2(name, NULL, EXT2_FLAG_64BITS | EXT2_FLAG_SOFTSUPP_FEATURES, 0, 0, &dev_manager, fs);
}

struct blockdev *bootfile_open_ext(struct blockdev *partition, const char *path, struct error *err)
{
	__attribute__((cleanup(close_fs))) ext2_filsys fs = NULL;
	uint8_t *buf = NULL;
	size_t len = 0;
	ext2_ino_t ino;
	int rc;

	if (open_fs(partition, &fs))
		return error_null(err, EBADMSG, "the boot file system cannot be read");
	if (walk(fs, path, &ino) < 0)
		return error_null(err, ENOENT, "no file %s", path);
	rc = read_file(fs, ino, &buf, &len);
	if (rc < 0)
		return error_null(err, -rc, "the file %s cannot be read", path);
	return mem_open(buf, len, err);
}

int bootfile_stream_ext(struct blockdev *partition, const char *path, bootfile_piece_fn *fn, void *arg,
			struct error *err)
{
	__attribute__((cleanup(close_fs))) ext2_filsys fs = NULL;
	__attribute__((cleanup(close_file))) ext2_file_t file = NULL;
	AUTO(free) uint8_t *buf = malloc(SCAN_BUF);
	unsigned got = 1;
	ext2_ino_t ino;
	int rc = 0;

	if (!buf)
		return error_set(err, ENOMEM, "out of memory");
	if (open_fs(partition, &fs))
		return error_set(err, EBADMSG, "the boot file system cannot be read");
	if (walk(fs, path, &ino) < 0 || ext2fs_file_open(fs, ino, 0, &file))
		return error_set(err, ENOENT, "no file %s", path);
	while (!rc && got) {
		if (ext2fs_file_read(file, buf, SCAN_BUF, &got))
			return error_set(err, EBADMSG, "the file %s cannot be read", path);
		rc = got ? fn(arg, buf, got) : 0;
	}
	return rc;
}

/* Files of a folder, noted before any is read. */
struct listing {
	const char *prefix;
	struct { ext2_ino_t ino; char name[64]; } file[FOLDER_MAX];
	size_t n;
};

static int note_file(struct ext2_dir_entry *e, int offset, int blocksize, char *buf, void *arg)
{
	struct listing *l = arg;
	int len = ext2fs_dirent_name_len(e);
	size_t prefix = strlen(l->prefix);

	(void)offset, (void)blocksize, (void)buf;
	if (l->n == FOLDER_MAX || len < (int)prefix || len >= (int)sizeof(l->file[0].name) ||
	    memcmp(e->name, l->prefix, prefix))
		return 0;
	l->file[l->n].ino = e->inode;
	memcpy(l->file[l->n].name, e->name, (size_t)len);
	l->n++;
	return 0;
}

int bootfile_each_ext(struct blockdev *partition, const char *folder, const char *prefix, bootfile_fn *fn,
		      void *arg)
{
	__attribute__((cleanup(close_fs))) ext2_filsys fs = NULL;
	struct listing l = { .prefix = prefix };
	ext2_ino_t ino;
	int rc = 0;

	if (open_fs(partition, &fs) || walk_to(fs, folder, &ino) < 0 || !is_folder(fs, ino) ||
	    ext2fs_dir_iterate(fs, ino, 0, NULL, note_file, &l))
		return 0;
	for (size_t i = 0; i < l.n && !rc; i++) {
		struct blockdev *file;
		uint8_t *buf = NULL;
		size_t len = 0;

		if (!is_file(fs, l.file[i].ino) || read_file(fs, l.file[i].ino, &buf, &len) < 0)
			continue;
		file = mem_open(buf, len, NULL);
		rc = file ? fn(arg, file, l.file[i].name) : 0;
		blockdev_unref(file);
	}
	return rc;
}

/* Where a file's blocks lie; what is missing reads as zeros. */
struct runs {
	struct blockdev *partition;
	struct splice_piece piece[RUNS_MAX];
	size_t n;
	uint64_t end;		/* of the last one, in the partition */
};

static void drop_runs(struct runs *r)
{
	while (r->n)
		blockdev_unref(r->piece[--r->n].dev);
}

/* One more stretch of the file; the one before grows where it goes on. */
static int add_run(struct runs *r, uint64_t off, uint64_t at, uint64_t len)
{
	struct splice_piece *last = r->n ? &r->piece[r->n - 1] : NULL;
	uint64_t from = at, start = off;

	if (last && at == r->end && last->off + last->dev->size == off) {
		len += last->dev->size;
		from -= last->dev->size;
		start = last->off;
		blockdev_unref(r->piece[--r->n].dev);
	}
	if (r->n == RUNS_MAX)
		return -EFBIG;
	r->piece[r->n].off = start;
	r->piece[r->n].dev = slice_open(blockdev_ref(r->partition), from, len, NULL);
	if (!r->piece[r->n].dev)
		return -EBADMSG;
	r->n++;
	r->end = from + len;
	return 0;
}

static int find_runs(ext2_filsys fs, ext2_ino_t ino, uint64_t size, struct runs *r)
{
	uint64_t step = fs->blocksize;
	int rc = 0;

	for (uint64_t off = 0; off < size && !rc; off += step) {
		blk64_t block = 0;
		int flags = 0;

		if (ext2fs_bmap2(fs, ino, NULL, NULL, 0, off / step, &flags, &block))
			return -EBADMSG;
		if (block && !(flags & BMAP_RET_UNINIT))
			rc = add_run(r, off, block * step, size - off < step ? size - off : step);
	}
	return rc;
}

/* The file as it lies there, so that of a header of 16 MiB over a network only
 * what is looked at comes.  NULL: not to be had in this way. */
static struct blockdev *map_ext(struct blockdev *partition, const char *path)
{
	__attribute__((cleanup(close_fs))) ext2_filsys fs = NULL;
	AUTO(free) struct runs *r = calloc(1, sizeof(*r));
	struct ext2_inode inode;
	uint64_t size;
	ext2_ino_t ino;

	if (!r || open_fs(partition, &fs) || walk(fs, path, &ino) < 0 || ext2fs_read_inode(fs, ino, &inode))
		return NULL;
	size = EXT2_I_SIZE(&inode);
	r->partition = partition;
	if (!size || size > BOOTFILE_MAX || find_runs(fs, ino, size, r) < 0) {
		drop_runs(r);
		return NULL;
	}
	return splice_open(zero_open(size, NULL), r->piece, r->n, NULL);
}

/* Places where a header may begin, in what is stored (holes passed over). */
struct scan {
	struct blockdev *bd;
	bootfile_accept_fn *accept;
	uint8_t *buf;
	uint64_t found, len;
};

static bool try_place(struct scan *s, uint64_t off)
{
	struct blockdev *rest = slice_open(blockdev_ref(s->bd), off, s->bd->size - off, NULL);

	s->len = rest ? s->accept(rest) : 0;
	blockdev_unref(rest);
	s->found = off;
	return s->len > 0 && range_fits(off, s->len, s->bd->size);
}

static int scan_extent(void *arg, uint64_t off, uint64_t len, enum extent_type type)
{
	struct scan *s = arg;
	uint64_t at = (off + SCAN_STEP - 1) / SCAN_STEP * SCAN_STEP, end = off + len;

	if (type == EXTENT_HOLE)
		return 0;
	while (at + 512 <= end) {
		size_t n = end - at < SCAN_BUF ? (size_t)(end - at) : SCAN_BUF;
		int rc = blockdev_pread(s->bd, s->buf, n, at);

		if (rc < 0)
			return rc;
		for (size_t i = 0; i + 8 <= n; i += SCAN_STEP)
			if (!memcmp(s->buf + i, "LUKS\xba\xbe", 6) && try_place(s, at + i))
				return 1;
		at += SCAN_BUF;
	}
	return 0;
}

static struct blockdev *scan(struct blockdev *bd, uint64_t *from, bootfile_accept_fn *accept,
			     char *where, size_t size, struct error *err)
{
	struct scan s = { .bd = bd, .accept = accept, .buf = malloc(SCAN_BUF) };
	uint64_t len = bd->size < SCAN_MAX ? bd->size : SCAN_MAX;
	int rc;

	if (!s.buf)
		return error_null(err, ENOMEM, "out of memory");
	rc = *from < len ? blockdev_extents(bd, *from, len - *from, scan_extent, &s) : 0;
	free(s.buf);
	if (rc < 0)
		return error_null(err, -rc, "the boot partition cannot be read");
	if (rc == 0)
		return error_null(err, ENOENT, "no LUKS header on the boot partition");
	snprintf(where, size, "byte %llu", (unsigned long long)s.found);
	*from = s.found + SCAN_STEP;
	return slice_open(blockdev_ref(bd), s.found, s.len, err);
}

struct blockdev *bootfile_find(struct blockdev *partition, bootfile_accept_fn *accept, char *where,
			       size_t size, struct error *err)
{
	uint64_t from = 0;

	return bootfile_find_next(partition, &from, accept, where, size, err);
}

struct blockdev *bootfile_find_next(struct blockdev *partition, uint64_t *from,
				    bootfile_accept_fn *accept, char *where, size_t size,
				    struct error *err)
{
	const char *what = fstype_detect(partition);

	if (!what)
		return error_null(err, ENOENT, "no file system");
	if (strncmp(what, "ext", 3) || !strcmp(what, "exfat"))
		return scan(partition, from, accept, where, size, err);
	while (*from < sizeof(paths) / sizeof(*paths)) {
		size_t i = (size_t)(*from)++;
		struct blockdev *file = map_ext(partition, paths[i]);

		file = file ? file : bootfile_open_ext(partition, paths[i], err);
		if (file && accept(file) > 0) {
			snprintf(where, size, "%s", paths[i]);
			return file;
		}
		blockdev_unref(file);
	}
	return error_null(err, ENOENT, "no %s on the boot partition", paths[0]);
}
