"""Two hundred clients in a process of their own: reads until everything came, counts loss, repeats and order."""

import asyncio
import sys
import time
from statistics import fmean, quantiles
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect

from .plan import Result, Workload

ACK_EVENTS = 100


class Frame(msgspec.Struct):
    """What the client looks at in a frame."""

    type: str
    seq: int = 0
    payload: dict[str, Any] = {}
    events: list["Frame"] = []


decoder = msgspec.json.Decoder(Frame)


class Tally:
    """What all clients of one workload received."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.received = self.repeated = self.disordered = 0
        self.latencies: list[float] = []
        self.last = 0.0
        self.complete = asyncio.Event()

    def count(self, event: Frame, position: int) -> None:
        now = time.monotonic_ns()
        self.received += 1
        self.repeated += event.seq <= position
        self.disordered += event.seq > position + 1
        self.latencies.append((now - event.payload["step_number"]) / 1e6)
        if self.received == self.expected:
            self.last = now / 1e9
            self.complete.set()


async def listen(socket: ClientConnection, tally: list[Tally]) -> None:
    position = decoder_position(await socket.recv())
    acknowledged = position
    async for text in socket:
        frame = decoder.decode(text)
        for event in frame.events if frame.type == "batch" else [frame] if frame.seq else []:
            tally[0].count(event, position)
            position = event.seq
        if position - acknowledged >= ACK_EVENTS:
            acknowledged = position
            await socket.send(f'{{"type":"ack","seq":{position}}}')


def decoder_position(hello: str | bytes) -> int:
    return int(msgspec.json.decode(hello)["after"])


async def main(port: int, tokens: list[str], plan: list[Workload]) -> None:
    """Runs the workloads of the plan one after the other and prints a line of JSON for each."""
    tally = [Tally(0)]
    url = f"ws://127.0.0.1:{port}/ws/events/"
    sockets = [await connect(url, subprotocols=["agent-events.v1", f"bearer.{token}"]) for token in tokens]  # type: ignore[list-item]
    listeners = [asyncio.create_task(listen(socket, tally)) for socket in sockets]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=300) as http:
        for workload in plan:
            tally[0] = now = Tally(workload.count)
            answer = (await http.get(f"/bench/?{quote(msgspec.json.encode(workload))}")).raise_for_status().json()
            async with asyncio.timeout(60):
                await now.complete.wait()
            print(msgspec.json.encode(result(workload, now, answer)).decode(), flush=True)  # noqa: T201
    for listener in listeners:
        listener.cancel()


def result(workload: Workload, tally: Tally, answer: dict[str, float]) -> Result:
    """What the clients saw, together with what the server says of itself."""
    cuts = quantiles(tally.latencies, n=100)
    return Result(
        title=workload.title,
        per_second=round(workload.count / (tally.last - answer["began"])),
        cpu_us=round(answer["cpu"] / workload.count * 1e6),
        mean_ms=round(fmean(tally.latencies), 2),
        p50_ms=round(cuts[49], 2),
        p99_ms=round(cuts[98], 2),
        worst_ms=round(max(tally.latencies), 2),
        growth_mib=round(answer["growth"] / 2**20, 1),
        lost=workload.count - tally.received,
        repeated=tally.repeated,
        disordered=tally.disordered,
    )


if __name__ == "__main__":
    options = msgspec.json.decode(sys.stdin.buffer.read())
    plan = msgspec.convert(options["plan"], list[Workload])
    asyncio.run(main(options["port"], options["tokens"], plan))
