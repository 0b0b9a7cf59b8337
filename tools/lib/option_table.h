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
OPTION(KEYSTORE, "keystore", "SPEC", G_STORES | G_KEYS | G_KEYSTORE | G_VAULT,
       "where keys are looked for: local:DIR, https://NAME.vault.azure.net/, azure (the Key "
       "Vault that each URL names), pem:FILE (a KEK), pkcs11:URI, dir:DIR; may be repeated, asked "
       "in this order")
OPTION(KEYSTORE_KEY, "keystore-key", "FILE", G_STORES | G_KEYS | G_KEYSTORE | G_VAULT,
       "the key file that opens a local key store")
OPTION(KEYSTORE_PIN_FILE, "keystore-pin-file", "FILE", G_STORES | G_KEYS | G_KEYSTORE | G_VAULT,
       "the PIN of a PKCS#11 token or the passphrase of an encrypted PEM file")
OPTION(CA_FILE, "ca-file", "FILE", G_STORES | G_KEYS | G_KEYSTORE | G_VAULT | G_STORE,
       "certificates of the authorities that servers are trusted by, instead of the system's")
OPTION(AZURE_TENANT, "azure-tenant", "ID", G_STORES | G_KEYS | G_KEYSTORE | G_VAULT | G_STORE, "the tenant to sign in to")
OPTION(AZURE_CLIENT_ID, "azure-client-id", "ID", G_STORES | G_KEYS | G_KEYSTORE | G_VAULT | G_STORE,
       "the application, or the managed identity, to sign in as")
OPTION(AZURE_OBJECT_ID, "azure-object-id", "ID", G_STORES | G_KEYS | G_KEYSTORE | G_VAULT | G_STORE,
       "the managed identity to sign in as, by its object id")
OPTION(AZURE_RESOURCE_ID, "azure-resource-id", "ID", G_STORES | G_KEYS | G_KEYSTORE | G_VAULT | G_STORE,
       "the same by its resource id, /subscriptions/…")
OPTION(AZURE_CLIENT_SECRET_FILE, "azure-client-secret-file", "FILE", G_STORES | G_KEYS | G_KEYSTORE | G_VAULT | G_STORE,
       "its secret")
OPTION(AZURE_CLIENT_CERT, "azure-client-cert", "FILE", G_STORES | G_KEYS | G_KEYSTORE | G_VAULT | G_STORE,
       "its private key and certificate, PEM")
OPTION(AZURE_TOKEN_FILE, "azure-token-file", "FILE", G_STORES | G_KEYS | G_KEYSTORE | G_VAULT,
       "a bearer token for the Key Vault; read again when it is refused")
OPTION(AZURE_TOKEN_COMMAND, "azure-token-command", "COMMAND", G_STORES | G_KEYS | G_KEYSTORE | G_VAULT,
       "prints such a token, as `az account get-access-token --resource https://vault.azure.net` does")
OPTION(AZURE_AUTHORITY, "azure-authority", "URL", G_STORES | G_KEYS | G_KEYSTORE | G_VAULT | G_STORE,
       "where tokens come from (https://login.microsoftonline.com)")
OPTION(SECRET_URL, "secret-url", "URL", G_KEYS,
       "the secret that holds the key, or its NAME[/VERSION]; without it all secrets tagged as "
       "disk keys are tried; may be repeated")
OPTION(VM_CONFIG, "vm-config", "FILE", G_KEYS | G_CHECK | G_PROTECT,
       "JSON that names the keys: a VM or disk model, blob metadata, what Restore disks left, a "
       "recovery point; may be repeated")
OPTION(KEK_URL, "kek-url", "URL", G_KEYS | G_PUTBACK,
       "the key that wraps that secret, where its tags do not say so")
OPTION(AUDIT_LOG, "audit-log", "FILE", G_STORES | G_KEYS | G_KEYSTORE | G_VAULT,
       "append a line for each key that is unwrapped or handed out and each volume that is unlocked, beside "
       "syslog's")
OPTION(REASON, "reason", "TEXT", G_STORES | G_KEYS | G_KEYSTORE | G_VAULT | G_HOLD, "why, for the audit line or the record")
OPTION(TRY_ALL_KEYS, "try-all-keys", NULL, G_KEYS,
       "try every passphrase of a folder, not 16 of them; each may cost a second or more")
OPTION(MAX_KDF_MEMORY, "max-kdf-memory", "SIZE", G_KEYS,
       "memory that a LUKS header may ask for to try a passphrase (1G)")

