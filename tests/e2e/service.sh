# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# Rows of the list of what Azure's page on encrypted VMs says (README, "What Azure Backup does"), one
# function each, row_NUMBER, that fails by its status; after lib.sh and keyvault.sh:
#	. "$(dirname "$0")/service.sh"
# The program is $ADE.  Each row works in a fresh folder, with a vault v of West Europe.
ADE=${ADE:-$B/adebackup}
SERVICE_ROWS=(11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 40)

__id=/subscriptions/aaa/resourceGroups/g/providers/Microsoft.KeyVault/vaults/tests
__v1=0123456789abcdef0123456789abcdef
service_disks() {	# once: an encrypted disk, its plaintext, and its key
	truncate -s 16M "$T/plain"
	mkntfs -q -F -L ADE "$T/plain" >/dev/null 2>&1
	mkdir "$T/keys"
	"$B/tests/make/mkbitlocker" --seed 2 --bek "$T/keys" "$T/plain" "$T/locked" >/dev/null
	echo w >"$T/w.secret"
}
ade() { "$ADE" "$@" --vault-key k; }
says() { grep -Eq -- "$1" out err 2>/dev/null || { cat out err >&2; return 1; }; }
status() {	# STATUS COMMAND…
	local want=$1 got=0
	shift
	"$@" >out 2>err || got=$?
	[ $got = "$want" ] || { echo "status $got, not $want: $*" >&2; cat err >&2; return 1; }
}
config() {	# NAME [REGION [SUBSCRIPTION [JQ]]]: description of a VM in NAME.json
	jq -n --arg n "$1" --arg r "${2:-westeurope}" --arg s "${3:-aaa}" '{name: $n, location: $r,
		id: ("/subscriptions/" + $s + "/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/" + $n),
		properties: {storageProfile: {osDisk: {osType: "Windows"}}}} | '"${4:-.}" >"$1.json"
}
keyed() {	# NAME SECRET [KEK]: the same, with its keys in the Key Vault
	config "$1" westeurope aaa ".encryptionSettingsCollection = {enabled: true, encryptionSettingsVersion: \"1.1\", encryptionSettings: [
		{diskEncryptionKey: {secretUrl: \"$KV/secrets/$2/$__v1\", sourceVault: {id: \"$__id\"}}} + $(if [ $# -gt 2 ]; then
		echo "{keyEncryptionKey: {keyUrl: \"$KV/keys/$3/$__v1\", sourceVault: {id: \"$__id\"}}}"; else echo '{}'; fi)]}"
}
client() { control "{\"do\":\"client\",\"id\":\"who\",\"secret\":\"w\",\"permissions\":{\"secrets\":[$1],\"keys\":[$2]}}" >/dev/null; }
signed=(--keystore "$KV/" --ca-file "$T/kv/ca.pem" --azure-authority "$KV_LOGIN" --azure-client-id who --azure-client-secret-file "$T/w.secret")
secret() {	# NAME [JQ]
	control "$(jq -nc --arg n "$1" --arg v "$__v1" --arg x "$(base64 -w0 "$T"/keys/*.BEK)" \
		"{do: \"secret\", name: \$n, version: \$v, value: \$x, contentType: \"BEK\"} + ${2:-{\}}")" >/dev/null
}

row_11() {
	config web1 && ade protect v web1 --disk os="$T/locked" --vm-config web1.json >/dev/null && ade backup v web1 -q &&
	status 17 ade restore v web1 --to r --as encrypted --region eastus && says 'own alone' && says 'cross-region' &&
	status 17 ade restore v web1 --to r --as encrypted --subscription bbb && says 'cross-subscription' && [ ! -e r ] &&
	status 0 ade restore v web1 --to r --as encrypted --region 'West Europe' --subscription AAA &&
	status 0 ade restore v web1 --to r2 --as encrypted --region eastus --cross-region && cmp r2/os.raw "$T/locked"
}
row_12() {
	config east eastus && config other westeurope bbb &&
	status 17 ade protect v east --disk os="$T/locked" --vm-config east.json && says 'eastus.*West Europe: Azure Backup refuses' &&
	status 17 ade protect v other --disk os="$T/locked" --vm-config other.json && says 'bbb.*aaa: Azure Backup refuses' &&
	status 0 ade protect v east --disk os="$T/locked" --vm-config east.json --cross-region && says 'Azure Backup would refuse' &&
	status 0 ade protect v other --disk os="$T/locked" --vm-config other.json --cross-subscription
}
row_13() {
	client '"get"' '"get","unwrapKey"' && secret cert '{managed: true}' && secret alone && keyed web1 cert &&
	status 17 ade protect v web1 --disk os="$T/locked" --vm-config web1.json "${signed[@]}" && says 'belongs to a certificate' &&
	status 17 ade backup v web1 --disk os="$T/locked" --vm-config web1.json "${signed[@]}" && says 'belongs to a certificate' &&
	control "{\"do\":\"key\",\"name\":\"certkek\",\"version\":\"$__v1\",\"managed\":true}" >/dev/null && keyed web2 alone certkek &&
	status 17 ade protect v web2 --disk os="$T/locked" --vm-config web2.json "${signed[@]}" && says 'belongs to a certificate' &&
	keyed web3 alone && status 0 ade protect v web3 --disk os="$T/locked" --vm-config web3.json "${signed[@]}"
}
row_14() {	# images of whole disks and partitions; files are another command's
	ade protect v web1 --disk os="$T/locked" >out && says 'no files' && ade backup v web1 --keys "$T/keys" -q && mkdir m &&
	ade mount v m --vm web1 --point latest -q && find m/os -type f | sort >files && "$ADE" umount m -q &&
	grep -q '/disk.raw$' files && ! grep -Evq '/(disk|p1|encrypted/disk)\.[a-z]+$|/info.json$' files
}
row_15() {	# nothing is put in the place of the VM's own disk
	cp "$T/locked" own.img && ade protect v web1 --disk os=own.img >out && says "never in place of the VM's own disks" &&
	ade backup v web1 -q && status 11 ade restore v web1 --to own.img --as encrypted && says 'nothing is overwritten' &&
	cmp own.img "$T/locked"
}
row_16() {
	status 0 ade protect v web1 --disk os="$T/locked" --disk lun0="$T/plain" && says '  os .*: encrypted, BitLocker' &&
	says '  lun0 .*: not encrypted' && status 0 ade protect v web2 --disk os="$T/plain" &&
	says 'Azure Disk Encryption is not switched on'
}
row_17() {
	truncate -s 5T big && { printf vhdxfile; head -c 1M /dev/zero; } >x.vhdx &&
	status 17 ade protect v web1 --disk os=x.vhdx && says VHDX &&
	status 0 ade protect v web1 --disk os="$T/locked" --disk lun0=big && says 'UserErrorUnsupportedDiskSize.*adebackup does' &&
	local disks=() i && for i in {0..17}; do disks+=(--disk "lun$i=$T/plain"); done &&
	status 0 ade protect v web2 "${disks[@]}" && says '16 data disks'
}
row_18() {
	status 10 "$ADE" protect new web1 --vault-key new.key --disk os="$T/locked" && says 'adebackup init new' &&
	status 0 "$ADE" init new --vault-key new.key && status 0 "$ADE" protect new web1 --vault-key new.key --disk os="$T/locked"
}
row_19() {
	cp "$T/plain" d && ade protect v web1 --disk os=d >/dev/null && ade backup v web1 -q && cp "$T/locked" d &&
	status 0 ade backup v web1 && says 'encryption was switched on' && status 0 ade backup v web1 --keys "$T/keys" && says '^proven' &&
	ade items v --json | jq -e '.items[0] | .points == 3 and .disks[0].encrypted' >/dev/null
}
row_20() {
	config off westeurope aaa '.properties.instanceView.vmAgent.statuses = [{displayStatus: "Not Ready"}]' &&
	config none westeurope aaa '.properties.osProfile.windowsConfiguration.provisionVMAgent = false' &&
	config good westeurope aaa '.properties.instanceView.vmAgent.statuses = [{displayStatus: "Ready"}]' &&
	status 3 ade protect v off --disk os="$T/locked" --vm-config off.json && says UserErrorGuestAgentStatusUnavailable &&
	says 'install it: ' && status 3 ade protect v none --disk os="$T/locked" --vm-config none.json && says 'has no guest agent' &&
	status 0 ade protect v good --disk os="$T/locked" --vm-config good.json
}
row_21() {	# nobody listens: behind the proxy, where the disk should be, and the Key Vault
	local dead=$((20000 + RANDOM % 10000)) gone=()
	while (exec 3<>"/dev/tcp/127.0.0.1/$dead") 2>/dev/null; do dead=$((dead + 1)); done
	gone=(--keystore "https://tests.vault.fake.localhost:$dead/" --azure-client-id a --azure-client-secret-file "$T/w.secret")
	echo 'sv=2026&sig=x' >sas
	status 15 ade backup v web1 --disk os="https://127.0.0.1:$dead/os.vhd" "${gone[@]}" &&
	says '^adebackup: .*ExtensionSnapshotFailedNoNetwork' &&
	says "to reach by HTTPS: 127.0.0.1:$dead, tests.vault.fake.localhost:$dead, login.microsoftonline.com" &&
	status 15 env https_proxy="http://127.0.0.1:$dead" "$ADE" protect az://north/backups web1 --vault-key k --sas-file sas --disk os="$T/locked" &&
	says 'ExtensionSnapshotFailedNoNetwork' && says 'to reach by HTTPS: north.blob.core.windows.net' &&
	status 0 ade backup v web1 --disk os="$T/locked"
}
row_22() {
	status 2 "$ADE" protect --vault-key k && status 2 "$ADE" protect v --vault-key k &&
	status 0 ade protect v web1 --disk os="$T/locked" && ade items v --json | jq -e '[.items[].vm] == ["web1"]' >/dev/null
}
row_23() {
	ade policy create v gold --retain-daily 45 >/dev/null && status 10 ade protect v web1 --policy lead --disk os="$T/locked" &&
	status 0 ade protect v web1 --policy gold --disk os="$T/locked" && says 'protected by policy gold' &&
	ade policy show v gold --json | jq -e '.vms == ["web1"]' >/dev/null && status 11 ade policy delete v gold
}
row_24() {
	ade policy create v gold --at 01:30 --time-zone Europe/Madrid --retain-daily 45 --retain-yearly 3:June:last >out &&
	says 'backups  daily at 01:30 Europe/Madrid' && says 'kept     daily points 45 days.*the last day of June, 3 years'
}
row_25() { status 0 ade policy show v && says 'DefaultPolicy' && says 'daily at 02:00 UTC' && says 'daily points 30 days'; }
row_26() {
	ade policy create v mine --schedule weekly --on Sunday --at 23:30 --retain-weekly 8:Sunday >/dev/null &&
	status 0 ade protect v web1 --policy mine --disk os="$T/locked" && says 'Sunday at 23:30 UTC' &&
	ade items v --json | jq -e '.items[0].policy == "mine"' >/dev/null
}
row_27() {
	status 0 ade protect v a b c --disk a/os="$T/locked" --disk b/os="$T/locked" --disk b/lun0="$T/plain" --disk c/os="$T/plain" &&
	ade items v --json | jq -e '[.items[] | [.vm, (.disks | length)]] == [["a", 1], ["b", 2], ["c", 1]]' >/dev/null
}
row_28() {
	client '"get"' '' && secret alone && keyed web1 alone && status 0 ade protect v web1 --disk os="$T/locked" --vm-config web1.json "${signed[@]}" &&
	says '^OK .*nothing to do' && client '"list"' '' && keyed web2 alone &&
	status 3 ade protect v web2 --disk os="$T/locked" --vm-config web2.json "${signed[@]}" && says '^WARNING .*set permissions' &&
	says 'az keyvault set-policy' && ade items v --json | jq -e '.items | length == 2' >/dev/null
}
row_29() {
	status 10 ade protect v a b c --disk a/os="$T/locked" --disk b/os=nothing --disk c/os="$T/plain" &&
	ade items v --json | jq -e '.items == []' >/dev/null &&
	status 0 ade protect v a b --policy default --disk a/os="$T/locked" --disk b/os="$T/plain" &&
	[ "$(find v/batch -type f | wc -l)" = 1 ]
}
row_30() {
	ade protect v web1 --disk os="$T/locked" >/dev/null && status 0 ade run v && ade items v --json >i &&
	jq -e '.items[0] | .points == 0 and (.next | test("T020000Z$"))' i >/dev/null
}
row_31() {
	ade protect v web1 --disk os="$T/locked" >/dev/null && status 0 ade backup v web1 && ade items v --json | jq -e '.items[0].points == 1' >/dev/null
}
row_32() {
	ade protect v web1 --disk os="$T/locked" >/dev/null && ade backup v web1 --retain-until 2049-05-03 -q && ade backup v web1 -q &&
	ade prune v --dry-run >out && says 'kept +made to be kept until 2049-05-03' &&
	ade prune v --dry-run --json | jq -e '[.points[].expires] | any(. == "20490504T000000Z")' >/dev/null
}
row_33() {
	ade protect v web1 --disk os="$T/locked" >/dev/null && ade backup v web1 -q --notify 'cat >told' &&
	jq -e '.status == "Completed" and .vm == "web1"' told >/dev/null && status 0 ade jobs list v && says 'Backup +Completed'
}
row_34() {
	ade protect v web1 --disk os="$T/locked" >/dev/null && status 0 ade backup v web1 --progress json && says '"total"|"total_bytes"' &&
	ade jobs list v --json | jq -e '.jobs[0].total_bytes == 16777216' >/dev/null
}
row_40() {
	client '"get"' '' && secret alone && keyed web1 alone && control '{"do":"log"}' >/dev/null &&
	status 0 ade protect v web1 --disk os="$T/locked" --vm-config web1.json "${signed[@]}" && says '^OK ' &&
	status 0 ade backup v web1 --vm-config web1.json "${signed[@]}" && says '^proven' && ! control '{"do":"log"}' | grep -q '/keys/'
}

try_row() {	# NUMBER: in a fresh folder; status 0 when the row holds
	rm -rf "$T/row" && mkdir "$T/row" && cd "$T/row" && control '{"do":"forget"}' >/dev/null &&
	"$B/adebackup" init v --vault-key k --region 'West Europe' --subscription aaa -q || return 2
	"row_$1"
}
