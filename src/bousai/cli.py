"""`bousai`: the verbs of the corridor by hand.

Exit codes: 0 success · 1 failure, with one line of cause and remedy on standard error · 2 wrong usage.
``--json`` prints one JSON value (or one a line) for machines; times are ISO 8601 with offset.
"""

from __future__ import annotations

import argparse
import dataclasses
import glob
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import NoReturn
from zoneinfo import ZoneInfo

import orjson

from bousai import __version__, catalogue, logs, pipeline, settings
from bousai.errors import BousaiError, CatalogueError, UsageError
from bousai.model import VISIBILITIES

JST = ZoneInfo("Asia/Tokyo")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, remedy=f"see: {self.prog} --help")


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"not a time: {text!r}", remedy="write 2024-01-01T16:30 (JST) or with an offset") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=JST)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"not a day: {text!r}", remedy="write 2024-01-01; it is a day of Japan") from None


def _box(text: str) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"not a box: {text!r}", remedy="write W,S,E,N in degrees: 136.5,36.8,137.4,37.6") from None
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise UsageError(f"not a box on the earth: {text!r}", remedy="W ≤ E, S ≤ N, longitude first")
    return west, south, east, north


def _muni(text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) == 5):
        raise UsageError(f"not a municipality code: {text!r}", remedy="five digits of JIS X 0402, e.g. 17204")
    return text


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise UsageError(f"not a port: {text!r}", remedy="a number from 0 to 65535")
    return int(text)


def _own_port(text: str) -> int:
    """A port that others are told of before anybody listens on it."""
    if (port := _port(text)) == 0:
        raise UsageError("port 0 is whichever is free", remedy="a number from 1 to 65535")
    return port


def _workers(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 64):
        raise UsageError(f"not a number of workers: {text!r}", remedy="from 1 to 64, as many as there are processors")
    return int(text)


def _pref(text: str) -> str:
    try:
        pipeline.prefecture_name(text)
    except KeyError:
        raise UsageError(f"not a prefecture code: {text!r}", remedy="two digits of JIS X 0401, e.g. 17") from None
    return text


def _area(text: str) -> str:
    return _pref(text) if len(text) == 2 else _muni(text)


def _report_formats(text: str) -> list[str]:
    chosen = text.split(",")
    for one in chosen:
        if one not in pipeline.REPORT_FORMATS:
            raise UsageError(
                f"not a format of reports: {one!r}", remedy=f"some of {','.join(pipeline.REPORT_FORMATS)}"
            )
    return chosen


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def _table(rows: Sequence[Sequence[object]], head: Sequence[str]) -> None:
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max([len(h), *(len(row[n]) for row in texts)]) for n, h in enumerate(head)]
    for line in [list(head), *texts]:
        _print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _local(at: datetime | None) -> str:
    return "-" if at is None else at.astimezone(JST).strftime("%Y-%m-%d %H:%M")


def _feeds(options: argparse.Namespace) -> int:
    states = pipeline.feed_states()
    if options.json:
        _print(_json([{**dataclasses.asdict(state), "stale_layers": stale} for state, stale in states]))
        return 0
    rows = [
        (
            s.feed,
            s.state,
            _local(s.last_content_at),
            _local(s.last_fetch_at),
            _local(s.next_due_at),
            " ".join(stale),
            s.reason,
        )
        for s, stale in states
    ]
    _table(rows, ("feed", "state", "last content", "last answer", "next due", "stale layers", "reason"))
    return 0


def _pull(options: argparse.Namespace) -> int:
    failed = 0
    for feed in options.feed:
        waiting = pipeline.fetch_feed(feed)
        done = {"feed": feed, **pipeline.ingest_documents(feed, waiting, report=_Progress())}
        failed += done["quarantined"] + done["held"]
        if options.json:
            _print(_json(done))
        else:
            _print(f"{feed}: {_changes(done)}")
    if failed:
        raise BousaiError(f"{failed} documents were quarantined or held", remedy="see: bousai issues list")
    return 0


def _changes(done: Mapping[str, object]) -> str:
    names = ("documents", "bulletins", "opened", "changed", "closed", "issues")
    return ", ".join(f"{done[name]} {name}" for name in names)