/* Vault keys: one of the first three opens a vault. */
OPTION(VAULT_KEY, "vault-key", "FILE", G_VAULT,
       "the vault's key file, as `adebackup init` makes it (- or fd:N: a pipe)")
OPTION(VAULT_PASSPHRASE_FILE, "vault-passphrase-file", "FILE", G_VAULT,
       "the vault's passphrase, without the line's end")
OPTION(VAULT_RSA_KEY, "vault-rsa-key", "FILE", G_VAULT,
       "the RSA private key of one of the vault's slots, PEM without a passphrase")
OPTION(VAULT_RSA_PUBLIC, "vault-rsa-public", "FILE", G_NEWVAULT | G_NEWKEY | G_PUBLIC,
       "an RSA public key, PEM: whoever has its private half opens the vault; for `key rotate` it "
       "may be repeated")
OPTION(NEW_VAULT_KEY, "new-vault-key", "FILE", G_NEWKEY,
       "the key file to add; it is made when it is not there")
OPTION(NEW_VAULT_PASSPHRASE_FILE, "new-vault-passphrase-file", "FILE", G_NEWKEY,
       "the passphrase to add, without the line's end")
OPTION(VAULT_KEK, "vault-kek", "URL", G_NEWKEY,
       "a key of a Key Vault, https://NAME.vault.azure.net/keys/KEY/VERSION: whoever may unwrap with it "
       "opens the vault by --keystore")
OPTION(FOR_CAPSULES, "for-capsules", NULL, G_NEWKEY,
       "with an RSA key or a KEK: from then on the keys of disks are sealed for it, so that hosts which "
       "back up cannot open them")
OPTION(LABEL, "label", "TEXT", G_NEWKEY, "words for people, to tell the key by")
OPTION(PAPER, "paper", NULL, G_PAPER, "in four lines with checks, to be printed and typed again")

/* Vaults in object storage. */
OPTION(SAS_FILE, "sas-file", "FILE", G_VAULT | G_STORE,
       "a SAS for the container or the storage account; read again when it is refused and on SIGHUP")
OPTION(ACCOUNT_KEY_FILE, "account-key-file", "FILE", G_VAULT | G_STORE,
       "the storage account's key in base64, or a connection string")
OPTION(TOKEN_FILE, "token-file", "FILE", G_VAULT | G_STORE,
       "a bearer token for https://storage.azure.com; read again when it is refused and on SIGHUP")
OPTION(S3_CREDENTIALS_FILE, "s3-credentials-file", "FILE", G_VAULT | G_STORE,
       "access key and secret key for S3, as in ~/.aws/credentials, which is the default")
OPTION(S3_REGION, "s3-region", "TEXT", G_VAULT | G_STORE,
       "the bucket's region ($AWS_REGION, else us-east-1)")
OPTION(ENDPOINT, "endpoint", "URL", G_VAULT | G_STORE,
       "where the store is instead of the cloud's own address: Azurite, a sovereign cloud, an S3 of yours")
OPTION(ALLOW_HTTP, "allow-http", NULL, G_VAULT | G_STORE,
       "let plain http go to other machines too; never a bearer token")
OPTION(MAX_REQUESTS, "max-requests", "N", G_VAULT | G_STORE,
       "requests to a store at once (64)")
OPTION(REQUEST_DEADLINE, "request-deadline", "SECONDS", G_VAULT | G_STORE,
       "how long one request to a store is tried, beside what its bytes take; 45 at most where the store has not "
       "answered yet, or has just been waited for in vain (110)")
OPTION(MAX_BANDWIDTH, "max-bandwidth", "SIZE", G_VAULT | G_STORE,
       "bytes a second received from a store, all requests together (no limit)")

/* A new vault. */
OPTION(NAME, "name", "TEXT", G_NEWVAULT, "the vault's name, for people")
OPTION(SUBSCRIPTION, "subscription", "ID", G_NEWVAULT | G_PROTECT | G_RESTORE,
       "the Azure subscription: that a new vault serves, that a VM is in, or that a restore is for")
OPTION(REGION, "region", "TEXT", G_NEWVAULT | G_PROTECT | G_RESTORE, "likewise the Azure region")
OPTION(CAPSULE, "capsule", "sealed|wrapped|none", G_NEWVAULT,
       "what points keep of the disks' keys: all, sealed by the vault's key; only what a KEK "
       "wraps; nothing (sealed)")
OPTION(CHUNK_SIZE, "chunk-size", "SIZE", G_NEWVAULT,
       "the unit of storing and fetching, a power of two from 16K to 4M (64K)")

