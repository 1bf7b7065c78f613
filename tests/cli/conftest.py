"""A terminal in a folder with a small installation."""

from pathlib import Path

import pytest

from ums.cli import main

HEAD = "apiVersion: ums/v1\nkind: Installation\n"
CHANNEL = "apiVersion: ums/v1\nkind: Channel\nname: shop\nmasterSecret: {generate: true}\ndeliveryChannels: []\n"

SEGMENT = """---
apiVersion: ums/v1
kind: Segment
channel: shop
name: vips
title: Our best
members: [u1]
"""
RENAMED = SEGMENT.replace("vips", "best") + "moved: {from: vips}\n"


class Terminal:
    """Runs commands in a folder with a `ums.yaml` and one Channel."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.channel = folder / "config" / "shop.yaml"
        self.channel.parent.mkdir()
        self.channel.write_text(CHANNEL)
        (folder / "ums.yaml").write_text(HEAD)
        self.capture = capture

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output, errors."""
        with pytest.raises(SystemExit) as left:
            main(arguments)
        written = self.capture.readouterr()
        return int(left.value.code or 0), written.out, written.err


@pytest.fixture
def ums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    monkeypatch.chdir(tmp_path)
    for name in ("UMS_FILE", "UMS_DATABASE_URL", "UMS_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UMS_AUTHOR", "ada")
    return Terminal(tmp_path, capsys)
