/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vault's protocol (fs/vault/FORMAT.md, "Sessions, prune, collect"): two
 * sessions, two collectors, a prune, a compact and a reader on one store.
 *
 * A step of the model is one operation on one object of the store, so listing
 * several objects is several steps and everybody else may come in between.
 * There is no fairness: a process that is never scheduled again has stopped
 * for ever, one that is scheduled late has slept.  No clock appears; where the
 * protocol waits ("7 days old", "silent for 24 h", "grace"), the model may
 * always say that the time has passed.
 *
 * Points: 0 is there from the start (or not), 1 and 2 are what sessions 0 and
 * 1 commit, 3 is what compact commits in place of 0.  Segments: 0 is old, put
 * by a session that ended; 1 is put by session 0 while it runs.
 *
 * Left out: chunks (a segment stands for them), the 400-day removal of
 * records, power cuts inside one operation, and stores that answer out of
 * order.  Puts whose answer is lost: the put has happened, get-and-compare
 * finds that out; what remains is the put that arrives a second time, late
 * (process echo).
 *
 * Compile with -D of one of NO_TOMBSTONE, C3_BEFORE_C2, C6_BEFORE_C4,
 * W2_BEFORE_W1, STALE_INDEX, NO_CLAIM, NO_SECOND_LOOK, NO_P2 for a variant
 * that must be rejected; with -D LIVE=n, n processes beside it, for runs in
 * which nobody stops, where garbage must be gone in the end (a deadlock would
 * be reported as an invalid end state).
 */
#define NPT 4
#define NSEG 2
#define NSES 3			/* sessions 0, 1; compact is session 2 */
#define NCOL 2

#define FREE 0
#define MANIFEST 1
#define TOMB 2

bit seg[NSEG];			/* the object exists */
bit owner_ended1;		/* segment 1 has been put at all */
byte pt[NPT];			/* what is under the manifest's name */
bit hasrefs[NPT];
byte refs[NPT];			/* mask of segments */
bit expd[NPT];			/* exp/ mark */
bit ses[NSES];
bit cond[NCOL];			/* condemned record */
byte condmask[NCOL];
byte claim[NCOL];		/* 0: none, else 1 + collector */
byte finishers[NCOL];		/* who got past C5 for the record's present life */
bit rd;				/* reader's record, naming the VM's point 0 / 3 */
bit reading;			/* reader is past R2 */
byte rmask;			/* and reads from these segments */
byte n_done;			/* sessions and others that have ended (LIVE) */

#define POINT_OF(s) ((s) + 1)	/* session 0 -> 1, 1 -> 2, compact (2) -> 3 */
#define HAS(m, s) (((m) >> (s)) & 1)
#define RUNS(s) (ses[s] && pt[POINT_OF(s)] == FREE)

/* Every committed, not expired point has its segments; so has the reader. */
inline check() {
	assert(!(pt[0] == MANIFEST && !expd[0] && HAS(refs[0], 0) && !seg[0]));
	assert(!(pt[0] == MANIFEST && !expd[0] && HAS(refs[0], 1) && !seg[1]));
	assert(!(pt[1] == MANIFEST && !expd[1] && HAS(refs[1], 0) && !seg[0]));
	assert(!(pt[1] == MANIFEST && !expd[1] && HAS(refs[1], 1) && !seg[1]));
	assert(!(pt[2] == MANIFEST && !expd[2] && HAS(refs[2], 0) && !seg[0]));
	assert(!(pt[2] == MANIFEST && !expd[2] && HAS(refs[2], 1) && !seg[1]));
	assert(!(pt[3] == MANIFEST && !expd[3] && HAS(refs[3], 0) && !seg[0]));
	assert(!(pt[3] == MANIFEST && !expd[3] && HAS(refs[3], 1) && !seg[1]));
	assert(!(rd && reading && HAS(rmask, 0) && !seg[0]));
	assert(!(rd && reading && HAS(rmask, 1) && !seg[1]))
}

inline put_ses(s) { d_step { ses[s] = 1 } }

/* W2: list cond/, one record a step. */
inline list_cond(bad) {
	bad = 0;
	atomic { if :: cond[0] -> bad = bad | condmask[0] :: else fi };
	atomic { if :: cond[1] -> bad = bad | condmask[1] :: else fi }
}

/* W3: what the parent (point 0, if it is listed) refers to is usable; a
 * foreign segment only if seen in the list now and not condemned.  The parent
 * that is marked exp/ is no parent. */
