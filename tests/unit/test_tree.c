/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/mem.h"
#include "fs/mount/mounttable.h"
#include "fs/mount/tree.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MANY 3000

static const struct tree_owner owner = { .uid = 7, .gid = 8, .mode = 0440, .mtime = 99 };

/* What the fill functions of these tests count and do. */
struct world {
	_Atomic int fills, opens, releases;
	int fail_fills;		/* so many fail first */
	uint64_t size;		/* of what open gives */
};

static int open_zeros(struct node *n, struct blockdev **out, struct error *err)
{
	struct world *w = n->ctx;

	w->opens++;
	*out = zero_open(w->size, err);
	return *out ? 0 : -ENOMEM;
}

static const struct node_ops image_ops = { .open = open_zeros };

static int fill_many(struct node *folder, struct error *err)
{
	char name[32];
	int i;

	for (i = MANY; i > 0; i--) {
		snprintf(name, sizeof(name), "file %d", i);
		if (!tree_add_link(folder, name, "target", err))
			return -err->code;
	}
	return 0;
}

static const struct node_ops many_ops = { .fill = fill_many };

static int fill_root(struct node *root, struct error *err)
{
	struct world *w = root->ctx;

	w->fills++;
	if (!tree_add_image(root, "disk.raw", 4096, false, &image_ops, w, err) ||
	    !tree_add_image(root, "rw.raw", 4096, true, &image_ops, w, err) ||
	    !tree_add_text(root, "info.json", strdup("{}"), 2, err) ||
	    !tree_add_folder(root, "many", &many_ops, w, err))
		return -err->code;
	return w->fail_fills-- > 0 ? error_set(err, EHOSTUNREACH, "not yet") : 0;
}

static void count_release(void *ctx)
{
	((struct world *)ctx)->releases++;
}

static const struct node_ops root_ops = { .fill = fill_root, .release = count_release };

static void a_folder_fills_once_and_finds_its_children(void **state)
{
	struct world w = { .size = 4096 };
	AUTO(tree_free) struct tree *t = tree_new(&owner, &root_ops, &w, NULL);
	struct node *root = tree_root(t), *n;

	(void)state;
	assert_int_equal(node_fill(root, NULL), 0);
	assert_int_equal(node_fill(root, NULL), 0);
	assert_int_equal(w.fills, 1);
	n = node_child(root, "info.json");
	assert_non_null(n);
	assert_ptr_equal(tree_node(t, n->ino), n);
	assert_ptr_equal(n->parent, root);
	assert_int_equal(n->mode, S_IFREG | 0440);
	assert_int_equal(node_child(root, "rw.raw")->mode, S_IFREG | 0660);
	assert_int_equal(node_child(root, "many")->mode, S_IFDIR | 0550);
	assert_int_equal(n->uid, 7);
	assert_null(node_child(root, "info"));
	assert_null(node_child(root, ""));
	assert_null(tree_node(t, 0));
	assert_null(tree_node(t, tree_n_nodes(t) + 1));
	assert_null(tree_node(t, UINT64_MAX));
}

static void a_failed_fill_is_tried_again_and_shows_nothing_twice(void **state)
{
	struct world w = { .size = 4096, .fail_fills = 1 };
	AUTO(tree_free) struct tree *t = tree_new(&owner, &root_ops, &w, NULL);
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(node_fill(tree_root(t), &err), -EHOSTUNREACH);
	assert_int_equal(node_fill(tree_root(t), &err), 0);
	assert_int_equal(tree_root(t)->n_children, 4);
}

static void thousands_of_children_are_found_by_name_and_number(void **state)
{
	struct world w = { .size = 4096 };
	AUTO(tree_free) struct tree *t = tree_new(&owner, &root_ops, &w, NULL);
	struct node *many;
	char name[32];
	int i;

	(void)state;
	assert_int_equal(node_fill(tree_root(t), NULL), 0);
	many = node_child(tree_root(t), "many");
	assert_int_equal(node_fill(many, NULL), 0);
	for (i = 1; i <= MANY; i++) {
		struct node *n;

		snprintf(name, sizeof(name), "file %d", i);
		n = node_child(many, name);
		assert_non_null(n);
		assert_string_equal(n->name, name);
		assert_ptr_equal(tree_node(t, n->ino), n);
	}
}

static void names_that_a_file_cannot_have_are_refused(void **state)
{
	struct world w = { .size = 4096 };
	AUTO(tree_free) struct tree *t = tree_new(&owner, NULL, NULL, NULL);
	char *longest = calloc(1, 257);
	struct error err = ERROR_INIT;
	struct node *root = tree_root(t);

	(void)state;
	memset(longest, 'x', 256);
	assert_null(tree_add_link(root, "", "x", &err));
	assert_null(tree_add_link(root, ".", "x", &err));
	assert_null(tree_add_link(root, "..", "x", &err));
	assert_null(tree_add_link(root, "../../etc/passwd", "x", &err));
	assert_null(tree_add_image(root, longest, 1, false, &image_ops, &w, &err));
	assert_int_equal(err.code, EINVAL);
	longest[255] = '\0';
	assert_non_null(tree_add_image(root, longest, 1, false, &image_ops, &w, &err));
	free(longest);
}

static int fill_twins(struct node *root, struct error *err)
{
	return tree_add_link(root, "a", "x", err) && tree_add_link(root, "b", "x", err) &&
	       tree_add_link(root, "a", "y", err) ? 0 : -err->code;
}

static void two_children_of_one_name_make_the_folder_damaged(void **state)
{
	static const struct node_ops ops = { .fill = fill_twins };
	AUTO(tree_free) struct tree *t = tree_new(&owner, &ops, NULL, NULL);

	(void)state;
	assert_int_equal(node_fill(tree_root(t), NULL), -EBADMSG);
}