class _Progress:
    """How far a long document is: a bar on a terminal, elsewhere a line at every tenth."""

    def __init__(self) -> None:
        self._shown: tuple[str, str, int] | None = None

    def __call__(self, name: str, doing: str, share: float) -> None:
        form = settings.log_form()
        bar = sys.stderr.isatty() and form == "text"
        step = int(share * (50 if bar else 10))
        if (name, doing, step) == self._shown:
            return
        self._shown = (name, doing, step)
        if bar:
            end = "\n" if share >= 1 else ""
            sys.stderr.write(f"\r{name[:40]} {doing:8s} [{'█' * step:<50s}] {share:4.0%}{end}")
        elif step:
            sys.stderr.write(logs.said(form, f"{name}: {doing} {step * 10} %") + "\n")
        sys.stderr.flush()


def _files(arguments: Sequence[str]) -> Iterator[tuple[str, bytes | Path]]:
    for argument in arguments:
        if argument == "-":
            yield "standard input", sys.stdin.buffer.read()
            continue
        path = Path(argument)
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.is_file())
        elif path.is_file():
            found = [path]
        else:
            found = sorted(Path(p) for p in glob.glob(argument, recursive=True) if Path(p).is_file())
        if not found:
            raise UsageError(f"no file at {argument}", remedy="give files, folders, globs or -")
        for one in found:
            yield str(one), one


def _ingest(options: argparse.Namespace) -> int:
    refused = []
    for one in pipeline.ingest_files(
        options.feed,
        _files(options.file),
        dated_at=options.at,
        taint=options.status,
        accept=options.accept,
        strict=options.strict,
        report=_Progress(),
    ):
        line = {
            "file": one.name,
            "sha256": one.sha256,
            "bulletins": one.bulletins,
            **dataclasses.asdict(one.changes),
            "issues": one.issues,
            "outcome": one.outcome,
            "cause": one.cause,
            "remedy": one.remedy,
        }
        _print(_json(line))
        sys.stdout.flush()
        if one.outcome in ("quarantined", "held"):
            refused.append(one)
    if refused:
        first = refused[0]
        more = "" if len(refused) == 1 else f" (and {len(refused) - 1} more)"
        raise BousaiError(f"{first.name}: {first.outcome}: {first.cause}{more}", remedy=first.remedy or "")
    return 0


def _consolidate(options: argparse.Namespace) -> int:
    register = pipeline.update_register() if options.pref is None else None
    chosen = options.pref or pipeline.prefectures_to_expose()
    exposed = {pref: pipeline.expose(pref) for pref in chosen}
    if options.json:
        _print(_json({"register": register, "exposure": exposed}))
        return 0
    if register is not None:
        _print("shelter register: " + ", ".join(f"{n} {what}" for what, n in register.items()))
    names = ("maps", "inside", "outside", "opened", "changed", "closed")
    rows = [
        (
            pref,
            pipeline.prefecture_name(pref),
            done["places"],
            *(done[name] if done["maps"] else "-" for name in names),
        )
        for pref, done in exposed.items()
    ]
    _table(rows, ("pref", "name", "places", *names)) if rows else _print("hazard exposure: nothing has changed")
    return 0


def _publish(options: argparse.Namespace) -> int:
    written = pipeline.publish_layers(options.layer or None)
    if options.json:
        _print(_json(written))
    else:
        rows = [
            (w["layer"], w["status"], w["tier"], w["features"], "new" if w["changed"] else "same", w["path"])
            for w in written
        ]
        _table(rows, ("layer", "status", "tier", "features", "version", "file"))
    return 0


def _tiles(options: argparse.Namespace) -> int:
    written = pipeline.tile_layers(options.layer or None)
    if options.json:
        _print(_json(written))
    else:
        rows = [
            (w["layer"], w["status"], w["version"], "new" if w["changed"] else "same", w["path"]) for w in written
        ]
        _table(rows, ("layer", "status", "version", "tiles", "file"))
    return 0


def _layer(options: argparse.Namespace) -> int:
    if options.format != "geojson":
        return _layer_files(options)
    chunks = pipeline.layer_geojson(
        options.layer,
        valid_at=options.valid_at,
        known_at=options.known_at,
        muni=options.muni,
        bbox=options.bbox,
        status=options.status,
        tier=options.tier,
    )
    if options.output is None:
        sys.stdout.buffer.writelines(chunks)
        return 0
    aside = options.output.with_name(options.output.name + ".part")
    with aside.open("wb") as file:
        file.writelines(chunks)
    os.replace(aside, options.output)
    return 0