/* A vault's points. */
OPTION(VM, "vm", "NAME", G_MOUNT | G_EXPORT, "of a vault: show this VM alone")
OPTION(POINT, "point", "POINT", G_MOUNT | G_EXPORT,
       "of that VM: show this recovery point alone: its id or the beginning of it, its time, or latest")

/* Backups. */
OPTION(DISK, "disk", "NAME[=SOURCE]", G_BACKUP | G_PROTECT | G_RESTORE | G_EXPORT | G_POINT,
       "a disk of the VM: os, lun0, lun1 …; for a backup NAME=SOURCE, the image, fixed VHD, block "
       "device, blob or https address that it is; repeated for each")
OPTION(PREVIOUS_SNAPSHOT, "previous-snapshot", "NAME=URL", G_BACKUP,
       "of a managed disk: the SAS address of the snapshot that the point before was made from; only what "
       "changed since is read; may be repeated")
OPTION(RETAIN_UNTIL, "retain-until", "TIME", G_BACKUP,
       "keep the point until then, whatever a policy says: 2027-01-31 is its last day (UTC), 2027-01-31T12:00:00Z "
       "its end")

/* Restores. */
OPTION(TO, "to", "PATH", G_RESTORE | G_CAPSULE | G_REBUILD, "where to: a folder, or for one disk a file or a block device")
OPTION(FORMAT, "format", "raw|vhd", G_RESTORE | G_EXPORT, "the form of the files (raw)")
OPTION(AS, "as", "decrypted|encrypted", G_RESTORE,
       "write the disks decrypted, or as they were backed up (decrypted)")
OPTION(RESUME, "resume", NULL, G_RESTORE, "go on with a restore that was cut")
OPTION(CHECK, "check", NULL, G_RESTORE | G_EXPORT, "read all of it back and compare it with the vault")

/* Verifying. */
OPTION(NO_KEY, "no-key", NULL, G_VERIFY,
       "check without any key: flipped bits, cut and missing objects, and the points that need them")
OPTION(REPAIR, "repair", NULL, G_VERIFY,
       "put damaged data out of the way, so that the next backup stores it anew, and restore lost refs and names")
OPTION(STRUCTURE, "structure", NULL, G_VERIFY, "do not read the data, only what describes it")
OPTION(SAMPLE, "sample", "PERCENT", G_VERIFY, "read that part of the data, chosen at random: 5%")
OPTION(TIME_LIMIT, "time-limit", "SECONDS", G_VERIFY,
       "stop reading data then; the next verify with a limit goes on from there")

/* Prune. */
OPTION(KEEP_LAST, "keep-last", "N", G_PRUNE, "keep the last N points of a VM that has no policy")
OPTION(KEEP_DAILY, "keep-daily", "N", G_PRUNE, "keep the last point of each of the last N days that have one")
OPTION(KEEP_WEEKLY, "keep-weekly", "N", G_PRUNE, "likewise of weeks, from Monday to Sunday")
OPTION(KEEP_MONTHLY, "keep-monthly", "N", G_PRUNE, "likewise of months")
OPTION(KEEP_YEARLY, "keep-yearly", "N", G_PRUNE, "likewise of years")
OPTION(TIME_ZONE, "time-zone", "ZONE", G_PRUNE | G_POLICY, "whose days these are: Europe/Madrid, Romance Standard Time (UTC)")
OPTION(DRY_RUN, "dry-run", NULL, G_PRUNE | G_BOOT | G_RUN, "say what would be done and why, and do nothing")
OPTION(COMPACT, "compact", NULL, G_PRUNE | G_RUN, "copy what lives in segments that are more than half dead, so that they can go")
OPTION(TRUST_CLOCK, "trust-clock", NULL, G_PRUNE,
       "expire points although the store's clock jumped: nothing was put for a month, or it went back")

/* Jobs. */
OPTION(NOTIFY, "notify", "COMMAND", G_JOB,
       "when the job has ended, run this with sh -c, the job as JSON on its standard input; it has a minute")

/* Protected VMs. */
OPTION(POLICY, "policy", "NAME", G_PROTECT, "the backup policy (DefaultPolicy)")
OPTION(SKIP_FAILED, "skip-failed", NULL, G_PROTECT, "protect those that can be, and tell the others")
OPTION(CROSS_REGION, "cross-region", NULL, G_PROTECT | G_RESTORE,
       "although it is another region, which Azure Backup would refuse")
OPTION(CROSS_SUBSCRIPTION, "cross-subscription", NULL, G_PROTECT | G_RESTORE, "although it is another subscription, likewise")
OPTION(KEEP, "keep", NULL, G_UNPROTECT, "its points stay for ever")
OPTION(DELETE, "delete", NULL, G_UNPROTECT, "its points go after 14 days")

