/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/util/json_value.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define J(v) ((json_t *)(v))
#define V(j) ((struct jval *)(j))

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void wiping_free(void *p)
{
	if (p)
		wipe(p, malloc_usable_size(p));
	free(p);
}

static void init(void)
{
	json_set_alloc_funcs(malloc, wiping_free);
}

struct jval *jval_parse(const void *text, size_t len, struct error *err)
{
	json_error_t why;
	json_t *j;

	pthread_once(&once, init);
	j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (j)
		return V(j);
	if (json_error_code(&why) == json_error_out_of_memory)
		return error_null(err, ENOMEM, "no memory");
	/* why.text quotes the input, which may be secret */
	return error_null(err, EBADMSG, "not valid JSON, line %d column %d", why.line, why.column);
}

void jval_free(struct jval *v)
{
	json_decref(J(v));
}

struct jval *jval_ref(struct jval *v)
{
	return V(json_incref(J(v)));
}

bool jval_is_object(const struct jval *v)
{
	return json_is_object(J(v));
}

bool jval_is_array(const struct jval *v)
{
	return json_is_array(J(v));
}

struct jval *jval_get(const struct jval *v, const char *name)
{
	return V(json_object_get(J(v), name));
}

static json_t *member_ci(json_t *object, const char *name, size_t len)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		return NULL;
	json_object_foreach(object, key, value)
		if (!strncasecmp(key, name, len) && !key[len])
			return value;
	return NULL;
}

struct jval *jval_get_ci(const struct jval *v, const char *name)
{
	struct jval *exact = jval_get(v, name);

	return exact ? exact : V(member_ci(J(v), name, strlen(name)));
}

struct jval *jval_path_ci(const struct jval *v, const char *path)
{
	const char *dot = path;
	struct jval *whole;

	if (!v)
		return NULL;
	whole = V(member_ci(J(v), path, strlen(path)));
	if (whole)
		return whole;
	for (dot = strchr(dot, '.'); dot; dot = strchr(dot + 1, '.')) {
		json_t *step = member_ci(J(v), path, (size_t)(dot - path));
		struct jval *found = step ? jval_path_ci(V(step), dot + 1) : NULL;

		if (found)
			return found;
	}
	return NULL;
}

size_t jval_len(const struct jval *v)
{
	return json_is_array(J(v)) ? json_array_size(J(v)) : json_object_size(J(v));
}

struct jval *jval_at(const struct jval *v, size_t i)
{
	return V(json_array_get(J(v), i));
}

const char *jval_text(const struct jval *v)
{
	return json_string_value(J(v));
}

const char *jval_get_text(const struct jval *v, const char *name)
{
	return jval_text(jval_get_ci(v, name));
}

bool jval_i64(const struct jval *v, int64_t *out)
{
	const char *text = jval_text(v);
	char *end;

	if (json_is_integer(J(v))) {
		*out = json_integer_value(J(v));
		return true;
	}
	if (!text || !*text || strspn(text, "-0123456789") != strlen(text))
		return false;
	errno = 0;
	*out = strtoll(text, &end, 10);
	return !errno && !*end;
}

bool jval_u64(const struct jval *v, uint64_t *out)
{
	const char *text = jval_text(v);
	char *end;

	if (json_is_integer(J(v)) && json_integer_value(J(v)) >= 0) {
		*out = (uint64_t)json_integer_value(J(v));
		return true;
	}
	if (!text || !*text || strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return !errno && !*end;
}

bool jval_bool(const struct jval *v, bool fallback)
{
	const char *text = jval_text(v);

	if (json_is_boolean(J(v)))
		return json_is_true(J(v));
	if (text && !strcasecmp(text, "true"))
		return true;
	if (text && !strcasecmp(text, "false"))
		return false;
	return fallback;
}

int jval_each(const struct jval *v, int (*fn)(void *arg, const char *name, struct jval *member),
	      void *arg)
{
	const char *key;
	json_t *value;
	int rc;

	if (!json_is_object(J(v)))
		return 0;
	json_object_foreach(J(v), key, value) {
		rc = fn(arg, key, V(value));
		if (rc)
			return rc;
	}
	return 0;
}

struct jval *jval_object(void)
{
	pthread_once(&once, init);
	return V(json_object());
}

struct jval *jval_array(void)
{
	pthread_once(&once, init);
	return V(json_array());
}

struct jval *jval_new_text(const char *text)
{
	pthread_once(&once, init);
	return V(text ? json_string(text) : json_null());
}

struct jval *jval_new_i64(int64_t n)
{
	pthread_once(&once, init);
	return V(json_integer(n));
}

int jval_set(struct jval *object, const char *name, struct jval *taken)
{
	return json_object_set_new(J(object), name, J(taken)) ? -ENOMEM : 0;
}

int jval_set_text(struct jval *object, const char *name, const char *text)
{
	return jval_set(object, name, jval_new_text(text));
}

int jval_set_i64(struct jval *object, const char *name, int64_t n)
{
	return jval_set(object, name, jval_new_i64(n));
}

int jval_set_u64_text(struct jval *object, const char *name, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	return jval_set_text(object, name, text);
}

int jval_set_bool(struct jval *object, const char *name, bool b)
{
	return jval_set(object, name, V(json_boolean(b)));
}

int jval_append(struct jval *array, struct jval *taken)
{
	return json_array_append_new(J(array), J(taken)) ? -ENOMEM : 0;
}

int jval_remove(struct jval *object, const char *name)
{
	return json_object_del(J(object), name) ? -ENOENT : 0;
}

struct jval *jval_copy(const struct jval *v)
{
	return V(json_deep_copy(J(v)));
}

char *jval_print(const struct jval *v, bool pretty)
{
	size_t flags = JSON_SORT_KEYS | JSON_ENCODE_ANY | (pretty ? JSON_INDENT(2) : JSON_COMPACT);

	return json_dumps(J(v), flags);
}

struct secret *jval_print_secret(const struct jval *v)
{
	size_t flags = JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_COMPACT, len;
	struct secret *s;

	len = json_dumpb(J(v), NULL, 0, flags);
	s = len ? secret_new(len) : NULL;
	if (s)
		json_dumpb(J(v), (char *)secret_data(s), len, flags);
	return s;
}
