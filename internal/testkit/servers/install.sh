#!/bin/sh
# Brings the real mail servers that the tests start: Dovecot is installed; Cyrus, Courier,
# GNU mailutils, popa3d, imapproxy and perdition are only unpacked, for some of their
# packages exclude one another and nothing of theirs may run on its own; maddy is built,
# as the module in the folder "maddy" says. They go to $MAILSYNC_SERVERS, else to the user's
# cache folder; root's is closed to the user that Cyrus runs as, so root takes /var/cache.
#
# It can be run again at any time and is quick when there is nothing to do. What it
# could not have it says, one line a server; that alone is no failure, for the tests
# decide what a missing server means.
set -u

if [ "$(id -u)" -eq 0 ]; then
	cache=/var/cache
else
	cache=${XDG_CACHE_HOME:-$HOME/.cache}
fi
cache=${MAILSYNC_SERVERS:-$cache/mailsync-servers}
installed="dovecot-imapd dovecot-pop3d libical3 libxapian30 libpcre3 sasl2-bin
	libeatmydata1 libcourier-unicode4 libgamin0 libltdl7 libidn12
	libgsasl18 libldap-2.5-0 libnsl2 libwrap0"
cyrus="cyrus-common cyrus-imapd cyrus-pop3d"
# The benchmark compares with isync and mpop.
installed="$installed isync mpop"
# Mail readers that a test works with.
installed="$installed neomutt notmuch"
# A test has system calls fail with it.
[ "$(uname -s)" != Linux ] || installed="$installed strace"
# The race detector needs a C compiler, a barer system may have none.
command -v gcc >/dev/null 2>&1 || installed="$installed gcc libc6-dev"
courier="courier-base courier-imap courier-pop courier-authlib courier-authdaemon
	courier-authlib-userdb"
mailutils="mailutils-imap4d mailutils-pop3d libmailutils9 libmu-dbm9 libkyotocabinet16v5
	liblzo2-2 libmariadb3"
perdition="perdition libvanessa-adt1 libvanessa-logger0 libvanessa-socket2 libpopt0"

have() { command -v "$1" >/dev/null 2>&1; }

# apt runs apt-get with the package system's lock waited for, and shows what it said
# only where it fails.
apt() {
	log=$(mktemp)
	DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1
	code=$?
	[ $code -eq 0 ] || tail -n 5 "$log" >&2
	rm -f "$log"
	return $code
}

updated=
update() {
	[ -n "$updated" ] || apt update || true
	updated=yes
}

# is_installed asks for all packages at once: asked one by one they take longer than all the rest.
is_installed() {
	# shellcheck disable=SC2086
	told=$(dpkg-query -W -f '${Status}\n' $installed 2>/dev/null) || return 1
	! echo "$told" | grep -qv ' installed$'
}

# install_system installs the packages that have to be in their own place. A package
# may start its daemon on the default ports: policy-rc.d forbids that meanwhile.
install_system() {
	policy=/usr/sbin/policy-rc.d
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod 0755 $policy
		trap 'rm -f /usr/sbin/policy-rc.d' EXIT
		trap 'exit 1' INT TERM HUP
	fi
	update
	# shellcheck disable=SC2086
	apt install --no-install-recommends $installed && return
	# One package that this release does not have must not cost the others.
	for p in $installed; do
		apt install --no-install-recommends "$p" || echo "servers: $p could not be installed" >&2
	done
}

# bring NAME PACKAGES unpacks packages, and tries again with newer lists where it could not.
bring() {
	[ -d "$cache/$1" ] || unpack "$@" || { update; unpack "$@"; }
}

# unpack NAME PACKAGES puts packages into $cache/NAME, whole or not at all.
unpack() {
	name=$1
	shift
	mkdir -p "$cache" && part=$(mktemp -d "$cache/$name.XXXXXX") || return 1
	chmod 0755 "$part"
	if (cd "$part" && apt download "$@" && for deb in *.deb; do
		dpkg-deb -x "$deb" "$part/root" || exit 1
	done); then
		mv "$part/root" "$cache/$name" 2>/dev/null
	fi
	rm -rf "$part"
	[ -d "$cache/$name" ]
}

# build_maddy builds it into $cache/maddy, whole or not at all, and again where the module
# that says how has changed. It needs no C compiler without cgo. What Go said is in $why_maddy
# where it could not.
build_maddy() {
	module=$(dirname "$0")/maddy
	cmp -s "$module/go.mod" "$cache/maddy/go.mod" && [ -x "$cache/maddy/maddy" ] && return
	mkdir -p "$cache" && part=$(mktemp -d "$cache/maddy.XXXXXX") || return 1
	chmod 0755 "$part"
	if said=$(cd "$module" && CGO_ENABLED=0 ${GO:-go} build -trimpath -ldflags '-s -w' -o "$part/maddy" \
		github.com/foxcpp/maddy/cmd/maddy 2>&1) && cp "$module/go.mod" "$part/go.mod"; then
		rm -rf "$cache/maddy" && mv "$part" "$cache/maddy"
	else
		why_maddy=$(echo "$said" | tail -n 1)
	fi
	rm -rf "$part"
}

# tell NAME FILE says whether a server is there, and which of its libraries are not.
tell() {
	if [ ! -x "$2" ]; then
		echo "servers: no $1 here${3:+: $3}"
		return
	fi
	own=$(echo "$cache"/*/usr/lib/*-linux-gnu "$cache"/*/lib/*-linux-gnu "$cache"/*/usr/lib | tr ' ' :)
	missing=$(LD_LIBRARY_PATH=$own ldd "$2" 2>/dev/null |
		sed -n 's/^[[:space:]]*\([^ ]*\) => not found$/\1/p' | tr '\n' ' ')
	if [ -n "$missing" ]; then
		echo "servers: $1 is here but lacks $missing"
	else
		echo "servers: $1"
	fi
}

why=
if ! have apt-get || ! have dpkg-deb; then
	why="this system has no apt; install it by hand"
else
	if ! is_installed; then
		if [ "$(id -u)" -eq 0 ]; then
			install_system
		else
			why="not root; as root: apt-get install $(echo $installed)"
		fi
	fi
	# shellcheck disable=SC2086
	{
		bring cyrus $cyrus
		bring courier $courier
		bring mailutils $mailutils
		bring perdition $perdition
		bring popa3d popa3d
		bring imapproxy imapproxy
	}
fi
why_maddy=
build_maddy

tell Dovecot /usr/sbin/dovecot "$why"
tell Cyrus "$cache/cyrus/usr/lib/cyrus/bin/imapd" "$why"
tell Courier "$cache/courier/usr/bin/imapd" "$why"
tell "GNU mailutils imap4d" "$cache/mailutils/usr/sbin/imap4d" "$why"
tell "GNU mailutils pop3d" "$cache/mailutils/usr/sbin/pop3d" "$why"
tell popa3d "$cache/popa3d/usr/sbin/popa3d" "$why"
tell imapproxy "$cache/imapproxy/usr/sbin/imapproxyd" "$why"
tell perdition "$cache/perdition/usr/sbin/perdition" "$why"
tell maddy "$cache/maddy/maddy" "$why_maddy"
exit 0
