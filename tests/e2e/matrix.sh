# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# The rows of the support matrix (tests/data/azure/matrix, made by tests/make/azure-matrix) for the
# tests that need them; after lib.sh and keyvault.sh:
#	. "$(dirname "$0")/matrix.sh"
# Afterwards: ${ROWS[@]}; matrix_disk ROW and matrix_secret ROW make a row's disk ($T/disks/ROW; the
# plaintext's hash is ${WANT[ROW]}, that of a Linux root ${WANT_ROOT[ROW]}) and put its key where it
# belongs; matrix_backup and matrix_mount VAULT ROW do what they say.  The program is $ADE.
FIXTURES=$ROOT/tests/data/azure/matrix
ADE=${ADE:-$B/adebackup}
KEYWRAP=$ROOT/tests/data/keywrap
ROWS=()
declare -A NUMBER GUID VERSION KEK ALGORITHM VMNAME READ WANT WANT_ROOT
while IFS=$'\t' read -r row number guid version kek algorithm vm where; do
	ROWS+=("$row")
	NUMBER[$row]=$number GUID[$row]=$guid VERSION[$row]=$version KEK[$row]=$kek
	ALGORITHM[$row]=$algorithm VMNAME[$row]=$vm READ[$row]=$where
done <"$FIXTURES/rows.tsv"
mkdir -p "$T/disks" "$T/keys"
"$ADE" keystore init "$T/store" --keystore-key "$T/store.key"

is() { [[ "$1" =~ (^|-)"$2"(-|$) ]]; }	# ROW WORD
kek_pem() {	# ROW
	local sizes=(2048 3072 4096)
	echo "$KEYWRAP/${sizes[NUMBER[$1] % 3]}.pem"
}

# All Linux rows of a kind share a disk; each has a passphrase, and a slot, of its own.
__linux_disk() {	# aad|noaad luks1|luks2 [ROWS THAT COUNT]
	local row first
	mkdir "$T/slots.$1" "$T/root.$1"
	echo "the root of $1" >"$T/root.$1/greeting"
	for row in "${ROWS[@]}"; do
		if is "$row" linux && is "$row" "$1"; then
			head -c 127 /dev/urandom | base64 -w0 >"$T/keys/$row"
			first=${first:-$row}
			[ "$row" = "$first" ] || cp "$T/keys/$row" "$T/slots.$1/${NUMBER[$row]}"
		fi
	done
	EXTRA_KEYS=$T/slots.$1 PBKDF_ITERATIONS=1000 ROOT_MIB=24 PLAIN=$T/plain \
		"$ROOT/tests/make/ade-linux-disk" "$T/disks/$1" "$T/keys/$first" "$T/root.$1" "$2"
	WANT[$1]=$(sha "$T/plain")
	WANT_ROOT[$1]=$(dd if="$T/plain" bs=1M skip=87 count=24 status=none | sha256sum | cut -d' ' -f1)
}

matrix_disk() {	# ROW
	local kind=aad format=luks1
	if is "$1" noaad; then kind=noaad format=luks2; fi
	if is "$1" linux; then
		[ -e "$T/disks/$kind" ] || __linux_disk $kind $format
		ln -s "$kind" "$T/disks/$1"
		WANT[$1]=${WANT[$kind]} WANT_ROOT[$1]=${WANT_ROOT[$kind]}
		return
	fi
	[ -e "$T/ntfs" ] || { truncate -s 16M "$T/ntfs"; mkntfs -q -F -L ADE "$T/ntfs" >/dev/null 2>&1; }
	cp --sparse=always "$T/ntfs" "$T/plain"
	echo "the volume of $1" | dd of="$T/plain" bs=1M seek=12 conv=notrunc status=none
	mkdir "$T/beks"
	"$B/tests/make/mkbitlocker" --seed "${NUMBER[$1]}" --bek "$T/beks" "$T/plain" "$T/disks/$1" >/dev/null
	mv "$T/beks/${GUID[$1]}.BEK" "$T/keys/$1"	# a secret is called as its BEK is
	rmdir "$T/beks"
	WANT[$1]=$(sha "$T/plain")
}

# The secret's value as ADE writes it: base64 of the key file; wrapped, base64url without padding.
matrix_value() {	# ROW
	local how=(-pkeyopt rsa_padding_mode:oaep)
	if ! is "$1" kek; then
		base64 -w0 "$T/keys/$1"
		return
	fi
	case ${ALGORITHM[$1]} in
	RSA-OAEP-256) how+=(-pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256) ;;
	RSA1_5) how=(-pkeyopt rsa_padding_mode:pkcs1) ;;
	esac
	openssl pkeyutl -encrypt -inkey "$(kek_pem "$1")" -in "$T/keys/$1" -out "$T/ciphertext" "${how[@]}"
	base64 -w0 "$T/ciphertext" | tr '+/' '-_' | tr -d =
}

