/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every option of both programs, once.  The table feeds the parsers of
 * --name VALUE, of -o name=value and of option files, --help, the manual
 * pages and bash completion.  Include it with OPTION defined; in the order of
 * --help.
 *
 *	OPTION(id, name, value, groups, help)
 *
 * name: as in -o; --long has - for _, and the parsers take either.
 * value: NULL for a flag, else what the value is, which decides how it is
 *	checked and completed: FILE DIR USER GROUP MODE SECONDS SIZE N, a list
 *	"this|that", or anything else, unchecked.
 * groups: which commands take it (options.h).
 * help: one sentence without a full stop; lines are broken by the printer.
 */

/* Volume keys: what opens an encrypted volume. */
OPTION(BEK, "bek", "FILE", G_KEYS,
       "a volume's key: a .BEK file or a file with a LUKS passphrase (- or fd:N: a pipe); "
       "may be repeated")
OPTION(KEYS, "keys", "DIR", G_KEYS,
       "a folder of such keys; of many .BEK files the right one is found by its name inside")
OPTION(RECOVERY_PASSWORD_FILE, "recovery-password-file", "FILE", G_KEYS,
       "a BitLocker recovery password (48 digits)")
OPTION(PASSWORD_FILE, "password-file", "FILE", G_KEYS,
       "a BitLocker password or a LUKS passphrase, without the line's end")
OPTION(TRY_ALL_KEYS, "try-all-keys", NULL, G_KEYS,
       "try every passphrase of a folder, not 16 of them; each may cost a second or more")
OPTION(MAX_KDF_MEMORY, "max-kdf-memory", "SIZE", G_KEYS,
       "memory that a LUKS header may ask for to try a passphrase (1G)")

/* Disks. */
OPTION(HEADER, "header", "[DISK:]FILE[@OFFSET]", G_KEYS,
       "a LUKS header that lies apart from its volume; that of an ADE Linux system disk is found "
       "by itself")
OPTION(PARTIAL, "partial", NULL, G_KEYS,
       "show what can be opened: a volume that no key opens stays ciphertext in disk.raw")

/* The mount. */
OPTION(ALLOW_OTHER, "allow_other", NULL, G_MOUNT,
       "let other users in, as far as uid, gid and mode allow")
OPTION(UID, "uid", "USER", G_MOUNT, "owner of the files (you)")
OPTION(GID, "gid", "GROUP", G_MOUNT, "group of the files (yours)")
OPTION(MODE, "mode", "MODE", G_MOUNT,
       "permissions of the files, octal (0400; 0440 with gid; 0444 with allow_other alone)")
OPTION(READ_DEADLINE, "read-deadline", "SECONDS", G_MOUNT,
       "a read that takes longer fails with EIO; 0: wait for ever (120)")
OPTION(FOREGROUND, "foreground", NULL, G_MOUNT,
       "serve from this process, do not go to the background")

OPTION(LAZY, "lazy", NULL, G_UMOUNT, "detach now, finish when the last user has left")

/* Every command. */
OPTION(OPTIONS_FILE, "options-file", "FILE", G_ALL,
       "read options from a file, one a line, name=value; those given beside it win")
OPTION(JSON, "json", NULL, G_ALL, "say the result as one JSON object")
OPTION(QUIET, "quiet", NULL, G_ALL, "say errors only")
OPTION(HELP, "help", NULL, G_ALL, "this text")