inline read_parent(bad, use) {
	atomic {
		if
#ifdef MARKED_PARENT	/* a point that is leaving is brought back: its manifest and refs are still there */
		:: pt[0] == MANIFEST && hasrefs[0] -> use = use | (refs[0] & ~bad)
#else
		:: pt[0] == MANIFEST && !expd[0] && hasrefs[0] -> use = use | (refs[0] & ~bad)
#endif
		:: else
		fi
	}
}
inline see_foreign(n, bad, use) {
	atomic {
		if
		:: seg[n] && !HAS(bad, n) -> use = use | (1 << n)
		:: true		/* nothing of it is needed */
		fi
	}
}

/* W5, W6. */
inline commit(s) {
	d_step {
		if
		:: pt[POINT_OF(s)] == FREE -> pt[POINT_OF(s)] = MANIFEST
		:: else			/* ended by a tombstone */
		fi;
		check()
	};
	ses[s] = 0
}

proctype session(byte s) {
	byte bad, use;

#ifdef STALE_INDEX
	if :: seg[0] -> use = 1 :: true fi;	/* believed without looking again */
#endif
#ifdef W2_BEFORE_W1
	list_cond(bad);
	put_ses(s);
#else
	put_ses(s);
	list_cond(bad);
#endif
#ifndef STALE_INDEX
	read_parent(bad, use);
	see_foreign(0, bad, use);
#endif
	if
	:: s == 0 -> d_step { seg[1] = 1; owner_ended1 = 1 }; use = use | 2
	:: else -> see_foreign(1, bad, use)
	fi;
	d_step { refs[POINT_OF(s)] = use; hasrefs[POINT_OF(s)] = 1 };
	commit(s);
	n_done++
}

/* Compact: one session that writes point 0 anew (its live chunks stay in
 * segment 0 here, or were copied: then it needs no old segment), then marks
 * the old manifest. */
proctype compact() {
	byte bad, use;

	put_ses(2);
	list_cond(bad);
	read_parent(bad, use);
	if
	:: use == 0 -> ses[2] = 0
	:: else ->
		d_step { refs[3] = use; hasrefs[3] = 1 };
		commit(2);
		if
		:: pt[3] == MANIFEST -> expd[0] = 1
		:: else
		fi
	fi;
	n_done++
}

/* A put of the manifest of session 0 that arrives a second time, late. */
proctype echo() {
	atomic { pt[1] != FREE };
	d_step {
		if
		:: pt[1] == FREE -> pt[1] = MANIFEST
		:: else
		fi;
		check()
	}
}

inline prune_point(p) {
	if
	:: pt[p] == MANIFEST ->
		expd[p] = 1;				/* P1 */
#ifndef NO_P2
		if
		:: !rd					/* P2, after the grace */
		:: else -> goto kept
		fi;
#endif
		d_step { if :: pt[p] == MANIFEST -> pt[p] = FREE :: else fi };	/* P3 */
		d_step { hasrefs[p] = 0; refs[p] = 0 }
	:: else
	fi;
kept:	skip
}

proctype prune() {
	prune_point(0);
	n_done++
}

proctype prune_new() {
	prune_point(1);
	n_done++
}

/* The reader of the VM of points 0 and 3. */
proctype reader() {
	rd = 1;							/* R1 */
	atomic {						/* R2 */
		if
		:: pt[3] == MANIFEST && !expd[3] -> rmask = refs[3]; reading = 1
		:: !(pt[3] == MANIFEST && !expd[3]) && pt[0] == MANIFEST && !expd[0] ->
			rmask = refs[0]; reading = 1
		:: else
		fi
	};
	atomic { reading = 0; rmask = 0; rd = 0 };
	n_done++
}

inline look_refs(named) {
	named = 0;
	atomic { if :: hasrefs[0] -> named = named | refs[0] :: else fi };
	atomic { if :: hasrefs[1] -> named = named | refs[1] :: else fi };
	atomic { if :: hasrefs[2] -> named = named | refs[2] :: else fi };
	atomic { if :: hasrefs[3] -> named = named | refs[3] :: else fi }
}

inline list_ses(waitfor) {
	waitfor = 0;
	atomic { if :: ses[0] -> waitfor = waitfor | 1 :: else fi };
	atomic { if :: ses[1] -> waitfor = waitfor | 2 :: else fi };
	atomic { if :: ses[2] -> waitfor = waitfor | 4 :: else fi }
}