# Tags as who encrypted writes them: the guest's extension (dual pass) tells no machine's name.
matrix_tags() {	# ROW KEK-URL
	local file=LinuxPassPhraseFileName
	if is "$1" windows; then file=${GUID[$1]}.BEK; fi
	echo "DiskEncryptionKeyFileName=$file"
	if is "$1" kek || is "$1" aad; then echo "DiskEncryptionKeyEncryptionAlgorithm=${ALGORITHM[$1]}"; fi
	if is "$1" kek; then echo "DiskEncryptionKeyEncryptionKeyURL=$2"; fi
	if is "$1" noaad; then echo "MachineName=${VMNAME[$1]}"; fi
	if is "$1" noaad && is "$1" windows; then echo 'VolumeLetter=C:\'; fi
}

matrix_type() {	# ROW
	if is "$1" aad && is "$1" linux; then return; fi
	if is "$1" kek; then echo 'Wrapped BEK'; else echo BEK; fi
}

__to_store() {	# ROW
	local args=() type tag
	type=$(matrix_type "$1")
	[ -z "$type" ] || args=(--content-type "$type")
	while read -r tag; do args+=(--tag "$tag"); done < <(matrix_tags "$1" "https://contoso.vault.azure.net/keys/kek1/${KEK[$1]}")
	matrix_value "$1" >"$T/value"
	"$ADE" keystore import-secret "$T/store" "${GUID[$1]}" "$T/value" --object-version "${VERSION[$1]}" \
		"${args[@]}" --keystore-key "$T/store.key" >/dev/null
	if is "$1" kek; then
		"$ADE" keystore import-key "$T/store" kek1 "$(kek_pem "$1")" --object-version "${KEK[$1]}" \
			--keystore-key "$T/store.key" >/dev/null
	fi
}

__to_keyvault() {	# ROW
	matrix_value "$1" >"$T/value"
	if is "$1" kek; then
		control "$(jq -nc --arg v "${KEK[$1]}" --rawfile pem "$(kek_pem "$1")" \
			'{do: "key", name: "kek1", version: $v, pem: $pem}')" >/dev/null
	fi
	control "$(matrix_tags "$1" "$KV/keys/kek1/${KEK[$1]}" | jq -nRc --arg name "${GUID[$1]}" --arg type "$(matrix_type "$1")" \
		--arg v "${VERSION[$1]}" --rawfile value "$T/value" \
		'{do: "secret", name: $name, version: $v, value: $value,
		  tags: ([inputs | capture("(?<key>[^=]*)=(?<value>.*)")] | from_entries)} +
		 (if $type == "" then {} else {contentType: $type} end)')" >/dev/null
}

# The fixture, as the tests' Key Vault is called elsewhere.
matrix_config() {	# ROW: prints the file
	local file
	file=$(echo "$FIXTURES/$1".*)
	if is "$1" keyvault; then
		sed -E "s#https://[Cc]ontoso\.[Vv]ault\.[Aa]zure\.net(:443)?#$KV#g" "$file" >"$T/config"
		file=$T/config
	fi
	echo "$file"
}

matrix_secret() { if is "$1" local; then __to_store "$1"; else __to_keyvault "$1"; fi; }

matrix_stores() {	# ROW: the options that open its key store
	if is "$1" local; then
		printf '%s\n' --keystore "local:$T/store" --keystore-key "$T/store.key"
	else
		printf '%s\n' --keystore azure:vault.fake.localhost --ca-file "$T/kv/ca.pem" --azure-authority "$KV_LOGIN" \
			--azure-client-id app1 --azure-client-secret-file "$T/app1.secret"
	fi
}

# Only the vault's key, and for a key that the point keeps wrapped, the store that has its KEK.
matrix_mount() {	# VAULT ROW DIR
	local stores=()
	if is "$2" kek; then mapfile -t stores < <(matrix_stores "$2"); fi
	"$ADE" mount "$1" "$3" --vm "$2" --point latest --vault-key "$T/vault.key" "${stores[@]}"
}

# Backed up with what its own settings lead to, and no other secret asked for.
matrix_backup() {	# VAULT ROW
	local stores acts
	mapfile -t stores < <(matrix_stores "$2")
	rm -f "$T/audit"
	"$ADE" backup "$1" "$2" --disk "os=$T/disks/$2" --vault-key "$T/vault.key" --vm-config "$(matrix_config "$2")" \
		"${stores[@]}" --audit-log "$T/audit" >"$T/said" || return 1
	grep -q '^proven: 1 encrypted' "$T/said" || return 1
	acts=$(grep -Ec '"action":"(unwrap|get-secret)"' "$T/audit")
	[ "$acts" = 1 ] && grep -q "${GUID[$2]}" "$T/audit"
}