def _layer_files(options: argparse.Namespace) -> int:
    """Written aside and then put in place; a folder takes all files of a format that makes several."""
    beside = None if options.output is None else options.output.absolute().parent
    with tempfile.TemporaryDirectory(dir=beside, prefix=".bousai-") as folder:
        found = pipeline.layer_files(
            options.layer,
            Path(folder),
            [options.format],
            valid_at=options.valid_at,
            known_at=options.known_at,
            muni=options.muni,
            bbox=options.bbox,
            status=options.status,
            tier=options.tier,
        )
        if options.output is not None and options.output.is_dir():
            for path in found:
                shutil.move(path, options.output / path.name)
            return 0
        (first, *more) = found
        if [path for path in more if not path.name.startswith(first.name)]:
            raise UsageError(
                f"layer {options.layer} makes {len(found)} files: {', '.join(path.name for path in found)}",
                remedy="give an existing folder: -o FOLDER",
            )
        if options.output is None:
            with first.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            return 0
        for path in more:  # the description of a table stands beside it
            os.replace(path, options.output.with_name(options.output.name + path.name.removeprefix(first.name)))
        os.replace(first, options.output)
    return 0


def _history(options: argparse.Namespace) -> int:
    found = pipeline.history(options.kind, options.item, tier=options.tier)
    if not found:
        raise BousaiError(f"nothing is known of {options.kind} {options.item}", remedy="see the id of a feature")
    if options.json:
        _print(_json(found))
        return 0
    rows = [
        (
            r["revision"],
            r["status"],
            _local(r["valid_from"]),
            _local(r["valid_to"]),
            _local(r["known_from"]),
            _local(r["known_to"]),
            r["bulletin_type"],
            r["sha256"][:12],
            r["props"],
        )
        for r in found
    ]
    _table(
        rows, ("revision", "status", "true from", "true to", "known from", "known to", "type", "document", "value")
    )
    return 0


def _trace(options: argparse.Namespace) -> int:
    found = pipeline.trace(
        options.reference,
        valid_at=options.valid_at,
        known_at=options.known_at,
        status=options.status,
        tier=options.tier,
    )
    if options.json:
        _print(_json(found))
        return 0
    for r in found["revisions"]:
        value = orjson.loads(r["props"])
        # A figure of a consolidated layer can have another name where it comes from: then all that is said there.
        shown = value if found["field"] is None else value.get(found["field"], value)
        _print(f"{r['id']}  {shown}")
        _print(
            f"  said by    {r['issuer']} at {_local(r['issued_at'])} JST,"
            f" {r['bulletin_type']} no. {r['serial'] or '-'}"
        )
        _print(f"  true       {_local(r['valid_from'])} to {_local(r['valid_to'])}")
        _print(f"  known      from {_local(r['known_from'])}, as revision {r['revision']}")
        _print(f"  received   {_local(r['fetched_at'])} from {r['url']} by feed {r['feed']}")
        _print(
            f"  read by    {r['parser']} version {r['parser_version']}, at {r['position'] or 'the whole document'}"
        )
        _print(f"  bytes      {r['archived_at']} ({r['bytes']} bytes, SHA-256 checked)")
    return 0


def _issues(options: argparse.Namespace) -> int:
    if options.action == "list":
        found = pipeline.open_issues(options.feed)
        if options.json:
            _print(_json(found))
            return 0
        rows = [
            (
                i["id"],
                i["severity"],
                i["feed"],
                (i["sha256"] or "")[:12],
                i["code"],
                i["cause"],
                i["remedy"],
                i["stale"],
            )
            for i in found
        ]
        _table(rows, ("id", "severity", "feed", "document", "code", "cause", "remedy", "stale layers"))
        return 0
    if options.action == "dismiss":
        _print(f"dismissed {pipeline.dismiss(options.sha256)} document(s); the bytes stay in the archive")
        return 0
    done = pipeline.retry(options.sha256, accept=options.accept)
    for one in done:
        _print(_json({"file": one.name, "sha256": one.sha256, "outcome": one.outcome, "cause": one.cause}))
    refused = [one for one in done if one.outcome in ("quarantined", "held")]
    if refused:
        raise BousaiError(f"{refused[0].name}: {refused[0].cause}", remedy=refused[0].remedy or "")
    return 0


