/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A long line between two network namespaces: a TUN device "link0" in each,
 * and what goes into one comes out of the other after a while.
 *
 *     linkrelay NETNS-A NETNS-B MICROSECONDS [TRACE]
 *
 * NETNS-x: a file as /proc/PID/ns/net.  MICROSECONDS: for one way.  The rate
 * is not made here: put a TBF on both devices.  Packets come and go as large
 * as the kernel makes them (no checksum, no cutting in between), so that the
 * relay keeps up with a gigabit.  TRACE: one line for each TCP packet that
 * carries data: microseconds when it left A or reached A, "up" (from A) or
 * "down", A's port, bytes, what the first of them say.  SIGUSR1: from now on
 * all packets are lost; SIGUSR2: no longer.  Says "up" once both are there.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define PACKET_MAX (70u << 10)
#define HELD_MAX (64u << 20)		/* bytes under way in one direction */
#define BATCH 64
#define SHOWN 100u			/* characters of a packet's first line */

struct packet {
	struct packet *next;
	uint64_t due_us;
	size_t len;
	uint8_t data[];
};

struct way {			/* one direction */
	int from, to;
	bool up;
	struct packet *first, *last;
	size_t held;
	uint64_t packets, bytes, lost;
};

static volatile sig_atomic_t cut, ended;

static void on_signal(int n)
{
	if (n == SIGUSR1 || n == SIGUSR2)
		cut = n == SIGUSR1;
	else
		ended = 1;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int device_in(const char *netns)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	int ns = open(netns, O_RDONLY | O_CLOEXEC), fd;

	if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
		die(netns);
	close(ns);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	memcpy(r.ifr_name, "link0", 6);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) < 0 ||
	    ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0)
		die("/dev/net/tun");
	return fd;
}

/* The bytes that TCP carries; A's port.  NULL: none. */
static const uint8_t *carried(const struct packet *p, bool up, size_t *len, unsigned *port)
{
	const uint8_t *ip = p->data + sizeof(struct virtio_net_hdr), *end = p->data + p->len, *tcp;
	size_t ip_len = (size_t)(ip[0] & 15) * 4, tcp_len;

	if (end - ip < 40 || ip[0] >> 4 != 4 || ip[9] != IPPROTO_TCP || (size_t)(end - ip) < ip_len + 20)
		return NULL;
	tcp = ip + ip_len;
	tcp_len = (size_t)(tcp[12] >> 4) * 4;
	*port = up ? tcp[0] << 8 | tcp[1] : tcp[2] << 8 | tcp[3];
	if ((size_t)(end - tcp) <= tcp_len)
		return NULL;
	*len = (size_t)(end - tcp) - tcp_len;
	return tcp + tcp_len;
}

static void trace(FILE *out, const struct packet *p, bool up, uint64_t at)
{
	unsigned port;
	size_t len, n = 0;
	const uint8_t *data = carried(p, up, &len, &port);

	if (!out || !data)
		return;
	fprintf(out, "%llu %s %u %zu ", (unsigned long long)at, up ? "up" : "down", port, len);
	for (; n < len && n < SHOWN && data[n] >= ' ' && data[n] < 127; n++)
		putc(data[n], out);
	putc('\n', out);
}

/* What has come in, at most BATCH packets. */
static void take(struct way *w, uint64_t delay, FILE *out)
{
	static uint8_t buf[PACKET_MAX];

	for (int i = 0; i < BATCH; i++) {
		ssize_t n = read(w->from, buf, sizeof(buf));
		struct packet *p;

		if (n < (ssize_t)sizeof(struct virtio_net_hdr))
			return;
		if (cut || w->held + (size_t)n > HELD_MAX) {
			w->lost++;
			continue;
		}
		p = malloc(sizeof(*p) + (size_t)n);
		if (!p)
			die("malloc");
		*p = (struct packet){ .due_us = now_us() + delay, .len = (size_t)n };
		memcpy(p->data, buf, (size_t)n);
		if (w->up)
			trace(out, p, true, p->due_us - delay);
		*(w->first ? &w->last->next : &w->first) = p;
		w->last = p;
		w->held += p->len;
	}
}

/* What is due goes out.  Microseconds until the next is; UINT64_MAX: nothing is under way. */
static uint64_t give(struct way *w, FILE *out)
{
	while (w->first) {
		struct packet *p = w->first;
		uint64_t at = now_us();

		if (p->due_us > at)
			return p->due_us - at;
		w->first = p->next;
		w->held -= p->len;
		w->packets++;
		w->bytes += p->len;
		if (cut || write(w->to, p->data, p->len) < 0)
			w->lost++;
		else if (!w->up)
			trace(out, p, false, at);
		free(p);
	}
	return UINT64_MAX;
}

static void relay(struct way w[2], uint64_t delay, FILE *out)
{
	while (!ended) {
		struct pollfd p[2] = { { .fd = w[0].from, .events = POLLIN }, { .fd = w[1].from, .events = POLLIN } };
		uint64_t a = give(&w[0], out), b = give(&w[1], out), us = a < b ? a : b;
		struct timespec t;

		us = us < 100000 ? us : 100000;
		t = (struct timespec){ .tv_nsec = (long)us * 1000 };
		if (ppoll(p, 2, &t, NULL) < 0 && errno != EINTR)
			die("ppoll");
		for (int i = 0; i < 2; i++)
			take(&w[i], delay, out);
		if (out)
			fflush(out);
	}
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct way w[2] = { { .up = true }, { .up = false } };
	FILE *out = argc > 4 ? fopen(argv[4], "w") : NULL;

	if (argc < 4 || (argc > 4 && !out)) {
		fprintf(stderr, "usage: linkrelay NETNS-A NETNS-B MICROSECONDS [TRACE]\n");
		return 2;
	}
	w[0].from = w[1].to = device_in(argv[1]);
	w[0].to = w[1].from = device_in(argv[2]);
	for (int i = 0; i < 4; i++)
		sigaction((int[]){ SIGUSR1, SIGUSR2, SIGTERM, SIGINT }[i], &sa, NULL);
	prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
	puts("up");
	fflush(stdout);
	relay(w, strtoull(argv[3], NULL, 10), out);
	fprintf(stderr, "up: %llu packets, %llu bytes, %llu lost; down: %llu, %llu, %llu\n",
		(unsigned long long)w[0].packets, (unsigned long long)w[0].bytes, (unsigned long long)w[0].lost,
		(unsigned long long)w[1].packets, (unsigned long long)w[1].bytes, (unsigned long long)w[1].lost);
	return 0;
}