static void an_image_opens_on_first_use_and_closes_after_the_last(void **state)
{
	struct world w = { .size = 4096 };
	AUTO(tree_free) struct tree *t = tree_new(&owner, &root_ops, &w, NULL);
	struct blockdev *a, *b;
	struct node *n;

	(void)state;
	assert_int_equal(node_fill(tree_root(t), NULL), 0);
	n = node_child(tree_root(t), "disk.raw");
	assert_int_equal(w.opens, 0);
	assert_int_equal(node_open(n, &a, NULL), 0);
	assert_int_equal(node_open(n, &b, NULL), 0);
	assert_ptr_equal(a, b);
	assert_int_equal(w.opens, 1);
	node_close(n, a);
	node_close(n, b);
	assert_null(n->bd);
	assert_int_equal(node_open(n, &a, NULL), 0);
	assert_int_equal(w.opens, 2);
	node_close(n, a);
}

static void an_image_of_another_size_than_told_does_not_open(void **state)
{
	struct world w = { .size = 8192 };
	AUTO(tree_free) struct tree *t = tree_new(&owner, &root_ops, &w, NULL);
	struct blockdev *bd;

	(void)state;
	assert_int_equal(node_fill(tree_root(t), NULL), 0);
	assert_int_equal(node_open(node_child(tree_root(t), "disk.raw"), &bd, NULL), -EIO);
}

static void what_a_folder_kept_is_given_back_once(void **state)
{
	struct world w = { .size = 4096 };
	struct tree *t = tree_new(&owner, &root_ops, &w, NULL);

	(void)state;
	assert_int_equal(node_fill(tree_root(t), NULL), 0);
	tree_free(t);
	assert_int_equal(w.releases, 1);
}

/* Many threads use a fresh tree at once. */
static void *use_tree(void *arg)
{
	struct tree *t = arg;
	struct blockdev *bd;
	struct node *many;
	int i;

	if (node_fill(tree_root(t), NULL))
		return arg;
	many = node_child(tree_root(t), "many");
	if (node_fill(many, NULL) || many->n_children != MANY)
		return arg;
	for (i = 0; i < 1000; i++) {
		struct node *n = node_child(tree_root(t), "disk.raw");

		if (node_open(n, &bd, NULL))
			return arg;
		node_close(n, bd);
		if (!tree_node(t, (uint64_t)i % tree_n_nodes(t) + 1))
			return arg;
	}
	return NULL;
}

static void threads_share_a_tree(void **state)
{
	struct world w = { .size = 4096 };
	AUTO(tree_free) struct tree *t = tree_new(&owner, &root_ops, &w, NULL);
	pthread_t threads[8];
	void *bad;
	int i;

	(void)state;
	for (i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_tree, t), 0);
	for (i = 0; i < 8; i++) {
		pthread_join(threads[i], &bad);
		assert_null(bad);
	}
	assert_int_equal(w.fills, 1);
	assert_int_equal(tree_n_nodes(t), 1 + 4 + MANY);
}

static void the_mount_table_is_read_with_its_escapes(void **state)
{
	static const char text[] =
		"22 28 0:21 / /proc rw,nosuid shared:13 - proc proc rw\n"
		"garbage\n"
		"42 27 0:39 / /mnt/a\\040b ro,nosuid shared:1 master:2 - fuse.adebackup /i\\134\\054.vhd "
		"ro,user_id=1000\n"
		"43 27 0:40 / /mnt/a\\040b ro - fuse.sshfs host: rw\n";
	AUTO(mounttable_free) struct mounttable *t = mounttable_parse(text, NULL);

	(void)state;
	assert_int_equal(t->n, 3);
	assert_string_equal(t->entries[1].dir, "/mnt/a b");
	assert_string_equal(t->entries[1].source, "/i\\,.vhd");
	assert_string_equal(t->entries[1].type, MOUNT_FSTYPE);
	assert_non_null(strstr(t->entries[1].options, "user_id=1000"));
	assert_int_equal(t->entries[1].minor, 39);
	assert_string_equal(mounttable_find(t, "/mnt/a b")->type, "fuse.sshfs");
	assert_null(mounttable_find(t, "/mnt"));
}

static void a_mount_folder_resolves_without_its_last_part(void **state)
{
	AUTO(free) char *a = mount_dir_resolve("/usr/../tmp/no-such-folder-here/", NULL);
	AUTO(free) char *root = mount_dir_resolve("/", NULL);
	struct error err = ERROR_INIT;

	(void)state;
	assert_string_equal(a, "/tmp/no-such-folder-here");
	assert_string_equal(root, "/");
	assert_null(mount_dir_resolve("/no-such-folder/x", &err));
	assert_int_equal(err.code, ENOENT);
	assert_null(mount_dir_resolve("", &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_folder_fills_once_and_finds_its_children),
		cmocka_unit_test(a_failed_fill_is_tried_again_and_shows_nothing_twice),
		cmocka_unit_test(thousands_of_children_are_found_by_name_and_number),
		cmocka_unit_test(names_that_a_file_cannot_have_are_refused),
		cmocka_unit_test(two_children_of_one_name_make_the_folder_damaged),
		cmocka_unit_test(an_image_opens_on_first_use_and_closes_after_the_last),
		cmocka_unit_test(an_image_of_another_size_than_told_does_not_open),
		cmocka_unit_test(what_a_folder_kept_is_given_back_once),
		cmocka_unit_test(threads_share_a_tree),
		cmocka_unit_test(the_mount_table_is_read_with_its_escapes),
		cmocka_unit_test(a_mount_folder_resolves_without_its_last_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