def _register(options: argparse.Namespace) -> int:
    if options.action == "candidates":
        return _candidates(options)
    if options.action == "update":
        counted = pipeline.update_register()
        _print(_json(counted) if options.json else ", ".join(f"{n} {name}" for name, n in counted.items()))
        return 0
    if options.action == "undo":
        done = pipeline.register_undo(options.key, options.other, status=options.status)
    else:
        said = {"by": options.by, "reason": options.reason, "status": options.status}
        if options.action == "decide":
            done = pipeline.register_decide(options.key, options.other, options.verdict, **said)
        elif options.action == "merge":
            done = pipeline.register_merge(options.place, options.other, **said)
        else:
            done = pipeline.register_split(options.place, options.member, **said)
    if options.json:
        _print(_json(done))
        return 0
    _table(list(done["places"].items()), ("entry", "is now at"))
    for one in done["decisions"]:
        _print(f"{one['verdict']}; to take it back: bousai register undo {one['left']} {one['right']}")
    return 0


def _candidates(options: argparse.Namespace) -> int:
    found = pipeline.register_candidates(muni=options.muni, status=options.status)
    if options.json:
        _print(_json(found))
        return 0
    for one in found:
        distance = "no distance" if one["distance_m"] is None else f"{one['distance_m']:,.0f} m"
        _print(f"{one['score']:.2f}  {distance}  {' '.join(one['reasons'])}")
        for side in (one["left"], one["right"]):
            _print(f"  {side['name'] or '-'}  {side['address'] or '-'}  ({side['source']}, {side['place_id']})")
            _print(f"    {side['key']}")
    _print(f"{len(found)} question(s); answer with: bousai register decide KEY KEY same|different --by … --reason …")
    return 0


def _alerts(options: argparse.Namespace) -> int:
    """`bousai alerts ACTION`."""
    match options.action:
        case "list":
            return _list_alerts(options)
        case "show":
            return _show_alert(options)
        case "approve" | "reject":
            done = pipeline.decide_alert(
                options.identifier, options.action, options.by, options.sha256, options.reason
            )
            if options.json:
                _print(_json(done))
            else:
                _print(f"{done['identifier']}: {done['state']}")
            return _sent(options) if done["state"] == "released" else 0
        case "again":
            number = pipeline.send_again(options.identifier, options.subscription)
            _print(f"{number} messages are due to {options.subscription} again")
            return _sent(options)
        case "undelivered":
            found = pipeline.undelivered()
            if options.json:
                _print(_json(found))
                return 0
            columns = ("identifier", "subscription", "state", "attempts", "code", "cause", "remedy")
            _table([[one[name] for name in columns] for one in found], columns)
            return 0
    for one in (*pipeline.make_alerts(), *pipeline.make_notices()):
        _print(_json(one) if options.json else _alert_line(one))
    return _sent(options)


def _sent(options: argparse.Namespace) -> int:
    """Publish what went out and make the deliveries that are due."""
    trees, lines = pipeline.publish_alerts(), pipeline.deliver_alerts()
    for line in (*trees, *lines):
        if options.json:
            _print(_json(line))
    if not options.json:
        for tree in trees:
            _print(f"{tree['path']}: {tree['new']} new, {tree['listed']} listed")
        for line in lines:
            _print(f"{line['subscription']}: {line['identifier']} {line['state']} {line['cause'] or ''}".rstrip())
    failed = sum(line["state"] == "dead" for line in lines)
    if failed:
        raise BousaiError(f"{failed} deliveries were given up", remedy="see: bousai alerts undelivered")
    return 0


def _alert_line(one: dict[str, object]) -> str:
    return (
        f"{one['sent']:%Y-%m-%d %H:%M:%S%z} {one['phase']:9} {one['state']:9} {one['status']:8} {one['headline_ja']}"
    )


def _list_alerts(options: argparse.Namespace) -> int:
    if options.dry_run:
        if options.since is None or options.until is None:
            raise UsageError("a dry run needs a period", remedy="--from T --to T")
        messages = pipeline.rehearse_alerts(options.since, options.until)
        if options.output is not None:
            options.output.mkdir(parents=True, exist_ok=True)
            for message in messages:
                (options.output / f"{message.identifier}.xml").write_bytes(message.cap)
        found = [pipeline.told(message) for message in messages]
    elif options.output is not None:
        raise UsageError("-o goes with --dry-run", remedy="messages that went out are in <data>/public/alerts/cap")
    else:
        found = pipeline.list_alerts(state=options.state, since=options.since, until=options.until)
    if options.json:
        _print(_json(found))
        return 0
    columns = ("identifier", "phase", "state", "status", "severity")
    rows = [[_local(one["sent"]), *(one[name] for name in columns), one["headline_ja"]] for one in found]
    _table(rows, ("sent", *columns, "headline"))
    return 0


