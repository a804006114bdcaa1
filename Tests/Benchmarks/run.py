#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures reeve against the yardstick and against other supervisors.

    ./run.py --list                       what can be measured here
    ./run.py --only floor,reeve           everything, with 1, 100 and 1,000 services
    ./run.py --only reeve --measure restart,mass --n 1000
    ./run.py --report --results DIR       only the tables of an earlier run

Needs root: control groups, and PID namespaces for `pid1`. Prints Markdown tables."""
import argparse
import glob
import importlib
import json
import os
import signal
import statistics
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import harness as H  # noqa: E402

MEASURES = ["cold", "mem", "idle", "status", "restart", "mass", "stop", "stopignore", "pid1"]
OUT = os.path.join(H.WORK, "results")


def adapters():
    r = {}
    for f in sorted(glob.glob(os.path.join(HERE, "adapters", "*.py"))):
        m = os.path.basename(f)[:-3]
        if m in ("base", "__init__"):
            continue
        for c in importlib.import_module("adapters." + m).ADAPTERS:
            r[c.name] = c()
    return r


def load():
    return round(os.getloadavg()[0], 2)


def save(ad, measure, n, data):
    os.makedirs(OUT, exist_ok=True)
    p = os.path.join(OUT, f"{ad.name}.{measure}.json")
    try:
        with open(p) as f:
            doc = json.load(f)
    except (OSError, ValueError):
        doc = {}
    doc.update(supervisor=ad.name, version=ad.version(), measure=measure, notes=ad.notes)
    data["when"] = time.strftime("%Y-%m-%dT%H:%M:%S")
    data["load1"] = load()
    doc.setdefault("n", {})[str(n)] = data
    with open(p, "w") as f:
        json.dump(doc, f, indent=1)
    print(f"    {ad.name:12} {measure:10} N={n:<5} {brief(data)}", file=sys.stderr, flush=True)


def brief(d):
    b = []
    for k, v in d.items():
        if isinstance(v, dict) and "median" in v:
            b.append(f"{k}={v['median']:.5g} [{v['min']:.4g}..{v['max']:.4g}]")
        elif isinstance(v, (int, float)) and k != "load1":
            b.append(f"{k}={v:.5g}")
        elif isinstance(v, str) and k in ("error",):
            b.append(v[:300])
    return " ".join(b)


# ---------------------------------------------------------------- in-session
def m_mem(s):
    return s.memory()


def m_idle(s, seconds):
    c0, w0 = s.sup_cpu()
    g0, t0 = s.group.cpu_ns(), time.monotonic()
    time.sleep(seconds)
    g1, t1 = s.group.cpu_ns(), time.monotonic()
    c1, w1 = s.sup_cpu()
    k = 30 / (t1 - t0)
    return dict(seconds=t1 - t0, cpu_s_30=(g1 - g0) / 1e9 * k, stat_cpu_s_30=(c1 - c0) * k,
                wakeups_per_s=(w1 - w0) / (t1 - t0))


def m_status(s, calls):
    d = {}
    env = s.ad.env(s.ctx)
    names = [x.name for x in s.ctx.services]
    a = s.ad.status_one(s.ctx, names[0])
    if a:
        r = [H.timed_cli(s.ad.status_one(s.ctx, names[(i * 37) % len(names)]), env) for i in range(calls)]
        d["cli_one_s"] = H.summary(x[0] for x in r)
        d["cli_one_cpu_s"] = sum(x[1] for x in r) / len(r)
        d["cli_one_failed"] = sum(1 for x in r if x[2])
    a = s.ad.status_all(s.ctx)
    if a:
        r = [H.timed_cli(a, env) for _ in range(5)]
        d["cli_all_s"] = H.summary(x[0] for x in r)
        d["cli_all_cpu_s"] = sum(x[1] for x in r) / len(r)
        d["cli_all_failed"] = sum(1 for x in r if x[2])
    for key, mk, k in (("api_one_s", s.ad.api_one, 100), ("api_all_s", s.ad.api_all, 5)):
        f = mk(s.ctx, names[len(names) // 2]) if key == "api_one_s" else mk(s.ctx)
        if f:
            f()
            g0, xs = s.group.cpu_ns(), []
            for _ in range(k):
                t = H.NOW()
                f()
                xs.append((H.NOW() - t) / 1e9)
            d[key] = H.summary(xs)
            d[key.replace("_s", "_server_cpu_s")] = (s.group.cpu_ns() - g0) / 1e9 / k
    return d


def kill_and_wait(s, i, timeout=20):
    s.tick()
    before = len(s.rec.starts[i])
    pid = s.current()[i]
    t = s.kill([pid])
    s.wait(lambda: len(s.rec.starts[i]) > before, timeout, step=0.0002, what=f"restart of {i}")
    return (s.rec.starts[i][before][0] - t) / 1e9


def m_restart(s, kills):
    k = min(kills, s.n)
    step = max(1, s.n // k)
    g0 = s.group.cpu_ns()
    xs = []
    for j in range(k):
        xs.append(kill_and_wait(s, (j * step) % s.n))
        time.sleep(0.02)
    d = dict(latency_s=H.summary(xs), cpu_s_per_restart=(s.group.cpu_ns() - g0) / 1e9 / k)
    time.sleep(1.5)
    # the same child again and again: shows floors and back-off
    d["again_s"] = H.summary(kill_and_wait(s, step % s.n, 40) for _ in range(6))
    d["again_s"]["note"] = "6 kills of one child, each at once after its restart"
    return d


def m_mass(s):
    time.sleep(2.5)                       # past every one-second floor
    s.tick()
    cur = s.current()
    before = {i: len(x) for i, x in s.rec.starts.items()}
    c0, _ = s.sup_cpu()
    g0 = s.group.cpu_ns()
    t0 = s.kill(cur.values())
    left = set(cur)

    def back():
        for i in [i for i in left if len(s.rec.starts[i]) > before[i]]:
            left.discard(i)
        return not left
    s.wait(back, 90, step=0.003, what="all back")
    t = max(s.rec.starts[i][before[i]][0] for i in cur)
    med = statistics.median(s.rec.starts[i][before[i]][0] - t0 for i in cur)
    time.sleep(0.5)
    g1 = s.group.cpu_ns()
    c1, _ = s.sup_cpu()
    return dict(back_s=(t - t0) / 1e9, median_back_s=med / 1e9, cpu_s=(g1 - g0) / 1e9, sup_cpu_s=c1 - c0)


# ---------------------------------------------------------------- sessions
def sessions(ad, n, want, reps, idle_s):
    """One supervisor, one N: `reps` sessions, all wanted measurements in each
    (idle and status only in the first)."""
    want = [m for m in want if m in ad.does]
    if not want or n > ad.max_n:
        return
    acc = {}
    for r in range(reps):
        try:
            with H.Session(ad, n) as s:
                s.launch()
                up = s.wait_up(ad.up_timeout)
                cpu = s.group.cpu_ns() / 1e9
                if "cold" in want:
                    acc.setdefault("cold", []).append(dict(up_s=up, cpu_s=cpu))
                if set(want) - {"cold", "stop"}:
                    time.sleep(ad.settle)
                if "mem" in want:
                    acc.setdefault("mem", []).append(m_mem(s))
                if r == 0 and "idle" in want:
                    save(ad, "idle", n, m_idle(s, idle_s))
                if r == 0 and "status" in want and n >= 100:
                    save(ad, "status", n, m_status(s, ad.cli_calls))
                if r == 0 and "restart" in want and n >= 100:
                    save(ad, "restart", n, m_restart(s, ad.kills))
                if "mass" in want and n >= 100:
                    acc.setdefault("mass", []).append(m_mass(s))
                if "stop" in want:
                    if "mass" in want and n >= 100:
                        s.wait_quiet()
                    s.tick()
                    if s.main_gone:
                        raise H.Timeout("the supervisor was gone before the stop: " + s.tail())
                    g0 = s.group.cpu_ns()
                    a, b = s.stop()
                    acc.setdefault("stop", []).append(
                        dict(main_exit_s=a, all_gone_s=b, cpu_s=(s.group.cpu_ns() - g0) / 1e9))
        except H.Timeout as e:
            print(f"    {ad.name} N={n} run {r}: {e}", file=sys.stderr, flush=True)
            acc.setdefault("_err", []).append(str(e)[:400])
        except Exception as e:                                     # noqa: BLE001
            traceback.print_exc()
            acc.setdefault("_err", []).append(repr(e)[:400])
        if acc.get("_err") and len(acc["_err"]) >= 2:
            break
    for m in ("cold", "mem", "mass", "stop"):
        if m in want and m in acc:
            d = {k: H.summary(x[k] for x in acc[m]) for k, v in acc[m][0].items() if isinstance(v, (int, float))}
            if m == "mem":
                d["comms"] = acc[m][-1]["comms"]
            if acc.get("_err"):
                d["errors"] = acc["_err"]
            save(ad, m, n, d)
        elif m in want and acc.get("_err") and not (m == "mass" and n < 100):
            save(ad, m, n, dict(error=acc["_err"][0]))


def stopignore(ad, n, reps):
    xs = []
    err = None
    for _ in range(reps):
        try:
            with H.Session(ad, n, ignore=n, stop_timeout=2) as s:
                s.launch()
                s.wait_up(60)
                time.sleep(1.5)
                xs.append(s.stop(40))
        except Exception as e:                                     # noqa: BLE001
            err = repr(e)[:400]
    if xs:
        save(ad, "stopignore", n, dict(main_exit_s=H.summary(x[0] for x in xs),
                                       all_gone_s=H.summary(x[1] for x in xs)))
    else:
        save(ad, "stopignore", n, dict(error=err))


def pid1(ad, count, reps):
    xs = []
    err = None
    for _ in range(reps):
        try:
            with H.Session(ad, 1, mode=("storm", str(count)), pid1=True) as s:
                s.launch()
                s.wait_up(30)
                time.sleep(1.5)
                # PID 1 of the namespace: the only child of our unshare
                with open(f"/proc/{s.pid}/task/{s.pid}/children") as f:
                    init = int(f.read().split()[0])
                exe = os.path.basename(os.readlink(f"/proc/{init}/exe"))
                base = s.group.ntasks()
                hz = os.sysconf("SC_CLK_TCK")

                def icpu():
                    with open(f"/proc/{init}/stat") as f:
                        a = f.read().rsplit(")", 1)[1].split()
                    return (int(a[11]) + int(a[12])) / hz
                c0, g0 = icpu(), s.group.cpu_ns()
                s.rec.go()
                peak, end = 0, time.monotonic() + 60
                while time.monotonic() < end:
                    n = s.group.ntasks()
                    peak = max(peak, n - base)
                    if s.rec.storm_end and n <= base:
                        break
                    time.sleep(0.0005)
                t = H.NOW()
                xs.append(dict(total_s=(t - s.rec.storm_start) / 1e9,
                               storm_s=(s.rec.storm_end - s.rec.storm_start) / 1e9 if s.rec.storm_end else -1,
                               max_unreaped=peak, left_unreaped=max(0, s.group.ntasks() - base),
                               init_cpu_s=icpu() - c0, fork_failures=s.rec.forkfail, exe=exe))
        except Exception as e:                                     # noqa: BLE001
            traceback.print_exc()
            err = repr(e)[:400]
    if xs:
        d = {k: H.summary(x[k] for x in xs) for k in xs[0] if k != "exe"}
        d["exe"] = xs[0]["exe"]
        save(ad, "pid1", count, d)
    else:
        save(ad, "pid1", count, dict(error=err))


# ---------------------------------------------------------------- report
def report():
    docs = {}
    for p in sorted(glob.glob(os.path.join(OUT, "*.json"))):
        with open(p) as f:
            d = json.load(f)
        docs[(d["supervisor"], d["measure"])] = d
    order = ["supervisord", "s6", "s6-ready", "s6-direct", "runit", "runit-direct", "dinit", "reeve",
             "reeve-prefixed", "reeve-sampled", "floor"]
    names = sorted({k[0] for k in docs}, key=lambda x: (order.index(x) if x in order else 99, x))

    def g(sup, m, n, key, sub="median"):
        v = docs.get((sup, m), {}).get("n", {}).get(str(n), {})
        if "error" in v:
            return "failed"
        v = v.get(key)
        if isinstance(v, dict):
            v = v.get(sub)
        return v

    def fmt(v, scale=1.0, digits=3):
        if v is None:
            return "-"
        if isinstance(v, str):
            return v
        return f"{v * scale:.{digits}g}" if abs(v * scale) < 1000 else f"{v * scale:.0f}"

    def rng(sup, m, n, key, scale=1.0):
        a = g(sup, m, n, key)
        if a is None or isinstance(a, str):
            return fmt(a)
        lo, hi = g(sup, m, n, key, "min"), g(sup, m, n, key, "max")
        return f"{fmt(a, scale)} [{fmt(lo, scale)}–{fmt(hi, scale)}]"

    def table(title, head, rows):
        rows = [r for r in rows if any(c != "-" for c in r[1:])]
        if not rows:
            return
        print(f"\n### {title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
        for r in rows:
            print("| " + " | ".join(r) + " |")

    table("1. Cold start: exec of the supervisor to the last child's start (ms, median [min–max]; CPU ms of the whole tree)",
          ["supervisor", "N=1", "N=100", "N=1000", "CPU N=100", "CPU N=1000"],
          [[s] + [rng(s, "cold", n, "up_s", 1e3) for n in (1, 100, 1000)]
           + [fmt(g(s, "cold", n, "cpu_s"), 1e3) for n in (100, 1000)] for s in names])
    table("2. Supervisor-side memory (MiB: PSS / USS / anonymous / RSS, summed over all supervisor-side processes)",
          ["supervisor", "N=1", "N=100", "N=1000", "processes N=1000", "PSS KiB per service"],
          [[s] + [" / ".join(fmt(g(s, "mem", n, k), 1 / 1024) for k in ("pss", "uss", "anon", "rss"))
                  if g(s, "mem", n, "pss") is not None else "-" for n in (1, 100, 1000)]
           + [fmt(g(s, "mem", 1000, "procs"), 1, 4)]
           + [fmt((g(s, "mem", 1000, "pss") - g(s, "mem", 1, "pss")) / 999)
              if all(isinstance(g(s, "mem", n, "pss"), (int, float)) for n in (1, 1000)) else "-"] for s in names])
    table("3. Idle: CPU ms per 30 s (control-group clock), wake-ups per second",
          ["supervisor", "N=1", "N=100", "N=1000", "wake-ups/s N=100", "wake-ups/s N=1000"],
          [[s] + [fmt(g(s, "idle", n, "cpu_s_30"), 1e3) for n in (1, 100, 1000)]
           + [fmt(g(s, "idle", n, "wakeups_per_s")) for n in (100, 1000)] for s in names])
    for n in (100, 1000):
        table(f"4. Restart latency after SIGKILL, one of {n} (ms; child up > 1 s; last columns: same child killed again at once)",
              ["supervisor", "median", "p99", "min", "max", "CPU ms per restart", "again: median", "again: max"],
              [[s] + [fmt(g(s, "restart", n, "latency_s", k), 1e3) for k in ("median", "p99", "min", "max")]
               + [fmt(g(s, "restart", n, "cpu_s_per_restart"), 1e3)]
               + [fmt(g(s, "restart", n, "again_s", k), 1e3) for k in ("median", "max")] for s in names])
    table("5. Mass crash: SIGKILL of all children to the last one back (ms, median [min–max]; CPU ms of the whole tree)",
          ["supervisor", "N=100", "N=1000", "median child N=1000", "CPU N=1000"],
          [[s] + [rng(s, "mass", n, "back_s", 1e3) for n in (100, 1000)]
           + [fmt(g(s, "mass", 1000, "median_back_s"), 1e3), fmt(g(s, "mass", 1000, "cpu_s"), 1e3)] for s in names])
    table("6. Graceful shutdown (ms to the last process gone, median [min–max]); 10 children ignoring SIGTERM with a 2 s stop timeout",
          ["supervisor", "N=1", "N=100", "N=1000", "CPU N=1000", "10 ignoring SIGTERM"],
          [[s] + [rng(s, "stop", n, "all_gone_s", 1e3) for n in (1, 100, 1000)]
           + [fmt(g(s, "stop", 1000, "cpu_s"), 1e3), rng(s, "stopignore", 10, "all_gone_s", 1e3)] for s in names])
    cs = sorted({int(n) for k, d in docs.items() if k[1] == "pid1" for n in d["n"]})
    for c in cs:
        table(f"7. PID 1: {c} double-forked orphans",
              ["supervisor", "total s", "creation alone s", "max unreaped", "left after 60 s", "init CPU s", "fork failures"],
              [[s, rng(s, "pid1", c, "total_s"), fmt(g(s, "pid1", c, "storm_s")), rng(s, "pid1", c, "max_unreaped"),
                fmt(g(s, "pid1", c, "left_unreaped")), fmt(g(s, "pid1", c, "init_cpu_s")),
                fmt(g(s, "pid1", c, "fork_failures"))] for s in names])
    for n in (100, 1000):
        table(f"8. Control plane with {n} services (ms)",
              ["supervisor", "CLI one: median", "p99", "CLI CPU", "CLI all", "CLI all CPU", "API one", "API all"],
              [[s, fmt(g(s, "status", n, "cli_one_s"), 1e3), fmt(g(s, "status", n, "cli_one_s", "p99"), 1e3),
                fmt(g(s, "status", n, "cli_one_cpu_s"), 1e3), fmt(g(s, "status", n, "cli_all_s"), 1e3),
                fmt(g(s, "status", n, "cli_all_cpu_s"), 1e3), fmt(g(s, "status", n, "api_one_s"), 1e3),
                fmt(g(s, "status", n, "api_all_s"), 1e3)] for s in names])
    table("Versions", ["supervisor", "version", "notes"],
          [[s, next(d["version"] for k, d in docs.items() if k[0] == s),
            next(d["notes"] for k, d in docs.items() if k[0] == s) or " "] for s in names])


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--only", help="supervisors, comma-separated")
    ap.add_argument("--measure", help="measurements, comma-separated: " + " ".join(MEASURES))
    ap.add_argument("--n", default="1,100,1000")
    ap.add_argument("--reps", type=int, default=0, help="sessions per N (default 10, 5, 3 for N = 1, 100, 1000)")
    ap.add_argument("--idle", type=float, default=30.0)
    ap.add_argument("--orphans", type=int, default=20000)
    ap.add_argument("--list", action="store_true")
    ap.add_argument("--report", action="store_true", help="only print the tables")
    ap.add_argument("--results", help="folder of the results, one JSON file for each supervisor and measure")
    a = ap.parse_args()
    global OUT
    OUT = a.results or OUT
    ads = adapters()
    if a.list:
        for n, ad in ads.items():
            why = ad.available()
            print(f"{n:14} {'ok  ' + ad.version() if not why else 'SKIP ' + why}   {','.join(sorted(ad.does))}")
        return
    if not a.report:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))    # sessions clean up
        H.build_child()
        H.become_subreaper()
        os.makedirs(H.WORK, exist_ok=True)
        want = a.measure.split(",") if a.measure else [m for m in MEASURES if m != "pid1"]
        for name in a.only.split(",") if a.only else list(ads):
            ad = ads[name]
            why = ad.available()
            if why:
                print(f"    {name}: skipped, {why}", file=sys.stderr)
                continue
            t = time.time()
            for n in (int(x) for x in a.n.split(",")):
                reps = a.reps or {1: 10, 100: 5}.get(n, 3)
                w = [m for m in want if m not in ("stopignore", "pid1")]
                if n == 1:
                    w = [m for m in w if m in ("cold", "mem", "idle", "stop")]
                sessions(ad, n, w, reps, a.idle)
            if "stopignore" in want and "stopignore" in ad.does:
                stopignore(ad, 10, 3)
            if "pid1" in want and "pid1" in ad.does:
                pid1(ad, a.orphans, 3)
            print(f"    {name}: {time.time() - t:.0f} s, load {load()}", file=sys.stderr, flush=True)
    report()


if __name__ == "__main__":
    main()
