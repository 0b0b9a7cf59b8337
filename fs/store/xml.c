/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/store/xml.h"
#include "crypto/cleanup.h"

#include <errno.h>
#include <expat.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define PATH_ROOM 512

struct walk {
	XML_Parser parser;
	xml_fn *fn;
	void *arg;
	char path[PATH_ROOM];
	size_t depth, path_len[XML_DEPTH + 1], text_len;
	char text[XML_TEXT];
	int rc;
};

static void stop(struct walk *w, int rc)
{
	if (!w->rc)
		w->rc = rc;
	XML_StopParser(w->parser, XML_FALSE);
}

/* Behind the name space, which servers choose freely. */
static const char *local(const char *name)
{
	const char *colon = strrchr(name, ':');

	return colon ? colon + 1 : name;
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	struct walk *w = arg;
	size_t at = w->path_len[w->depth];
	int n;

	(void)attributes;
	if (w->depth == XML_DEPTH) {
		stop(w, -EBADMSG);
		return;
	}
	n = snprintf(w->path + at, PATH_ROOM - at, "%s%s", at ? "/" : "", local(name));
	if (n < 0 || (size_t)n >= PATH_ROOM - at) {
		stop(w, -EBADMSG);
		return;
	}
	w->path_len[++w->depth] = at + (size_t)n;
	w->text_len = 0;
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
	struct walk *w = arg;
	int rc;

	(void)name;
	if (!w->depth || w->rc)
		return;
	w->text[w->text_len] = '\0';
	rc = w->fn(w->arg, w->path, w->text);
	w->depth--;
	w->path[w->path_len[w->depth]] = '\0';
	w->text_len = 0;
	if (rc)
		stop(w, rc);
}

static void XMLCALL on_text(void *arg, const XML_Char *text, int len)
{
	struct walk *w = arg;
	size_t room = XML_TEXT - 1 - w->text_len, n = (size_t)len < room ? (size_t)len : room;

	memcpy(w->text + w->text_len, text, n);
	w->text_len += n;
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *sysid, const XML_Char *pubid,
			       int has_internal)
{
	(void)name, (void)sysid, (void)pubid, (void)has_internal;
	stop(arg, -EBADMSG);
}

int xml_walk(const void *data, size_t len, xml_fn *fn, void *arg, struct error *err)
{
	AUTO(free) struct walk *w = calloc(1, sizeof(*w));
	enum XML_Status status;

	if (w)
		w->parser = XML_ParserCreate(NULL);
	if (!w || !w->parser)
		return error_set(err, ENOMEM, "no memory");
	w->fn = fn;
	w->arg = arg;
	XML_SetUserData(w->parser, w);
	XML_SetElementHandler(w->parser, on_start, on_end);
	XML_SetCharacterDataHandler(w->parser, on_text);
	XML_SetStartDoctypeDeclHandler(w->parser, on_doctype);
	status = len <= INT_MAX ? XML_Parse(w->parser, data, (int)len, XML_TRUE) : XML_STATUS_ERROR;
	if (status != XML_STATUS_OK && !w->rc)
		w->rc = -EBADMSG;
	XML_ParserFree(w->parser);
	return w->rc == -EBADMSG ? error_set(err, EBADMSG, "the answer is no XML that a store sends") : w->rc;
}