def _show_alert(options: argparse.Namespace) -> int:
    found = pipeline.show_alert(options.identifier)
    if options.cap:
        _print(found["cap"])
    elif options.json:
        _print(_json(found))
    else:
        for name, value in found.items():
            if name not in ("cap", "deliveries", "decisions"):
                _print(f"{name}: {' '.join(value) if isinstance(value, list) else value}")
        for name in ("decisions", "deliveries"):
            for one in found[name]:
                _print(f"{name[:-1] if name == 'decisions' else 'delivery'}: {_json(one)}")
    return 0


def _serve(options: argparse.Namespace) -> int:
    from bousai.serve.run import run  # half a second that no other command needs

    run(settings.load(), options.host, options.port, workers=options.workers, proxies=options.proxy)
    return 0


def _replay(options: argparse.Namespace) -> int:
    """What the DAG `replay` does: the days of a period one after the other, each with what it changed."""
    if options.until < options.since:
        raise UsageError(
            f"{options.until} is before {options.since}", remedy="the first day comes first: --from, --to"
        )
    since = datetime.combine(options.since, time(), JST)
    until = datetime.combine(options.until, time(), JST) + timedelta(days=1)
    failed = 0
    days = pipeline.days_to_replay(options.feed, since, until)
    if not days and not options.json:
        _print(f"no document of {options.feed} was fetched in this period")
    for day, digests in days:
        done = pipeline.ingest_documents(options.feed, digests, report=_Progress())
        failed += done["quarantined"] + done["held"]
        if options.json:
            _print(_json({"feed": options.feed, "day": day, **done}))
        else:
            _print(f"{day} {_changes(done)}")
        sys.stdout.flush()
    if failed:
        raise BousaiError(f"{failed} documents were quarantined or held", remedy="see: bousai issues list")
    return 0


def _report(options: argparse.Namespace) -> int:
    chosen = pipeline.incident(
        options.incident,
        since=options.since,
        until=options.until,
        areas=options.area or (),
        title=options.title,
        status=options.status,
    )
    folder = options.into or settings.load().data / "reports"
    written = pipeline.make_report(
        chosen,
        folder,
        options.format,
        known_at=options.known_at,
        munis=options.muni or (),
        categories=options.category or (),
        against_known=options.against_known,
        against_until=options.against_to,
        tier=options.tier,
    )
    if options.json:
        _print(_json(written))
    else:
        _table([(one["format"], one["bytes"], one["path"]) for one in written], ("format", "bytes", "file"))
    return 0


def _pools(options: argparse.Namespace) -> int:
    pools = catalogue.load(settings.load().config).pools()
    if options.json:
        _print(_json(pools))
    else:
        _table([(name, one["slots"], one["description"]) for name, one in pools.items()], ("pool", "slots", "for"))
    return 0


def _up(options: argparse.Namespace) -> int:
    from bousai import operate  # what runs programs is of no use to the other commands

    return operate.up(settings.load(), host=options.host, airflow_port=options.airflow_port, port=options.port)


def _doctor(options: argparse.Namespace) -> int:
    from bousai.operate import doctor

    if options.settings:
        columns = ("setting", "value", "default", "meaning")
        found = doctor.settings_table()
        if options.json:
            _print(_json([dict(zip(columns, row, strict=True)) for row in found]))
        else:
            _table(found, columns)
        return 0
    findings = doctor.examine(settings.load(), hosts=options.host or ["127.0.0.1"])
    if options.json:
        _print(_json(findings))
    else:
        rows = [(one.check, one.level, one.cause, one.remedy) for one in findings]
        _table(rows, ("check", "level", "cause", "remedy"))
    return int(any(one.level == "error" for one in findings))


def _prepare(_: argparse.Namespace) -> int:
    pipeline.prepare()
    return 0


