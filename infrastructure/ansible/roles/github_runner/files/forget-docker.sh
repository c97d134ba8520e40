#!/bin/sh
# Takes away what Docker leaves in the kernel when its package goes: its firewall rules and its bridges. Rules of others stay.
set -eu

# What a rule of Docker's names: its chains, or its bridges.
four='[0-9a-f][0-9a-f][0-9a-f][0-9a-f]'
ours="DOCKER|\"docker0\"|\"br-$four$four$four\""

for family in ip ip6; do
    for table in raw mangle nat filter; do
        nft list table "$family" "$table" >/dev/null 2>&1 || continue
        nft -a list table "$family" "$table" 2>/dev/null | awk -v ours="$ours" '
            $1 == "chain" { chain = $2; next }
            chain !~ /^DOCKER/ && $0 ~ ours { print chain, $NF }' |
            while read -r chain handle; do
                nft delete rule "$family" "$table" "$chain" handle "$handle"
                echo "removed a rule of $family $table $chain"
            done
        chains=$(nft list table "$family" "$table" 2>/dev/null | awk '$1 == "chain" && $2 ~ /^DOCKER/ { print $2 }')
        [ -n "$chains" ] || continue
        # They refer to each other: emptied first.
        for chain in $chains; do nft flush chain "$family" "$table" "$chain"; done
        for chain in $chains; do nft delete chain "$family" "$table" "$chain"; done
        echo "removed chains of $family $table"
        # A table without a rule is Docker's alone.
        if ! nft list table "$family" "$table" 2>/dev/null | grep -vEq '^(#|table |[[:space:]]*chain |[[:space:]]*type |[[:space:]]*}|$)'; then
            nft delete table "$family" "$table"
        fi
    done
done
for bridge in /sys/class/net/docker0 /sys/class/net/br-*; do
    bridge=${bridge##*/}
    if [ -d "/sys/class/net/$bridge/bridge" ] && echo "\"$bridge\"" | grep -Eq "$ours"; then
        ip link delete "$bridge"
        echo "removed $bridge"
    fi
done