/* C4 for one session: it has ended, or is ended by a tombstone. */
inline wait_for(waitfor, s) {
	if
	:: !HAS(waitfor, s)
	:: HAS(waitfor, s) ->
#ifdef NO_TOMBSTONE
		if
		:: !RUNS(s)
		:: true			/* given up on, without a word to it */
		fi
#else
		if
		:: !RUNS(s)
#ifndef LIVE
		:: d_step { pt[POINT_OF(s)] == FREE -> pt[POINT_OF(s)] = TOMB }
#endif
		fi
#endif
	fi
}

/* Finish record c, from C3 on. */
inline finish(who, c, waitfor, named) {
#ifdef C6_BEFORE_C4
	look_refs(named);
#endif
#ifndef C3_BEFORE_C2
	list_ses(waitfor);
#endif
	wait_for(waitfor, 0);
	wait_for(waitfor, 1);
	wait_for(waitfor, 2);
#ifndef NO_CLAIM
	d_step {						/* C5 */
		if
		:: claim[c] == 0 -> claim[c] = 1 + who
		:: else
		fi
	};
	if
	:: claim[c] == 1 + who
	:: else -> goto out
	fi;
#endif
#ifndef NO_SECOND_LOOK
	if
	:: cond[c]
	:: else -> goto out
	fi;
#endif
	d_step { finishers[c]++; assert(finishers[c] <= 1) };
#ifndef C6_BEFORE_C4
	look_refs(named);					/* C6 */
#endif
	d_step { if :: HAS(condmask[c], 0) && !HAS(named, 0) -> seg[0] = 0 :: else fi; check() };
	d_step { if :: HAS(condmask[c], 1) && !HAS(named, 1) -> seg[1] = 0 :: else fi; check() };
	d_step { cond[c] = 0 };					/* C7 */
	d_step { claim[c] = 0 }
}

/* A collector makes record `me`; it may instead go on with the other's. */
proctype collector(byte me) {
	byte named, waitfor, cand;

	if
	:: atomic { cond[1 - me] };
	   finish(me, 1 - me, waitfor, named)
	:: look_refs(named);					/* C1 */
	   cand = 0;
	   atomic { if :: seg[0] && !HAS(named, 0) -> cand = 1 :: else fi };
	   atomic { if :: seg[1] && !HAS(named, 1) && !RUNS(0) -> cand = cand | 2 :: else fi };
	   if
	   :: cand == 0 -> goto out
	   :: else
	   fi;
#ifdef C3_BEFORE_C2
	   list_ses(waitfor);
#endif
	   d_step { cond[me] = 1; condmask[me] = cand; finishers[me] = 0 };	/* C2 */
	   finish(me, me, waitfor, named)
	fi;
out:	n_done++
}

#ifdef LIVE
/* When all others have come to their end, one more collector leaves nothing
 * that no refs name. */
proctype last(byte n) {
	n_done == n;
#ifndef NO_LAST_COLLECTOR		/* shows that what follows can fail */
	run collector(0);
	n_done == n + 1;
#endif
	assert(!(seg[0] && !(hasrefs[0] && HAS(refs[0], 0)) && !(hasrefs[1] && HAS(refs[1], 0)) &&
		 !(hasrefs[2] && HAS(refs[2], 0)) && !(hasrefs[3] && HAS(refs[3], 0))));
	assert(!(seg[1] && !(hasrefs[0] && HAS(refs[0], 1)) && !(hasrefs[1] && HAS(refs[1], 1)) &&
		 !(hasrefs[2] && HAS(refs[2], 1)) && !(hasrefs[3] && HAS(refs[3], 1))))
}
#endif

init {
	atomic {
		seg[0] = 1;
		if			/* point 0 is there and holds segment 0, or nothing does */
		:: pt[0] = MANIFEST; refs[0] = 1; hasrefs[0] = 1
		:: true
		fi;
		run collector(0);
#ifndef ONE_COLLECTOR
		run collector(1);
#endif
		run session(0);
#ifdef WITH_SESSION1
		run session(1);
#endif
#ifdef WITH_PRUNE
		run prune();
#endif
#ifdef WITH_PRUNE_NEW
		run prune_new();
		run echo();
#endif
#ifdef WITH_READER
		run reader();
#endif
#ifdef WITH_COMPACT
		run compact();
#endif
#ifdef LIVE
		run last(LIVE);		/* how many others there are */
#endif
	}
}