def _parser() -> _Parser:
    top = _Parser(prog="bousai", description="Open disaster-information platform: feeds in, one store, layers out.")
    top.add_argument("--version", action="version", version=f"bousai {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[argparse.Namespace], int], does: str, example: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name,
            help=does,
            description=does,
            epilog=f"example: {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made.add_argument("--json", action="store_true", help="print JSON for machines")
        made.set_defaults(run=run)
        return made

    started = command(
        "up",
        _up,
        "run the whole system on this machine until it is told to stop: Airflow, board, map, API",
        "bousai up --host 127.0.0.1 --airflow-port 8080 --port 8000",
    )
    started.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen (default 127.0.0.1)")
    started.add_argument("--airflow-port", type=_own_port, default=8080, metavar="PORT", help="default 8080")
    started.add_argument("--port", type=_own_port, default=8000, help="of map and API (default 8000)")

    examined = command(
        "doctor",
        _doctor,
        "what is right and what is wrong with this installation; exit code 1 where there is an error",
        "bousai doctor --host 0.0.0.0",
    )
    examined.add_argument("--settings", action="store_true", help="list the settings instead; secrets are not shown")
    examined.add_argument(
        "--host",
        action="append",
        metavar="ADDRESS",
        help="an address that a server is bound to; may be repeated (default 127.0.0.1)",
    )

    command("prepare", _prepare, "create or upgrade the store and its folders", "bousai prepare")
    command("feeds", _feeds, "every feed: state, last content, next due, what it makes stale", "bousai feeds --json")

    pull = command("pull", _pull, "fetch, archive, parse, normalise and store feeds once", "bousai pull jma_quake")
    pull.add_argument("feed", nargs="+")

    replayed = command(
        "replay",
        _replay,
        "read documents of a feed again from the archive, day by day; nothing is fetched",
        "bousai replay jma_quake --from 2024-01-01 --to 2024-01-03",
    )
    replayed.add_argument("feed")
    replayed.add_argument(
        "--from", dest="since", type=_day, required=True, metavar="DAY", help="the first day (of Japan, as fetched)"
    )
    replayed.add_argument("--to", dest="until", type=_day, required=True, metavar="DAY", help="the last day, with it")

    told = command(
        "report",
        _report,
        "an after-action report of an incident (config/incidents), from the store alone",
        "bousai report noto_2024 --format html,pdf -o reports",
    )
    told.add_argument("incident", help="its name; a new one with --from, --to and --area")
    told.add_argument(
        "--from",
        dest="since",
        type=_time,
        metavar="T",
        help="instead of what the incident says (JST without an offset)",
    )
    told.add_argument("--to", dest="until", type=_time, metavar="T")
    told.add_argument("--area", type=_area, action="append", metavar="CODE", help="prefecture or municipality")
    told.add_argument("--title", help="what it is called on the cover")
    told.add_argument("--status", choices=("actual", "exercise", "test"), help="exercise: 訓練")
    told.add_argument("--known-at", type=_time, metavar="T", help="as known at this time (default now)")
    told.add_argument(
        "--against-known", type=_time, metavar="T", help="what has changed since what was known at this time"
    )
    told.add_argument("--tier", choices=VISIBILITIES, default="public", help="for whom it is (default public)")
    told.add_argument(
        "--against-to", type=_time, metavar="T", help="what has changed since the report up to this time"
    )
    told.add_argument("--format", type=_report_formats, default=["html"], metavar="LIST", help="html,pdf,docx,xlsx")
    told.add_argument("--muni", type=_muni, action="append", metavar="CODE", help="of the chronology only these")
    told.add_argument("--category", choices=pipeline.REPORT_CATEGORIES, action="append", help="only such rows")
    told.add_argument("-o", dest="into", type=Path, metavar="DIR", help="folder (default <data>/reports)")

    command(
        "pools",
        _pools,
        "how many requests each source gets at once; with --json what `airflow pools import` reads",
        "bousai pools --json > pools.json && airflow pools import pools.json",
    )

    ingest = command(
        "ingest", _ingest, "the same from files, as if fetched; one JSON line a file", "bousai ingest jma_quake *.xml"
    )
    ingest.add_argument("feed")
    ingest.add_argument("file", nargs="+", help="files, folders, globs, or - for standard input")
    ingest.add_argument("--at", type=_time, metavar="T", help="time of the content, for formats that carry none")
    ingest.add_argument(
        "--status",
        choices=("actual", "exercise", "test"),
        default="actual",
        help="exercise: everything in the files is 訓練, also where the format cannot say so",
    )
    ingest.add_argument("--accept", action="store_true", help="the totals were checked by a person and are right")
    ingest.add_argument("--strict", action="store_true", help="quarantine what is not read to the last element")

    joined = command(
        "consolidate",
        _consolidate,
        "bring what follows from several sources up to date: shelter register, hazard exposure",
        "bousai consolidate --pref 17",
    )
    joined.add_argument(
        "--pref",
        action="append",
        type=_pref,
        metavar="CODE",
        help="the hazard exposure of this prefecture only (may be repeated; default: all that have changed)",
    )

    made = command("publish", _publish, "write changed layers, deltas and the index", "bousai publish shelter")
    made.add_argument("layer", nargs="*")

    tiled = command(
        "tiles", _tiles, "vector tiles of published hazard layers that have none", "bousai tiles hazard_zone_flood"
    )
    tiled.add_argument("layer", nargs="*")

    layer = command(
        "layer", _layer, "one layer as it was", "bousai layer earthquake --valid-at 2024-01-01T16:30 -o quake.geojson"
    )
    layer.add_argument("layer")
    layer.add_argument("--valid-at", type=_time, metavar="T", help="what was true at T (default now)")
    layer.add_argument("--known-at", type=_time, metavar="T", help="what was known at T (default now)")
    layer.add_argument("--muni", type=_muni, metavar="CODE", help="five-digit municipality code")
    layer.add_argument("--bbox", type=_box, metavar="W,S,E,N")
    layer.add_argument("--status", choices=("actual", "exercise", "test"), default="actual")
    layer.add_argument(
        "--tier",
        choices=VISIBILITIES,
        default="public",
        help="whose eyes it is for: config/release.yml says what each sees (default: everybody's)",
    )
    layer.add_argument(
        "--format",
        choices=("geojson", *pipeline.FORMATS),
        default="geojson",
        help="sip4d: a package for each incident and type of geometry (-o FOLDER takes several)",
    )
    layer.add_argument("-o", "--output", type=Path, metavar="FILE")

    past = command("history", _history, "every revision of one thing", "bousai history earthquake jma-20240101161010")
    past.add_argument("kind")
    past.add_argument("item")
    past.add_argument("--tier", choices=VISIBILITIES, default="public", help="of statements that this circle may see")

    trace = command(
        "trace",
        _trace,
        "from a published value to the archived bytes",
        "bousai trace earthquake/jma-20240101161010#magnitude",
    )
    trace.add_argument("reference", help="LAYER/FEATURE-ID, LAYER/FEATURE-ID#FIELD, or the number of a revision")
    trace.add_argument("--valid-at", type=_time, metavar="T", help="what was true at T (default now)")
    trace.add_argument("--known-at", type=_time, metavar="T", help="what was known at T (default now)")
    trace.add_argument("--status", choices=("actual", "exercise", "test"), default="actual")
    trace.add_argument(
        "--tier", choices=VISIBILITIES, default="public", help="of statements that this circle may see"
    )

    served = command(
        "serve",
        _serve,
        "the HTTP server: map, OGC API, published files, alerts; read-only",
        "bousai serve --host 0.0.0.0 --workers 4",
    )
    served.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen (default 127.0.0.1)")
    served.add_argument("--port", type=_port, default=8000, help="default 8000; 0: any that is free")
    served.add_argument("--workers", type=_workers, default=1, metavar="N", help="processes (default 1)")
    served.add_argument(
        "--proxy",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="a proxy in front (address or network) whose X-Forwarded-For and -Proto are believed; may be repeated",
    )

    alerts = command(
        "alerts",
        _alerts,
        "CAP messages: what was issued, what waits for approval, to whom it went",
        "bousai alerts list --from 2024-01-01T16:00 --to 2024-01-02T12:00 --dry-run",
    )
    deeds = alerts.add_subparsers(dest="action", required=True, metavar="ACTION")

    def deed(name: str, does: str) -> argparse.ArgumentParser:
        made = deeds.add_parser(name, help=does, description=does)
        made.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON for machines")
        return made

    messages = deed("list", "messages, newest first; with --dry-run those that a past period would have given")
    messages.add_argument("--state", choices=pipeline.MESSAGE_STATES)
    messages.add_argument("--from", dest="since", type=_time, metavar="T", help="issued at or after T")
    messages.add_argument("--to", dest="until", type=_time, metavar="T", help="issued at or before T")
    messages.add_argument("--dry-run", action="store_true", help="play the period through the rules; sends nothing")
    messages.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help="of a dry run: write the CAP files there"
    )
    shown = deed("show", "one message: decisions, deliveries, seconds of each stage")
    shown.add_argument("identifier")
    shown.add_argument("--cap", action="store_true", help="print the bytes that are approved and sent")
    for name, does in (
        ("approve", "let a message of our own out, by the SHA-256 of the bytes that you have read"),
        ("reject", "keep it here for good"),
    ):
        decided_on = deed(name, does)
        decided_on.add_argument("identifier")
        decided_on.add_argument(
            "--sha256", required=True, metavar="DIGITS", help="as show prints it, 12 digits or more"
        )
        decided_on.add_argument("--by", required=True, metavar="ACCOUNT", help="the account of who decides")
        decided_on.add_argument("--reason", default="", metavar="TEXT", help="why, in a line; no personal data")
    deed("send", "make what is due, publish it, and hand it over; what the DAG alerts does every minute")
    repeated = deed("again", "send messages to a subscriber once more: those given up, or all that he lost")
    repeated.add_argument("subscription")
    repeated.add_argument("identifier", nargs="+")
    deed("undelivered", "deliveries that were given up or wait, with cause and remedy")

    issues = command("issues", _issues, "quarantine and data faults, with cause and remedy", "bousai issues list")
    actions = issues.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser("list", help="open issues")
    listed.add_argument("--feed")
    listed.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON for machines")
    again = actions.add_parser("retry", help="ingest a quarantined or held document again")
    again.add_argument("sha256", help="the first characters of the document's SHA-256")
    again.add_argument("--accept", action="store_true", help="the totals were checked by a person and are right")
    dismissed = actions.add_parser("dismiss", help="close the issues of a document that is not to be ingested")
    dismissed.add_argument("sha256")
    register = command(
        "register",
        _register,
        "the shelter register: what a person is asked, and the answers",
        "bousai register candidates --muni 17202",
    )
    steps = register.add_subparsers(dest="action", required=True, metavar="ACTION")

    def step(name: str, does: str, example: str, *, answers: bool = False) -> argparse.ArgumentParser:
        made = steps.add_parser(
            name,
            help=does,
            description=does,
            epilog=f"example: bousai register {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON for machines")
        if name != "update":
            made.add_argument("--status", choices=("actual", "exercise", "test"), default="actual")
        if answers:
            made.add_argument(
                "--by", required=True, metavar="ROLE", help="the role that decides (防災課); never a person's name"
            )
            made.add_argument("--reason", required=True, metavar="TEXT", help="why, in a line; no personal data")
        return made

    step("update", "bring the register up to date with all that is known", "update")
    queue = step("candidates", "entries that may be one place, the likeliest first", "candidates --muni 17202")
    queue.add_argument("--muni", type=_muni, metavar="CODE", help="five-digit municipality code")
    decided = step(
        "decide",
        "say whether two entries are one place; it outlives every new list",
        "decide shelter/E1720200001111 shelter_status/nanao_status/CC0000000551 same --by 防災課 --reason 現地で確認",
        answers=True,
    )
    decided.add_argument("key", help="an entry, KIND/ITEM-ID, as candidates and the members of a feature show it")
    decided.add_argument("other", metavar="key")
    decided.add_argument("verdict", choices=("same", "different"))
    merged = step(
        "merge",
        "two places are one: the older id stays, the other one redirects to it",
        "merge place-r5w7nqwbjgbewyle place-6w5joqm4rfxk65mv --by 防災課 --reason 同じ建物",
        answers=True,
    )
    merged.add_argument("place", help="the id of a feature of the layer shelter_register")
    merged.add_argument("other", metavar="place")
    parted = step(
        "split",
        "some entries of a place are another place; those named stay together, and so do the others",
        "split place-r5w7nqwbjgbewyle shelter_status/nanao_status/NEW001 --by 防災課 --reason 隣の建物",
        answers=True,
    )
    parted.add_argument("place", help="the id of a feature of the layer shelter_register")
    parted.add_argument("member", nargs="+", help="the entries that are another place")
    undone = step(
        "undo",
        "take a decision on two entries back; the register is then as without it",
        "undo shelter/E1720200001111 shelter_status/nanao_status/CC0000000551",
    )
    undone.add_argument("key")
    undone.add_argument("other", metavar="key")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    form: settings.LogForm = "text"
    try:
        form = settings.log_form()
        logs.set_up(form)
        options = _parser().parse_args(arguments)
        code: int = options.run(options)
    except (UsageError, CatalogueError) as error:
        return _complain(error, 2, form)
    except BousaiError as error:
        return _complain(error, 1, form)
    except BrokenPipeError:
        # The reader (head, less) has what it wanted; nothing more can be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _complain(error: BousaiError, code: int, form: settings.LogForm) -> int:
    remedy = f" → {error.remedy}" if error.remedy else ""
    sys.stderr.write(logs.said(form, f"bousai: {' '.join(error.cause.split())}{remedy}", logging.ERROR) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
