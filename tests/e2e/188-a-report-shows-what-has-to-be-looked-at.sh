#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The report is one page that loads nothing: alerts first, each VM with its last point and whether it is proven, policies,
# jobs, growth as a plot; names that look like markup stay text; a browser's parser finds it whole.
. "$(dirname "$0")/lib.sh"
require jq python3

A=$B/adebackup V=$T/v K=$T/key
cd "$T"
plant() { "$B/tests/make/plant-service" "$V" "$K" items "$@"; }
report() { expect_status "${status:-0}" "$A" report "$V" --vault-key "$K" --html r.html --json; }
said() { jq -e "$1" "$T/out" >/dev/null || fail "not $1: $(cat "$T/out")"; }

head -c 2000000 /dev/urandom >os.raw
"$A" init "$V" --vault-key "$K" --name '<north> & "co"' >/dev/null

say "an empty vault"
report
said '.alerts == [] and .points == 0'
expect_text 'All is well' r.html

say "what failed or is late comes first"
plant 400000 good="$T/os.raw" '<script>alert(1)<'"=$T/os.raw" gone="$T/nowhere.raw"
status=3 report
said '[.alerts[] | select(.level == "red" and (.text | contains("does the timer run")))] | length == 3'
expect_status 1 "$A" run "$V" --vault-key "$K" -q
expect_status 0 "$A" backup "$V" loose --vault-key "$K" --disk os=os.raw -q
status=3 report
said '.alerts[0].level == "red" and .alerts[0].vm == "gone" and (.alerts[0].text | startswith("its last backup by policy failed; UserErrorVmNotInDesirableState"))'
said '[.alerts[] | select(.vm == "loose") | .level] | contains(["info"])'
said '[.alerts[] | select(.vm == "good") | .level] == ["amber"]'
said '.vms == 4 and .points == 3'

say "the page is whole, loads nothing, and names are text"
python3 - r.html <<'END'
import html.parser, re, sys
text = open(sys.argv[1], encoding="utf-8").read()
assert not re.search(r"\b(src|href)\s*=|url\(|@import", text), "it loads something"
class Page(html.parser.HTMLParser):
    VOID = {"meta", "line", "br", "path"}
    def __init__(self):
        super().__init__(); self.open, self.words, self.tags, self.wide = [], [], [], []
    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in self.VOID: self.open.append(tag)
    def handle_startendtag(self, tag, attrs): self.tags.append(tag)
    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag
    def handle_data(self, data): self.words.append(data)
p = Page(); p.feed(text); p.close()
assert not p.open, p.open
assert "script" not in p.tags and "b>" not in "".join(p.tags)
words = " ".join(p.words)
for want in ("<script>alert(1)<", '<north> & "co"', "not proven", "Growth", "every-4-hours", "DefaultPolicy", "Prune", "loose"):
    assert want in words, want
assert words.index("Act:") < words.index("VMs protected") < words.index("Growth") < words.index("Policies") < words.index("Jobs")
assert p.tags.count("svg") == 1 and p.tags.count("path") == 2
rows = re.findall(r"<tr>(.*?)</tr>", text, re.S)
assert len({len(re.findall("<td", r)) for r in rows if 'data-l="14 days"' in r}) == 1
END
[ ! -e r.html.part ] || fail "a part is left"
expect_status 10 "$A" report "$V" --vault-key "$K" --html "$T/none/r.html"