/* Policies. */
OPTION(SCHEDULE, "schedule", "daily|weekly|hourly", G_POLICY, "how often backups run; hourly with --enhanced (daily)")
OPTION(ENHANCED, "enhanced", NULL, G_POLICY, "an enhanced policy: several backups a day, snapshots up to 30 days")
OPTION(AT, "at", "HH:MM", G_POLICY, "when, a half hour of the zone's day; hourly: when the window begins (02:00)")
OPTION(ON, "on", "DAYS", G_POLICY, "on which days a weekly policy runs: Sunday,Wednesday")
OPTION(EVERY, "every", "N", G_POLICY, "hourly: after how many hours, 4, 6, 8 or 12 (4)")
OPTION(WINDOW, "window", "N", G_POLICY, "hourly: how many hours from its begin, 4 to 24 (24)")
OPTION(SNAPSHOT_DAYS, "snapshot-days", "N", G_POLICY,
       "how long Azure keeps snapshots beside the vault's points, 1 to 5; of an hourly policy how long every point "
       "lives, 1 to 30")
OPTION(RETAIN_DAILY, "retain-daily", "DAYS", G_POLICY, "keep daily points so many days, 7 to 9999: 30")
OPTION(RETAIN_WEEKLY, "retain-weekly", "WEEKS:DAYS", G_POLICY, "keep those of some days of the week longer: 12:Sunday, or none")
OPTION(RETAIN_MONTHLY, "retain-monthly", "MONTHS:DAY", G_POLICY,
       "keep those of some days of the month longer: 60:first-Sunday, 60:1,15,last, or none")
OPTION(RETAIN_YEARLY, "retain-yearly", "YEARS:MONTHS:DAY", G_POLICY, "likewise of the year: 10:January:first-Sunday, 10:June:last, or none")
OPTION(FROM_AZURE, "from-azure", "FILE", G_POLICY, "read the policy from Azure's JSON")
OPTION(AZURE, "azure", NULL, G_AZURE, "print it as Azure's JSON")
OPTION(DAYS, "days", "N", G_SIMULATE, "how many days ahead (90)")

/* Reports. */
OPTION(HTML, "html", "FILE", G_REPORT, "write a page for a browser")

/* Running policies. */
OPTION(PARALLEL, "parallel", "N", G_RUN, "how many backups at once (2)")
OPTION(NO_PRUNE, "no-prune", NULL, G_RUN, "let no point expire; without it points expire once a day")

/* What takes long. */
OPTION(THREADS, "threads", "N", G_LONG, "how many threads work (one a processor; at most 3 in a backup, else 4)")
OPTION(PROGRESS, "progress", "auto|plain|json|none", G_LONG | G_PROGRESS,
       "how progress is told on standard error (auto: where somebody looks)")

/* Objects of a local key store. */
OPTION(TAG, "tag", "NAME=VALUE", G_OBJECT, "a tag of the new object; may be repeated")
OPTION(CONTENT_TYPE, "content-type", "TEXT", G_OBJECT, "its content type (BEK, Wrapped BEK)")
OPTION(VERSION, "object-version", "VERSION", G_OBJECT,
       "its version, as Key Vault had it (a random one)")
OPTION(EXPIRES, "expires", "TIME", G_OBJECT, "when it expires, 2027-01-31T00:00:00Z")
OPTION(DISABLED, "disabled", NULL, G_OBJECT, "it is not to be used")
OPTION(KEY_FILE, "key-file", NULL, G_OBJECT,
       "the file is a .BEK or passphrase file itself, to be encoded as ADE does")
OPTION(WRAP_WITH, "wrap-with", "KEY", G_OBJECT,
       "with --key-file: wrap it with this key of the store, as BEK+KEK")
OPTION(ALGORITHM, "algorithm", "RSA-OAEP|RSA-OAEP-256|RSA1_5", G_OBJECT,
       "how to wrap (RSA-OAEP)")
OPTION(BITS, "bits", "2048|3072|4096", G_OBJECT, "size of a new RSA key (3072)")
OPTION(KIND, "kind", "secret|key", G_KEYSTORE, "which of two objects of the same name")
OPTION(VALUE, "value", NULL, G_KEYSTORE, "print the secret's value too; this is audited")

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
OPTION(DISKCACHE, "diskcache", "DIR", G_MOUNT | G_LISTS,
       "keep what a vault's mount fetches, or a list shows, in this folder of yours, sealed as it is in the vault; any "
       "number of mounts may share it")
