"""Several processes of UMS under one: started together, started again when one dies, stopped together."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence

import structlog

log = structlog.get_logger()

PATIENCE = 75.0
"""Seconds that a process gets to finish what is in flight: a call to a provider may take sixty."""


async def supervise(commands: Mapping[str, Sequence[str]], environ: Mapping[str, str], *, first: str = "") -> None:
    """Run `ums <arguments>` for each name until SIGTERM or SIGINT; whoever listens at `first`, host:port, comes first.

    That is the first of the commands, and the others begin when it answers.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running = []
    for name, arguments in commands.items():
        running.append(asyncio.create_task(_keep_running(name, arguments, environ, stop)))
        if first and len(running) == 1:
            await listening(first, stop)
    await asyncio.gather(*running)


async def listening(address: str, stop: asyncio.Event | None = None) -> None:
    """Wait until somebody listens at host:port, or `stop` is set."""
    host, _, port = address.rpartition(":")
    while not (stop and stop.is_set()):
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            await writer.wait_closed()
            return


async def start(arguments: Sequence[str], environ: Mapping[str, str]) -> asyncio.subprocess.Process:
    """`ums <arguments>` as a process of its own; Ctrl-C at the terminal reaches us alone, and we tell it."""
    everything = {**os.environ, **environ}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ums.cli", *arguments, env=everything, start_new_session=True
    )


async def stop(process: asyncio.subprocess.Process) -> None:
    """Ask, wait, and only then insist."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), PATIENCE)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _keep_running(
    name: str, arguments: Sequence[str], environ: Mapping[str, str], stopping: asyncio.Event
) -> None:
    pause = 0.5
    while not stopping.is_set():
        process = await start(arguments, environ)
        ended, asked = asyncio.create_task(process.wait()), asyncio.create_task(stopping.wait())
        await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if stopping.is_set():
            await stop(process)
            return
        log.error("process_died", process=name, exit_code=process.returncode, again_in=pause)
        await asyncio.wait([asyncio.create_task(stopping.wait())], timeout=pause)
        pause = min(pause * 2, 30)
