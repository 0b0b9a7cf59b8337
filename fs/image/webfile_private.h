/* SPDX-License-Identifier: Apache-2.0 */
/* Between webfile.c, webfile_address.c and webfile_pages.c. */
#ifndef ADE_FS_IMAGE_WEBFILE_PRIVATE_H
#define ADE_FS_IMAGE_WEBFILE_PRIVATE_H

#include "fs/image/webfile.h"
#include "fs/net/azure_blob.h"
#include "fs/store/remote.h"

/* Where a SPEC points. */
struct webfile_address {
	bool azure;
	char *account, *endpoint;	/* endpoint NULL: the account's usual one */
	char *path;			/* azure: "CONTAINER/BLOB", not encoded */
	char *url;			/* of a web server's file, without query */
	char *snapshot;			/* NULL: the blob itself */
	struct secret *query;		/* SAS, or the query of a web server's URL; NULL: none */
};

/* sas: what stood behind '?', or NULL.  0 or -EINVAL, -ENOMEM with words; clear it in every case. */
int webfile_address_parse(const char *spec, const struct secret *sas, struct webfile_address *a, struct error *err);
void webfile_address_clear(struct webfile_address *a);

struct webfile {
	struct store st;
	struct webfile_address at;
	struct http *http;
	struct azure_blob *account;	/* NULL: a web server's file */
	struct secret *url;		/* … then this, with its query and a NUL */
	struct remote_clock clock;
	unsigned deadline_ms;
	struct webfile_info info;
	char *settings;
	char pin[WEBFILE_VERSION + 32];	/* header that ties a request to the version; "": none */
	bool by_etag;			/* info.version is an ETag, else Last-Modified */
	uint8_t *head;			/* the first head_len bytes */
	size_t head_len;
};

#define WEBFILE_HEADERS 6
#define WEBFILE_PARAMS 6

/* One request.  http: into, max_body, check … are set; the answer is in rs, which the caller frees. */
struct webfile_ask {
	const char *header[WEBFILE_HEADERS];
	size_t n_headers;
	struct http_param param[WEBFILE_PARAMS];
	size_t n_params;
	size_t moves;			/* bytes, for the deadline */
	struct http_request http;
	struct http_response rs;
};

/* 0 when an answer came, whatever its status. */
int webfile_send(struct webfile *w, struct webfile_ask *a, struct error *err);
/* Words for an answer that is no success. */
int webfile_refused(struct webfile *w, const struct webfile_ask *a, struct error *err);
int webfile_changed(const struct webfile *w, struct error *err);	/* -ESTALE */
bool webfile_is_version(const struct webfile *w, const struct http_response *rs);

static inline void webfile_ask_clear_cleanup(struct webfile_ask *a) { http_response_free(&a->rs); }
static inline void webfile_address_clear_cleanup(struct webfile_address *a) { webfile_address_clear(a); }

#endif
