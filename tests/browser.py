"""A headless Chromium, where there is one."""

import shutil
import subprocess


NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for found in map(shutil.which, NAMES) if found), None)

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--enable-logging=stderr",
    "--virtual-time-budget=3000",
)


def browse(tmp_path, page, *, fragment="", script=""):
    """(DOM after all scripts, what the console said); ``script`` runs after the page's own.

    The page's policy stays in force; a nonce lets the script through.
    """
    if script:
        ours = f'<script nonce="test">{script}</script></body>'
        text = page.read_text().replace("</body>", ours)
        text = text.replace("script-src ", "script-src 'nonce-test' ")
        page = page.with_name("driven.html")
        page.write_text(text)
    done = subprocess.run(
        [
            str(BROWSER),
            *FLAGS,
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            f"{page.as_uri()}{fragment}",
        ],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    return done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