OPTION(DISKCACHE_SIZE, "diskcache-size", "SIZE", G_MOUNT | G_LISTS,
       "how much that folder may hold; what was used longest ago goes first (10G)")
OPTION(RECORD_TRACE, "record-trace", "NAME", G_MOUNT,
       "of one VM of a vault: note what is read in the first ten minutes and keep it in the vault")
OPTION(REPLAY_TRACE, "replay-trace", "NAME", G_MOUNT,
       "of one VM of a vault: fetch what that trace says before it is asked for")
OPTION(OVERLAY, "overlay", "PATH", G_MOUNT,
       "let the disk be written to: changes go to this FILE, to files in this DIR, or with tmp to "
       "one that is gone after the mount")
OPTION(OVERLAY_VIEW, "overlay-view", "disk.raw|encrypted/disk.raw", G_MOUNT,
       "what an overlay FILE lies over (what it says, disk.raw when new)")
OPTION(BEKVOLUME, "bekvolume", NULL, G_MOUNT | G_REBUILD,
       "also show bek-volume.raw, the disk with the keys that an encrypted ADE guest starts from; rebuild/ then "
       "takes the disks as stored")
OPTION(FOREGROUND, "foreground", NULL, G_MOUNT,
       "serve from this process, do not go to the background")

/* Starting a VM. */
OPTION(DECRYPTED, "decrypted", NULL, G_BOOT,
       "start it from the decrypted disks, not from the encrypted ones with the BEK volume")
OPTION(GENERATION, "generation", "1|2", G_BOOT,
       "1 is a BIOS machine, 2 an UEFI one (what the VM was, else what the disk can start as)")
OPTION(BUS, "bus", "auto|ide|sata|scsi", G_BOOT,
       "how the disks are attached (auto: Linux what it has drivers for, scsi first; Windows ide or sata)")
OPTION(ACCEL, "accel", "auto|kvm|tcg", G_BOOT,
       "by KVM or by emulation (auto: KVM where /dev/kvm opens and the processor says vmx or svm)")
OPTION(MEMORY, "memory", "SIZE", G_BOOT, "the VM's memory (its size's in Azure; 2G, Windows 4G)")
OPTION(CPUS, "cpus", "N", G_BOOT, "its processors (its size's in Azure; 2; 1 by emulation)")
OPTION(NETWORK, "network", "none|user", G_BOOT,
       "user: it reaches the network through this machine (none, since it may be a twin)")
OPTION(DISPLAY, "display", "none|gtk|vnc", G_BOOT,
       "its screen in a window, or on VNC at 127.0.0.1:5900 (none: its serial line in this terminal)")
OPTION(SNAPSHOT_OUT, "snapshot-out", "PATH", G_BOOT,
       "keep what the VM writes: in this FILE, or in a file for each disk in this DIR (of a vault: always)")
OPTION(NO_ADAPT, "no-adapt", NULL, G_BOOT,
       "do not tell a Linux guest the names that its disks had in Azure")
OPTION(SERIAL_LOG, "serial-log", "FILE", G_BOOT, "keep what the VM says on its serial line")
OPTION(DRILL, "drill", NULL, G_BOOT,
       "start it unattended to see whether it comes up, check its file systems, and end it")
OPTION(EXPECT, "expect", "TEXT", G_BOOT,
       "of a drill: what it says on its serial line when it is up (a login prompt)")
OPTION(TIMEOUT, "timeout", "SECONDS", G_BOOT, "of a drill: how long that may take (600)")
OPTION(REPORT, "report", "FILE", G_BOOT,
       "of a drill: write a page for people, HTML with the VM's screen in it")

OPTION(VIEW, "view", "NAME", G_ATTACH,
       "the view to attach: p1.raw, a logical volume, encrypted/disk.raw (disk.raw)")
OPTION(MAP, "map", NULL, G_SEEN,
       "draw which parts of each disk were read, fetched ahead, and are kept on this machine")
OPTION(TARGET, "target", "NAME", G_REBUILD, "for libvirt, qemu, hyperv or azure (all)")
OPTION(IMAGES, "images", "DIR", G_REBUILD,
       "where the disks are, or will be mounted (/mnt/adebackup)")
OPTION(LAZY, "lazy", NULL, G_UMOUNT, "detach now, finish when the last user has left")

/* Every command. */
OPTION(OPTIONS_FILE, "options-file", "FILE", G_ALL,
       "read options from a file, one a line, name=value; those given beside it win")
OPTION(JSON, "json", NULL, G_ALL, "say the result as one JSON object")
OPTION(QUIET, "quiet", NULL, G_ALL, "say errors only")
OPTION(HELP, "help", NULL, G_ALL, "this text")
