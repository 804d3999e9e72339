"""``make cluster``, as a person starts and stops it."""

import re
import signal
import subprocess
import sys

import httpx
import pytest

from cluster.balancer import MISSING, Balancer, executable

from .contention import until
from .processes import PATIENCE, PROJECT, free_port
from .servers import IN_CI


@pytest.mark.scaled
def test_it_serves_by_a_balancer_and_stops_at_a_word(tmp_path) -> None:
    if executable() is None:
        pytest.fail(MISSING) if IN_CI else pytest.skip(MISSING)
    command = [sys.executable, "-m", "cluster", "--servers", "2", "--port", str(free_port())]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as cluster:
        try:
            assert cluster.stdout is not None
            told = next(line for line in cluster.stdout if line.startswith("Open "))
            address = re.findall(r"http://\S+", told)[0]
            with httpx.Client(base_url=address, timeout=PATIENCE, trust_env=False, follow_redirects=True) as http:
                until(lambda: http.get("/readyz").json()["bell"] == "ok")
                assert "username" in http.get("/").text
            cluster.send_signal(signal.SIGTERM)
            assert cluster.wait(PATIENCE) == 0
        finally:
            cluster.kill()


def test_the_balancer_asks_each_server_and_keeps_none_sticky(tmp_path) -> None:
    written = Balancer(tmp_path, [7001, 7002], port=8000).configuration()
    servers = re.findall(r"server (server-\d 127.0.0.1:\d+) check", written)
    assert servers == ["server-1 127.0.0.1:7001", "server-2 127.0.0.1:7002"]
    assert "cookie" not in written
