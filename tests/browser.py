"""A page in a real Chromium, with screenshots to be looked at."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
SHOTS = Path(os.environ.get("SCREENSHOTS", "out/screenshots"))
DESKTOP = {"width": 1280, "height": 800}
LAPTOP = {"width": 1440, "height": 900}
TABLET = {"width": 820, "height": 1180}
PHONE = {"width": 375, "height": 740}
SMALL = {"width": 360, "height": 740}


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser without any service of its own."""
    from playwright.async_api import async_playwright

    async with async_playwright() as play:
        browser = await play.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield browser
        await browser.close()


class Shown:
    """A page, with everything that went wrong in it."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on(
            "console",
            lambda line: (
                self.problems.append(line.text) if line.type in ("error", "warning") else None
            ),
        )
        page.on("request", lambda request: self._check(request.url, origin))

    def _check(self, url: str, origin: str) -> None:
        if not url.startswith((origin, "blob:")):
            self.problems.append(f"asked for {url}")

    async def shot(self, name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        # Let images decode and the short entrance animations end.
        await self.page.wait_for_timeout(450)
        await self.page.screenshot(path=SHOTS / f"{name}.png")

    async def drop(
        self, files: Sequence[bytes | tuple[str, bytes]], kind: str = "drop", on: str = "#room"
    ) -> None:
        """Drop (or paste) files on the page as a browser would hand them over."""
        named = [
            (f"photo{place}.jpg", file) if isinstance(file, bytes) else file
            for place, file in enumerate(files)
        ]
        await self.page.evaluate(
            """([files, kind, on]) => {
                const data = new DataTransfer();
                for (const [name, bytes] of files) {
                    const type = name.endsWith(".jpg") ? "image/jpeg" : "";
                    data.items.add(new File([new Uint8Array(bytes)], name, { type }));
                }
                const target = document.querySelector(on);
                if (kind === "paste") {
                    const options = { clipboardData: data, bubbles: true, cancelable: true };
                    document.dispatchEvent(new ClipboardEvent("paste", options));
                    return;
                }
                for (const type of ["dragenter", "dragover", "drop"]) {
                    const options = { dataTransfer: data, bubbles: true, cancelable: true };
                    target.dispatchEvent(new DragEvent(type, options));
                }
            }""",
            [[(name, list(content)) for name, content in named], kind, on],
        )

    async def drop_paths(self, *paths: Path, on: str = "#room") -> None:
        """Drop files or folders from the disk, by the browser's own input."""
        box = await self.page.locator(on).bounding_box()
        assert box is not None
        session = await self.page.context.new_cdp_session(self.page)
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            await session.send(
                "Input.dispatchDragEvent",
                {
                    "type": kind,
                    "x": box["x"] + box["width"] / 2,
                    "y": box["y"] + box["height"] / 2,
                    "data": data,
                },
            )
        await session.detach()


async def open_page(browser: Browser, url: str, size: dict[str, int], **options: Any) -> Shown:
    """Open the chat page in a context of its own."""
    context = await browser.new_context(viewport=size, locale="en-GB", **options)
    shown = Shown(await context.new_page(), url)
    await shown.page.goto(url)
    await shown.page.wait_for_selector("#messages > *")
    return shown
