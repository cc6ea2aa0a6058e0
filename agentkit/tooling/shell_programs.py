"""Which programs run others, and how they are told which."""

import re

SHELLS = frozenset({
    "ash", "bash", "csh", "dash", "fish", "ksh", "ksh93", "lksh", "mksh", "posh", "rbash", "sh", "tcsh",
    "yash", "zsh",
})  # fmt: skip
TEXT = frozenset({
    "alias", "capsh", "dtach", "faketime", "hyperfine", "parallel", "perf", "script", "sem", "ssh",
    "start-stop-daemon", "su", "trap", "tsp", "watch", "watchexec", "x-terminal-emulator", "xterm", "zutty",
})  # fmt: skip
"""What they are given may be text for a shell in a way that is not taken apart here."""
SPEAKS_SHELL = SHELLS | (TEXT - {"perf"}) | {"eval", "flock", "runuser", "sg"}
"""Their words may be command lines themselves."""
WRAPPERS = SPEAKS_SHELL | TEXT | {
    "aa-exec", "builtin", "busybox", "bwrap", "catatonit", "catchsegv", "cgexec", "choom", "chpst", "chronic",
    "chroot", "chrt", "command", "coproc", "cpulimit", "daemonize", "dbus-launch", "dbus-run-session",
    "debconf", "debconf-apt-progress", "doas", "dumb-init", "eatmydata", "entr", "env", "envdir", "exec",
    "fakeroot", "fakeroot-sysv", "fakeroot-tcp", "fd", "fdfind", "find", "firejail", "gosu", "gp-collect-app",
    "gpg-agent", "gprofng", "heaptrack", "i386", "ionice", "ip", "jobs", "ld.so", "linux32", "linux64",
    "logsave", "ltrace", "luit", "memusage", "mpiexec", "mpirun", "msgexec", "msgfilter", "nice", "nocache",
    "nohup", "nsenter", "numactl", "pg_virtualenv", "pkexec", "prlimit", "proot", "proxychains",
    "proxychains4", "rlwrap", "rr", "runcon", "s6-setuidgid", "schroot", "setarch", "setlock", "setpriv",
    "setsid", "setuidgid", "softlimit", "sotruss", "srun", "ssh-agent", "sshpass", "stdbuf", "strace",
    "su-exec", "sudo", "systemd-cat", "systemd-inhibit", "systemd-nspawn", "systemd-run",
    "systemd-socket-activate", "taskset", "time", "timeout", "tini", "torify", "torsocks", "toybox",
    "trickle", "uclampset", "uftrace", "uname26", "unbuffer", "unshare", "valgrind", "valgrind.bin", "x86_64",
    "xargs", "xinit", "xvfb-run",
}  # fmt: skip
"""They run a program that one of their words names."""
HIDES = re.compile(
    r"(i?python|pypy|perl|ruby|node|nodejs|lua|luajit|php|tclsh|wish|deno|bunx?|pdb|irb)[\d.]*"
    r"|perl[\d.]+-.*|cpan.*|prove|jshell|jrunscript|jdb|groovy|scala|elixir|erl|escript|racket|octave|gnuplot|pwsh"
    r"|tsx|ts-node|pnpx|lli.*|r?view|rvim|vim[.]\w+|vimdiff|gdbtui|editor|pager|sensible-.*|vipw|vigr"
    r"|uvx?|poetry|cargo|go|tox|man|(z|bz|xz|lz|zstd)?(less|more)|socat|zip|run-parts|compgen|fc|newgrp"
    r"|[gmn]?awk|g?make|sed|ed|ex|vim?|nvim|emacs|gdb|expect|git|tar|rsync|scp|docker|podman|npm|npx|pip[\d.]*"
    r"|at|batch|crontab|screen|tmux|source|\.|hash|enable|bind|complete|mapfile|readarray|ld-.*|ld\.so"
    r"|lldb|gdbserver|bpftrace|stap|trace-cmd|nsys|ncu|qemu-.*|wine\d*|sftp|mosh|nc|ncat|netcat"
    r"|m4|dc|sqlite3|psql|mysql|mariadb|julia|java|ocaml|runghc|ghci?|Rscript|R|guile|sbcl|osascript"
    r"|direnv|asdf|mise|pyenv|rbenv|nix.*|guix|conda|mamba|pipx|pipenv|hatch|pdm|rye|bundle|rake|yarn|pnpm"
    r"|just|task|ninja|bazel|gradle|mvn|ant|scons|logrotate|anacron|xdg-open|gio|fzf|machinectl"
)
"""They can run any program without saying so in a way that is read here."""
_OPTIONS = {
    "split": r"--f.*",
    "sort": r"--co.*",
    "install": r"--strip-.*",
    "sdiff": r"--d.*",
    "diff3": r"--d.*",
    "rg": r"--pre.*|--hostname-bin.*",
    "bat": r"--pager.*",
    "wget": r"--use-a.*|-e.*|--ex.*",
    "curl": r"-K.*|--config.*",
    "cpio": r"--rs.*",
    "tcpdump": r"-\w*z.*",
    "gcc": r"-wrapper.*|-B.*|@.*",
    "apt": r"-o.*|-c.*|--op.*|--co.*",
    "apt-get": r"-o.*|-c.*|--op.*|--co.*",
    "cmake": r"-P|-E",
    "pdflatex": r"-?-(shell-escape|enable-write18)",
    "fd": r"-\w*[xX].*|--exec.*",
    "fdfind": r"-\w*[xX].*|--exec.*",
    "ip": r"-b.*|-force",
    "shopt": r"extglob|expand_aliases|compat.*|-o",
    "set": r"[-+]\w*[Hk]\w*|history|histexpand|keyword|posix",
}
"""The options by which programs that run nothing else do."""
_GCC = re.compile(r"(?:.+-)?(?:gcc|g\+\+|cc|c\+\+|cpp|c[89]9|gfortran)(?:-[\d.]+)?")
"""What GCC is called for each language, version and machine."""


def option_that_runs(words: tuple[str | None, ...]) -> str:
    """The word that makes a program among `words` run another, or lets the shell read on otherwise."""
    names = [(word or "").rpartition("/")[2] for word in words]
    for place, name in enumerate(names if names[0] in WRAPPERS else names[:1]):
        if pattern := _OPTIONS.get("gcc" if _GCC.fullmatch(name) else name):
            for word in words[place + 1 :]:
                if re.fullmatch(pattern, word or "") or (word is None and name in ("set", "shopt")):
                    return word or "what is known only when it runs"
    return ""
