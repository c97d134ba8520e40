# shellcheck shell=bash
start_stand_in() { :; }
suite_runner() { on runner-1 systemctl --failed; on runner-2 nproc; on runner-1 nft list ruleset; on runner-1 ip a; inside ping -c1 10.213.0.12; on runner-1 sh -c '"env DEBIAN_FRONTEND=noninteractive apt-get install -y docker.io >/dev/null 2>&1; systemctl is-active docker; docker info; journalctl -u docker --no-pager | tail -20; cat /etc/docker/daemon.json"'; }
