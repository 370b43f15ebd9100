"""nginx as docker-compose.yml sets it up, in front of a real server: files from it, the rest passed on."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from bousai.settings import Settings
from tests.serve.serving import Served, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("serve_nginx")]

PROJECT = Path(__file__).resolve().parents[2]
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@pytest.fixture(scope="module")
def front(server: Served, tree: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an nginx with the configuration of the compose file, its paths and names those of this machine."""
    if NGINX is None:
        if os.environ.get("BOUSAI_REQUIRE_NGINX") == "1":
            pytest.fail("nginx is required and is not installed")
        pytest.skip("SKIPPED BEHIND NGINX: apt-get install nginx-light")
    folder = tmp_path_factory.mktemp("nginx")
    compose = yaml.safe_load((PROJECT / "docker-compose.yml").read_text(encoding="utf-8"))
    port = free_port()
    site = compose["configs"]["public-tree"]["content"].replace("$$", "$")
    for of_compose, here in (
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("server api:8000;", f"server {server.base.removeprefix('http://')};"),
        ("root /srv/bousai;", f"root {tree.data};"),
    ):
        assert site.count(of_compose) == 1
        site = site.replace(of_compose, here)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    as_root = "user root;" if os.geteuid() == 0 else ""  # else its workers may not read a folder of the tests
    (folder / "nginx.conf").write_text(
        f"{as_root} daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off;\n{temporary}{site}\n}}\n",
        encoding="utf-8",
    )
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")])
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                httpx.get(base)
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                break
        yield base
    finally:
        process.terminate()
        process.wait(20)


def test_files_are_those_of_the_tree(front: str, tree: Settings) -> None:
    path = tree.public / "layers" / "shelter" / "latest.geojson"
    plain = httpx.get(f"{front}/public/layers/shelter/latest.geojson", headers={"accept-encoding": "identity"})
    packed = httpx.get(f"{front}/public/layers/shelter/latest.geojson", headers={"accept-encoding": "gzip"})
    assert plain.headers["server"].startswith("nginx")
    assert plain.headers["content-type"].startswith("application/geo+json")
    assert plain.headers["access-control-allow-origin"] == "*"
    assert plain.content == packed.content == path.read_bytes()
    assert packed.headers["content-encoding"] == "gzip"
    part = httpx.get(f"{front}/public/index.json", headers={"range": "bytes=0-9", "accept-encoding": "identity"})
    assert (part.status_code, part.content) == (206, (tree.public / "index.json").read_bytes()[:10])
    assert gzip.decompress(path.with_name(path.name + ".gz").read_bytes()) == plain.content


def test_everything_else_is_passed_on_and_names_this_address(front: str) -> None:
    landing = httpx.get(front, headers={"accept": "application/json"}).json()
    assert all(link["href"].startswith(f"{front}/") for link in landing["links"])
    page = httpx.get(f"{front}/collections/shelter/items?limit=2").json()
    (following,) = (link["href"] for link in page["links"] if link["rel"] == "next")
    assert following.startswith(f"{front}/collections/shelter/items?")
    assert httpx.get(following).json()["features"]
    assert "<title>" in httpx.get(front, headers={"accept": "text/html"}).text
    assert httpx.get(f"{front}/healthz").status_code == 200


def test_nothing_beside_the_tree_is_served(front: str) -> None:
    for path in ("/metrics", "/bousai.gpkg", "/archive/", "/public/../bousai.gpkg", "/public/.hidden", "/.env"):
        assert httpx.get(front + path).status_code in (400, 404), path
    assert httpx.post(f"{front}/public/index.json").status_code in (403, 405)
    assert httpx.post(f"{front}/collections").status_code == 405
